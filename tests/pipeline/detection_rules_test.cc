// Detectors that rules choose, in the whole pipeline: samples of agents in, findings out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/pipeline.h"
#include "app/render.h"
#include "app/settings.h"
#include "base/prng.h"
#include "base/time.h"
#include "detect/model_file.h"
#include "model/command.h"
#include "tests/support/kills.h"

namespace quell {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Timestamp kBegin = *parse_rfc3339("2026-11-21T08:00:00Z");  // A Saturday.

std::string sample_line(std::string_view metric, std::string_view host, double value,
                        Timestamp at) {
  return fmt::format(R"({{"host":"{}","metric":"{}","value":{},"ts_event":"{}"}})"
                     "\n",
                     host, metric, value, format_rfc3339(at));
}

// A pipeline with the rules in hand, to which agents report once a minute.
class World {
 public:
  explicit World(std::string_view rules) { configure(rules); }

  void configure(std::string_view rules) {
    configure_all(fmt::format("detection: {{warmup: 60, rules: [{}]}}", rules));
  }
  void configure_all(const std::string& text) {
    auto settings = parse_settings(text, "config", {}, no_files());
    ASSERT_TRUE(settings) << settings.error().to_string();
    feed({.kind = FrameKind::Config, .source = "config", .body = settings->pipeline_text});
  }

  // Time passes, as ticks of a server tell it.
  void pass(Duration time) {
    const Timestamp until = now_ + time;
    while (pipeline_.next_deadline() <= until) {
      now_ = std::max({now_, pipeline_.next_deadline(), pipeline_.now()});
      feed({.kind = FrameKind::Tick});
    }
    now_ = until;
    feed({.kind = FrameKind::Tick});
  }
  // The process does not run meanwhile.
  void sleep(Duration time) { now_ += time; }

  void post(std::string lines) {
    feed({.source = "agent", .content_type = "application/x-ndjson", .body = std::move(lines)});
  }
  void report(std::string_view metric, double value, std::string_view host = "a") {
    pass(minutes(1));
    post(sample_line(metric, host, value, now_));
  }
  void report(std::string_view metric, int rounds, const std::function<double(int)>& value) {
    for (int i = 0; i < rounds; ++i) report(metric, value(i));
  }
  void command(const Command& command) {
    feed({.kind = FrameKind::Command, .source = "api", .body = encode_command(command)});
  }
  void deploy(std::string_view host, std::string_view title) {
    feed({.source = "pagerduty-changes",
          .content_type = "application/json",
          .body = fmt::format(R"({{"routing_key":"0123456789abcdef0123456789abcdef","payload":)"
                              R"({{"summary":"{}","timestamp":"{}",)"
                              R"("custom_details":{{"host":"{}"}}}}}})",
                              title, format_rfc3339(now_), host)});
  }

  std::vector<Finding> findings() const { return findings_of(pipeline_); }
  // How often alerts were told of findings.
  std::size_t told() const {
    return static_cast<std::size_t>(
        std::ranges::count(pipeline_.pending_events(), std::string("/quell/detection"),
                           [](const EventRow& row) { return row.event.source; }));
  }
  const Pipeline& pipeline() const { return pipeline_; }
  const RuleWatches& watches() const { return pipeline_.detection().watches(); }
  Timestamp now() const { return now_; }

  // All that was found, and what is in progress.
  std::string state() const { return detection_state(pipeline_); }
  // The same when the process was killed every few frames.
  std::string state_with_kills(std::uint64_t seed) const {
    Prng prng(seed);
    return detection_state_with_kills(packs_, journal_, {.commit_after = 4, .kill_after = 60},
                                      prng);
  }

 private:
  void feed(Frame frame) {
    frame.offset = pipeline_.next_offset();
    frame.arrived_at = std::max(now_, pipeline_.now());
    pipeline_.on_frame(frame);
    journal_.push_back(std::move(frame));
  }

