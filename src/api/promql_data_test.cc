#include "api/promql_data.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/api_world.h"
#include "stream/test_samples.h"

namespace quell {
namespace {

void check_selection(std::string_view text, const PromqlLimits& limits, std::string_view want) {
  const SeriesTable table;
  const SampleBook book;
  const auto query = promql::parse_query(text);
  ASSERT_TRUE(query) << query.error().to_string();
  const auto selected = select_series(*query, "default", table, book, limits);
  EXPECT_EQ(selected ? "ok" : selected.error().to_string(), want) << text;
}

TEST(PromqlData, SelectorsAreLimitedBeforeAnythingIsLookedAt) {
  check_selection("a + a + a + a + a + a", {}, "ok");
  check_selection("{a=\"b\"} + {a=\"b\"} + {a=\"b\"} + {a=\"b\"}", {}, "ok");
  check_selection("{a=\"b\"} + {a=\"b\"} + {a=\"b\"} + {a=\"b\"} + {a=\"b\"}", {},
                  "5 selectors name no metric, the limit is 4: name their metrics");
  check_selection("a{b=~\"c\",d!~\"e\"} + f{g=~\"h\"}", {.regexes_max = 2},
                  "there are 3 regular expressions, the limit is 2");
}

void check_looks(std::string_view text, std::size_t looks_max, bool fits) {
  SeriesTable table;
  SampleBatch batch;
  SeriesRefusals refused;
  TestRequest request;
  for (int i = 0; i < 10; ++i) request.add(fmt::format("a{{b={}}}", i), 1, {1});
  table.resolve(request.samples, "test", SeriesTable::Unknown::Make, batch, refused);
  const auto selector = promql::parse_selector(text);
  ASSERT_TRUE(selector);
  const auto found = matching_series({*selector}, "default", table, {.looks_max = looks_max});
  EXPECT_EQ(found.has_value(), fits) << text;
}

TEST(PromqlData, SeriesThatAreLookedAtCountAlsoWhereNoneMatches) {
  check_looks("a", 20, true);
  check_looks("a", 19, false);
  check_looks("a{b=\"x\"}", 30, true);
  check_looks("a{b=\"x\"}", 29, false);
  check_looks("{b=\"x\"}", 21, true);
  check_looks("{b=\"x\"}", 20, false);
}

// ---------------------------------------------------------------------------------------------
// The same samples as they came, and as rollups.

std::shared_ptr<const Series> series_of(std::string_view text) {
  return make_series("default", test_labels(text));
}

MetricChunk chunk_of(std::string_view series, const std::vector<Point>& points) {
  MetricChunk chunk{.series = series_of(series)};
  chunk.first_time = points.front().time;
  chunk.last_time = points.back().time;
  encode_points(points, chunk.samples);
  return chunk;
}

// Two hours, a sample each 15 s; a counter that begins anew each 1000 s, or a gauge.
std::vector<Point> long_series(bool is_counter) {
  std::vector<Point> points;
  for (int i = 0; i < 480; ++i) {
    const double value = is_counter ? (i * 15 % 1000) * 2 : (i * 7919 % 101);
    points.push_back({test_at(100 + i * 15), value});
  }
  return points;
}

Result<std::vector<double>> values_of(std::string_view text, const Store& store,
                                      const promql::Steps& steps) {
  const SeriesTable table;
  const SampleBook book;
  TRY(const auto query, promql::parse_query(text));
  TRY(auto selected, select_series(query, "default", table, book));
  TRY(const auto inputs, load_samples(query, std::move(selected), "default", steps, store));
  TRY(const promql::Value value, promql::evaluate(query, inputs, steps));
  std::vector<double> values;
  for (const promql::OutputSeries& s : value.series) {
    for (std::size_t i = 0; i < steps.count; ++i) {
      values.push_back(s.present[i] ? s.values[i] : -1e9);
    }
  }
  return values;
}

// `share` is the deviation that is allowed, of the value.
void check_rolled_up(std::string_view text, double share,
                     const std::vector<std::int64_t>& shifts = {0, 100, 247}) {
  MemoryPast raw;
  raw.metrics.chunks = {chunk_of("c_total", long_series(true)), chunk_of("g", long_series(false))};
  MemoryPast old;
  for (const MetricChunk& chunk : raw.metrics.chunks) {
    for (MetricRollups& row : roll_up({chunk}, {}).rows) {
      old.metrics.rollups.push_back(std::move(row));
    }
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(test_at(4000).time_since_epoch());
  for (const std::int64_t shift : shifts) {  // From the full five minutes on, and not.
    const promql::Steps steps{
        .start_ms = (seconds.count() + shift) * 1000, .step_ms = 300'000, .count = 10};
    const auto want = values_of(text, raw, steps);
    const auto got = values_of(text, old, steps);
    ASSERT_TRUE(want && got);
    ASSERT_EQ(want->size(), 10u) << text;
    ASSERT_EQ(got->size(), 10u) << text;
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_NEAR(got->at(i), want->at(i), share * std::abs(want->at(i)) + 1e-9)
          << text << " shift " << shift << " step " << i;
    }
  }
}

TEST(PromqlData, RollupsAnswerAsTheirSamplesDid) {
  check_rolled_up("rate(c_total[30m])", 0.03);
  check_rolled_up("rate(c_total[1h])", 0.02);
  check_rolled_up("increase(c_total[1h])", 0.02);
  check_rolled_up("count_over_time(g[30m])", 0.01);
  check_rolled_up("sum_over_time(g[30m])", 0.03);
  check_rolled_up("avg_over_time(g[30m])", 0.03);
  check_rolled_up("min_over_time(g[30m])", 0.0);
  check_rolled_up("max_over_time(g[30m])", 0.0);
  check_rolled_up("g", 0.0, {0, 285});  // The first and the last sample of five minutes.
  check_rolled_up("last_over_time(g[30m])", 0.0, {0, 285});
}

// ---------------------------------------------------------------------------------------------
// Requests.

void check_request(ApiWorld& world, std::string_view target, int status, std::string_view part) {
  const auto response = world.get(target);
  EXPECT_EQ(response.status, status) << target;
  EXPECT_TRUE(response.body.contains(part)) << target << " " << response.body;
}

TEST(PromqlRequests, EndAtTheirDeadline) {
  ApiWorld world;
  Duration passed{};
  world.history.now = [&] { return world.now + passed; };
  check_request(world, "/api/v1/query?query=1", 200, R"("success")");
  passed = std::chrono::seconds(10);
  check_request(world, "/api/v1/query?query=1", 200, R"("success")");
  check_request(world, "/api/v1/query?query=1&timeout=10s", 503,
                R"("errorType":"timeout","error":"query timed out before it was its turn")");
  check_request(world, "/api/v1/query?query=1&timeout=1h", 200, R"("success")");
  passed = std::chrono::seconds(30);
  check_request(world, "/api/v1/query?query=1&timeout=1h", 503, R"("timeout")");
  check_request(world, "/api/v1/query_range?query=1&start=0&end=9&step=1", 503, R"("timeout")");
  check_request(world, "/api/v1/query?query=1&timeout=soon", 400,
                R"(invalid parameter \"timeout\")");
}

TEST(PromqlRequests, LimitsAreNumbers) {
  ApiWorld world;
  check_request(world, "/api/v1/labels?limit=2", 200, R"("success")");
  for (const char* path : {"labels", "label/job/values", "metadata"}) {
    check_request(
        world, fmt::format("/api/v1/{}?limit=abc", path), 400,
        R"(invalid parameter \"limit\": 'abc' is not a number of results; 0 is no limit)");
  }
}

}  // namespace
}  // namespace quell
