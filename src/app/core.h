// Core: the thread that owns all live state. Frames and calls come in by one queue; calls go first.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "api/stream_hub.h"
#include "app/pipeline.h"
#include "app/store_writer.h"
#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "journal/journal.h"

namespace quell {

// Who waits for a frame: told on the core thread when it was applied, or on the committer's when it
// was not kept.
class FrameWaiter : public Waiter {
 public:
  virtual void applied(const Frame& frame, FrameOutcome outcome) = 0;
  virtual void refused(const Error& error) = 0;
};

// Appends the frame and waits until it is applied. Errors: append()'s, the commit's; Unavailable
// when the process stops before. Thread: not the core's.
Result<FrameOutcome> append_and_wait(Journal& journal, Frame frame);

struct CoreMetrics {
  explicit CoreMetrics(MetricList& list)
      : frames(list, "quell_core_frames_total", "Frames applied."),
        events(list, "quell_core_events_total", "Events and samples accepted."),
        duplicates(list, "quell_core_duplicates_total", "Events that said nothing new."),
        rejected(list, "quell_core_rejected_total", "Data that became dead letters."),
        dropped(list, "quell_core_dropped_total",
                "Durable frames that never reached the core: always 0."),
        calls(list, "quell_core_calls_total", "API calls answered by the core."),
        frame_seconds(list, "quell_core_frame_seconds", "Work on one frame.", kFastBuckets),
        lag_seconds(list, "quell_core_lag_seconds", "From a frame's arrival to its answer.",
                    kSlowBuckets),
        wait_seconds(list, "quell_core_wait_seconds",
                     "From a group commit's end to the work on its first frame.", kSlowBuckets),
        call_seconds(list, "quell_core_call_seconds", "One API call on the core.", kFastBuckets),
        publish_seconds(list, "quell_core_publish_seconds", "Publishing to streams.", kFastBuckets),
        batch_seconds(list, "quell_core_batch_seconds", "Making one batch for the store.",
                      kFastBuckets) {}
  Counter frames;
  Counter events;
  Counter duplicates;
  Counter rejected;
  Counter dropped;
  Counter calls;
  Histogram frame_seconds;
  Histogram lag_seconds;
  Histogram wait_seconds;
  Histogram call_seconds;
  Histogram publish_seconds;
  Histogram batch_seconds;
};

using CoreTask = std::move_only_function<void()>;

class Core {
 public:
  // `pipeline` is restored and caught up with the journal.
  Core(std::unique_ptr<Pipeline> pipeline, const Clock& clock, MetricList& metrics,
       StreamHubOptions hub_options, std::uint64_t queue_bytes_max);
  ~Core();  // stop()

  // Begins to work; `writer` gets the batches from then on.
  void start(StoreWriter& writer);
  // Works off what is queued, hands the last batch over and ends.
  void stop();

  // A commit of the journal. Waits while the queue is full: the journal then pushes back itself.
  // Thread: the committer's.
  void deliver(Commit commit);

  // Runs `task` on the core thread before any further frame. Returns false when the queue is full
  // or closed. Thread: any.
  bool call(CoreTask task);

  // Wakes the core to publish and to commit what has gathered. Thread: any.
  void nudge();
  // The writer has committed; the next batch may come after a while that keeps its share of the
  // disk and the processor small. Thread: the writer's.
  void committed(Duration took);

  // When a Tick is due, in nanoseconds since 1970. Thread: any.
  std::int64_t tick_due_ns() const { return tick_due_.load(std::memory_order_relaxed); }
  std::uint64_t lag_frames() const { return lag_.load(std::memory_order_relaxed); }

  // Thread: the core's (inside of a call or of a waiter).
  Pipeline& pipeline() { return *pipeline_; }
  StreamHub& hub() { return hub_; }
  // Called after every publishing round, with what is to be added to it.
  void set_on_publish(std::function<void(Timestamp now)> f) { on_publish_ = std::move(f); }

 private:
  struct Item {
    std::vector<Frame> frames{};
    std::vector<std::unique_ptr<Waiter>> waiters{};
    CoreTask task{};
    std::size_t weight = 0;
    Timestamp delivered_at{};  // Frames only.
  };

  void run();
  void take(std::vector<Item> items);
  void work(Item& item);
  bool store_is_behind() const;
  void apply(const Frame& frame, Waiter* waiter);
  void round();
  void rest();
  void publish(Timestamp now);
  void commit(Timestamp now);

  const Clock& clock_;
  CoreMetrics metrics_;
  BoundedQueue<Item> inbox_;
  const std::uint64_t queue_bytes_max_;
  std::atomic<std::uint64_t> backlog_bytes_{0};  // Taken out of the inbox, not worked off yet.
  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> tick_due_{INT64_MAX};
  std::atomic<std::int64_t> commit_soon_after_{0};
  std::atomic<std::int64_t> commit_after_{0};
  std::atomic<std::uint64_t> lag_{0};
  std::atomic<bool> nudged_{false};

  // The core thread's alone from start() on.
  std::unique_ptr<Pipeline> pipeline_;
  StreamHub hub_;
  std::function<void(Timestamp)> on_publish_;
  StoreWriter* writer_ = nullptr;
  std::deque<Item> backlog_;
  std::uint64_t published_alerts_ = 0;
  std::uint64_t published_incidents_ = 0;
  std::size_t published_events_ = 0;
  std::size_t published_letters_ = 0;
  Timestamp published_at_{};
  Timestamp worked_at_{};         // When the last frame came.
  std::size_t worked_bytes_ = 0;  // Of frames since memory was given back.
  bool is_burst_ = false;         // What becomes free is kept for what comes next.

  std::thread thread_;
};

}  // namespace quell
