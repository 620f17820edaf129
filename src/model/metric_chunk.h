// MetricChunk: a stretch of one series' samples as the store keeps it; MetricRollups: an older one,
// of which only a point for each five minutes is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

struct MetricRollups {
  std::shared_ptr<const Series> series{};  // Never null.
  Timestamp first_time{};                  // The earliest and the latest sample that is in them.
  Timestamp last_time{};
  std::uint32_t count = 0;  // Of five minutes.
  std::string points{};     // stream/rollup.h encodes them.
};

// What old chunks are to be replaced by.
struct RolledUp {
  std::vector<MetricRollups> rows{};
  std::uint64_t damaged = 0;  // Chunks and rows that do not decode: they are left out.
};

// What the store has of some series in a stretch of time.
struct MetricHistory {
  std::vector<MetricChunk> chunks{};
  std::vector<MetricRollups> rollups{};
  std::uint64_t bytes = 0;  // About what the rows take.
  bool is_cut = false;      // There may be more rows: MetricQuery::bytes_max was passed.
};

}  // namespace quell
