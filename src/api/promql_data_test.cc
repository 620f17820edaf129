#include "api/promql_data.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace quell
