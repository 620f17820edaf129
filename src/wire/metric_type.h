// The type of a metric, as Prometheus and OpenMetrics name it.
#pragma once

#include <cstdint>

namespace quell {

// The numbers are those of remote write, in both versions.
enum class MetricType : std::uint8_t {
  Unknown = 0,
  Counter = 1,
  Gauge = 2,
  Histogram = 3,
  GaugeHistogram = 4,
  Summary = 5,
  Info = 6,
  StateSet = 7,
};

}  // namespace quell
