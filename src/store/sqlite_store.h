// SqliteStore: the Store in one SQLite file.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  Result<Downsampled> downsample(const RetentionPolicy& policy, Timestamp now,
                                 const Downsampler& downsampler) override;
  Result<std::uint64_t> shrink_metrics(const RetentionPolicy& policy) override;
  std::uint64_t metric_bytes() const override { return metric_bytes_.load(); }
  Result<KeptFrames> keep_frames(std::uint64_t from, std::uint64_t to,
                                 const FrameReader& read) override;
  Result<std::optional<Frame>> kept_frame(std::uint64_t offset) const override;

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
  Result<MetricHistory> metric_history(const MetricQuery& query) const override;
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

  // Chunks up to a commit, in the order of their index, are replaced step by step.
  struct DownsamplePass {
    bool is_open = false;
    std::uint64_t end_offset = 0;
    std::string metric{};  // Where it stands.
    std::string tenant{};
    std::string host{};
  };
  struct OldChunks;
  Status load_metric_bytes();
  Status add_metric_bytes(std::int64_t added);
  Result<DownsamplePass> begin_pass(Timestamp begin_before, Timestamp before);
  Result<std::vector<OldChunks>> old_chunks(std::uint64_t& rows);
  Status replace_chunks(const OldChunks& old, const Downsampler& downsampler, Downsampled& done,
                        std::int64_t& added);
  Result<std::vector<std::pair<std::int64_t, MetricRollups>>> kept_rollups(
      const OldChunks& old) const;
  Status put_rollups(const MetricRollups& row, std::int64_t& added);
  struct Removal {
    const char* sum;
    const char* remove;
    std::optional<Timestamp> before{};  // The first parameter; the last one is kRetainRows.
  };
  Result<std::vector<std::uint64_t>> frames_to_keep(std::uint64_t from, std::uint64_t to);
  struct KeptSize {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
  };
  Result<KeptSize> kept_size();
  Status put_frames(const std::vector<std::uint64_t>& offsets, const FrameReader& read,
                    KeptFrames& kept);
  Result<std::uint64_t> retain_frames();
  Result<std::uint64_t> retain_metrics(Duration keep, Timestamp now);
  Result<std::uint64_t> remove_metrics(const Removal& removal, std::uint64_t& bytes);
  // Runs `write()` in a transaction, whose bytes of metrics it counts.
  template <class Write>
  Status in_transaction(Write&& write);

  // Constant after construction.
  const std::string path_;
  const FileLock lock_;

  // The writer's own, except for AlertLog::find.
  std::unique_ptr<SqliteConnection> writer_;
  AlertLog alerts_;
  EventTable events_;

  std::int64_t letters_opened_ = 0;  // By the transaction; negative: more were resolved.
  std::atomic<std::uint64_t> open_letters_{0};
  std::int64_t metric_bytes_added_ = 0;  // By the transaction.
  std::atomic<std::uint64_t> metric_bytes_{0};
  DownsamplePass pass_;

  // Guarded.
  mutable Guarded<std::vector<std::unique_ptr<SqliteConnection>>> readers_;
};

// Ends a transaction that did not commit.
class Rollback {
 public:
  explicit Rollback(SqliteConnection& connection) : connection_(&connection) {}
  ~Rollback() {
    if (connection_ != nullptr) (void)connection_->execute("ROLLBACK");
  }
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  void release() { connection_ = nullptr; }

 private:
  SqliteConnection* connection_;
};

template <class Write>
Status SqliteStore::in_transaction(Write&& write) {
  TRY_STATUS(writer_->execute("BEGIN IMMEDIATE"));
  Rollback rollback(*writer_);
  metric_bytes_added_ = 0;
  TRY_STATUS(write());
  TRY_STATUS(add_metric_bytes(metric_bytes_added_));
  TRY_STATUS(writer_->execute("COMMIT"));
  rollback.release();
  metric_bytes_ += static_cast<std::uint64_t>(metric_bytes_added_);
  return {};
}

template <class Read>
auto SqliteStore::with_reader(Read&& read) const
    -> decltype(read(std::declval<SqliteConnection&>())) {
  constexpr std::size_t kIdleReadersMax = 4;
  auto connection = readers_.with([](auto& idle) -> std::unique_ptr<SqliteConnection> {
    if (idle.empty()) return nullptr;
    auto taken = std::move(idle.back());
    idle.pop_back();
    return taken;
  });
  if (connection == nullptr) {
    TRY(connection, SqliteConnection::open(path_, SqliteConnection::Mode::Read));
  }
  TRY_STATUS(connection->execute("BEGIN"));
  auto result = read(*connection);
  TRY_STATUS(connection->execute("COMMIT"));
  readers_.with([&](auto& idle) {
    if (idle.size() < kIdleReadersMax) idle.push_back(std::move(connection));
  });
  return result;
}

}  // namespace quell