  PackLibrary packs_;
  Pipeline pipeline_{packs_};
  std::vector<Frame> journal_;
  Timestamp now_ = kBegin;
};

double noise(int i) {
  return static_cast<double>(i * 7919 % 101) / 50 - 1;
}

// The only finding, and that kills change nothing.
Finding only_finding(const World& world) {
  EXPECT_EQ(world.state_with_kills(1), world.state());
  EXPECT_EQ(world.state_with_kills(2), world.state());
  const auto found = world.findings();
  EXPECT_EQ(found.size(), 1u);
  return found.empty() ? Finding{} : found[0];
}

TEST(DetectionRules, AThresholdMustLast) {
  World world("{name: hot, metric: load, detector: threshold, above: 80, min_duration: 3m}");
  world.report("load", 5, [](int) { return 50; });
  world.report("load", 2, [](int) { return 90; });
  world.report("load", 50);
  EXPECT_TRUE(world.findings().empty());
  world.report("load", 90);
  const Timestamp onset = world.now();
  world.report("load", 4, [](int) { return 95; });
  Finding f = only_finding(world);
  EXPECT_EQ(f.status, FindingStatus::Open);
  EXPECT_EQ(f.entity.to_string(), "host:a");
  EXPECT_EQ(f.onset, onset);
  EXPECT_EQ(f.detected_at, onset + minutes(3));
  EXPECT_EQ(f.severity, Severity::Warning);
  EXPECT_EQ(f.title, "load on a is 95, above the limit of 80");
  EXPECT_EQ(f.why, "rule 'hot' (detector threshold): load is 95, above the limit of 80");
  ASSERT_EQ(f.signals.size(), 1u);
  EXPECT_EQ(f.signals[0].rule->detector, "threshold");
  EXPECT_EQ(f.signals[0].high(), 80);
  EXPECT_TRUE(f.signals[0].is_up());
  EXPECT_GE(f.signals[0].points.size(), 1u);
  world.report("load", 50);
  world.pass(minutes(2));
  f = only_finding(world);
  EXPECT_EQ(f.status, FindingStatus::Ended);
  EXPECT_EQ(f.ended_at, onset + minutes(4));
}

// Ten findings, and a storm for the others: one cause, so one incident.
TEST(DetectionRules, AStormOfFindingsIsOneIncident) {
  const auto incidents_of = [](int hosts) {
    World world("{metric: load, detector: threshold, above: 80, severity: error}");
    const auto all_report = [&](double value) {
      world.pass(minutes(1));
      for (int h = 0; h < hosts; ++h) {
        world.pass(std::chrono::milliseconds(20));
        world.post(sample_line("load", fmt::format("h{}", h), value, world.now()));
      }
    };
    all_report(50);
    all_report(90);
    world.pass(minutes(1));
    EXPECT_EQ(world.findings().size(), static_cast<std::size_t>(std::min(hosts, 11)));
    std::vector<std::size_t> alerts;
    world.pipeline().incidents().newest_first(UINT64_MAX, [&](std::uint64_t, const Incident& i) {
      if (is_active(i.status)) alerts.push_back(i.members.size());
      return true;
    });
    return alerts;
  };
  EXPECT_EQ(incidents_of(9), std::vector<std::size_t>(9, 1));
  EXPECT_EQ(incidents_of(10), std::vector<std::size_t>{10});
  EXPECT_EQ(incidents_of(40), std::vector<std::size_t>{11});
}

// What `auto` finds becomes an error minutes after its onset.
TEST(DetectionRules, AStormOfErrorsByAutoIsOneIncident) {
  World world("");
  Prng prng(3);
  const auto report = [&](int rounds, double by) {
    for (int round = 0; round < rounds; ++round) {
      world.pass(minutes(1));
      std::string lines;
      for (int h = 0; h < 14; ++h) {
        for (int m = 0; m < 8; ++m) {
          const double noise = static_cast<double>(prng.below(1000) + prng.below(1000)) / 500;
          lines += sample_line(fmt::format("metric_{}", m), fmt::format("h{}", h), 50 + noise + by,
                               world.now());
        }
      }
      world.post(std::move(lines));
    }
  };
  report(400, 0);
  report(10, 40);
  std::vector<std::size_t> members;
  world.pipeline().incidents().newest_first(UINT64_MAX, [&](std::uint64_t, const Incident& i) {
    if (is_active(i.status)) members.push_back(i.members.size());
    return true;
  });
  EXPECT_EQ(members, std::vector<std::size_t>{11});
}

TEST(DetectionRules, NoiseMustBeExceededByTheSameRule) {
  const std::string hot = "{name: hot, metric: load, detector: threshold, above: 80}";
  World world(hot);
  const auto peak = [&](double value) {
    world.report("load", 5, [](int) { return 50; });
    world.report("load", value);
    world.report("load", 5, [](int) { return 50; });
    return world.findings().size();
  };
  ASSERT_EQ(peak(90), 1u);
  world.command({.kind = CommandKind::FindingFeedback,
                 .actor = "ann",
                 .text = "noise",
                 .finding = world.findings()[0].id});
  EXPECT_EQ(world.findings()[0].trace.back().text,
            "ann says noise: 1 metric must deviate a quarter more than here before counting again "
            "(scores up to 0.156)");
  EXPECT_EQ(peak(92), 1u);
  EXPECT_EQ(peak(95), 2u);
  world.configure("{name: other, metric: load, detector: threshold, above: 80}");
  EXPECT_EQ(peak(90), 3u);
}

TEST(DetectionRules, WhatBeginsAndEndsInOneRequestIsFound) {
  World world("{metric: load, detector: threshold, above: 80}");
  world.pass(minutes(1));
  std::string lines;
  for (const double value : {1, 99, 1}) {
    world.sleep(seconds(1));
    lines += sample_line("load", "a", value, world.now());
  }
  world.post(lines);
  world.pass(minutes(2));
  EXPECT_EQ(only_finding(world).status, FindingStatus::Ended);
}

TEST(DetectionRules, ASeverityOpensAnIncident) {
  World world("{metric: load, detector: threshold, above: 80, severity: error}");
  world.report("load", 90);
  world.pass(minutes(1));
  EXPECT_EQ(only_finding(world).severity, Severity::Error);
  EXPECT_EQ(world.pipeline().incidents().count(IncidentStatus::Open), 1u);
}

// The most telling series gives the title and the reason, the most severe rule the severity.
TEST(DetectionRules, TitleAndReasonOfSeveralRulesAreOfOneSeries) {
  World world(
      "{name: queue, metric: queue, detector: threshold, above: 90, severity: error},"
      "{name: hot, metric: load, detector: threshold, above: 10}");
  world.pass(minutes(1));
  world.post(sample_line("queue", "a", 91, world.now()) +
             sample_line("load", "a", 99, world.now()));
  const Finding f = only_finding(world);
  EXPECT_EQ(f.severity, Severity::Error);
  EXPECT_EQ(f.title, "load on a is 99, above the limit of 10; 1 more series");
  EXPECT_EQ(f.why,
            "rule 'hot' (detector threshold): load is 99, above the limit of 10; 1 more series; "
            "rule 'queue' says error");
  EXPECT_EQ(f.trace.at(0).text, "began: " + f.why);
}

// The second series has the slot of the first one, which has left meanwhile.
TEST(DetectionRules, ASlotThatIsUsedAgainIsAnotherSeriesOfALongFinding) {
  World world("");
  world.configure_all(
      "metrics: {series_idle: 15m}\n"
      "detection: {rules: [{match: 'host=\"a\"', detector: threshold, above: 80}]}");
  const auto slot_of = [&](std::string_view metric) {
    const auto labels = SeriesLabels::from({{"__name__", metric}, {"host", "a"}}).value();
    return world.pipeline().metrics().table().find("default", labels);
  };
  world.report("load", 99);
  world.report("first", 99);
  world.report("first", 1);
  const SeriesSlot slot = slot_of("first");
  world.report("load", 60, [](int) { return 99; });
  ASSERT_EQ(slot_of("first"), kNoSlot);
  world.report("second", 99);
  ASSERT_EQ(slot_of("second"), slot);
  world.report("load", 99);
  EXPECT_EQ(only_finding(world).series_count, 3u);
}

TEST(DetectionRules, SilenceIsFound) {
  World world("{name: beat, metric: heartbeat, detector: absence}");
  world.report("heartbeat", 30, [](int) { return 1; });
  const Timestamp last = world.now();
  world.pass(minutes(20));
  Finding f = only_finding(world);
  EXPECT_EQ(f.status, FindingStatus::Open);
  EXPECT_GE(f.detected_at, last + minutes(4));
  EXPECT_LE(f.detected_at, last + minutes(5));
  EXPECT_TRUE(f.why.starts_with("rule 'beat' (detector absence): heartbeat has no data for 4m"))
      << f.why;
  world.report("heartbeat", 1);
  world.pass(minutes(2));
  EXPECT_EQ(only_finding(world).status, FindingStatus::Ended);
}

// A finding that only lasts: its alert is told of it seldomer and seldomer, and of its end at once.
TEST(DetectionRules, ASilenceThatLastsIsToldSeldomer) {
  World world("{name: beat, metric: heartbeat, detector: absence, silence: 2m}");
  world.report("heartbeat", 30, [](int) { return 1; });
  const auto told_in = [&](Duration time) {
    const std::size_t before = world.told();
    world.pass(time);
    return world.told() - before;
  };
  EXPECT_EQ(told_in(minutes(1)), 0u);
  // After 15, 30, 60, 120 and 240 seconds, then each five minutes.
  const std::size_t first = told_in(minutes(10));
  EXPECT_GE(first, 5u);
  EXPECT_LE(first, 7u);
  const std::size_t later = told_in(hours(1));
  EXPECT_GE(later, 10u);
  EXPECT_LE(later, 12u);
  ASSERT_EQ(world.findings().size(), 1u);
  EXPECT_LE(world.now() - world.findings()[0].updated_at, seconds(30)) << "the page stays fresh";
  world.report("heartbeat", 1);
  EXPECT_EQ(told_in(seconds(90)), 1u);
  EXPECT_EQ(only_finding(world).status, FindingStatus::Ended);
}

TEST(DetectionRules, ASilenceEndsWhenItsSeriesLeaves) {
  World world("{metric: heartbeat, detector: absence, silence: 2m}");
  world.report("heartbeat", 3, [](int) { return 1; });
  world.pass(hours(4));
  EXPECT_EQ(only_finding(world).status, FindingStatus::Ended);
  EXPECT_EQ(world.watches().series(), 0u);
}

TEST(DetectionRules, WhileTheServerIsDownNothingIsMissed) {
  World world("{metric: heartbeat, detector: absence, silence: 2m}");
  world.report("heartbeat", 10, [](int) { return 1; });
  world.sleep(hours(1));
  world.report("heartbeat", 10, [](int) { return 1; });
  EXPECT_TRUE(world.findings().empty());
}

TEST(DetectionRules, AForecastSaysWhen) {
  World world("{name: fills, metric: disk, detector: forecast, above: 1000, horizon: 3h}");
  world.report("disk", 200, [](int i) { return 100 + noise(i); });
  EXPECT_TRUE(world.findings().empty());
  world.report("disk", 80, [](int i) { return 100 + 5 * i + noise(i); });
  const Finding f = only_finding(world);
  ASSERT_EQ(f.signals.size(), 1u);
  const SignalRule& rule = *f.signals[0].rule;
  ASSERT_TRUE(rule.crosses_at && rule.earliest);
  // It began 79 minutes ago and takes 180.
  EXPECT_NEAR(to_seconds(*rule.crosses_at - world.now()), 101 * 60, 30 * 60);
  EXPECT_LE(*rule.earliest, *rule.crosses_at);
  EXPECT_TRUE(f.title.starts_with("disk on a will reach 1000 at 2026-11-21T")) << f.title;
  EXPECT_TRUE(f.signals[0].is_up());
}

TEST(DetectionRules, ASeasonIsLearned) {
  World world("{metric: users, detector: seasonal, coverage: 0.9999}");
  world.report("users", 610, [](int i) { return 200 + noise(i); });
  const std::size_t before = world.findings().size();
  EXPECT_LE(before, 2u);  // Half hours that it does not know it says nothing of.
  world.pass(minutes(5));
  world.report("users", 2, [](int) { return 260; });
  EXPECT_EQ(world.state_with_kills(1), world.state());
  ASSERT_EQ(world.findings().size(), before + 1);
  const Finding f = world.findings().back();
  EXPECT_TRUE(f.title.starts_with("users on a is 260, usual at this time is ")) << f.title;
  ASSERT_FALSE(f.signals.empty());
  EXPECT_LT(f.signals[0].high(), 230);
  EXPECT_GT(f.signals[0].low(), 170);
}

TEST(DetectionRules, AModelThatLearnsSaysNothingUnlessToldTo) {
  constexpr std::string_view kRule = "metric: users, detector: seasonal, warmup: 1000";
  for (const bool told : {false, true}) {
    World world(fmt::format("{{{}, page_while_learning: {}}}", kRule, told));
    world.report("users", 400, [](int i) { return 200 + noise(i); });
    EXPECT_EQ(world.watches().facts()[0].learning, 1u);
    world.report("users", 2, [](int) { return 260; });
    EXPECT_EQ(world.findings().size(), told ? 1u : 0u);
  }
}

TEST(DetectionRules, AChangeOfLevelIsFoundOnce) {
  World world("{metric: rate, detector: change_point, calm: 30m}");
  world.report("rate", 24 * 60 + 100, [](int i) { return 50 + noise(i); });
  EXPECT_TRUE(world.findings().empty());
  const Timestamp shifted = world.now();
  world.report("rate", 60, [](int i) { return 60 + noise(i); });
  const Finding f = only_finding(world);
  EXPECT_LE(f.onset, shifted + minutes(3));
  EXPECT_TRUE(f.title.starts_with("rate on a is at another level since ")) << f.title;
}

TEST(DetectionRules, SeveralSeriesTogetherAreIsolated) {
  World world(
      "{name: shop, match: '__name__=~\"in|out\"', detector: isolation, p: 0.01, warmup: 100}");
  Prng prng(3);
  const auto both = [&](double in, double out) {
    world.pass(minutes(1));
    world.post(sample_line("in", "a", in, world.now()) + sample_line("out", "a", out, world.now()));
  };
  for (int i = 0; i < 700; ++i) {
    const double load = static_cast<double>(prng.below(100));
    both(load, load + static_cast<double>(prng.below(4)));
  }
  const std::size_t before = world.findings().size();
  EXPECT_LE(before, 6u);  // One in a hundred, in some samples in a row.
  world.pass(minutes(5));
  for (int i = 0; i < 3; ++i) both(90, 5);
  EXPECT_EQ(world.state_with_kills(1), world.state());
  const auto found = world.findings();
  ASSERT_EQ(found.size(), before + 1);
  EXPECT_EQ(found.back().signals.at(0).rule->detector, "isolation");
  EXPECT_NE(found.back().title.find("2 series together are where they have hardly been"),
            std::string::npos)
      << found.back().title;
}

TEST(DetectionRules, WhatFollowsADeployIsHeld) {
  World world(
      "{name: hot, metric: load, detector: threshold, above: 80, suppress_during_deploys: 15m}");
  world.report("load", 50);
  world.deploy("a", "release 7");
  world.report("load", 90);
  world.pass(minutes(2));
  EXPECT_TRUE(world.findings().empty());
  EXPECT_EQ(world.watches().facts()[0].held, 1u);
  EXPECT_EQ(world.watches().facts()[0].why_held, "'release 7' 1m before");
  world.report("load", 14, [](int) { return 90; });
  const Finding f = only_finding(world);
  ASSERT_EQ(f.trace.size(), 2u);
  EXPECT_TRUE(f.trace[1].text.ends_with("held until now: 'release 7' 14m before"))
      << f.trace[1].text;
  EXPECT_EQ(world.watches().facts()[0].held, 0u);
  // What is as usual again by then is not raised, and other hosts are not held.
  World other("{metric: load, detector: threshold, above: 80, suppress_during_deploys: 15m}");
  other.deploy("a", "release 7");
  other.report("load", 90);
  other.report("load", 20, [](int) { return 50; });
  EXPECT_TRUE(other.findings().empty());
  other.report("load", 90, "b");
  EXPECT_EQ(only_finding(other).entity.to_string(), "host:b");
}

TEST(DetectionRules, OutsideOfTheHoursNothingOpens) {
  World world("{metric: load, detector: threshold, above: 80, hours: '09:00-18:00'}");
  world.report("load", 55, [](int) { return 90; });  // Since 08:01.
  EXPECT_TRUE(world.findings().empty());
  EXPECT_EQ(world.watches().facts()[0].why_held, "outside of the working hours");
  world.report("load", 10, [](int) { return 90; });
  EXPECT_EQ(only_finding(world).onset, kBegin + minutes(1));
}

TEST(DetectionRules, HoursAndDeploysAreForAutoToo) {
  for (const bool held : {false, true}) {
    World world(held ? "{metric: q, detector: auto, suppress_during_deploys: 30m, severity: error}"
                     : "{metric: q, detector: auto, severity: error}");
    world.report("q", 300, [](int i) { return 50 + noise(i); });
    if (held) world.deploy("a", "release 8");
    world.report("q", 10, [](int i) { return 500 + 50 * i; });
    EXPECT_EQ(world.findings().size(), held ? 0u : 1u);
    if (!held) continue;
    world.report("q", 25, [](int i) { return 1000 + 50 * i; });
    const Finding f = only_finding(world);
    ASSERT_EQ(f.trace.size(), 2u);
    EXPECT_NE(f.trace[1].text.find("held until now: 'release 8'"), std::string::npos);
  }
}

TEST(DetectionRules, TheNumberOfSeriesIsLimited) {
  World world("");
  const std::string text =
      "detection: {named_series_max: 1, rules: [{metric: load, detector: threshold, above: 80}]}";
  ASSERT_TRUE(parse_settings(text, "c", {}, no_files()));
  RuleWatches watches;
  FindingOptions options = parse_settings(text, "c", {}, no_files()).value().pipeline.detection;
  watches.set_options(options);
  world.report("load", 1, "a");
  world.report("load", 1, "b");
  std::vector<RuleSignal> signals;
  watches.match_all(world.pipeline().metrics().table(), 0, signals);
  EXPECT_EQ(watches.series(), 1u);
  EXPECT_EQ(watches.refused(), 1u);
}

TEST(DetectionRules, WhatFindsNoRoomTakesThatOfWhatLeaves) {
  World world("");
  world.configure_all(
      "metrics: {series_idle: 15m}\n"
      "detection: {named_series_max: 1, rules: [{metric: load, detector: threshold, above: 80}]}");
  world.report("load", 1, "a");
  world.report("load", 99, "b");
  world.report("load", 1, "c");
  EXPECT_EQ(world.watches().series(), 1u);
  EXPECT_EQ(world.watches().refused(), 2u);
  EXPECT_TRUE(world.findings().empty());
  for (int i = 0; i < 60; ++i) {
    world.report("load", 99, "b");
    world.report("load", 1, "c");
  }
  EXPECT_EQ(world.watches().series(), 1u);
  EXPECT_EQ(world.watches().refused(), 1u);
  EXPECT_EQ(only_finding(world).entity.to_string(), "host:b");
}

constexpr std::string_view kLearningRules =
    "{name: day, metric: load, detector: seasonal, warmup: 60},"
    "{name: all, match: 'host=\"g\"', detector: isolation, p: 0.01, warmup: 60}";

void report_three(World& world, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const double swing = noise(i);
    world.pass(minutes(1));
    world.post(sample_line("load", "a", 50 + swing, world.now()) +
               sample_line("x", "g", 10 + swing, world.now()) +
               sample_line("y", "g", 90 - 2 * swing + noise(3 * i) / 9, world.now()));
  }
}

