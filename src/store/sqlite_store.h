// SqliteStore: the Store in one SQLite file.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"
#include "store/alert_log.h"
#include "store/event_table.h"
#include "store/file_lock.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace quell {

inline constexpr unsigned kPageNumberBits = 48;  // Of a row of state_pages; its kind lies above.

// One connection writes; readers take a connection from a pool that grows to as many as read at
// one time and keeps a few. In WAL mode neither waits for the other.
class SqliteStore final : public Store {
 public:
  SqliteStore(std::string path, FileLock lock, std::unique_ptr<SqliteConnection> writer);
  // Reads where alerts and events stand. Requires: called once, before everything else.
  Status load();

  Status commit(const StoreBatch& batch) override;
  Result<StoredState> restore() override;
  Result<std::uint64_t> retain(const RetentionPolicy& policy, Timestamp now) override;

  Result<std::vector<EventRow>> events(const EventQuery& query) const override;
  Result<std::optional<EventRow>> event(std::uint64_t offset, std::uint32_t index) const override;
  Result<std::optional<Incident>> incident(IncidentId id) const override;
  Result<std::optional<Alert>> alert(const AlertKey& key) const override;
  Result<std::vector<Incident>> closed_incidents(IncidentId before,
                                                 std::uint32_t limit) const override;
  Result<std::vector<DeadLetter>> dead_letters(const DeadLetterQuery& query) const override;
  Result<std::optional<DeadLetter>> dead_letter(std::uint64_t offset,
                                                std::uint32_t index) const override;
  std::uint64_t open_dead_letters() const override { return open_letters_.load(); }
  Result<std::vector<WindowRow>> windows(std::string_view tenant, std::string_view scope,
                                         Timestamp since, std::uint32_t limit) const override;
  Result<std::vector<MetricChunk>> metric_chunks(const MetricQuery& query) const override;
  Status visit_state_pages(const std::function<Status(StatePage)>& visit) const override;

 private:
  Status write(const StoreBatch& batch);
  Status write_state(const StoreBatch& batch);
  Status write_incidents(const StoreBatch& batch);
  Status write_dead_letters(const std::vector<DeadLetter>& letters);
  Status count_dead_letters();
  Status write_windows(const std::vector<WindowRow>& windows);
  Status write_seen_ids(const StoreBatch& batch);
  Status write_metric_chunks(const StoreBatch& batch);
  Status write_state_pages(const std::vector<StatePage>& pages);
  Status restore_state(StoredState& state);
  Status restore_incidents(std::vector<Incident>& incidents);
  Status restore_seen_ids(std::vector<SeenId>& ids);
  Status restore_windows(std::vector<WindowRow>& windows);
  // Runs `read(connection)` on a pooled connection, in one read transaction.
  template <class Read>
  auto with_reader(Read&& read) const -> decltype(read(std::declval<SqliteConnection&>()));
  Result<std::optional<Alert>> live_alert(SqliteConnection& connection,
                                          const AlertLog::Place& place) const;

  // Constant after construction.
  const std::string path_;
  const FileLock lock_;

  // The writer's own, except for AlertLog::find.
  std::unique_ptr<SqliteConnection> writer_;
  AlertLog alerts_;
  EventTable events_;

  std::int64_t letters_opened_ = 0;  // By the transaction; negative: more were resolved.
  std::atomic<std::uint64_t> open_letters_{0};

  // Guarded.
  mutable Guarded<std::vector<std::unique_ptr<SqliteConnection>>> readers_;
};

}  // namespace quell
