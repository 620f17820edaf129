#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "model/histogram.h"
#include "model/sample.h"
#include "promql/functions.h"
#include "promql/value.h"

namespace quell::promql {
namespace {

std::int64_t to_ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

void drop(Labels& labels, std::string_view name) {
  std::erase_if(labels, [&](const auto& label) { return label.first == name; });
}

bool contains(const std::vector<std::string>& sorted, std::string_view name) {
  return std::ranges::binary_search(sorted, name);
}

// Only the listed labels, or all others but the name.
Labels grouped(const Labels& labels, const std::vector<std::string>& listed, bool keeps) {
  Labels result;
  for (const auto& label : labels) {
    const bool is_listed = contains(listed, label.first);
    if (keeps ? is_listed : !is_listed && label.first != kMetricLabel) result.push_back(label);
  }
  return result;
}

std::string text_of(const Labels& labels) {
  std::string text = "{";
  for (const auto& [name, value] : labels) {
    text += fmt::format("{}{}=\"{}\"", text.size() > 1 ? ", " : "", name, value);
  }
  return text + "}";
}

class Evaluator {
 public:
  Evaluator(const Inputs& inputs, const Steps& steps, const EvaluationLimits& limits)
      : inputs_(inputs), steps_(steps), limits_(limits) {}

  Result<Value> value(const Expr& expr) {
    TRY_STATUS(spend(steps_.count));
    switch (expr.kind) {
      case Expr::Kind::Number: return scalar(std::vector<double>(steps_.count, expr.number));
      case Expr::Kind::Select:
        return expr.type == Type::Range ? ranges(expr.selector) : instant(expr.selector);
      case Expr::Kind::Call:
        return expr.function == Function::HistogramQuantile ? quantiles(expr) : over_time(expr);
      case Expr::Kind::Aggregate: return aggregate(expr);
      case Expr::Kind::Negate: return negated(expr);
      case Expr::Kind::Binary: return binary(expr);
    }
    return Value{};
  }

 private:
  static Value scalar(std::vector<double> values) {
    return {.type = Type::Scalar, .scalar = std::move(values)};
  }
  static Value vector() { return {.type = Type::Vector}; }

  // Counts what is looked at, and ends what takes too long.
  Status spend(std::uint64_t visits) {
    visits_ += visits;
    if (visits_ > limits_.visits_max) {
      return fail(Errc::TooLarge,
                  fmt::format("the query looks at more than {} samples and steps: ask for fewer "
                              "series, a shorter range or a longer step",
                              limits_.visits_max));
    }
    if (visits_ < look_at_) return {};
    look_at_ = visits_ + kVisitsPerLook;
    if (!limits_.is_late || !limits_.is_late()) return {};
    return fail(Errc::Timeout, "query timed out in expression evaluation");
  }

  Status check_size(std::size_t series) const {
    if (series <= kCellsMax / steps_.count) return {};
    return fail(Errc::TooLarge,
                fmt::format("the query gives {} series at {} steps: more than {} values; ask for "
                            "fewer series, a shorter time or a longer step",
                            series, steps_.count, kCellsMax));
  }

  OutputSeries empty_series(Labels labels) const {
    return {.labels = std::move(labels),
            .values = std::vector<double>(steps_.count),
            .present = std::vector<bool>(steps_.count)};
  }

  // Moves what has any value to `out`.
  static void keep(OutputSeries&& series, Value& out) {
    if (std::ranges::find(series.present, true) == series.present.end()) return;
    out.series.push_back(std::move(series));
  }