// What the detectors of rules have learned, as an export has it.
ModelFile learned_by_rules(const World& world) {
  ModelFile file;
  const SeriesTable& table = world.pipeline().metrics().table();
  for (SeriesSlot slot = 0; slot < table.slot_count(); ++slot) {
    if (table.series(slot) == nullptr) continue;
    auto record = world.watches().exported(slot, table);
    if (record) file.detectors.push_back(*std::move(record));
  }
  return file;
}

TEST(DetectionRules, WhatTheyLearnedMovesToAnotherServer) {
  World teacher(kLearningRules);
  report_three(teacher, 300);
  const ModelFile file = learned_by_rules(teacher);
  ASSERT_EQ(file.detectors.size(), 2u);
  const Command import{.kind = CommandKind::ImportModels, .data = encode_model_file(file)};
  const auto learning = [](const World& world) {
    return world.watches().facts().at(0).learning + world.watches().facts().at(1).learning;
  };
  // Series that are there have it at once; those that come later, and those of later rules, then.
  World known(kLearningRules);
  report_three(known, 2);
  known.command(import);
  const ModelFile back = learned_by_rules(known);
  ASSERT_EQ(back.detectors.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(back.detectors[i].state, file.detectors[i].state) << i;
  }
  World unknown(kLearningRules);
  unknown.command(import);
  EXPECT_EQ(unknown.pipeline().detection().imported_waiting(), 2u);
  World without("");
  report_three(without, 2);
  without.command(import);
  without.configure(kLearningRules);
  World other(
      "{name: day, metric: load, detector: seasonal, warmup: 61}, {metric: q, detector: off}");
  other.command(import);
  for (World* world : {&known, &unknown, &without, &other}) {
    report_three(*world, 3);
    EXPECT_EQ(world->state_with_kills(3), world->state());
    if (world == &other) continue;
    EXPECT_EQ(learning(*world), 0u);
    EXPECT_EQ(world->pipeline().detection().imported_waiting(), 0u);
  }
  EXPECT_EQ(other.pipeline().detection().imported_waiting(), 2u) << "its rule is another one";
}

