// Which samples of a series are late, and which show that its clock was set back.
//
// A time not after the last one's is late; one that is ten minutes before it, or more, is believed:
// the clock was set back, or the last sample's time was wrong. Otherwise one sample of the year
// 2200 would make its series late for ever.
#pragma once

#include "base/clock.h"
#include "base/time.h"

namespace quell {

inline constexpr Duration kClockSetBack = std::chrono::minutes(10);

inline bool is_set_back(Timestamp time, Timestamp last) {
  return ns_between(time, last) >= static_cast<double>(kClockSetBack.count());
}

// Requires: there was a last sample.
inline bool is_late(Timestamp time, Timestamp last) {
  return time <= last && !is_set_back(time, last);
}

}  // namespace quell
