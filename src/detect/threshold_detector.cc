#include "detect/threshold_detector.h"

#include <cmath>

#include "detect/sample_order.h"

namespace quell {

Reading ThresholdDetector::observe(Timestamp time, std::span<const double> values) {
  const double value = values[0];
  Reading reading{.value = value, .expected = std::isnan(value) ? 0 : value};
  if (above_) reading.upper = *above_;
  if (below_) reading.lower = *below_;
  // An infinite value is beyond every limit on its side.
  if (std::isnan(value) || is_late(time, last_)) {
    reading.is_used = false;
    return reading;
  }
  last_ = time;
  if (above_ && value > *above_) reading.side = 1;
  if (below_ && value < *below_) reading.side = -1;
  reading.is_unusual = reading.side != 0;
  if (reading.side > 0) reading.expected = *above_;
  if (reading.side < 0) reading.expected = *below_;
  return reading;
}

}  // namespace quell