TEST(DetectionRules, GroupsAreOfOneRuleAndOfLivingSeries) {
  World world(
      "{name: g, metric: load, match: 'shard=\"a\"', detector: isolation},"
      "{name: g, metric: load, match: 'shard=\"b\"', detector: isolation, severity: error}");
  const auto send = [&](std::string_view shard, int first, int count) {
    std::string lines;
    for (int i = first; i < first + count; ++i) {
      lines += fmt::format(R"({{"host":"a","metric":"load","value":1,"ts_event":"{}",)"
                           R"("tags":{{"shard":"{}","pod":"p{}"}}}})"
                           "\n",
                           format_rfc3339(world.now()), shard, i);
    }
    world.post(lines);
  };
  send("a", 0, 2);
  send("b", 0, 2);
  const auto facts = world.watches().facts();
  EXPECT_EQ(facts[0].series, 2u);
  EXPECT_EQ(facts[1].series, 2u);
  // Pods come and go: those that left take no room.
  for (int round = 1; round < 4; ++round) {
    world.pass(hours(4));
    send("a", 200 * round, 200);
    send("a", 0, 1);
  }
  EXPECT_EQ(world.watches().facts()[0].series, 201u);
  EXPECT_EQ(world.watches().refused(), 0u);
  EXPECT_EQ(world.state_with_kills(3), world.state());
}

