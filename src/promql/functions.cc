#include "promql/functions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/time.h"
#include "model/sample.h"

namespace quell::promql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double seconds(std::int64_t ms) {
  return static_cast<double>(ms) / 1000;
}

// What the samples rose by, extrapolated to the ends of the range: by as much as the distance to
// it, but by half of the average distance between samples where the series seems to begin or end
// inside, and not further than to where a counter was zero.
bool extrapolated(const RangeSamples& s, bool is_counter, bool is_rate, double& out) {
  if (s.values.size() < 2) return false;
  double result = s.values.back() - s.values.front();
  if (is_counter) {
    double previous = 0;
    for (const double v : s.values) {
      if (v < previous) result += previous;
      previous = v;
    }
  }
  double to_start = seconds(s.times_ms.front() - s.begin_ms);
  const double to_end = seconds(s.end_ms - s.times_ms.back());
  const double sampled = seconds(s.times_ms.back() - s.times_ms.front());
  const double average = sampled / static_cast<double>(s.values.size() - 1);
  if (is_counter && result > 0 && s.values.front() >= 0) {
    to_start = std::min(to_start, sampled * (s.values.front() / result));
  }
  const double threshold = average * 1.1;
  double extrapolated_to = sampled;
  extrapolated_to += to_start < threshold ? to_start : average / 2;
  extrapolated_to += to_end < threshold ? to_end : average / 2;
  double factor = extrapolated_to / sampled;
  if (is_rate) factor /= seconds(s.end_ms - s.begin_ms);
  out = result * factor;
  return true;
}

bool instant_rate(const RangeSamples& s, double& out) {
  const std::size_t n = s.values.size();
  if (n < 2) return false;
  const double last = s.values[n - 1];
  const double before = s.values[n - 2];
  const std::int64_t ms = s.times_ms[n - 1] - s.times_ms[n - 2];
  if (ms == 0) return false;
  out = (last < before ? last : last - before) / seconds(ms);
  return true;
}

double average(std::span<const double> values) {
  double mean = 0;
  double count = 0;
  for (const double v : values) {
    ++count;
    if (std::isinf(mean)) {
      if (std::isinf(v) && (mean > 0) == (v > 0)) continue;
      if (std::isfinite(v)) continue;
    }
    mean += v / count - mean / count;
  }
  return mean;
}

double extreme(std::span<const double> values, bool is_max) {
  double result = values.front();
  for (const double v : values) {
    if ((is_max ? v > result : v < result) || std::isnan(result)) result = v;
  }
  return result;
}

// Kahan's summation, as Neumaier improved it.
double sum(std::span<const double> values) {
  double total = 0;
  double lost = 0;
  for (const double v : values) {
    const double next = total + v;
    if (std::isinf(next)) {
      lost = 0;
    } else if (std::abs(total) >= std::abs(v)) {
      lost += (total - next) + v;
    } else {
      lost += (v - next) + total;
    }
    total = next;
  }
  return std::isinf(total) ? total : total + lost;
}

}  // namespace

bool range_function(Function function, const RangeSamples& s, double& out) {
  if (s.values.empty()) return false;
  switch (function) {
    case Function::Rate: return extrapolated(s, true, true, out);
    case Function::Increase: return extrapolated(s, true, false, out);
    case Function::Delta: return extrapolated(s, false, false, out);
    case Function::Irate: return instant_rate(s, out);
    case Function::AvgOverTime: out = average(s.values); return true;
    case Function::MinOverTime: out = extreme(s.values, false); return true;
    case Function::MaxOverTime: out = extreme(s.values, true); return true;
    case Function::SumOverTime:
    case Function::CountOverTime: out = sum(s.values); return true;
    case Function::LastOverTime: out = s.values.back(); return true;
    case Function::HistogramQuantile: break;
  }
  return false;
}

