// Where time comes from. Core code is handed times; it never asks the operating system.
#pragma once

#include <chrono>

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

// A clock that a test moves by hand.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp{}) : now_(start) {}
  Timestamp now() const override { return now_; }
  void advance(Duration d) { now_ += d; }
  void set(Timestamp t) { now_ = t; }

 private:
  Timestamp now_;
};

}  // namespace quell
