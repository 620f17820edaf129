#include "app/store_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/pause.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr Duration kRetainEvery = std::chrono::minutes(1);
constexpr Duration kRetryAfter = std::chrono::milliseconds(500);
constexpr int kRetainSteps = 20;  // At once; the rest waits for the next time.

}  // namespace

StoreWriter::StoreWriter(Store& store, Journal& journal, const Clock& clock, const Log& log,
                         MetricList& list, StoreWriterOptions options,
                         std::function<void(std::uint64_t, Duration)> on_done)
    : store_(store),
      journal_(journal),
      clock_(clock),
      log_(log),
      metrics_(list),
      options_(options),
      on_done_(std::move(on_done)),
      retain_at_(clock.now() + kRetainEvery),
      thread_([this] { run(); }) {}

StoreWriter::~StoreWriter() {
  stopping_ = true;
  batches_.close();
}

void StoreWriter::set_options(StoreWriterOptions options) {
  options_.with([&](StoreWriterOptions& o) { o = options; });
}

void StoreWriter::commit(StoreBatch batch) {
  QUELL_ASSERT(!busy(), "one batch at a time");
  busy_.store(true, std::memory_order_release);
  const bool pushed = batches_.push(std::move(batch));
  QUELL_ASSERT(pushed, "the writer takes batches until it is destroyed");
}

void StoreWriter::run() {
  for (auto batches = batches_.pop_all(); !batches.empty(); batches = batches_.pop_all()) {
    for (const StoreBatch& batch : batches) {
      write(batch);
      // A restart reads frames again from here on.
      retain(batch.samples_offset.value_or(batch.next_offset));
    }
  }
}

// The disk may be full for a while: the batch stays, and the journal has everything anyway.
void StoreWriter::write(const StoreBatch& batch) {
  for (;;) {
    const Timestamp begin = clock_.now();
    const Status status = store_.commit(batch);
    const Duration took = clock_.now() - begin;
    if (status) {
      metrics_.commits.add();
      metrics_.commit_seconds.observe(to_seconds(took));
      if (failing_.exchange(false)) log_.info("store works again");
      busy_.store(false, std::memory_order_release);
      on_done_(batch.next_offset, took);
      return;
    }
    metrics_.failures.add();
    if (!failing_.exchange(true)) {
      log_.error("store commit failed, trying again", {{"error", status.error().to_string()}});
    }
    if (stopping_) {
      log_.warning("stopping with a commit that failed; the journal will replay it",
                   {{"next_offset", std::to_string(batch.next_offset)}});
      busy_.store(false, std::memory_order_release);
      return;
    }
    pause_for(kRetryAfter);
  }
}

void StoreWriter::retain(std::uint64_t needed_offset) {
  const Timestamp now = clock_.now();
  if (now < retain_at_) return;
  retain_at_ = now + kRetainEvery;
  const StoreWriterOptions options = options_.with([](StoreWriterOptions& o) { return o; });
  for (int step = 0; step < kRetainSteps && !stopping_; ++step) {
    const auto rows = store_.retain(options.retention, now);
    if (!rows) {
      log_.warning("retention failed", {{"error", rows.error().to_string()}});
      return;
    }
    metrics_.retained.add(*rows);
    if (*rows == 0) break;
  }
  if (options.journal_keep == Duration{0}) return;
  const std::uint64_t old = journal_.offset_before(now - options.journal_keep);
  if (auto done = journal_.discard_before(std::min(old, needed_offset)); !done) {
    log_.warning("old journal files could not be removed", {{"error", done.error().to_string()}});
  }
}

}  // namespace quell
