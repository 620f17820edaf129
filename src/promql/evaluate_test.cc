#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/histogram.h"
#include "model/sample.h"
#include "promql/functions.h"
#include "promql/value.h"

namespace quell::promql {
namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Data {
  Labels labels;
  std::vector<double> values;  // One each ten seconds, from second 0 on.
};

// Series that match the selectors of the query, as a server would pick them.
Inputs pick(const Query& query, const std::vector<Data>& all) {
  Inputs inputs;
  for (const Selector* selector : query.selectors) {
    auto& series = inputs.emplace_back();
    for (const Data& data : all) {
      const auto get = [&](std::string_view name) -> std::string_view {
        for (const auto& [n, v] : data.labels) {
          if (n == name) return v;
        }
        return {};
      };
      if (!matches_all(selector->matchers, get)) continue;
      InputSeries in{.labels = data.labels};
      for (std::size_t i = 0; i < data.values.size(); ++i) {
        in.times_ms.push_back(static_cast<std::int64_t>(i) * 10'000);
        in.values.push_back(data.values[i]);
      }
      series.push_back(std::move(in));
    }
  }
  return inputs;
}

std::string text(const Value& value, const Steps& steps) {
  std::string out;
  for (const double v : value.scalar) out += fmt::format("{} ", format_value(v));
  const auto labels_text = [](const Labels& labels) {
    std::string text = "{";
    for (const auto& [n, v] : labels)
      text += fmt::format("{}{}={}", text.size() > 1 ? "," : "", n, v);
    return text + "}";
  };
  for (const OutputSeries& s : value.series) {
    out += labels_text(s.labels);
    for (std::size_t i = 0; i < steps.count; ++i) {
      out += s.present[i] ? " " + format_value(s.values[i]) : " _";
    }
    out += "\n";
  }
  for (const RangeSeries& s : value.ranges) {
    out += labels_text(s.labels);
    for (std::size_t i = 0; i < s.values.size(); ++i) {
      out += fmt::format(" {}@{}", format_value(s.values[i]), s.times_ms[i] / 1000);
    }
    out += "\n";
  }
  return out;
}

std::string evaluated(std::string_view query_text, const std::vector<Data>& data,
                      const Steps& steps) {
  const auto query = parse_query(query_text);
  if (!query) return query.error().to_string();
  const auto value = evaluate(*query, pick(*query, data), steps);
  return value ? text(*value, steps) : value.error().to_string();
}

const std::vector<Data> kData{
    {{{"__name__", "c"}, {"job", "a"}, {"pod", "1"}}, {0, 10, 20, 30, 40, 50, 60}},
    {{{"__name__", "c"}, {"job", "a"}, {"pod", "2"}}, {100, 110, 5, 15, 25, 35, 45}},
    {{{"__name__", "c"}, {"job", "b"}, {"pod", "3"}}, {0, 0, 0, 0, 0, 0, 0}},
    {{{"__name__", "g"}, {"job", "a"}}, {1, 2, 3, 4, 5, 6, 7}},
    {{{"__name__", "g"}, {"job", "b"}}, {7, 6, 5, stale_marker(), 3, 2, 1}},
    {{{"__name__", "g2"}, {"job", "a"}}, {1, 2, 3, 4, 5, 6, 7}},
};

// At the seconds 40 and 60.
void check(std::string_view query, std::string_view want) {
  EXPECT_EQ(evaluated(query, kData, {.start_ms = 40'000, .step_ms = 20'000, .count = 2}), want)
      << query;
}
// At one second.
void check_at(std::string_view query, int second, std::string_view want) {
  EXPECT_EQ(evaluated(query, kData, {.start_ms = second * 1000}), want) << query;
}

TEST(PromqlEvaluate, Selectors) {
  check("g", "{__name__=g,job=a} 5 7\n{__name__=g,job=b} 3 1\n");
  check("g{job='a'} offset 30s", "{__name__=g,job=a} 2 4\n");
  check("none", "");
  check_at("g", 30, "{__name__=g,job=a} 4\n");  // The other one is stale then.
  check_at("g{job='a'}", 360, "{__name__=g,job=a} 7\n");
  check_at("g{job='a'}", 361, "");
  check_at("g[20s]", 40, "{__name__=g,job=a} 3@20 4@30 5@40\n{__name__=g,job=b} 5@20 3@40\n");
}

TEST(PromqlEvaluate, Rates) {
  check("rate(c{pod='1'}[30s])", "{job=a,pod=1} 1 1\n");
  check("increase(c{pod='1'}[35s])", "{job=a,pod=1} 35 35\n");
  check("increase(c{pod='2'}[40s])", "{job=a,pod=2} 35 40\n");  // 10 + 5 + 20, a reset between.
  check("irate(c{job='a'}[1m])", "{job=a,pod=1} 1 1\n{job=a,pod=2} 1 1\n");
  check("rate(c{pod='1'}[5s])", "");
  check("delta(g[30s])", "{job=a} 3 3\n{job=b} -3 -3\n");
  // The counter begins inside of the range: not further back than to its zero.
  check_at("increase(c{pod='1'}[5m])", 60, "{job=a,pod=1} 60\n");
}

TEST(PromqlEvaluate, OverTime) {
  check("avg_over_time(g[20s])", "{job=a} 4 6\n{job=b} 4 2\n");
  check("min_over_time(g[20s])", "{job=a} 3 5\n{job=b} 3 1\n");
  check("max_over_time(g[20s])", "{job=a} 5 7\n{job=b} 5 3\n");
  check("sum_over_time(g[20s])", "{job=a} 12 18\n{job=b} 8 6\n");
  check("count_over_time(g[20s])", "{job=a} 3 3\n{job=b} 2 3\n");
  check("last_over_time(g[20s])", "{__name__=g,job=a} 5 7\n{__name__=g,job=b} 3 1\n");
}

TEST(PromqlEvaluate, Aggregations) {
  check("sum(g)", "{} 8 8\n");
  check("avg by (job) (c)", "{job=a} 32.5 52.5\n{job=b} 0 0\n");
  check("sum without (pod) (c)", "{job=a} 65 105\n{job=b} 0 0\n");
  check("max(g)", "{} 5 7\n");
  check("min(g)", "{} 3 1\n");
  check("count by (none) (c)", "{} 3 3\n");
  check_at("count(g)", 30, "{} 1\n");
  check("sum by (__name__) (g)", "{__name__=g} 8 8\n");
  check("sum(none)", "");
}

TEST(PromqlEvaluate, Arithmetic) {
  check("1 + 2 * 3 ^ 2", "19 19 ");
  check("-g{job='a'} + 1", "{job=a} -4 -6\n");
  check("2 / g{job='a'}", "{job=a} 0.4 0.2857142857142857\n");
  check("7 % 4 == bool 3", "1 1 ");
  check("g > 4", "{__name__=g,job=a} 5 7\n");
  check("4 < g", "{__name__=g,job=a} 5 7\n");
  check("g > bool 4", "{job=a} 1 1\n{job=b} 0 0\n");
  check("1 / 0 - Inf", "NaN NaN ");
  check("{__name__=~'g|c', pod=''} * 1", "{job=a} 5 7\n{job=b} 3 1\n");
}

TEST(PromqlEvaluate, Matching) {
  check("g / g", "{job=a} 1 1\n{job=b} 1 1\n");
  check("sum by (job) (c) / on (job) g", "{job=a} 13 15\n{job=b} 0 0\n");
  check("c - ignoring (pod) g",
        "multiple matches for labels: many-to-one matching must be explicit "
        "(group_left/group_right), which is not in the subset of PromQL here");
  check("g - ignoring (pod) c",
        "found duplicate series for the match group {job=\"a\"} on the right hand-side of the "
        "operation: many-to-many matching not allowed: matching labels must be unique on one side");
  check("g > on (job) c{job='b'}", "{job=b} 3 1\n");
  check("g == g", "{__name__=g,job=a} 5 7\n{__name__=g,job=b} 3 1\n");
  check("g + none", "");
  check("rate({__name__=~'g.*'}[30s])", "vector cannot contain metrics with the same labelset");
}

std::vector<HistogramBucket> buckets(std::initializer_list<std::pair<double, double>> of) {
  std::vector<HistogramBucket> result;
  for (const auto& [bound, count] : of) result.push_back({bound, count});
  return result;
}

void check_quantile(double q, std::vector<HistogramBucket> of, double want) {
  const double got = bucket_quantile(q, of);
  if (std::isnan(want)) {
    EXPECT_TRUE(std::isnan(got)) << q;
  } else {
    EXPECT_DOUBLE_EQ(got, want) << q;
  }
}

TEST(PromqlEvaluate, Quantiles) {
  const auto some = buckets({{HUGE_VAL, 10}, {1, 4}, {2, 8}});
  check_quantile(0, some, 0);
  check_quantile(0.2, some, 0.5);
  check_quantile(0.6, some, 1.5);
  check_quantile(0.95, some, 2);
  check_quantile(-1, some, -HUGE_VAL);
  check_quantile(2, some, HUGE_VAL);
  check_quantile(kNaN, some, kNaN);
  check_quantile(0.5, buckets({{1, 4}, {2, 8}}), kNaN);
  check_quantile(0.5, buckets({{HUGE_VAL, 4}}), kNaN);
  check_quantile(0.5, buckets({{1, 0}, {HUGE_VAL, 0}}), kNaN);
  check_quantile(0.5, buckets({{1, 4}, {1, 4}, {HUGE_VAL, 8}}), 0.5);
  check_quantile(0.5, buckets({{1, 4}, {2, 3}, {HUGE_VAL, 4}}), 0.5);
  check_quantile(0.5, buckets({{-1, 4}, {HUGE_VAL, 4}}), -1);
  const std::vector<Data> data{
      {{{"__name__", "h"}, {"a", "x"}, {"le", "1"}}, {4}},
      {{{"__name__", "h"}, {"a", "x"}, {"le", "+Inf"}}, {8}},
      {{{"__name__", "h"}, {"a", "x"}, {"le", "much"}}, {8}},
      {{{"__name__", "h"}, {"a", "x"}}, {8}},
  };
  EXPECT_EQ(evaluated("histogram_quantile(0.25, h)", data, {}), "{a=x} 0.5\n");
}

TEST(PromqlEvaluate, TooMuchIsRefused) {
  std::vector<Data> data;
  for (int i = 0; i < 200; ++i)
    data.push_back({{{"__name__", "g"}, {"i", std::to_string(i)}}, {1}});
  EXPECT_TRUE(evaluated("g", data, {.count = 200'000}).contains("more than 20000000 values"));
}

void check_value(double in, std::string_view want) {
  EXPECT_EQ(format_value(in), want);
}

TEST(PromqlEvaluate, Values) {
  check_value(0, "0");
  check_value(-0.0, "-0");
  check_value(1, "1");
  check_value(-1.5, "-1.5");
  check_value(0.1, "0.1");
  check_value(123456.789, "123456.789");
  check_value(1e20, "100000000000000000000");
  check_value(1e21, "1e+21");
  check_value(1e-6, "0.000001");
  check_value(1.5e-7, "1.5e-7");
  check_value(5e-324, "5e-324");
  check_value(1152921504606846976.0, "1152921504606847000");
  check_value(kNaN, "NaN");
  check_value(HUGE_VAL, "+Inf");
  check_value(-HUGE_VAL, "-Inf");
}

TEST(PromqlEvaluate, TimesNeeded) {
  const auto needed = [](std::string_view query) {
    const auto parsed = parse_query(query).value();
    return times_needed(*parsed.selectors.at(0),
                        {.start_ms = 1'000'000, .step_ms = 1000, .count = 3});
  };
  EXPECT_EQ(needed("a"), std::pair(std::int64_t{700'000}, std::int64_t{1'002'000}));
  EXPECT_EQ(needed("rate(a[1m] offset 10s)"),
            std::pair(std::int64_t{930'000}, std::int64_t{992'000}));
}

void check_limited(std::string_view query_text, const EvaluationLimits& limits,
                   std::string_view want) {
  const auto query = parse_query(query_text);
  ASSERT_TRUE(query);
  const Steps steps{.start_ms = 0, .step_ms = 1000, .count = 60};
  const auto value = evaluate(*query, pick(*query, kData), steps, limits);
  EXPECT_EQ(value ? "ok" : value.error().to_string(), want) << query_text;
}

TEST(Evaluate, Limits) {
  check_limited("sum_over_time(c[1m])", {}, "ok");
  check_limited("sum_over_time(c[1m])", {.visits_max = 100},
                "the query looks at more than 100 samples and steps: ask for fewer series, a "
                "shorter range or a longer step");
  check_limited("c", {.visits_max = 60},
                "the query looks at more than 60 samples and steps: ask for fewer series, a "
                "shorter range or a longer step");
  check_limited("1", {.visits_max = 60}, "ok");
  check_limited("c", {.is_late = [] { return true; }}, "query timed out in expression evaluation");
  check_limited("c", {.is_late = [] { return false; }}, "ok");
}

void check_ambiguous(std::string_view query, std::string_view want) {
  const std::vector<Data> data{{{{"__name__", "l"}, {"job", "a"}}, {1}},
                               {{{"__name__", "r"}, {"job", "b"}, {"pod", "1"}}, {1}},
                               {{{"__name__", "r"}, {"job", "b"}, {"pod", "2"}}, {1}},
                               {{{"__name__", "h"}, {"le", "NaN"}}, {1}},
                               {{{"__name__", "h"}, {"le", "1"}}, {2}},
                               {{{"__name__", "h"}, {"le", "+Inf"}}, {2}}};
  EXPECT_EQ(evaluated(query, data, {}), want) << query;
}

TEST(Evaluate, AmbiguousMatchesAreErrors) {
  check_ambiguous("l / on(job) r",
                  "found duplicate series for the match group {job=\"b\"} on the right hand-side "
                  "of the operation: many-to-many matching not allowed: matching labels must be "
                  "unique on one side");
  check_ambiguous("nothing / on(job) r",
                  "");  // As there: with nothing on the left none is looked at.
  check_ambiguous("r / on(job) l", "");
}

TEST(Evaluate, BoundsThatAreNoNumberAreNone) {
  check_ambiguous("histogram_quantile(0.5, h)", "{} 0.5\n");
}

}  // namespace
}  // namespace quell::promql
