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
#include "model/frame.h"
#include "model/incident.h"
#include "model/metric_chunk.h"
#include "model/state_page.h"

namespace quell {

inline constexpr std::size_t kEventDataBytesMax = 16 * 1024;
// Offset and index of an event make one 63-bit key. A frame with more events, or an offset beyond
// 2^40, fails the commit with TooLarge.
inline constexpr std::uint32_t kEventIndexMax = (1u << 23) - 1;

// One event that was new (not a counted duplicate), as lists and searches show it.
struct EventRow {
  std::uint64_t offset = 0;  // Of its frame.
  std::uint32_t index = 0;   // Within the frame.
  Timestamp arrived_at{};
  Event event{};  // Stored with at most kEventDataBytesMax of `data`; the journal has it whole.
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

// Everything that changed since the last commit. Later values replace earlier ones; what is in a
// `removed_` list leaves the live state even if the same batch holds a value of it (which becomes
// the last one of its history).
struct StoreBatch {
  std::uint64_t next_offset = 0;  // The first frame that is not contained.
  Timestamp now{};
  std::string engine{};  // The snapshot of everything that has no table of its own.
  std::vector<std::shared_ptr<const Alert>> alerts{};
  std::vector<AlertKey> removed_alerts{};  // No longer live; kept as history.
  std::vector<std::shared_ptr<const Incident>> incidents{};
  std::vector<IncidentId> removed_incidents{};  // No longer live; kept as history.
  std::vector<EventRow> events{};
  std::vector<DeadLetter> dead_letters{};
  std::vector<WindowRow> windows{};
  std::vector<SeenId> seen_ids{};
  std::vector<MetricChunk> metric_chunks{};
  std::vector<StatePage> state_pages{};  // Of one (kind, number), the last one counts.
  // Samples of frames below it are in chunks and pages: after a restart, the frames from here to
  // `next_offset` are read again for their samples only (stream/sample_book.h). It never goes
  // back. Empty: `next_offset` (there are no samples that wait to be written).
  std::optional<std::uint64_t> samples_offset{};
};

// What restore() hands back: the state at `next_offset`.
struct StoredState {
  std::uint64_t next_offset = 0;
  std::string engine{};
  std::vector<Alert> alerts{};        // Live ones only, in no particular order.
  std::vector<Incident> incidents{};  // Live ones only, by id.
  std::vector<SeenId> seen_ids{};     // In the order in which they were committed.
  std::vector<WindowRow> windows{};   // The last 13 of every scope, newest first.
  std::uint64_t samples_offset = 0;
};

struct EventQuery {
  std::string tenant{};              // Empty: all.
  std::optional<Timestamp> since{};  // Arrived then or later.
  std::optional<Timestamp> until{};  // Arrived before.
  // Words, of which each must occur somewhere in the title, the entity, or a label's name or value,
  // as a part of it and in any case (ASCII).
  std::string text{};
  std::string source{};
  std::optional<EventKind> kind{};
  std::optional<Severity> severity_min{};
  std::optional<Fingerprint> alert{};
  IncidentId incident = 0;
  std::uint64_t before_offset = UINT64_MAX;  // Cursor: rows strictly older than this position.
  std::uint32_t before_index = 0;
  std::uint32_t limit = 100;
};

struct DeadLetterQuery {
  std::uint64_t before_offset = UINT64_MAX;  // Cursor, as in EventQuery.
  std::uint32_t before_index = 0;
  std::uint32_t limit = 100;
  bool include_resolved = false;
};

struct MetricQuery {
  std::string metric{};
  std::string tenant{};  // Empty: all.
  std::string host{};    // Empty: all.
  Timestamp since = Timestamp::min();
  Timestamp until = Timestamp::max();
  std::uint32_t limit = 10'000;          // Chunks, and rows of rollups.
  std::uint64_t bytes_max = UINT64_MAX;  // Of all rows: the one that passes it is the last one.
};

// How long each kind is kept. Zero or less: for ever.
struct RetentionPolicy {
  Duration events{};            // By arrival.
  Duration resolved_alerts{};   // By the commit that removed them.
  Duration closed_incidents{};  // By their last update; only those that were removed.
  Duration dead_letters{};      // By arrival.
  Duration windows{};           // By their start.
  Duration seen_ids{};          // By the commit that wrote them.
  Duration metrics{};           // Chunks by the commit that wrote them, rollups by their last time.
  Duration metrics_raw{};       // Older chunks become rollups (Store::downsample).
  std::uint64_t metrics_bytes_max = 0;  // Of chunks and rollups (Store::shrink_metrics); 0: any.
};

// Makes rollups of the chunks of one series, in the order in which they were written, and of the
// rollups that there are of the same time (stream/rollup.h).
using Downsampler = std::function<RolledUp(const std::vector<MetricChunk>& chunks,
                                           const std::vector<MetricRollups>& kept)>;
struct Downsampled {
  std::uint64_t chunks = 0;   // That are gone.
  std::uint64_t damaged = 0;  // Of the rows, those that did not decode.
  bool is_done = true;        // There is nothing more to do for now.
};

using FrameReader = std::function<Result<Frame>(std::uint64_t offset)>;
// What became of frames that the journal is about to lose.
struct KeptFrames {
  std::uint64_t done_to = 0;   // Those below it are kept, where a dead letter wants them,
  std::uint64_t left_out = 0;  // but for so many.
};

class Store {
 public:
  virtual ~Store() = default;

