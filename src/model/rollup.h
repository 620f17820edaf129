// Rollup: what is kept of the samples of one series in five minutes, when the samples themselves
// have grown old (stream/rollup.h makes them).
//
// The first, the last, the least and the greatest value, their sum and number, and what the values
// lost where they fell, so that the rise of a counter across its resets stays known. The five
// minutes are those of the clock: 10:00:00 to 10:04:59.999.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace quell {

inline constexpr Duration kRollupSpan = std::chrono::minutes(5);

struct Rollup {
  Timestamp first_time{};  // Of values; stale markers are none.
  Timestamp last_time{};
  Timestamp until{};        // The latest sample, a stale marker too: then it is after last_time.
  std::uint64_t count = 0;  // Of values. 0: there was a stale marker only.
  double first = 0;
  double last = 0;
  double min = 0;  // Of those that are numbers; NaN when none is.
  double max = 0;
  double sum = 0;
  double lost = 0;  // The sum of the values before each fall.

  Timestamp begin() const { return begin_of(until); }
  // Of the five minutes that `t` lies in.
  static Timestamp begin_of(Timestamp t) {
    const Duration into = t.time_since_epoch() % kRollupSpan;
    const Duration back = into < Duration::zero() ? into + kRollupSpan : into;
    return t < Timestamp::min() + back ? Timestamp::min() : t - back;
  }
};

}  // namespace quell
