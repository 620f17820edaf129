#include "app/backtest_source.h"

#include <gtest/gtest.h>

#include "app/detection_rule_reader.h"

namespace quell {
namespace {

void check_selector(std::string_view yaml, std::string_view want) {
  const auto rule = read_backtest_rule(yaml, "r.yaml");
  ASSERT_TRUE(rule) << rule.error().to_string();
  EXPECT_EQ(backtest_selector(*rule), want) << yaml;
}

TEST(BacktestSource, NamesThatPrometheusDoesNotKnowAreQuoted) {
  check_selector("{metric: up}", "up");
  check_selector("{metric: 'job:up:sum', match: 'a=\"b\"'}", "job:up:sum{a=\"b\"}");
  check_selector("{metric: http.server}", "{__name__=\"http.server\"}");
  check_selector("{metric: 5xx, match: 'a=\"b\"'}", "{__name__=\"5xx\",a=\"b\"}");
  check_selector("{match: 'a=\"b\"'}", "{a=\"b\"}");
}

}  // namespace
}  // namespace quell
