#include "app/detection_rule_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace quell {
namespace {

void check_rule(std::string_view yaml, std::string_view want) {
  const auto rule = read_backtest_rule(yaml, "r.yaml");
  EXPECT_EQ(rule ? "ok" : rule.error().to_string(), want) << yaml;
}

TEST(DetectionRuleReader, WhatADetectorCannotUseIsRefused) {
  check_rule("{metric: a, warmup: 4000, hours: '09:00-18:00', timezone: CET-1}", "ok");
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

TEST(DetectionRuleReader, WhatMakesNoSenseTogetherIsRefused) {
  check_rule("{detector: change_point, hours: '09:00-18:00'}", "ok");
  check_rule("{detector: change_point, min_duration: 5m}",
             "r.yaml:1:40: 'min_duration' cannot be used with the detector 'change_point'; it is "
             "for auto, threshold, absence, seasonal, forecast, isolation");
  check_rule("{detector: forecast, above: 1, min_effect: 0.1}",
             "r.yaml:1:44: 'min_effect' cannot be used with the detector 'forecast'; it is for "
             "auto, threshold, seasonal, change_point");
  check_rule("{metric: a, calm: 5m}",
             "r.yaml:1:19: 'calm' cannot be used with the detector 'auto'; it is for threshold, "
             "absence, seasonal, change_point, forecast, isolation");
  check_rule("{metric: a, suppress_during_deploys: 15m, page_while_learning: true}", "ok");
  check_rule("{metric: a, suppress_during_deploys: 25h}",
             "r.yaml:1:38: 'suppress_during_deploys' is at most 24h: a change is remembered for so "
             "long");
  check_rule("{metric: a, min_change: -1}",
             "r.yaml:1:25: 'min_change' must be a number of at least 0, got '-1'");
  check_rule("{metric: a, detector: extreme}",
             "r.yaml:1:23: no detector 'extreme'; there are auto, threshold, absence, seasonal, "
             "change_point, forecast, isolation, off");
}

TEST(DetectionRuleReader, ATimeZoneMustBeOneAndBeUsed) {
  check_rule("{metric: a, detector: seasonal, timezone: Europe/Berlin}", "ok");
  check_rule("{metric: a, detector: change_point, timezone: Europe/Berlin}", "ok");
  check_rule("{metric: a, weekdays: mon-fri, timezone: Europe/Berlin}", "ok");
  check_rule("{metric: a, detector: absence, hours: '09:00-18:00', timezone: Europe/Berlin}", "ok");
  check_rule("{metric: a, detector: seasonal, timezone: Europe/Berlim}",
             "r.yaml:1:43: there is no time zone 'Europe/Berlim', did you mean 'Europe/Berlin'?");
  check_rule("{metric: a, detector: threshold, above: 1, timezone: Europe/Berlin}",
             "r.yaml:1:54: 'timezone' is for 'hours' and 'weekdays', which this rule has not, and "
             "for the detectors seasonal and change_point");
  check_rule("{metric: a, timezone: Europe/Berlin}",
             "r.yaml:1:23: 'timezone' is for 'hours' and 'weekdays', which this rule has not, and "
             "for the detectors seasonal and change_point; the days of 'auto' are those of "
             "detection.timezone (in a backtest: --timezone)");
}

TEST(DetectionRuleReader, ARuleWithoutATimeZoneTakesThatOfTheCommand) {
  const auto zone_of = [](std::string_view yaml, std::string_view timezone) {
    const auto rule = read_backtest_rule(yaml, "r.yaml", timezone);
    EXPECT_TRUE(rule) << yaml;
    return rule->detector.calendar.posix() + " " + rule->gate.calendar.posix();
  };
  constexpr std::string_view kCet = "CET-1CEST,M3.5.0,M10.5.0/3";
  EXPECT_EQ(zone_of("{metric: a}", "UTC"), "UTC0 UTC0");
  EXPECT_EQ(zone_of("{metric: a}", "Europe/Berlin"), fmt::format("{} UTC0", kCet));
  EXPECT_EQ(zone_of("{detector: seasonal}", "Europe/Berlin"), fmt::format("{} {}", kCet, kCet));
  EXPECT_EQ(zone_of("{detector: seasonal, timezone: UTC}", "Europe/Berlin"), "UTC0 UTC0");
  EXPECT_EQ(zone_of("{detector: threshold, above: 1, weekdays: mon}", "Europe/Berlin"),
            fmt::format("UTC0 {}", kCet));
  EXPECT_EQ(zone_of("{metric: a, weekdays: mon, timezone: Asia/Tokyo}", "Europe/Berlin"),
            fmt::format("{} JST-9", kCet));
}

void check_rules(std::string_view yaml, std::string_view want) {
  const auto node = parse_yaml(yaml, "q.yaml");
  ASSERT_TRUE(node) << node.error().to_string();
  const auto rules = read_detection_rules(*node);
  EXPECT_EQ(rules ? "ok" : rules.error().to_string(), want) << yaml;
}

TEST(DetectionRuleReader, RulesOfTheServerSayWhichSeries) {
  check_rules("[{metric: a, detector: threshold, above: 5, severity: error}]", "ok");
  check_rules("[{match: 'host=\"a\"', detector: isolation, p: 0.001}]", "ok");
  check_rules("[{metric: a, detector: off}]", "ok");
  check_rules("[{detector: threshold, above: 5}]",
              "q.yaml:1:2: a detection rule needs metric or match; what holds for all series are "
              "the options of detection");
  check_rules("[{metric: a, query: up}]",
              "q.yaml:1:21: 'query' is for backtests; say metric or match");
  check_rules("[{metric: a, detector: threshold}]",
              "q.yaml:1:2: a threshold needs 'above', 'below' or both");
}

// What a server watches by, a backtest takes unchanged, and reads the same out of it.
TEST(DetectionRuleReader, ARuleMeansTheSameInABacktest) {
  constexpr std::string_view kRule =
      "{name: n, metric: a, match: 'b=\"c\"', detector: seasonal, coverage: 0.99, warmup: 60, "
      "direction: up, min_change: 2, min_effect: 0.1, min_duration: 5m, calm: 1m, "
      "hours: '09:00-18:00', weekdays: mon-fri, timezone: CET-1, suppress_during_deploys: 15m, "
      "page_while_learning: true, severity: error}";
  const auto file = read_backtest_rule(kRule, "r.yaml");
  const auto rules = read_detection_rules(*parse_yaml(fmt::format("[{}]", kRule), "q.yaml"));
  ASSERT_TRUE(file && rules);
  for (const DetectionRule& rule : {*file, rules->front()}) {
    EXPECT_EQ(rule.name, "n");
    EXPECT_EQ(rule.detector.kind, NamedDetectorKind::Seasonal);
    EXPECT_EQ(rule.detector.coverage, 0.99);
    EXPECT_EQ(rule.detector.warmup_samples, 60u);
    EXPECT_TRUE(rule.detector.speaks_while_learning);
    EXPECT_EQ(rule.gate.direction, Direction::Up);
    EXPECT_EQ(rule.gate.min_duration, std::chrono::minutes(5));
    EXPECT_EQ(rule.gate.hours->first_minute, 9 * 60u);
    EXPECT_EQ(rule.gate.suppress_during_deploys, std::chrono::minutes(15));
    EXPECT_EQ(rule.severity, Severity::Error);
  }
}

}  // namespace
}  // namespace quell
