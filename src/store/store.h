// Store: the queryable state. One commit holds everything that a stretch of the journal changed,
// and the offset that it stands for; a crash loses only what the journal replays.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/alert.h"
#include "model/event.h"
#include "model/incident.h"

namespace quell {

// One event that was new (not a counted duplicate), as lists and searches show it.
struct EventRow {
  std::uint64_t offset = 0;  // Of its frame.
  std::uint32_t index = 0;   // Within the frame.
  Timestamp arrived_at{};
  Event event{};  // `data` may be cut to 16 KiB; the journal has it whole.
  std::optional<Fingerprint> alert{};
  IncidentId incident = 0;
};

struct DeadLetter {
  std::uint64_t offset = 0;
  std::uint32_t index = 0;  // Within the frame.
  Timestamp arrived_at{};
  std::string tenant{};
  std::string source{};
  Rejected rejected{};
  std::uint32_t attempts = 1;
  bool resolved = false;  // Processed again with success.
};

// One closed health window as a row: the encoded values and what it is found by.
struct WindowRow {
  std::string tenant{};
  std::string scope{};  // "" for all sources together, else the source.
  Timestamp starts_at{};
  std::string record{};  // stream/health_window.h encodes it.
};

struct SeenId {
  Hash128 key{};  // Of tenant, source and id.
  Hash128 content{};
  Timestamp at{};
};

// Everything that changed since the last commit. Later values replace earlier ones.
struct StoreBatch {
  std::uint64_t next_offset = 0;  // The first frame that is not contained.
  Timestamp now{};
  std::string engine{};  // The snapshot of everything that has no table of its own.
  std::vector<std::shared_ptr<const Alert>> alerts{};
  std::vector<AlertKey> removed_alerts{};  // No longer live; kept as history.
  std::vector<std::shared_ptr<const Incident>> incidents{};
  std::vector<EventRow> events{};
  std::vector<DeadLetter> dead_letters{};
  std::vector<WindowRow> windows{};
  std::vector<SeenId> seen_ids{};
};

// What restore() hands back: the state at `next_offset`.
struct StoredState {
  std::uint64_t next_offset = 0;
  std::string engine{};
  std::vector<Alert> alerts{};        // Live ones only.
  std::vector<Incident> incidents{};  // Not closed, or closed less than the live time ago.
  std::vector<SeenId> seen_ids{};
  std::vector<WindowRow> windows{};  // The last 13 of every scope.
};

struct EventQuery {
  std::string tenant{};  // Empty: all.
  std::optional<Timestamp> since{};
  std::optional<Timestamp> until{};
  std::string text{};  // Words that must occur in the title, labels or entity.
  std::string source{};
  std::optional<EventKind> kind{};
  std::optional<Severity> severity_min{};
  std::optional<Fingerprint> alert{};
  IncidentId incident = 0;
  std::uint64_t before_offset = UINT64_MAX;  // Cursor: rows strictly older than this position.
  std::uint32_t before_index = 0;
  std::uint32_t limit = 100;
};

struct RetentionPolicy {
  Duration events{};
  Duration resolved_alerts{};
  Duration closed_incidents{};
  Duration dead_letters{};
  Duration windows{};
};

class Store {
 public:
  virtual ~Store() = default;

  // One transaction, durable when it returns. Thread: one writer.
  virtual Status commit(const StoreBatch& batch) = 0;
  virtual Result<StoredState> restore() = 0;
  // Deletes what is older, in small transactions so that commits are not held up; returns how many
  // rows went. `now` decides age. Thread: the writer's.
  virtual Result<std::uint64_t> retain(const RetentionPolicy& policy, Timestamp now) = 0;

  // Queries. Thread: any; they never wait for the writer. Newest first.
  virtual Result<std::vector<EventRow>> events(const EventQuery& query) const = 0;
  virtual Result<std::optional<Incident>> incident(IncidentId id) const = 0;
  virtual Result<std::optional<Alert>> alert(const AlertKey& key) const = 0;
  virtual Result<std::vector<Incident>> closed_incidents(IncidentId before,
                                                         std::uint32_t limit) const = 0;
  virtual Result<std::vector<DeadLetter>> dead_letters(std::uint64_t before_offset,
                                                       std::uint32_t limit,
                                                       bool include_resolved) const = 0;
  virtual Result<std::vector<WindowRow>> windows(std::string_view tenant, std::string_view scope,
                                                 Timestamp since, std::uint32_t limit) const = 0;
};

// Opens or creates `path`. SQLite in WAL mode with synchronous=FULL.
// Errors: Corrupt, or Unavailable when another process holds the file; both name the path.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path);

}  // namespace quell
