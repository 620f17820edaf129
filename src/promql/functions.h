// Functions over the samples of a range.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "promql/expr.h"
#include "promql/value.h"

namespace quell::promql {

// The samples in the range, without stale markers.
struct RangeSamples {
  std::span<const std::int64_t> times_ms{};
  std::span<const double> values{};
  std::int64_t begin_ms = 0;  // Of the range.
  std::int64_t end_ms = 0;
};

// Of the samples that live_samples() gave. Returns: false when there are too few. Requires: a
// function of a range.
bool range_function(Function function, const RangeSamples& samples, double& out);

// Appends what a function of a range sees of samples and rollups, by time, without stale markers.
// Of CountOverTime the values are to be summed. Cost: at most kRolledUpMax samples of a rollup.
inline constexpr std::uint64_t kRolledUpMax = 300;
void live_samples(Function function, const InputSeries& series, std::vector<std::int64_t>& times_ms,
                  std::vector<double>& values);

double binary_result(BinaryOp op, double left, double right);  // Of arithmetic.
bool comparison_result(BinaryOp op, double left, double right);

}  // namespace quell::promql