TEST(DetectionRules, WithoutDetectionNothingIsWaitedFor) {
  World world("{name: beat, metric: load, detector: absence, silence: 2m}");
  world.report("load", 1);
  world.configure_all("detection: {enabled: false, rules: [{metric: load, detector: absence}]}");
  world.pass(minutes(10));
  EXPECT_EQ(world.findings().size(), 0u);
  EXPECT_GT(world.pipeline().next_deadline(), world.now());
}

TEST(DetectionRules, OtherRulesEndFindingsAndEqualOnesGoOn) {
  World world("{metric: load, detector: threshold, above: 80}, {metric: u, detector: seasonal}");
  world.report("load", 90);
  world.report("u", 1);
  EXPECT_EQ(only_finding(world).status, FindingStatus::Open);
  world.configure("{name: new, metric: u, detector: seasonal, min_change: 3}");
  world.pass(minutes(2));
  EXPECT_EQ(only_finding(world).status, FindingStatus::Ended);
  EXPECT_EQ(world.watches().series(), 1u);
  EXPECT_EQ(world.watches().facts()[0].learning, 1u);
}

// Old samples, of a sender that was cut off, are learned from and raise nothing; but they are data.
TEST(DetectionRules, OldSamplesOnlyTeach) {
  World world("{metric: load, detector: threshold, above: 80}");
  world.pass(hours(1));
  world.post(sample_line("load", "a", 90, world.now() - minutes(30)));
  EXPECT_TRUE(world.findings().empty());
  world.post(sample_line("load", "a", 90, world.now()));
  EXPECT_EQ(world.findings().size(), 1u);
}

}  // namespace
}  // namespace quell
