#include "app/store_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/pause.h"
#include "base/this_thread.h"
#include "base/time.h"
#include "stream/rollup.h"

namespace quell {
namespace {

constexpr Duration kRetainEvery = std::chrono::minutes(1);
constexpr Duration kDownsampleEveryMin = std::chrono::seconds(1);
constexpr int kDownsampleShare = 6;                         // Of the time that samples stay raw.
constexpr Duration kReturnEvery = std::chrono::seconds(5);  // What is taken anew costs page faults.
constexpr Duration kRetryAfter = std::chrono::milliseconds(500);
constexpr Duration kRetainMore = std::chrono::seconds(1);  // When rows are left.
constexpr int kRetainSteps = 20;  // At once; the rest waits for the next time.
constexpr int kShrinkSteps = 8;   // After each commit: more rows than it can bring.
constexpr Duration kFullFor = std::chrono::minutes(10);  // After samples went for lack of room.

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
      downsample_at_(clock.now() + kDownsampleEveryMin),
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
  name_this_thread("store");
  let_others_go_first();  // An answer waits for the journal and the core, never for the store.
  for (auto batches = batches_.pop_all(); !batches.empty(); batches = batches_.pop_all()) {
    for (StoreBatch& batch : batches) {
      // A restart reads frames again from here on.
      const std::uint64_t needed = batch.samples_offset.value_or(batch.next_offset);
      if (!write(batch)) return;  // The journal has what is not stored: nothing of it may go.
      if (const Timestamp now = clock_.now(); now - returned_at_ >= kReturnEvery) {
        returned_at_ = now;
        return_free_memory();
      }
      retain(needed);
    }
  }
}

// The disk may be full for a while: the batch stays, and the journal has everything anyway. When it
// is written, what it held is free before the core hears of it.
bool StoreWriter::write(StoreBatch& batch) {
  for (;;) {
    const Timestamp begin = clock_.now();
    const Status status = store_.commit(batch);
    const Duration took = clock_.now() - begin;
    if (status) {
      metrics_.commits.add();
      metrics_.commit_seconds.observe(to_seconds(took));
      if (failing_.exchange(false)) log_.info("store works again");
      const std::uint64_t next_offset = batch.next_offset;
      batch = {};
      busy_.store(false, std::memory_order_release);
      on_done_(next_offset, took);
      return true;
    }
    metrics_.failures.add();
    if (!failing_.exchange(true)) {
      log_.error("store commit failed, trying again", {{"error", status.error().to_string()}});
    }
    if (stopping_) {
      log_.warning("stopping with a commit that failed; the journal will replay it",
                   {{"next_offset", std::to_string(batch.next_offset)}});
      busy_.store(false, std::memory_order_release);
      return false;
    }
    pause_for(kRetryAfter);
  }
}

bool StoreWriter::metrics_are_full() const {
  return to_ns(clock_.now()) < metrics_full_until_ns_.load(std::memory_order_relaxed);
}

// After each commit, so that samples are taken away as fast as they come.
void StoreWriter::retain(std::uint64_t needed_offset) {
  const Timestamp now = clock_.now();
  const StoreWriterOptions options = options_.with([](StoreWriterOptions& o) { return o; });
  shrink_metrics(options.retention, now);
  if (downsampling_ || now >= downsample_at_) downsample(options.retention, now);
  if (now < retain_at_) return;
  retain_at_ = now + (retain_rows(options.retention, now) ? kRetainMore : kRetainEvery);
  if (options.journal_keep == Duration{0}) return;
  const std::uint64_t old = journal_.offset_before(now - options.journal_keep);
  shorten_journal(std::min(old, needed_offset), now);
}

// What open dead letters are about goes to the store first.
void StoreWriter::shorten_journal(std::uint64_t before, Timestamp now) {
  // Whole files are removed: up to `kept_until_` frames are kept, or left out, already.
  const std::uint64_t begin = std::max(kept_until_, journal_.stats().begin_offset);
  if (before <= begin) return;
  const auto kept = store_.keep_frames(
      begin, before, [this](std::uint64_t offset) { return read_frame(journal_, offset); });
  if (!kept) {
    log_.warning("frames of dead letters could not be kept, nor old journal files be removed",
                 {{"error", kept.error().to_string()}});
    return;
  }
  if (kept->left_out > 0) {
    log_.warning("dead letters are left without their frames: they cannot be tried again",
                 {{"frames", std::to_string(kept->left_out)}});
  }
  kept_until_ = kept->done_to;
  if (kept->done_to < before) retain_at_ = now + kRetainMore;
  if (auto done = journal_.discard_before(kept->done_to); !done) {
    log_.warning("old journal files could not be removed", {{"error", done.error().to_string()}});
  }
}

// Returns: whether there is more to remove.
bool StoreWriter::retain_rows(const RetentionPolicy& policy, Timestamp now) {
  for (int step = 0; step < kRetainSteps && !stopping_; ++step) {
    const auto rows = store_.retain(policy, now);
    if (!rows) {
      log_.warning("retention failed", {{"error", rows.error().to_string()}});
      return false;
    }
    metrics_.retained.add(*rows);
    if (*rows == 0) return false;
  }
  return true;
}

// One step; the next one follows after the next commit.
void StoreWriter::downsample(const RetentionPolicy& policy, Timestamp now) {
  downsample_at_ =
      now + std::clamp(policy.metrics_raw / kDownsampleShare, kDownsampleEveryMin, kRetainEvery);
  const auto done = store_.downsample(policy, now, roll_up);
  downsampling_ = done && !done->is_done;
  if (!done) {
    log_.warning("old samples could not be downsampled", {{"error", done.error().to_string()}});
    return;
  }
  metrics_.downsampled.add(done->chunks);
  if (done->damaged > 0) {
    log_.error("stored samples did not decode and are lost",
               {{"rows", std::to_string(done->damaged)}});
  }
}

void StoreWriter::shrink_metrics(const RetentionPolicy& policy, Timestamp now) {
  for (int step = 0; step < kShrinkSteps && !stopping_; ++step) {
    const auto bytes = store_.shrink_metrics(policy);
    if (!bytes) {
      log_.warning("old samples could not be removed", {{"error", bytes.error().to_string()}});
      return;
    }
    if (*bytes == 0) return;
    if (!metrics_are_full()) {
      log_.warning("samples on disk have reached retention.metrics_bytes: the oldest go",
                   {{"bytes", std::to_string(store_.metric_bytes())},
                    {"bytes_max", std::to_string(policy.metrics_bytes_max)}});
    }
    metrics_.metric_bytes_dropped.add(*bytes);
    metric_bytes_dropped_ += *bytes;
    metrics_full_until_ns_ = to_ns(now + kFullFor);
  }
}

}  // namespace quell
