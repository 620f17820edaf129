// StoreWriter: commits batches and applies retention on a thread of its own, so that the core never
// waits for SQLite.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "journal/journal.h"
#include "store/store.h"

namespace quell {

struct StoreWriterMetrics {
  explicit StoreWriterMetrics(MetricList& list)
      : commits(list, "quell_store_commits_total", "Store transactions."),
        failures(list, "quell_store_commit_failures_total", "Store transactions that failed."),
        retained(list, "quell_store_retention_rows_total", "Rows that retention removed."),
        downsampled(list, "quell_metrics_chunks_downsampled_total",
                    "Stretches of samples that became points of five minutes."),
        metric_bytes_dropped(list, "quell_metrics_history_dropped_bytes_total",
                             "Old samples that went because of retention.metrics_bytes."),
        commit_seconds(list, "quell_store_commit_seconds", "One store transaction.", kSlowBuckets) {
  }
  Counter commits;
  Counter failures;
  Counter retained;
  Counter downsampled;
  Counter metric_bytes_dropped;
  Histogram commit_seconds;
};

struct StoreWriterOptions {
  RetentionPolicy retention{};
  Duration journal_keep{};
};

class StoreWriter {
 public:
  // `on_done(offset, took)` is called on the writer's thread after each commit that succeeded.
  StoreWriter(Store& store, Journal& journal, const Clock& clock, const Log& log, MetricList& list,
              StoreWriterOptions options, std::function<void(std::uint64_t, Duration)> on_done);
  ~StoreWriter();  // Commits what was handed over.

  // Requires: not busy(). Thread: the core's.
  void commit(StoreBatch batch);
  bool busy() const { return busy_.load(std::memory_order_acquire); }
  // Whether the last commit failed; it is tried again until it succeeds. Thread: any.
  bool failing() const { return failing_.load(std::memory_order_relaxed); }

  void set_options(StoreWriterOptions options);

  // Of the history of metrics. Thread: any.
  std::uint64_t metric_bytes_max() const {
    return options_.with([](const auto& o) { return o.retention.metrics_bytes_max; });
  }
  std::uint64_t metric_bytes_dropped() const { return metric_bytes_dropped_; }
  bool metrics_are_full() const;

 private:
  void run();
  // Returns: false when the writer stops and the batch is not stored.
  bool write(StoreBatch& batch);
  void retain(std::uint64_t needed_offset);
  void shorten_journal(std::uint64_t before, Timestamp now);
  bool retain_rows(const RetentionPolicy& policy, Timestamp now);
  void downsample(const RetentionPolicy& policy, Timestamp now);
  void shrink_metrics(const RetentionPolicy& policy, Timestamp now);

  Store& store_;
  Journal& journal_;
  const Clock& clock_;
  const Log& log_;
  StoreWriterMetrics metrics_;
  mutable Guarded<StoreWriterOptions> options_;
  const std::function<void(std::uint64_t, Duration)> on_done_;

  BoundedQueue<StoreBatch> batches_{1};
  std::atomic<bool> busy_{false};
  std::atomic<bool> failing_{false};
  std::atomic<bool> stopping_{false};
  Timestamp retain_at_{};
  std::uint64_t kept_until_ =
      0;                     // Below it, what dead letters need of the journal is in the store.
  Timestamp returned_at_{};  // When memory was given back last.
  Timestamp downsample_at_{};
  bool downsampling_ = false;
  std::atomic<std::uint64_t> metric_bytes_dropped_{0};
  std::atomic<std::int64_t> metrics_full_until_ns_{0};
  std::jthread thread_;  // Last: it uses everything above.
};

}  // namespace quell