namespace {

// The value of sample `i` of `n` that a rollup is taken for. The first and the last one are those
// that were, so that a range that ends with one of them sees nothing of the others.
double value_within(Function function, const Rollup& r, std::uint64_t i, std::uint64_t n) {
  const bool is_end = i == 0 || i + 1 == n;
  const double end = i == 0 && n > 1 ? r.first : r.last;
  // What is left for those in between, of a sum.
  const auto share = [&](double sum) {
    return (sum - r.first - r.last) / static_cast<double>(n - 2);
  };
  const auto between = [](double from, double to, std::uint64_t at, std::uint64_t last) {
    if (at == last) return to;
    return from + (to - from) * static_cast<double>(at) / static_cast<double>(last);
  };
  switch (function) {
    case Function::Rate:
    case Function::Increase:
    case Function::Irate: {
      // All that was lost is lost in the middle, at once, so that the rise is the same.
      if (r.lost <= 0 || n < 4) return between(r.first, r.last, i, n - 1);
      const std::uint64_t half = n / 2;
      return i < half ? between(r.first, r.lost, i, half - 1)
                      : between(0, r.last, i - half, n - half - 1);
    }
    case Function::Delta: return between(r.first, r.last, i, n - 1);
    case Function::MinOverTime: return is_end ? end : r.min;
    case Function::MaxOverTime: return is_end ? end : r.max;
    case Function::AvgOverTime:
      return is_end ? end : share(r.sum * (static_cast<double>(n) / static_cast<double>(r.count)));
    case Function::SumOverTime: return is_end ? end : share(r.sum);
    case Function::CountOverTime: return static_cast<double>(r.count) / static_cast<double>(n);
    case Function::LastOverTime:
    case Function::HistogramQuantile: break;
  }
  return end;
}

void add_rollup(Function function, const Rollup& r, std::vector<std::int64_t>& times_ms,
                std::vector<double>& values) {
  if (r.count == 0) return;
  const std::int64_t first = to_unix_ms(r.first_time);
  const std::int64_t last = to_unix_ms(r.last_time);
  std::uint64_t n = std::min({r.count, kRolledUpMax, static_cast<std::uint64_t>(last - first) + 1});
  if (function == Function::LastOverTime) n = std::min<std::uint64_t>(n, 2);
  const bool is_rate =
      function == Function::Rate || function == Function::Increase || function == Function::Irate;
  if (is_rate && r.lost > 0 && n == 3 && last - first >= 4) n = 4;
  if (n == 1) {
    times_ms.push_back(last);
    values.push_back(function == Function::CountOverTime ? static_cast<double>(r.count) : r.last);
    return;
  }
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto part = static_cast<std::int64_t>(i);
    times_ms.push_back(first + (last - first) * part / static_cast<std::int64_t>(n - 1));
    values.push_back(value_within(function, r, i, n));
  }
}

}  // namespace

void live_samples(Function function, const InputSeries& series, std::vector<std::int64_t>& times_ms,
                  std::vector<double>& values) {
  std::size_t next = 0;
  const auto add_until = [&](std::int64_t end) {
    for (; next < series.values.size() && series.times_ms[next] < end; ++next) {
      const double v = series.values[next];
      if (is_stale_marker(v)) continue;
      times_ms.push_back(series.times_ms[next]);
      values.push_back(function == Function::CountOverTime ? 1 : v);
    }
  };
  for (const Rollup& rollup : series.rollups) {
    add_until(to_unix_ms(rollup.until));
    add_rollup(function, rollup, times_ms, values);
  }
  add_until(INT64_MAX);
}

double binary_result(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::Add: return left + right;
    case BinaryOp::Sub: return left - right;
    case BinaryOp::Mul: return left * right;
    case BinaryOp::Div: return left / right;
    case BinaryOp::Mod: return std::fmod(left, right);
    case BinaryOp::Pow: return std::pow(left, right);
    default: return comparison_result(op, left, right) ? 1 : 0;
  }
}

bool comparison_result(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::Eq: return left == right;
    case BinaryOp::Ne: return left != right;
    case BinaryOp::Gt: return left > right;
    case BinaryOp::Lt: return left < right;
    case BinaryOp::Ge: return left >= right;
    case BinaryOp::Le: return left <= right;
    default: return false;
  }
}

}  // namespace quell::promql
