// What expressions of the PromQL subset are evaluated over, and what they give.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/rollup.h"
#include "promql/expr.h"

namespace quell::promql {

using Labels = std::vector<std::pair<std::string, std::string>>;  // Sorted by name.

// Columns by time, which rises. Stale markers are among them. Where only rollups are left of the
// samples, these stand for them; no sample lies within one.
struct InputSeries {
  Labels labels{};  // With `__name__`.
  std::vector<std::int64_t> times_ms{};
  std::vector<double> values{};
  std::vector<Rollup> rollups{};
};
// The series of each selector, by its number.
using Inputs = std::vector<std::vector<InputSeries>>;

// The times at which an expression is evaluated: `count` of them, from `start_ms` on.
struct Steps {
  std::int64_t start_ms = 0;
  std::int64_t step_ms = 1;
  std::size_t count = 1;

  std::int64_t at(std::size_t i) const { return start_ms + static_cast<std::int64_t>(i) * step_ms; }
};

struct OutputSeries {
  Labels labels{};
  std::vector<double> values{};  // By step; only where `present`.
  std::vector<bool> present{};
};

struct RangeSeries {
  Labels labels{};
  std::vector<std::int64_t> times_ms{};
  std::vector<double> values{};
};

struct Value {
  Type type = Type::Scalar;
  std::vector<double> scalar{};        // By step.
  std::vector<OutputSeries> series{};  // Of a vector; sorted by labels.
  std::vector<RangeSeries> ranges{};   // Of a range vector, at the first step.
};

// How long a sample speaks for its series.
inline constexpr std::int64_t kLookbackMs = 5 * 60 * 1000;

// Of series and steps in any intermediate value.
inline constexpr std::size_t kCellsMax = 20'000'000;

// What one evaluation may take.
struct EvaluationLimits {
  std::uint64_t visits_max = 2'000'000'000;  // Of samples and steps: about 20 s.
  std::function<bool()> is_late{};  // Asked about each kVisitsPerLook visits; may be empty.
};
inline constexpr std::uint64_t kVisitsPerLook = 1 << 18;

// Method: Prometheus 2's engine: ranges and the lookback include both of their ends; rates are
// extrapolated to the ends of the range; quantiles are interpolated in the bucket. A rollup gives a
// selector its first and its last value, for five minutes longer than a sample would; functions of
// a range see as many samples as it stands for, evenly over its time, with its rise, sum or
// extreme. Requires: inputs.size() is the number of selectors, times rise. Errors: InvalidArgument,
// where Prometheus fails an execution: several series get the same labels, or match one; TooLarge
// when a value has more than kCellsMax cells, or after visits_max; Timeout. Cost: about 10 ns per
// sample and step of a range function.
Result<Value> evaluate(const Query& query, const Inputs& inputs, const Steps& steps,
                       const EvaluationLimits& limits = {});

// The times that a selector needs at these steps: [first, last].
std::pair<std::int64_t, std::int64_t> times_needed(const Selector& selector, const Steps& steps);

// As Prometheus writes sample values: shortest, without an exponent from 1e-6 to 1e21.
std::string format_value(double value);

}  // namespace quell::promql