  // Sorts; series that came to have the same labels become one, unless they meet.
  static Status settle(Value& value) {
    std::ranges::stable_sort(value.series, {}, &OutputSeries::labels);
    std::size_t last = 0;
    for (std::size_t i = 1; i < value.series.size(); ++i) {
      OutputSeries& next = value.series[i];
      OutputSeries& kept = value.series[last];
      if (next.labels != kept.labels) {
        if (++last != i) value.series[last] = std::move(next);
        continue;
      }
      for (std::size_t step = 0; step < next.present.size(); ++step) {
        if (!next.present[step]) continue;
        if (kept.present[step]) {
          return fail(Errc::InvalidArgument,
                      "vector cannot contain metrics with the same labelset");
        }
        kept.present[step] = true;
        kept.values[step] = next.values[step];
      }
    }
    if (!value.series.empty()) value.series.resize(last + 1);
    return {};
  }

  // ---------------------------------------------------------------------------------------------
  // Selectors.

  // Of each rollup the first and the last sample, and the stale marker behind it.
  static const InputSeries& with_last_values(const InputSeries& in, InputSeries& joined) {
    if (in.rollups.empty()) return in;
    joined.labels = in.labels;
    std::size_t next = 0;
    const auto add = [&](std::int64_t ms, double value) {
      joined.times_ms.push_back(ms);
      joined.values.push_back(value);
    };
    for (const Rollup& r : in.rollups) {
      const std::int64_t until = to_ms(r.until.time_since_epoch());
      for (; next < in.values.size() && in.times_ms[next] < until; ++next) {
        add(in.times_ms[next], in.values[next]);
      }
      const std::int64_t first = to_ms(r.first_time.time_since_epoch());
      if (first < to_ms(r.last_time.time_since_epoch())) add(first, r.first);
      if (r.count > 0) add(to_ms(r.last_time.time_since_epoch()), r.last);
      if (r.count == 0 || r.until != r.last_time) add(until, stale_marker());
    }
    for (; next < in.values.size(); ++next) add(in.times_ms[next], in.values[next]);
    return joined;
  }

  Result<Value> instant(const Selector& selector) {
    const auto& input = inputs_[selector.number];
    TRY_STATUS(check_size(input.size()));
    Value result = vector();
    for (const InputSeries& any : input) {
      InputSeries joined;
      const InputSeries& in = with_last_values(any, joined);
      const std::int64_t coarse_until =
          any.rollups.empty() ? INT64_MIN : to_ms(any.rollups.back().until.time_since_epoch());
      TRY_STATUS(spend(in.values.size() + steps_.count));
      OutputSeries series = empty_series(in.labels);
      std::size_t next = 0;  // The first sample behind the step.
      for (std::size_t step = 0; step < steps_.count; ++step) {
        const std::int64_t at = steps_.at(step) - to_ms(selector.offset);
        while (next < in.times_ms.size() && in.times_ms[next] <= at) ++next;
        if (next == 0) continue;
        const bool is_coarse = in.times_ms[next - 1] <= coarse_until;
        const std::int64_t lookback = kLookbackMs + (is_coarse ? to_ms(kRollupSpan) : 0);
        if (in.times_ms[next - 1] < at - lookback) continue;
        if (is_stale_marker(in.values[next - 1])) continue;
        series.present[step] = true;
        series.values[step] = in.values[next - 1];
      }
      keep(std::move(series), result);
    }
    TRY_STATUS(settle(result));
    return result;
  }

  Result<Value> ranges(const Selector& selector) {
    Value result{.type = Type::Range};
    const std::int64_t end = steps_.at(0) - to_ms(selector.offset);
    const std::int64_t begin = end - to_ms(selector.range);
    for (const InputSeries& any : inputs_[selector.number]) {
      InputSeries joined;
      const InputSeries& in = with_last_values(any, joined);
      TRY_STATUS(spend(in.values.size()));
      RangeSeries series{.labels = in.labels};
      for (std::size_t i = 0; i < in.values.size(); ++i) {
        const std::int64_t time = in.times_ms[i];
        if (time < begin || time > end || is_stale_marker(in.values[i])) continue;
        series.times_ms.push_back(time);
        series.values.push_back(in.values[i]);
      }
      if (!series.values.empty()) result.ranges.push_back(std::move(series));
    }
    std::ranges::sort(result.ranges, {}, &RangeSeries::labels);
    return result;
  }

