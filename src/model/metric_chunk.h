// MetricChunk: a stretch of one series' samples as the store keeps it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "model/sample.h"

namespace quell {

struct MetricChunk {
  std::shared_ptr<const Series> series{};  // Never null.
  std::uint64_t end_offset = 0;  // All samples of the series from frames below it are in chunks.
  Timestamp first_time{};        // The earliest and the latest sample.
  Timestamp last_time{};
  std::uint32_t count = 0;
  std::string samples{};  // stream/sample_codec.h encodes them.
};

}  // namespace quell
