#include "stream/threshold_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/prng.h"
#include "stream/test_samples.h"

namespace quell::threshold_rules_test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Timestamp at(std::int64_t s) {
  return Timestamp{seconds(1'790'000'000 + s)};
}

ThresholdRule cpu_rule() {
  return {.name = "CpuHigh", .metric = "cpu_load", .warning = 80, .critical = 90};
}

// All tests share it: what a series is does not depend on what came before.
SeriesTable& table() {
  static SeriesTable shared;
  return shared;
}

SampleBatch one_sample(std::int64_t time, double value, std::string_view tags = "",
                       std::string metric = "cpu_load", std::string host = "db-1") {
  std::vector<Label> pairs{{kMetricLabel, metric}, {"host", host}};
  const LabelSet parsed = *LabelSet::parse(tags);
  for (const Label tag : parsed) pairs.push_back(tag);
  TestRequest request;
  request.add_key(SeriesLabels::from(std::move(pairs))->bytes(), static_cast<double>(time),
                  {value});
  request.samples.units = {"", "%"};
  request.samples.series[0].unit = 1;
  return resolved(table(), std::move(request));
}

ThresholdRules with_rules(std::vector<ThresholdRule> rules) {
  ThresholdRules made;
  std::vector<Event> out;
  const auto status = made.set_rules(std::move(rules), at(0), out);
  EXPECT_TRUE(status) << status.error().to_string();
  return made;
}

// `12 firing critical` for each event, joined by commas; the time in seconds.
std::string to_text(const std::vector<Event>& events) {
  std::string text;
  for (const Event& e : events) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {} {}", (e.time - at(0)) / seconds(1), event_status_name(e.status),
                        severity_name(e.severity));
  }
  return text;
}

// Feeds values at one per second.
void check_run(const ThresholdRule& rule, std::vector<double> values, std::string_view want) {
  ThresholdRules rules = with_rules({rule});
  std::vector<Event> out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto time = static_cast<std::int64_t>(i);
    rules.on_samples(one_sample(time, values[i]), table(), at(time), out);
  }
  EXPECT_EQ(to_text(out), want);
}

TEST(ThresholdRules, FireAndResolve) {
  check_run(cpu_rule(), {70, 80, 81, 85, 80}, "2 firing warning, 4 resolved warning");
  check_run(cpu_rule(), {95, 85, 81, 79}, "0 firing critical, 3 resolved critical");
  check_run(cpu_rule(), {85, 91, 85, 95, 70},
            "0 firing warning, 1 firing critical, 1 resolved warning, 4 resolved critical");
  check_run(cpu_rule(), {85, std::nan(""), 85, 70}, "0 firing warning, 3 resolved warning");
}

TEST(ThresholdRules, OneBoundOrBelow) {
  ThresholdRule rule = cpu_rule();
  rule.warning.reset();
  check_run(rule, {85, 95, 89}, "1 firing critical, 2 resolved critical");
  rule = cpu_rule();
  rule.critical.reset();
  check_run(rule, {85, 95, 80}, "0 firing warning, 2 resolved warning");
  rule = {.name = "Disk",
          .metric = "cpu_load",
          .warning = 20,
          .critical = 10,
          .comparison = Comparison::Below};
  check_run(rule, {30, 20, 19, 5, 15, 20},
            "2 firing warning, 3 firing critical, 3 resolved warning, 5 resolved critical");
}

TEST(ThresholdRules, ForDuration) {
  ThresholdRule rule = cpu_rule();
  rule.for_duration = seconds(3);
  check_run(rule, {85, 85, 85, 70, 85, 85, 85, 85}, "7 firing warning");
  check_run(rule, {95, 95, 85, 95, 95, 95, 95},
            "3 firing warning, 6 firing critical, 6 resolved warning");
  check_run(rule, {95, 95, 95, 95}, "3 firing critical");
}

TEST(ThresholdRules, OldAndLateSamplesSayNothing) {
  ThresholdRules rules = with_rules({cpu_rule()});
  std::vector<Event> out;
  rules.on_samples(one_sample(0, 95), table(), at(301), out);  // Sent after the fact.
  EXPECT_EQ(to_text(out), "");
  rules.on_samples(one_sample(10, 95), table(), at(10), out);
  rules.on_samples(one_sample(9, 10), table(), at(11), out);  // Overtaken.
  rules.on_samples(one_sample(10, 10), table(), at(11), out);
  EXPECT_EQ(to_text(out), "10 firing critical");
}

TEST(ThresholdRules, ASilentSeriesIsOver) {
  ThresholdRules rules = with_rules({cpu_rule()});
  std::vector<Event> out;
  rules.on_samples(one_sample(0, 95), table(), at(0), out);
  rules.on_tick(at(299), out);
  EXPECT_EQ(out.size(), 1u);
  rules.on_tick(at(300), out);
  EXPECT_EQ(to_text(out), "0 firing critical, 300 resolved critical");
  EXPECT_EQ(out[1].title, "cpu_load on db-1 is 95 % (critical above 90) (no samples any more)");
  EXPECT_EQ(rules.breaching_count(), 0u);
}