  // One transaction, durable when it returns; after an error nothing of it is kept, and the same
  // batch may be tried again. Thread: one writer.
  // Errors: Exhausted when the disk is full, Corrupt, TooLarge (see kEventIndexMax), Unavailable.
  virtual Status commit(const StoreBatch& batch) = 0;

  // The state of the last commit; all empty for a new store. Thread: the writer's.
  virtual Result<StoredState> restore() = 0;

  // Deletes up to kRetainRows rows of each kind that are older than `policy` wants at `now`, so
  // that commits are never held up for long; returns how many rows went. Call it again while that
  // is not 0. Thread: the writer's.
  virtual Result<std::uint64_t> retain(const RetentionPolicy& policy, Timestamp now) = 0;

  // Replaces chunks that were written longer than policy.metrics_raw ago by rollups, up to
  // kDownsampledChunks at once, in one transaction: a crash finds either. Work begins when a sixth
  // more than that has gathered, so that a series has some chunks to put together; call it again
  // while it is not done. Thread: the writer's.
  virtual Result<Downsampled> downsample(const RetentionPolicy& policy, Timestamp now,
                                         const Downsampler& downsampler) = 0;
  // Deletes the oldest rollups, then the oldest chunks, kRetainRows at once, while there are more
  // bytes than policy.metrics_bytes_max. Returns: how many bytes went; call it again while that is
  // not 0. Thread: the writer's.
  virtual Result<std::uint64_t> shrink_metrics(const RetentionPolicy& policy) = 0;
  // About what chunks and rollups take in the file. Cost: none. Thread: any.
  virtual std::uint64_t metric_bytes() const = 0;

  // Dead letters outlive the frames of the journal that they are about. Of the frames from `from`
  // to `to`, keeps those of open dead letters, as `read` gives them, the oldest kKeptFramesAtOnce
  // that it has not; those that cannot be read, or with which all would take more than
  // kKeptFramesBytesMax or be more than kKeptFramesMax, are left out. Retention removes them when
  // no dead letter is open any more. Thread: the writer's.
  virtual Result<KeptFrames> keep_frames(std::uint64_t from, std::uint64_t to,
                                         const FrameReader& read) = 0;
  // One that keep_frames() kept. Thread: any.
  virtual Result<std::optional<Frame>> kept_frame(std::uint64_t offset) const = 0;

  // Queries. Thread: any; they never wait for the writer, and each one sees the state of one
  // commit. Newest first.
  virtual Result<std::vector<EventRow>> events(const EventQuery& query) const = 0;
  // Cheaper than events(): one row, or nothing.
  virtual Result<std::optional<EventRow>> event(std::uint64_t offset,
                                                std::uint32_t index) const = 0;
  virtual Result<std::optional<Incident>> incident(IncidentId id) const = 0;
  // The live alert, else the one in the history.
  virtual Result<std::optional<Alert>> alert(const AlertKey& key) const = 0;
  // The ones that were removed from the live state, by falling id.
  virtual Result<std::vector<Incident>> closed_incidents(IncidentId before,
                                                         std::uint32_t limit) const = 0;
  virtual Result<std::vector<DeadLetter>> dead_letters(const DeadLetterQuery& query) const = 0;
  virtual Result<std::optional<DeadLetter>> dead_letter(std::uint64_t offset,
                                                        std::uint32_t index) const = 0;
  // How many are not resolved. Cost: none.
  virtual std::uint64_t open_dead_letters() const = 0;
  virtual Result<std::vector<WindowRow>> windows(std::string_view tenant, std::string_view scope,
                                                 Timestamp since, std::uint32_t limit) const = 0;
  // Chunks by falling end_offset, of equal ones the last written first: where two of them hold a
  // sample of one time, the first one counts. Rollups by rising first time.
  virtual Result<MetricHistory> metric_history(const MetricQuery& query) const = 0;
  // The last of each (kind, number), in their order, until `visit` fails.
  virtual Status visit_state_pages(const std::function<Status(StatePage)>& visit) const = 0;
};

inline constexpr std::uint32_t kRetainRows = 2000;
inline constexpr std::uint32_t kDownsampledChunks = 2000;
inline constexpr std::uint32_t kKeptFramesAtOnce = 200;
inline constexpr std::uint64_t kKeptFramesBytesMax = 64ull << 20;
inline constexpr std::uint64_t kKeptFramesMax = 10'000;  // Retention looks at each of them.

struct SqliteStoreOptions {
  std::uint32_t pages_max = 0;  // Of 8 KiB; 0: no limit. Beyond it, commits fail with Exhausted.
};

// Opens or creates `path`. SQLite in WAL mode with synchronous=FULL (docs/formats/store.md). The
// file is locked until the store is destroyed (`path`.lock).
// Errors: Corrupt; Unavailable when another process holds the file, or a newer Quell wrote it; all
// name the path.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const SqliteStoreOptions& options = {});

}  // namespace quell
