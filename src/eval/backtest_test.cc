#include "eval/backtest.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/prng.h"
#include "base/time.h"

namespace quell {
namespace {

const Timestamp kStart = *parse_rfc3339("2026-11-02T00:00:00Z");  // A Monday.

// Noise around a level, one sample a minute.
BacktestSamples noise(std::size_t n) {
  BacktestSamples samples{.series = "noise"};
  Prng prng(7);
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int k = 0; k < 12; ++k) sum += static_cast<double>(prng.below(1000)) / 1000;
    samples.times.push_back(kStart + std::chrono::minutes(i));
    samples.values.push_back(100 + sum - 6);
  }
  return samples;
}

DetectionRule threshold(double above) {
  DetectionRule rule{.name = "t"};
  rule.detector.kind = NamedDetectorKind::Threshold;
  rule.detector.above = above;
  return rule;
}

TEST(Backtest, AThresholdWithItsDurationAndItsEnd) {
  BacktestSamples samples = noise(600);
  for (std::size_t i = 200; i < 203; ++i) samples.values[i] = 200;  // Too short.
  for (std::size_t i = 300; i < 330; ++i) samples.values[i] = 150;
  DetectionRule rule = threshold(140);
  rule.gate.min_duration = std::chrono::minutes(5);
  const auto result = run_backtest(rule, samples);
  ASSERT_TRUE(result) << result.error().to_string();
  ASSERT_EQ(result->findings.size(), 1u);
  const BacktestFinding& finding = result->findings[0];
  EXPECT_EQ(finding.onset, samples.times[300]);
  EXPECT_EQ(finding.detected_at, samples.times[305]);
  EXPECT_EQ(finding.ended_at, samples.times[330]);
  EXPECT_EQ(finding.side, 1);
  EXPECT_EQ(finding.value, 150);
  EXPECT_EQ(result->samples, 600u);
}

// The hours of `auto` are those of the time zone: here they change at half past of UTC.
TEST(Backtest, AutoKnowsTheLocalTime) {
  BacktestSamples samples = noise(14'400);
  for (std::size_t i = 0; i < samples.values.size(); ++i) {
    samples.values[i] += (i + 30) / 60 % 2 == 0 ? 40 : 0;
  }
  const auto expected_at = [&](const Calendar& calendar, std::size_t i) {
    BacktestSamples some = samples;
    some.times.resize(i + 1);
    some.values.resize(i + 1);
    some.values[i] = 500;
    DetectionRule rule{.name = "a"};
    rule.detector.calendar = calendar;
    const auto result = run_backtest(rule, some);
    EXPECT_FALSE(result->findings.empty());
    return result->findings.back().expected;
  };
  const std::size_t at = 13'000;  // In the second half of an hour of UTC.
  const double level = (at + 30) / 60 % 2 == 0 ? 140 : 100;
  EXPECT_NEAR(expected_at(*Calendar::parse("IST-5:30"), at), level, 3);
  EXPECT_GT(std::abs(expected_at(Calendar{}, at) - level), 10);
}

// Numbers that are missing and samples that came twice are no calm.
TEST(Backtest, WhatIsNotUsedDoesNotInterruptAFinding) {
  const BacktestSamples plain = noise(600);
  BacktestSamples samples{.series = "holes"};
  for (std::size_t i = 0; i < plain.times.size(); ++i) {
    const double value = i >= 300 && i < 330 ? 150 : plain.values[i];
    for (int twice = 0; twice < 2; ++twice) {
      samples.times.push_back(plain.times[i]);
      samples.values.push_back(i % 4 == 3 ? std::nan("") : value);
    }
  }
  DetectionRule rule = threshold(140);
  rule.gate.min_duration = std::chrono::minutes(5);
  const auto result = run_backtest(rule, samples);
  ASSERT_TRUE(result) << result.error().to_string();
  ASSERT_EQ(result->findings.size(), 1u);
  EXPECT_EQ(result->findings[0].onset, plain.times[300]);
  EXPECT_EQ(result->findings[0].ended_at, plain.times[330]);
}

TEST(Backtest, AutoLearnsFirstAndFindsTheJump) {
  BacktestSamples samples = noise(3000);
  for (std::size_t i = 2000; i < 2030; ++i) samples.values[i] += 60;
  const auto result = run_backtest({.name = "a"}, samples);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->learning, 150u);
  const auto hit = std::ranges::find_if(result->findings, [&](const BacktestFinding& f) {
    return f.onset >= samples.times[2000] && f.onset < samples.times[2005];
  });
  ASSERT_NE(hit, result->findings.end());
  EXPECT_GT(hit->value, 150);
  EXPECT_LT(hit->upper, 130);
}

