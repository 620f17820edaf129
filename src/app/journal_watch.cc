#include "app/journal_watch.h"

#include <fmt/format.h>

#include <utility>

#include "base/time.h"

namespace quell {
namespace {

constexpr Duration kLogEvery = std::chrono::minutes(1);
constexpr double kCountBuckets[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};

}  // namespace

JournalWatch::JournalWatch(const Clock& clock, const Log& log, MetricList& list)
    : clock_(clock),
      log_(log),
      frames_(list, "quell_journal_frames_total", "Frames that became durable."),
      failures_(list, "quell_journal_commit_failures_total",
                "Group commits that the disk did not take: nothing of them was kept."),
      refused_(list, "quell_journal_refused_frames_total",
               "Frames of those; their senders were told so (503)."),
      commit_seconds_(list, "quell_journal_commit_seconds", "One group commit: write and sync.",
                      kFastBuckets),
      commit_frames_(list, "quell_journal_commit_frames", "Frames in one group commit.",
                     kCountBuckets) {}

void JournalWatch::on_commit(Commit& commit) {
  if (!commit.status) return on_failure(commit, clock_.now());
  frames_.add(commit.frames.size());
  commit_seconds_.observe(to_seconds(commit.took));
  commit_frames_.observe(static_cast<double>(commit.frames.size()));
  if (!failing_.load(std::memory_order_relaxed)) return;
  log_.info("the journal works again",
            {{"frames_not_kept", std::to_string(std::exchange(unlogged_, 0))}});
  log_at_ = {};
  why_.with([](std::string& why) { why.clear(); });
  failing_ = false;
}

void JournalWatch::on_failure(Commit& commit, Timestamp now) {
  Error& error = commit.status.error();
  failures_.add();
  refused_.add(commit.frames.size());
  unlogged_ += commit.frames.size();
  const bool full = error.code == Errc::Exhausted;
  const std::string why = fmt::format("{}: {}", full ? "the disk is full" : "the disk fails",
                                      error.to_string());
  why_.with([&](std::string& w) { w = why; });
  failing_ = true;
  if (now >= log_at_) {
    log_at_ = now + kLogEvery;
    log_.error("the journal accepts nothing",
               {{"why", why}, {"frames_not_kept", std::to_string(std::exchange(unlogged_, 0))}});
  }
  error.code = Errc::Unavailable;
  error.message = fmt::format("nothing of this was kept, send it again later; {}", why);
}

std::string JournalWatch::why() const {
  return why_.with([](const std::string& why) { return why; });
}

}  // namespace quell
