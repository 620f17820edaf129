#include "api/promql_data.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/api_world.h"
#include "api/promql_requests.h"
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
  chunk.count = static_cast<std::uint32_t>(points.size());
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

// All that a query reads from the store counts, however many metrics it is of.
void check_stored(std::string_view text, const PromqlLimits& limits, std::string_view want) {
  MemoryPast past;
  past.metrics.chunks = {chunk_of("a", long_series(false)), chunk_of("b", long_series(false))};
  const SeriesTable table;
  const SampleBook book;
  const auto query = promql::parse_query(text);
  ASSERT_TRUE(query);
  auto selected = select_series(*query, "default", table, book);
  ASSERT_TRUE(selected);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(test_at(4000).time_since_epoch());
  const auto inputs = load_samples(*query, *std::move(selected), "default",
                                   {.start_ms = seconds.count() * 1000}, past, limits);
  EXPECT_EQ(inputs ? "ok" : inputs.error().to_string(), want) << text;
}

TEST(PromqlData, WhatIsReadFromTheStoreIsLimitedOverAllMetrics) {
  const std::size_t bytes =
      2 * chunk_of("a", long_series(false)).samples.size();  // MemoryPast gives both each time.
  check_stored("a", {.stored_bytes_max = bytes}, "ok");
  check_stored("a", {.stored_bytes_max = bytes - 1},
               fmt::format("the query reads more than {} bytes from the store: ask for fewer "
                           "metrics or a shorter time",
                           bytes - 1));
  check_stored("a + b", {.stored_bytes_max = 2 * bytes}, "ok");
  check_stored("a + b", {.stored_bytes_max = 2 * bytes - 1},
               fmt::format("the query reads more than {} bytes from the store: ask for fewer "
                           "metrics or a shorter time",
                           2 * bytes - 1));
  check_stored("a + b", {.samples_max = 960}, "ok");
  check_stored("a + b", {.samples_max = 959},
               "the query reads more than 959 samples: ask for fewer series or a shorter time");
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

void check_refusal(const Error& error, int status, std::string_view want,
                   std::string_view header = {}) {
  const auto response = promql_refusal(error);
  EXPECT_EQ(response.status, status);
  EXPECT_EQ(response.body, want);
  EXPECT_EQ(header_of(response, "content-type"), "application/json");
  EXPECT_TRUE(header.empty() || !header_of(response, header).empty()) << header;
}

TEST(PromqlRequests, RefusalsHaveTheFormOfPrometheus) {
  check_refusal(
      {Errc::Unauthenticated, "this token is not known", {}}, 401,
      R"({"status":"error","errorType":"unauthorized","error":"this token is not known"})",
      "www-authenticate");
  check_refusal({Errc::PermissionDenied, "no", {}}, 403,
                R"({"status":"error","errorType":"forbidden","error":"no"})");
  check_refusal({Errc::Unavailable, "too many", {}}, 503,
                R"({"status":"error","errorType":"unavailable","error":"too many"})",
                "retry-after");
}

// What a server that has the `count` series of `request` answers.
void check_answer(TestRequest& request, std::size_t count, std::string_view target,
                  std::string_view want_end) {
  SeriesTable table;
  SampleBatch batch;
  SeriesRefusals refused;
  table.resolve(request.samples, "test", SeriesTable::Unknown::Make, batch, refused);
  ASSERT_EQ(table.size(), count);
  ApiWorld world;
  world.live.series = &table;
  const auto response = world.get(target);
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body.ends_with(want_end))
      << target << " " << response.body.substr(response.body.size() - 200);
  EXPECT_LT(response.body.size(), 17u << 20);
}

// `count` series of one metric, each with a label of 8 KB that differs.
void check_cut(std::size_t count, std::string_view target, std::string_view want_end) {
  TestRequest request;
  const std::string padding(8000, 'x');
  for (std::size_t i = 0; i < count; ++i) {
    request.add(fmt::format("a{{b={:04}{}}}", i, padding), 1, {1});
  }
  check_answer(request, count, target, want_end);
}

TEST(PromqlRequests, ListsThatAreCutSaySo) {
  const std::string_view cut = R"(],"warnings":["results truncated due to limit"]})";
  check_cut(3, "/api/v1/series?match[]=a&limit=2", cut);
  check_cut(3, "/api/v1/series?match[]=a&limit=3", "xxx\"}]}");
  check_cut(3, "/api/v1/series?match[]=a", "xxx\"}]}");
  check_cut(3, "/api/v1/labels?limit=1",
            R"({"status":"success","data":["__name__"],"warnings":)"
            R"(["results truncated due to limit"]})");
  check_cut(3, "/api/v1/label/b/values?limit=1", cut);
  check_cut(3, "/api/v1/label/b/values?limit=0", "xxx\"]}");
  check_cut(2200, "/api/v1/series?match[]=a",
            R"("warnings":["results truncated due to limit: an answer has at most 16777216 bytes; )"
            R"(2090 of 2200 are here, narrow them by match[]"]})");
  check_cut(2200, "/api/v1/label/b/values",
            R"("warnings":["results truncated due to limit: an answer has at most 16777216 bytes; )"
            R"(2096 of 2200 are here, narrow them by match[]"]})");
}

void check_metadata_cut(std::size_t count, std::string_view target, std::string_view want_end) {
  TestRequest request;
  for (std::size_t i = 0; i < count; ++i) {
    request.add(fmt::format("m{:05}{{}}", i), 1, {1});
    request.samples.metadata.push_back({.metric = fmt::format("m{:05}", i),
                                        .kind = SeriesKind::Gauge,
                                        .help = std::string(1000, 'h')});
  }
  check_answer(request, count, target, want_end);
}

TEST(PromqlRequests, MetadataThatIsCutSaysSo) {
  check_metadata_cut(3, "/api/v1/metadata", R"(hhh","unit":""}]}})");
  check_metadata_cut(3, "/api/v1/metadata?limit=2",
                     R"(}]},"warnings":["results truncated due to limit"]})");
  check_metadata_cut(20'000, "/api/v1/metadata",
                     R"("warnings":["results truncated due to limit: an answer has at most )"
                     R"(16777216 bytes; 16009 of 20000 are here, narrow them by metric"]})");
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