TEST(Backtest, WhatIsHeldBackIsCounted) {
  BacktestSamples samples = noise(1440);
  samples.values[180] = 200;  // 03:00.
  DetectionRule rule = threshold(140);
  rule.gate.hours = WorkingHours{.first_minute = 540, .last_minute = 1080};
  const auto result = run_backtest(rule, samples);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->findings.empty());
  EXPECT_EQ(result->held_back.size(), 1u);
}

TEST(Backtest, AGapIsData) {
  BacktestSamples samples = noise(400);
  for (std::size_t i = 300; i < 400; ++i) samples.times[i] += std::chrono::hours(2);
  DetectionRule rule{.name = "absent"};
  rule.detector.kind = NamedDetectorKind::Absence;
  const auto result = run_backtest(rule, samples);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->findings.size(), 1u);
  EXPECT_LT(result->findings[0].detected_at, samples.times[299] + std::chrono::minutes(10));
  EXPECT_EQ(result->findings[0].ended_at, samples.times[300]);
}

TEST(Backtest, Pictures) {
  BacktestSamples samples = noise(960);
  samples.series = "cpu{host=\"<a>\"}";
  for (std::size_t i = 480; i < 500; ++i) samples.values[i] = 150;
  const auto result = run_backtest(threshold(140), samples);
  ASSERT_TRUE(result);
  const std::string text = render_backtest(threshold(140), *result);
  EXPECT_TRUE(
      text.starts_with("cpu{host=\"<a>\"}: 960 samples, 0 of them for learning; 1 finding\n"))
      << text;
  EXPECT_NE(text.find("findings |" + std::string(48, ' ') + "^^"), std::string::npos) << text;
  const std::string svg = backtest_svg(threshold(140), std::span(&*result, 1));
  EXPECT_EQ(svg.find("<a>"), std::string::npos);
  EXPECT_NE(svg.find("host=&quot;&lt;a&gt;&quot;"), std::string::npos);
  EXPECT_NE(backtest_json(threshold(140), {.series = {*result}}).find("\"findings\":1"),
            std::string::npos);
}

