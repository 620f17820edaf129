// JournalWatch: what becomes of the journal's commits, for people: metrics, log lines, readiness.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/metrics.h"
#include "journal/journal.h"

namespace quell {

class JournalWatch {
 public:
  JournalWatch(const Clock& clock, const Log& log, MetricList& list);

  // Counts it. When the disk did not take it, the error becomes what senders are told (503), and is
  // logged: at once, then once a minute, and when the journal works again.
  // Thread: the committer's.
  void on_commit(Commit& commit);

  // Whether the last commit failed. Thread: any.
  bool failing() const { return failing_.load(std::memory_order_relaxed); }
  // Why, when it failed; else empty. Thread: any.
  std::string why() const;

 private:
  void on_failure(Commit& commit, Timestamp now);

  const Clock& clock_;
  const Log& log_;
  Counter frames_;
  Counter failures_;
  Counter refused_;
  Histogram commit_seconds_;
  Histogram commit_frames_;

  std::atomic<bool> failing_{false};
  mutable Guarded<std::string> why_;
  // The committer's.
  Timestamp log_at_{};
  std::uint64_t unlogged_ = 0;  // Frames that were not kept since the last line.
};

}  // namespace quell