  // ---------------------------------------------------------------------------------------------
  // Functions.

  Result<Value> over_time(const Expr& expr) {
    const Selector& selector = expr.args[0]->selector;
    const auto& input = inputs_[selector.number];
    TRY_STATUS(check_size(input.size()));
    Value result = vector();
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (const InputSeries& in : input) {
      OutputSeries series = empty_series(in.labels);
      if (expr.function != Function::LastOverTime) drop(series.labels, kMetricLabel);
      times.clear();
      values.clear();
      live_samples(expr.function, in, times, values);
      TRY_STATUS(spend(times.size()));
      std::size_t first = 0;
      std::size_t end = 0;
      for (std::size_t step = 0; step < steps_.count; ++step) {
        const std::int64_t until = steps_.at(step) - to_ms(selector.offset);
        const std::int64_t since = until - to_ms(selector.range);
        while (end < times.size() && times[end] <= until) ++end;
        while (first < end && times[first] < since) ++first;
        TRY_STATUS(spend(end - first + 1));
        const RangeSamples samples{std::span(times).subspan(first, end - first),
                                   std::span(values).subspan(first, end - first), since, until};
        series.present[step] = range_function(expr.function, samples, series.values[step]);
      }
      keep(std::move(series), result);
    }
    TRY_STATUS(settle(result));
    return result;
  }

  struct Bounded {
    double bound = 0;
    const OutputSeries* series = nullptr;
  };

  Result<Value> quantiles(const Expr& expr) {
    TRY(const Value quantile, value(*expr.args[0]));
    TRY(const Value input, value(*expr.args[1]));
    std::map<Labels, std::vector<Bounded>> groups;
    for (const OutputSeries& series : input.series) {
      const auto le = std::ranges::find(
          series.labels, kBoundLabel, [](const auto& l) -> const auto& { return l.first; });
      if (le == series.labels.end()) continue;
      const auto bound = bucket_bound(le->second);
      if (!bound) continue;
      Labels labels = series.labels;
      drop(labels, kBoundLabel);
      drop(labels, kMetricLabel);
      groups[std::move(labels)].push_back({*bound, &series});
    }
    Value result = vector();
    std::vector<HistogramBucket> buckets;
    for (const auto& [labels, bounded] : groups) {
      TRY_STATUS(spend(bounded.size() * steps_.count));
      OutputSeries series = empty_series(labels);
      for (std::size_t step = 0; step < steps_.count; ++step) {
        buckets.clear();
        for (const Bounded& b : bounded) {
          if (b.series->present[step]) buckets.push_back({b.bound, b.series->values[step]});
        }
        if (buckets.empty()) continue;
        series.present[step] = true;
        series.values[step] = bucket_quantile(quantile.scalar[step], buckets);
      }
      keep(std::move(series), result);
    }
    return result;
  }

  // ---------------------------------------------------------------------------------------------
  // Aggregations.

  struct Group {
    std::vector<double> values;  // Of each step.
    std::vector<double> counts;
  };

  static void add(Aggregation aggregation, double v, double& value, double& count) {
    const bool is_first = ++count == 1;
    switch (aggregation) {
      case Aggregation::Count: value = count; return;
      case Aggregation::Sum: value += v; return;
      case Aggregation::Avg:
        if (std::isinf(value) && (std::isfinite(v) || value == v)) return;
        value += v / count - value / count;
        return;
      case Aggregation::Max:
        if (is_first || v > value || std::isnan(value)) value = v;
        return;
      case Aggregation::Min:
        if (is_first || v < value || std::isnan(value)) value = v;
        return;
    }
  }

