// The rate of a counter between two of its samples.
#pragma once

#include <cmath>
#include <limits>

#include "base/clock.h"
#include "model/sample.h"

namespace quell {

// Returns: what was added per second; NaN when it cannot be told: one of the values is none, time
// did not go on, or more than `gap_max` of it passed. A value below the last one means that the
// counter began anew from zero in between. The marker that a series has ended stays.
inline double counter_rate(Timestamp before, double last, Timestamp now, double value,
                           Duration gap_max) {
  if (is_stale_marker(value)) return value;
  const Duration passed = now - before;
  if (passed <= Duration{0} || passed > gap_max || !std::isfinite(last) || !std::isfinite(value)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double added = value < last ? value : value - last;
  return added / (static_cast<double>(passed.count()) * 1e-9);
}

}  // namespace quell