// Series of two hosts; all of one move once.
TEST(Backtest, AutoMakesFindingsOfEntities) {
  std::vector<BacktestSamples> all;
  for (const std::string_view host : {"a", "b"}) {
    for (int s = 0; s < 6; ++s) {
      BacktestSamples samples = noise(4'000);
      Prng prng(static_cast<std::uint64_t>(all.size()) + 1);
      for (double& value : samples.values) {
        value += static_cast<double>(prng.below(2000)) / 1000;
      }
      const std::string metric = fmt::format("metric_{}", s);
      samples.series = metric;
      samples.labels = *SeriesLabels::from({{kMetricLabel, metric}, {"host", host}});
      const std::size_t until = host == "a" ? 3'030 : 3'000;
      for (std::size_t i = 3'000; i < until; ++i) samples.values[i] += 40;
      all.push_back(std::move(samples));
    }
  }
  const DetectionRule rule{.name = "a"};
  BacktestReport report;
  for (const BacktestSamples& samples : all) {
    report.series.push_back(*run_backtest(rule, samples));
  }
  find_of_entities(rule, all, report);
  std::size_t episodes = 0;
  for (const BacktestSeries& series : report.series) episodes += series.findings.size();
  EXPECT_GT(episodes, 2 * report.raised.size() + 6);
  const auto hit = std::ranges::find_if(
      report.raised, [&](const Finding& f) { return f.detected_at >= all[0].times[3'000]; });
  ASSERT_NE(hit, report.raised.end());
  EXPECT_EQ(hit->entity.to_string(), "host:a");
  EXPECT_EQ(hit->series_count, 6u);
  EXPECT_GE(hit->onset, all[0].times[2'990]);  // Noise may begin an episode that goes on.
  EXPECT_LE(hit->onset, all[0].times[3'000]);
  EXPECT_EQ(report.findings(rule), report.raised.size());
  const std::size_t column = BacktestSeries::kColumns * 3'010 / 4'000;
  EXPECT_TRUE(report.series[0].columns[column].in_finding);
  EXPECT_TRUE(std::ranges::any_of(report.series[0].columns,
                                  [](const auto& c) { return c.in_episode && !c.in_finding; }));
  EXPECT_NE(backtest_json(rule, report).find(R"("entity":"host:a")"), std::string::npos);
  EXPECT_NE(render_raised(report.raised).find(" on a is "), std::string::npos);
}

// Three series of a host that move together, each a second after the one before.
std::vector<BacktestSamples> together(std::string_view entity, std::size_t n) {
  const BacktestSamples load = noise(n);
  std::vector<BacktestSamples> all;
  for (int s = 0; s < 3; ++s) {
    BacktestSamples samples{.series = fmt::format("m{}", s), .entity = std::string(entity)};
    for (std::size_t i = 0; i < n; ++i) {
      samples.times.push_back(load.times[i] + std::chrono::seconds(s));
      const double swing = 30 * std::sin(static_cast<double>(i) / 40) + load.values[i];
      samples.values.push_back((s + 1) * swing);
    }
    all.push_back(std::move(samples));
  }
  return all;
}

TEST(Backtest, SeriesOfAnEntityAreIsolatedTogether) {
  DetectionRule rule{.name = "i"};
  rule.detector.kind = NamedDetectorKind::Isolation;
  std::vector<BacktestSamples> all = together("host:a", 3'000);
  for (BacktestSamples& samples : together("host:b", 3'000)) all.push_back(std::move(samples));
  all.push_back({.series = "alone", .entity = "host:c", .times = {kStart}, .values = {1}});
  // Within what it has been alone, but not with the others.
  const std::size_t from = 2'576;  // The load is high.
  for (std::size_t i = from; i < from + 10; ++i) all[1].values[i] = 2 * 70;
  const auto groups = group_backtest(rule, all);
  ASSERT_TRUE(groups) << groups.error().to_string();
  ASSERT_EQ(groups->size(), 2u);
  const auto result = run_backtest(rule, (*groups)[0]);
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(result->series, "host:a (3 series)");
  EXPECT_EQ(result->samples, 3'000u);
  EXPECT_GE(result->learning, 574u);
  EXPECT_LT(result->learning, 700u);
  const auto hit = std::ranges::find_if(result->findings, [&](const BacktestFinding& f) {
    return f.onset >= all[0].times[from] && f.onset <= all[2].times[from + 10];
  });
  ASSERT_NE(hit, result->findings.end());
  EXPECT_LE(hit->p, 1e-3);
  EXPECT_EQ(hit->furthest.substr(0, 1), "m");
  EXPECT_NE(render_backtest(rule, *result).find("together as rare as p = "), std::string::npos);
  EXPECT_NE(backtest_json(rule, {.series = {*result}}).find("\"furthest\":\"m"), std::string::npos);
  EXPECT_LE(run_backtest(rule, (*groups)[1])->findings.size(), 8u);
}

// A series that misses rounds does not hold up the others.
TEST(Backtest, ARoundIsOverWhenASeriesComesAgain) {
  DetectionRule rule{.name = "i"};
  rule.detector.kind = NamedDetectorKind::Isolation;
  std::vector<BacktestSamples> all = together("host:a", 1'000);
  all[2].times.resize(500);
  all[2].values.resize(500);
  const auto result = run_backtest(rule, all);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->samples, 999u) << "the last round waits";
}

TEST(Backtest, IsolationNeedsSeveralSeriesOfAnEntity) {
  DetectionRule rule{.name = "i"};
  rule.detector.kind = NamedDetectorKind::Isolation;
  const auto error_of = [&](std::vector<BacktestSamples> all) {
    const auto groups = group_backtest(rule, std::move(all));
    return groups ? "fine" : groups.error().to_string();
  };
  EXPECT_EQ(error_of({{.series = "a", .entity = "host:a"}, {.series = "b", .entity = "host:b"}}),
            "isolation looks at several series of an entity together; of the 2 that there are, no "
            "two have one entity");
  EXPECT_EQ(error_of({{.series = "file.csv"}}),
            "isolation looks at several series of an entity together; of the 1 that there is, no "
            "two have one entity");
  EXPECT_EQ(error_of(std::vector<BacktestSamples>(257, {.series = "a", .entity = "host:a"})),
            "the rule matches 257 series of host:a, isolation takes 256 at most: narrow it with "
            "`match`");
}

TEST(Backtest, NoSamples) {
  EXPECT_EQ(run_backtest(threshold(1), {.series = "x"}).error().message, "'x' has no samples");
}

}  // namespace
}  // namespace quell