  Result<Value> aggregate(const Expr& expr) {
    TRY(const Value input, value(*expr.args[0]));
    std::map<Labels, Group> groups;
    for (const OutputSeries& series : input.series) {
      TRY_STATUS(spend(steps_.count));
      Group& group = groups[grouped(series.labels, expr.labels, !expr.without)];
      if (group.values.empty()) {
        group.values.resize(steps_.count);
        group.counts.resize(steps_.count);
      }
      for (std::size_t step = 0; step < steps_.count; ++step) {
        if (!series.present[step]) continue;
        add(expr.aggregation, series.values[step], group.values[step], group.counts[step]);
      }
    }
    Value result = vector();
    for (auto& [labels, group] : groups) {
      OutputSeries series{.labels = labels, .values = std::move(group.values)};
      for (const double count : group.counts) series.present.push_back(count > 0);
      result.series.push_back(std::move(series));
    }
    return result;
  }

  // ---------------------------------------------------------------------------------------------
  // Operators.

  Result<Value> negated(const Expr& expr) {
    TRY(Value result, value(*expr.args[0]));
    for (double& v : result.scalar) v = -v;
    for (OutputSeries& series : result.series) {
      drop(series.labels, kMetricLabel);
      for (double& v : series.values) v = -v;
    }
    TRY_STATUS(settle(result));
    return result;
  }

  Result<Value> binary(const Expr& expr) {
    TRY(Value left, value(*expr.args[0]));
    TRY(Value right, value(*expr.args[1]));
    if (left.type == Type::Vector && right.type == Type::Vector) {
      return between_vectors(expr, left, right);
    }
    if (left.type == Type::Vector) return with_scalar(expr, std::move(left), right.scalar, false);
    if (right.type == Type::Vector) return with_scalar(expr, std::move(right), left.scalar, true);
    for (std::size_t step = 0; step < steps_.count; ++step) {
      left.scalar[step] = binary_result(expr.op, left.scalar[step], right.scalar[step]);
    }
    return left;
  }

  // Comparisons keep the value of the vector and drop what does not hold; with `bool` they give 0
  // or 1.
  Result<Value> with_scalar(const Expr& expr, Value input, const std::vector<double>& scalar,
                            bool is_left) {
    const bool filters = is_comparison(expr.op) && !expr.is_bool;
    Value result = vector();
    for (OutputSeries& series : input.series) {
      TRY_STATUS(spend(steps_.count));
      if (!filters) drop(series.labels, kMetricLabel);
      for (std::size_t step = 0; step < steps_.count; ++step) {
        if (!series.present[step]) continue;
        double& v = series.values[step];
        const double left = is_left ? scalar[step] : v;
        const double right = is_left ? v : scalar[step];
        if (filters) {
          series.present[step] = comparison_result(expr.op, left, right);
        } else {
          v = binary_result(expr.op, left, right);
        }
      }
      keep(std::move(series), result);
    }
    TRY_STATUS(settle(result));
    return result;
  }

  struct Side {
    std::vector<const OutputSeries*> left;
    std::vector<const OutputSeries*> right;
  };

  Result<Value> between_vectors(const Expr& expr, const Value& left, const Value& right) {
    std::map<Labels, Side> groups;
    for (const OutputSeries& s : left.series) {
      groups[grouped(s.labels, expr.labels, expr.on)].left.push_back(&s);
    }
    for (const OutputSeries& s : right.series) {
      groups[grouped(s.labels, expr.labels, expr.on)].right.push_back(&s);
    }
    Value result = vector();
    std::vector<bool> left_any(steps_.count);
    for (const OutputSeries& s : left.series) {
      for (std::size_t step = 0; step < steps_.count; ++step) {
        if (s.present[step]) left_any[step] = true;
      }
    }
    for (const auto& [labels, side] : groups) {
      TRY_STATUS(spend((side.left.size() + side.right.size()) * steps_.count));
      TRY_STATUS(check_right_is_unique(labels, side, left_any));
      TRY_STATUS(match(expr, side, result));
    }
    TRY_STATUS(settle(result));
    return result;
  }