TEST(ThresholdRules, EventsCarryStableLabels) {
  ThresholdRules rules = with_rules({cpu_rule()});
  std::vector<Event> out;
  rules.on_samples(one_sample(1, 95.5, "core=0,severity=x"), table(), at(1), out);
  rules.on_samples(one_sample(2, 50, "core=0,severity=x"), table(), at(2), out);
  ASSERT_EQ(out.size(), 2u);
  const Event& e = out[0];
  EXPECT_EQ(
      e.labels.to_string(),
      R"({alertname="CpuHigh", core="0", host="db-1", metric="cpu_load", severity="critical"})");
  EXPECT_EQ(e.labels, out[1].labels);
  EXPECT_EQ(e.title, "cpu_load on db-1 is 95.5 % (critical above 90)");
  EXPECT_EQ(e.entity.to_string(), "host:db-1");
  EXPECT_EQ(e.kind, EventKind::Alert);
  EXPECT_EQ(e.type, "io.quell.threshold");
  EXPECT_EQ(e.starts_at, at(1));
  EXPECT_EQ(e.ends_at, std::nullopt);
  EXPECT_EQ(out[1].ends_at, at(2));
  EXPECT_NE(e.id, out[1].id);
}

TEST(ThresholdRules, MatchTenantHostAndTags) {
  ThresholdRule rule = cpu_rule();
  rule.matchers = *parse_matchers(R"(host=~"db-.*",tenant="default",core!="7")");
  ThresholdRules rules = with_rules({rule});
  std::vector<Event> out;
  rules.on_samples(one_sample(1, 95, "", "cpu_load", "web-1"), table(), at(1), out);
  rules.on_samples(one_sample(1, 95, "core=7"), table(), at(1), out);
  rules.on_samples(one_sample(1, 95, "", "memory"), table(), at(1), out);
  EXPECT_EQ(to_text(out), "");
  rules.on_samples(one_sample(1, 95, "core=6"), table(), at(1), out);
  EXPECT_EQ(to_text(out), "1 firing critical");
}

void check_refused(const ThresholdRule& rule, std::string_view want) {
  ThresholdRules rules;
  std::vector<Event> out;
  const auto status = rules.set_rules({rule}, at(0), out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, want);
}

TEST(ThresholdRules, WrongRulesAreRefused) {
  check_refused({.metric = "m", .warning = 1}, "a threshold rule has no name");
  check_refused({.name = "A", .warning = 1}, "threshold rule 'A' has no metric");
  check_refused({.name = "A", .metric = "m"},
                "threshold rule 'A' needs a warning or a critical bound");
  check_refused({.name = "A", .metric = "m", .warning = 9, .critical = 8},
                "threshold rule 'A' has a critical bound (8) on the wrong side of the warning one "
                "(9)");
  check_refused({.name = "A", .metric = "m", .warning = NAN},
                "threshold rule 'A' has a bound that is not a number");
  check_refused({.name = "A", .metric = "m", .warning = 1, .for_duration = -seconds(1)},
                "threshold rule 'A' has a negative duration");
  ThresholdRules rules;
  std::vector<Event> out;
  EXPECT_EQ(rules.set_rules({cpu_rule(), cpu_rule()}, at(0), out).error().message,
            "threshold rule 'CpuHigh' appears twice");
}

TEST(ThresholdRules, AChangedRuleEndsItsAlerts) {
  ThresholdRule other = cpu_rule();
  other.name = "Other";
  ThresholdRules rules = with_rules({cpu_rule(), other});
  std::vector<Event> out;
  rules.on_samples(one_sample(1, 95), table(), at(1), out);
  EXPECT_EQ(out.size(), 2u);
  out.clear();
  other.warning = 70;
  ASSERT_TRUE(rules.set_rules({cpu_rule(), other}, at(5), out));
  EXPECT_EQ(to_text(out), "5 resolved critical");
  EXPECT_EQ(out[0].labels.get("alertname"), "Other");
  out.clear();
  rules.on_samples(one_sample(6, 50), table(), at(6), out);
  EXPECT_EQ(to_text(out), "6 resolved critical");  // The rule that stayed went on.
}

TEST(ThresholdRulesProperty, ARestartAtAnyPointChangesNothing) {
  ThresholdRule slow = cpu_rule();
  slow.name = "CpuSlow";
  slow.for_duration = seconds(5);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Prng prng(seed);
    ThresholdRules straight = with_rules({cpu_rule(), slow});
    ThresholdRules restarted = with_rules({cpu_rule(), slow});
    std::size_t fired = 0;
    for (int step = 0; step < 2000; ++step) {
      std::vector<Event> want;
      std::vector<Event> got;
      const auto batch = one_sample(step - static_cast<std::int64_t>(prng.below(5)),
                                    static_cast<double>(60 + prng.below(40)), "", "cpu_load",
                                    fmt::format("h{}", prng.below(3)));
      straight.on_samples(batch, table(), at(step), want);
      restarted.on_samples(batch, table(), at(step), got);
      straight.on_tick(at(step), want);
      restarted.on_tick(at(step), got);
      ASSERT_EQ(to_text(got), to_text(want)) << "seed " << seed;
      fired += want.size();
      if (!prng.chance(10)) continue;
      std::string bytes;
      std::string same;
      restarted.snapshot(bytes);
      straight.snapshot(same);
      ASSERT_TRUE(bytes == same) << "seed " << seed;
      restarted = with_rules({slow, cpu_rule()});
      const auto status = restarted.restore(bytes);
      ASSERT_TRUE(status) << status.error().to_string();
    }
    EXPECT_GT(fired, 100u);
  }
}

TEST(ThresholdRules, ADamagedSnapshotLeavesTheStateAsItWas) {
  ThresholdRules rules = with_rules({cpu_rule()});
  std::vector<Event> out;
  rules.on_samples(one_sample(1, 95, "core=0"), table(), at(1), out);
  std::string bytes;
  rules.snapshot(bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(rules.restore(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_EQ(rules.breaching_count(), 1u);
  ThresholdRules other;
  EXPECT_EQ(other.restore(bytes).error().message, "threshold rule 'CpuHigh' is missing");
}

}  // namespace
}  // namespace quell::threshold_rules_test
