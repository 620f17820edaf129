#include "app/core.h"

#include <algorithm>
#include <future>
#include <span>

#include "app/pause.h"
#include "base/this_thread.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr Duration kSlice = std::chrono::milliseconds(2);  // Of frames, before calls get a turn.
constexpr Duration kQuietAfter = std::chrono::milliseconds(100);  // Without a frame.
constexpr Duration kRestAfter = std::chrono::seconds(1);          // Without a frame.
constexpr std::size_t kWorthReturning = 1 << 20;                  // Of frames.
constexpr Duration kPublishEvery = std::chrono::milliseconds(20);
constexpr Duration kCommitEvery = std::chrono::milliseconds(100);
// A commit that took t is followed by 4t without one, or by t while pages wait, so that alerts that
// change all the time are written less often; but what is new must not gather faster than it can be
// written.
constexpr int kCommitShare = 4;
constexpr Duration kCommitRestMax = std::chrono::seconds(1);
constexpr std::size_t kEventsGathered = 20'000;     // From here on a commit follows at once,
constexpr std::size_t kEventsGatheredMax = 40'000;  // and from here on frames wait for it.

std::size_t weight_of(const std::vector<Frame>& frames) {
  std::size_t bytes = 0;
  for (const Frame& frame : frames) bytes += 256 + frame.body.size();
  return bytes;
}

}  // namespace

namespace {

class PromiseWaiter final : public FrameWaiter {
 public:
  explicit PromiseWaiter(std::promise<Result<FrameOutcome>> done) : done_(std::move(done)) {}
  ~PromiseWaiter() override {
    if (!is_told_) done_.set_value(fail(Errc::Unavailable, "stopping"));
  }
  PromiseWaiter(const PromiseWaiter&) = delete;
  PromiseWaiter& operator=(const PromiseWaiter&) = delete;
  void applied(const Frame&, FrameOutcome outcome) override { tell(std::move(outcome)); }
  void refused(const Error& error) override { tell(std::unexpected(error)); }

 private:
  void tell(Result<FrameOutcome> outcome) {
    is_told_ = true;
    done_.set_value(std::move(outcome));
  }

  std::promise<Result<FrameOutcome>> done_;
  bool is_told_ = false;
};

}  // namespace

Result<FrameOutcome> append_and_wait(Journal& journal, Frame frame) {
  std::promise<Result<FrameOutcome>> done;
  auto outcome = done.get_future();
  TRY_STATUS(journal.append(std::move(frame), std::make_unique<PromiseWaiter>(std::move(done))));
  return outcome.get();
}

Core::Core(std::unique_ptr<Pipeline> pipeline, const Clock& clock, MetricList& metrics,
           StreamHubOptions hub_options, std::uint64_t queue_bytes_max)
    : clock_(clock),
      metrics_(metrics),
      inbox_(queue_bytes_max),
      queue_bytes_max_(queue_bytes_max),
      pipeline_(std::move(pipeline)),
      hub_(hub_options, pipeline_->alerts()) {}

Core::~Core() {
  stop();
}

void Core::start(StoreWriter& writer) {
  writer_ = &writer;
  tick_due_ = to_ns(pipeline_->next_deadline());
  thread_ = std::thread([this] { run(); });
}

void Core::stop() {
  stopping_ = true;
  inbox_.close();
  if (thread_.joinable()) thread_.join();
}

void Core::deliver(Commit commit) {
  if (!commit.status) {
    for (const auto& waiter : commit.waiters) {
      if (waiter) static_cast<FrameWaiter&>(*waiter).refused(commit.status.error());
    }
    return;
  }
  lag_.fetch_add(commit.frames.size(), std::memory_order_relaxed);
  const std::size_t weight = weight_of(commit.frames);
  Item item{.frames = std::move(commit.frames),
            .waiters = std::move(commit.waiters),
            .weight = weight,
            .delivered_at = clock_.now()};
  // Frames leave the inbox early, so that calls need not wait behind them; they count all the same.
  while (backlog_bytes_.load(std::memory_order_relaxed) > queue_bytes_max_ && !stopping_) {
    pause_for(std::chrono::milliseconds(1));
  }
  // A closed queue loses nothing: the frames are in the journal, and the next start replays them.
  (void)inbox_.push(std::move(item), weight);
}

bool Core::call(CoreTask task) {
  Item item;
  item.task = std::move(task);
  return inbox_.try_push(std::move(item));
}

void Core::nudge() {
  if (nudged_.exchange(true)) return;
  if (!call([this] { nudged_ = false; })) nudged_ = false;
}

void Core::committed(Duration took) {
  const Duration rest = std::clamp(took * kCommitShare, kCommitEvery, kCommitRestMax);
  const Timestamp now = clock_.now();
  commit_soon_after_ = to_ns(now + std::min(took, rest));
  commit_after_ = to_ns(now + rest);
}

void Core::run() {
  name_this_thread("core");
  run_soon_after_waking();
  keep_free_memory(false);
  for (;;) {
    auto items = backlog_.empty() ? inbox_.pop_all() : inbox_.try_pop_all();
    if (items.empty() && backlog_.empty()) break;  // Closed, and nothing is left.
    take(std::move(items));
    const Timestamp end = clock_.now() + kSlice;
    if (store_is_behind()) pause_for(std::chrono::milliseconds(1));
    while (!backlog_.empty() && !store_is_behind()) {
      work(backlog_.front());
      backlog_.pop_front();
      if (clock_.now() >= end) break;
    }
    round();
    rest();
  }
  pipeline_->drain();
  for (;;) {
    while (writer_->busy() && !writer_->failing()) pause_for(std::chrono::milliseconds(1));
    if (writer_->busy() || !pipeline_->has_changes()) break;
    writer_->commit(pipeline_->take_batch());
  }
}

