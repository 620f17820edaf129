// Rollups: samples that have grown old become points of five minutes (model/rollup.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/metric_chunk.h"
#include "model/rollup.h"
#include "stream/sample_codec.h"

namespace quell {

// Adds points to rollups; both are by time. Where there is a rollup for the five minutes of a point
// already, the point counts only if it is later than all that is in it: so what is added twice
// counts once.
void add_to_rollups(std::span<const Point> points, std::vector<Rollup>& rollups);

void encode_rollups(std::span<const Rollup> rollups, std::string& out);
// Errors: Corrupt.
Result<std::vector<Rollup>> decode_rollups(std::string_view bytes);

// The chunks of one series, where two have a sample of one time the later one counts, added to what
// is kept of these and the following five minutes. Returns: all that is to be kept instead.
// Requires: at least one chunk.
RolledUp roll_up(const std::vector<MetricChunk>& chunks, const std::vector<MetricRollups>& kept);

// Takes away what the other says better: rollups whose values are all among the points (which have
// not grown old, or are still in memory) go, and else the points that a rollup stands for.
// Both by time, `points` each time once.
void choose_finer(std::vector<Point>& points, std::vector<Rollup>& rollups);

}  // namespace quell