  Labels result_labels(const Expr& expr, const Labels& left) const {
    const bool keeps_name = is_comparison(expr.op) && !expr.is_bool && !expr.on;
    Labels labels;
    for (const auto& label : left) {
      const bool is_name = label.first == kMetricLabel;
      const bool is_listed = contains(expr.labels, label.first);
      if (is_name ? keeps_name : is_listed == expr.on) labels.push_back(label);
    }
    return labels;
  }

  // Also of groups that nothing on the left is in, at steps where there is anything on the left.
  Status check_right_is_unique(const Labels& labels, const Side& side,
                               const std::vector<bool>& left_any) const {
    if (side.right.size() < 2) return {};
    for (std::size_t step = 0; step < steps_.count; ++step) {
      const auto count =
          std::ranges::count_if(side.right, [&](const auto* s) { return s->present[step]; });
      if (count < 2 || !left_any[step]) continue;
      return fail(Errc::InvalidArgument,
                  fmt::format("found duplicate series for the match group {} on the right "
                              "hand-side of the operation: many-to-many matching not allowed: "
                              "matching labels must be unique on one side",
                              text_of(labels)));
    }
    return {};
  }

  // Requires: at each step at most one on the right.
  Status match(const Expr& expr, const Side& side, Value& result) {
    if (side.left.empty() || side.right.empty()) return {};
    const bool filters = is_comparison(expr.op) && !expr.is_bool;
    std::vector<OutputSeries> made;
    for (const OutputSeries* s : side.left)
      made.push_back(empty_series(result_labels(expr, s->labels)));
    for (std::size_t step = 0; step < steps_.count; ++step) {
      const auto found =
          std::ranges::find_if(side.right, [&](const auto* s) { return s->present[step]; });
      if (found == side.right.end()) continue;
      const OutputSeries* const right = *found;
      bool is_matched = false;
      for (std::size_t i = 0; i < side.left.size(); ++i) {
        const OutputSeries& s = *side.left[i];
        if (!s.present[step]) continue;
        const double l = s.values[step];
        const double r = right->values[step];
        if (filters && !comparison_result(expr.op, l, r)) continue;
        if (std::exchange(is_matched, true)) {
          return fail(Errc::InvalidArgument,
                      "multiple matches for labels: many-to-one matching must be explicit "
                      "(group_left/group_right), which is not in the subset of PromQL here");
        }
        made[i].present[step] = true;
        made[i].values[step] = filters ? l : binary_result(expr.op, l, r);
      }
    }
    for (OutputSeries& s : made) keep(std::move(s), result);
    return {};
  }

  const Inputs& inputs_;
  const Steps& steps_;
  const EvaluationLimits& limits_;
  std::uint64_t visits_ = 0;
  std::uint64_t look_at_ = 0;
};

}  // namespace

Result<Value> evaluate(const Query& query, const Inputs& inputs, const Steps& steps,
                       const EvaluationLimits& limits) {
  return Evaluator(inputs, steps, limits).value(*query.root);
}

std::pair<std::int64_t, std::int64_t> times_needed(const Selector& selector, const Steps& steps) {
  const std::int64_t offset = to_ms(selector.offset);
  const std::int64_t back = selector.range > Duration::zero() ? to_ms(selector.range) : kLookbackMs;
  return {steps.start_ms - offset - back, steps.at(steps.count - 1) - offset};
}

std::string format_value(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == 0) return std::signbit(value) ? "-0" : "0";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  // d.ddde±xx -> digits and exponent.
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const auto e = text.find('e');
  int exponent = 0;
  const char* const first = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(first, end, exponent);
  if (std::abs(value) < 1e-6 || std::abs(value) >= 1e21) {
    return fmt::format("{}e{}{}", text.substr(0, e), exponent < 0 ? "" : "+", exponent);
  }
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const std::string sign = value < 0 ? "-" : "";
  if (exponent < 0) {
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0');
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

}  // namespace quell::promql