// Then frames stay in the queue, which tells the senders to wait: memory stays bounded.
bool Core::store_is_behind() const {
  return writer_->busy() && pipeline_->pending_events().size() >= kEventsGatheredMax;
}

// People wait for calls; frames are durable and can wait for a moment.
void Core::take(std::vector<Item> items) {
  for (Item& item : items) {
    if (!item.task) {
      backlog_bytes_.fetch_add(item.weight, std::memory_order_relaxed);
      backlog_.push_back(std::move(item));
      continue;
    }
    metrics_.calls.add();
    const Timestamp begin = clock_.now();
    item.task();
    metrics_.call_seconds.observe(to_seconds(clock_.now() - begin));
  }
}

void Core::work(Item& item) {
  worked_bytes_ += item.weight;
  if (worked_bytes_ >= kWorthReturning && !std::exchange(is_burst_, true)) keep_free_memory(true);
  worked_at_ = item.delivered_at;
  metrics_.wait_seconds.observe(to_seconds(clock_.now() - item.delivered_at));
  for (std::size_t i = 0; i < item.frames.size(); ++i) {
    Waiter* waiter = i < item.waiters.size() ? item.waiters[i].get() : nullptr;
    apply(item.frames[i], waiter);
  }
  lag_.fetch_sub(item.frames.size(), std::memory_order_relaxed);
  backlog_bytes_.fetch_sub(item.weight, std::memory_order_relaxed);
}

void Core::apply(const Frame& frame, Waiter* waiter) {
  const Timestamp begin = clock_.now();
  const std::uint64_t expected = pipeline_->next_offset();
  if (frame.offset > expected) metrics_.dropped.add(frame.offset - expected);
  FrameOutcome outcome = pipeline_->on_frame(frame);
  metrics_.frames.add();
  metrics_.events.add(outcome.accepted);
  metrics_.duplicates.add(outcome.duplicates);
  metrics_.rejected.add(outcome.dead_letters);
  if (waiter != nullptr) static_cast<FrameWaiter*>(waiter)->applied(frame, std::move(outcome));
  const Timestamp end = clock_.now();
  metrics_.frame_seconds.observe(to_seconds(end - begin));
  metrics_.lag_seconds.observe(to_seconds(end - frame.arrived_at));
}

void Core::round() {
  const Timestamp now = clock_.now();
  tick_due_.store(to_ns(pipeline_->next_deadline()), std::memory_order_relaxed);
  if (now - published_at_ >= kPublishEvery) publish(now);
  const auto& after = pipeline_->wants_commit() ? commit_soon_after_ : commit_after_;
  const bool due = to_ns(now) >= after.load(std::memory_order_relaxed) ||
                   pipeline_->pending_events().size() >= kEventsGathered;
  if (due && !writer_->busy()) commit(now);
}

// After a burst of frames, what they and their batches took is given back. A batch holds a copy of
// all alerts that changed and is free when it is written, later than the last frame.
void Core::rest() {
  if (worked_bytes_ < kWorthReturning) return;
  const Duration quiet = clock_.now() - worked_at_;
  if (quiet >= kQuietAfter && std::exchange(is_burst_, false)) keep_free_memory(false);
  if (quiet < kRestAfter || writer_->busy() || pipeline_->has_changes()) return;
  worked_bytes_ = 0;
  return_free_memory();
}

void Core::publish(Timestamp now) {
  published_at_ = now;
  const auto gather = [](auto& book, std::uint64_t& published) {
    constexpr std::size_t kAtOnce = 2000;  // Newest; a client that lists sees the others.
    using Snapshot = typename std::decay_t<decltype(book)>::Snapshot;
    std::vector<Snapshot> changed = book.changed_since(published, kAtOnce);
    published = book.last_sequence();
    return changed;
  };
  if (hub_.wants(Topic::Incidents)) {
    for (const auto& snapshot : gather(pipeline_->incidents(), published_incidents_)) {
      hub_.publish(snapshot);
    }
  } else {
    published_incidents_ = pipeline_->incidents().last_sequence();
  }
  if (hub_.wants(Topic::Alerts)) {
    for (const auto& snapshot : gather(pipeline_->alerts(), published_alerts_)) {
      hub_.publish(snapshot);
    }
  } else {
    published_alerts_ = pipeline_->alerts().last_sequence();
  }
  const auto& events = pipeline_->pending_events();
  const auto& letters = pipeline_->pending_dead_letters();
  if (published_events_ < events.size()) {
    hub_.publish(std::span(events).subspan(published_events_));
    published_events_ = events.size();
  }
  if (published_letters_ < letters.size()) {
    hub_.publish(std::span(letters).subspan(published_letters_));
    published_letters_ = letters.size();
  }
  if (on_publish_) on_publish_(now);
  hub_.tick(now);
  metrics_.publish_seconds.observe(to_seconds(clock_.now() - now));
}

void Core::commit(Timestamp now) {
  if (!pipeline_->has_changes()) return;
  publish(now);  // What the batch takes away can be published no more.
  published_events_ = 0;
  published_letters_ = 0;
  const Timestamp begin = clock_.now();
  StoreBatch batch = pipeline_->take_batch();
  metrics_.batch_seconds.observe(to_seconds(clock_.now() - begin));
  writer_->commit(std::move(batch));
}

}  // namespace quell
