// Where time comes from. Core code is handed times; it never asks the operating system.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace quell {

using Duration = std::chrono::nanoseconds;
using Timestamp = std::chrono::sys_time<Duration>;  // UTC, nanoseconds since 1970-01-01.

class Clock {
 public:
  virtual ~Clock() = default;

  // Thread: any.
  virtual Timestamp now() const = 0;
};

// The machine's clock (base/system_clock.cc). The only reader of the operating system's time.
class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
};

// A clock that a test moves by hand, also while other threads read it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp{}) { set(start); }
  Timestamp now() const override { return Timestamp{Duration{ns_.load()}}; }
  void advance(Duration d) { ns_ += d.count(); }
  void set(Timestamp t) { ns_ = t.time_since_epoch().count(); }

 private:
  std::atomic<std::int64_t> ns_{0};
};

}  // namespace quell
