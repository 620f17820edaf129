// The encoding of a stretch of samples: what MetricChunk::samples holds (docs/formats/store.md).
//
// Method: delta of delta for times and XOR for values, as in Gorilla (Pelkonen et al., VLDB 2015),
// with whole bytes instead of bits. A regular series of small numbers takes about 4 bytes a sample.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace quell {

struct Point {
  Timestamp time{};
  double value = 0;
};

// Any times and values; NaN keeps its bits.
void encode_points(std::span<const Point> points, std::string& out);
// Errors: Corrupt.
Result<std::vector<Point>> decode_points(std::string_view bytes);

}  // namespace quell
