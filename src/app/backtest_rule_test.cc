#include "app/backtest_rule.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

void check_rule(std::string_view yaml, std::string_view want) {
  const auto rule = read_backtest_rule(yaml, "r.yaml");
  EXPECT_EQ(rule ? "ok" : rule.error().to_string(), want) << yaml;
}

TEST(BacktestRule, WhatADetectorCannotUseIsRefused) {
  check_rule("{metric: a, warmup: 4000, timezone: CET-1}", "ok");
  check_rule("{metric: a, warmup: 4001}",
             "r.yaml:1:21: 'warmup' of the detector 'auto' is 30 to 4000 samples");
  check_rule("{metric: a, p: 0.001}",
             "r.yaml:1:16: 'p' cannot be used with the detector 'auto'; it is for isolation");
  check_rule("{detector: threshold, above: 1, horizon: 4h}",
             "r.yaml:1:42: 'horizon' cannot be used with the detector 'threshold'; it is for "
             "forecast");
  check_rule("{detector: absence, silence: 5m, above: 1}",
             "r.yaml:1:41: 'above' cannot be used with the detector 'absence'; it is for "
             "threshold, forecast");
}

TEST(BacktestRule, WhatMakesNoSenseTogetherIsRefused) {
  check_rule("{detector: change_point, hours: '09:00-18:00'}", "ok");
  check_rule("{detector: change_point, min_duration: 5m}",
             "r.yaml:1:40: 'min_duration' cannot be used with the detector 'change_point': a "
             "change is said "
             "once, when it is certain");
  check_rule("{detector: forecast, above: 1, min_change: 0}", "ok");
  check_rule("{detector: forecast, above: 1, min_effect: 0.1}",
             "r.yaml:1:44: 'min_effect' cannot be used with the detector 'forecast': while a "
             "trend goes on, the value is never far from it");
}

}  // namespace
}  // namespace quell
