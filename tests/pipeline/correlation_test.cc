#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/pipeline.h"
#include "app/render.h"
#include "app/settings.h"
#include "base/json.h"
#include "base/time.h"
#include "tests/support/memory_store.h"

namespace quell {
namespace {

using std::chrono::seconds;

const Timestamp kBegin = *parse_rfc3339("2026-11-21T08:00:00Z");

// A pipeline that is fed posts of Alertmanager, with ticks in between as a server makes them.
class World {
 public:
  explicit World(std::string_view config = "") { configure(config, seconds(0)); }

  void configure(std::string_view config, Duration after) {
    feed({.kind = FrameKind::Config,
          .source = "config",
          .body = parse_settings(config, "config", {}, no_files()).value().pipeline_text},
         kBegin + after);
  }

  void post(std::string body, Duration after, std::string source = "alertmanager-v2") {
    const Timestamp at = kBegin + after;
    tick_until(at);
    feed({.source = std::move(source), .content_type = "application/json", .body = std::move(body)},
         at);
  }

  // Nobody posts anything until then.
  void pass(Duration until) {
    tick_until(kBegin + until);
    feed({.kind = FrameKind::Tick}, kBegin + until);
  }

  // All frames so far again, with a restart before each: the state at the end.
  std::string state_with_restarts() const {
    MemoryStore store;
    auto pipeline = std::make_unique<Pipeline>(packs_);
    for (const Frame& frame : journal_) {
      pipeline->on_frame(frame);
      store.commit(pipeline->take_batch());
      pipeline = std::make_unique<Pipeline>(packs_);
      EXPECT_TRUE(restart(*pipeline, store, journal_));
    }
    return render_state(*pipeline);
  }

  const Pipeline& pipeline() const { return pipeline_; }
  const Incident& only_incident() const {
    const Incident* found = nullptr;
    pipeline_.incidents().newest_first(UINT64_MAX, [&](std::uint64_t, const Incident& incident) {
      EXPECT_EQ(found, nullptr);
      found = &incident;
      return true;
    });
    return *found;
  }
  const Alert& only_alert() const {
    const Alert* found = nullptr;
    pipeline_.alerts().newest_first(UINT64_MAX, [&](std::uint64_t, const Alert& one) {
      EXPECT_EQ(found, nullptr);
      found = &one;
      return true;
    });
    return *found;
  }

 private:
  void tick_until(Timestamp at) {
    while (pipeline_.next_deadline() <= at) {
      feed({.kind = FrameKind::Tick}, std::max(pipeline_.next_deadline(), pipeline_.now()));
    }
  }

  void feed(Frame frame, Timestamp at) {
    frame.offset = pipeline_.next_offset();
    frame.arrived_at = at;
    pipeline_.on_frame(frame);
    journal_.push_back(std::move(frame));
  }

  const PackLibrary packs_ = PackLibrary::built_in();
  Pipeline pipeline_{packs_};
  std::vector<Frame> journal_;
};

std::string alert(int number, Timestamp starts_at, Timestamp ends_at) {
  return fmt::format(
      R"({{"labels":{{"alertname":"A","service":"shop","pod":"p{}","severity":"critical"}},)"
      R"("startsAt":"{}","endsAt":"{}"}})",
      number, format_rfc3339(starts_at), format_rfc3339(ends_at));
}

std::string firing(int number, Duration at) {
  return alert(number, kBegin + at, kBegin + std::chrono::hours(9));
}

std::string ended(int number, Duration from, Duration to) {
  return alert(number, kBegin + from, kBegin + to);
}

// What the trace says at or after `from`, as `08:04:10 expired: why`.
std::string trace_of(const Trace& trace, Duration from) {
  std::string text;
  for (const Verdict& verdict : trace.verdicts()) {
    if (verdict.at < kBegin + from) continue;
    text += fmt::format("{} {}: {}\n", format_rfc3339(verdict.at).substr(11, 8),
                        verdict_kind_name(verdict.kind), std::string_view(verdict.reason));
  }
  return text;
}

// Its sender never says that it ended: the lease of what was posted last says when.
TEST(Correlation, AnAlertThatIsNotRefreshedExpires) {
  World world("incidents: {auto_resolve_after: 1m}");
  const auto post = [&](Duration at) {
    world.post(fmt::format("[{}]", alert(1, kBegin + seconds(10), kBegin + at + seconds(240))), at);
  };
  post(seconds(10));
  post(seconds(130));  // Refreshed: until 370 s.
  const AlertKey key = world.only_alert().key;
  const auto firing_at = [&](Duration at) {
    world.pass(at);
    return world.only_alert().firing();
  };
  EXPECT_TRUE(firing_at(seconds(369)));
  EXPECT_EQ(trace_of(world.only_alert().trace, seconds(131)), "");
  EXPECT_FALSE(firing_at(seconds(371)));
  EXPECT_EQ(world.only_alert().key, key);
  EXPECT_EQ(world.only_alert().ends_at, kBegin + seconds(370));
  EXPECT_EQ(trace_of(world.only_alert().trace, seconds(131)),
            "08:06:10 expired: its sender did not refresh it before its end time\n");
  world.pass(seconds(600));
  EXPECT_EQ(world.only_incident().status, IncidentStatus::Resolved);
  EXPECT_EQ(world.state_with_restarts(), render_state(world.pipeline()));
}

// Beyond the ones that are listed, alerts that flap and end are counted once.
TEST(Correlation, CountsAlertsThatAreNotListed) {
  World world;
  constexpr int kAll = static_cast<int>(Incident::kMembersListed) + 3;
  std::string body = "[";
  for (int n = 0; n < kAll; ++n) body += (n == 0 ? "" : ",") + firing(n, seconds(n / 100));
  world.post(body + "]", seconds(60));
  EXPECT_EQ(world.only_incident().unlisted_count, 3u);
  EXPECT_EQ(world.only_incident().firing_count(), static_cast<std::size_t>(kAll));
  world.post(fmt::format("[{}]", ended(kAll - 2, seconds(50), seconds(70))), seconds(70));
  EXPECT_EQ(world.only_incident().firing_count(), static_cast<std::size_t>(kAll - 1));
  Duration at = seconds(100);
  for (int n = 0; n < 6; ++n, at += seconds(60)) {  // Flaps, and fires at last.
    world.post(fmt::format("[{}]", ended(kAll - 1, at - seconds(30), at)), at);
    world.post(fmt::format("[{}]", firing(kAll - 1, at + seconds(30))), at + seconds(30));
  }
  world.post(fmt::format("[{}]", firing(0, seconds(0))), at + std::chrono::minutes(15));
  EXPECT_EQ(world.only_incident().unlisted_count, 3u);
  EXPECT_EQ(world.only_incident().firing_count(), static_cast<std::size_t>(kAll - 1));
}

// Fires and ends `changes` times from `from` on, all of it posted an hour later.
void post_old_changes(World& world, int changes, Duration from) {
  for (int n = 0; n < changes; ++n) {
    const Duration at = from + seconds(10 * n);
    const std::string body = n % 2 == 0 ? firing(0, at) : ended(0, at - seconds(10), at);
    world.post(fmt::format("[{}]", body), std::chrono::hours(1) + at);
  }
}

// An alert that flapped, and kept still long before its sender told of it, is calm with the next
// frame: a restart in between must not put that off.
TEST(Correlation, CalmThatIsDueOutlivesARestart) {
  World world;
  post_old_changes(world, 8, seconds(0));
  world.post("[]", std::chrono::hours(1) + seconds(90));
  EXPECT_EQ(world.only_incident().firing_count(), 0u);
  EXPECT_EQ(world.state_with_restarts(), render_state(world.pipeline()));
}

// Retirement waits until it is known to keep still.
TEST(Correlation, AnAlertThatFlapsLongerThanEndedOnesLive) {
  World world("alerts: {flap_calm: 3h, resolved_live: 1m}");
  post_old_changes(world, 8, seconds(0));
  world.post("[]", std::chrono::hours(2));
  EXPECT_EQ(world.only_incident().firing_count(), 1u);
  world.post("[]", std::chrono::hours(4));
  EXPECT_EQ(world.only_incident().firing_count(), 0u);
  EXPECT_EQ(world.state_with_restarts(), render_state(world.pipeline()));
}

// Deadlines are those of the present options, also without a restart.
TEST(Correlation, OtherLengthsOfTimeCountAtOnce) {
  World world("alerts: {flap_calm: 9h}");
  post_old_changes(world, 8, seconds(0));
  world.configure("alerts: {flap_calm: 1m}", std::chrono::hours(1) + seconds(80));
  world.post("[]", std::chrono::hours(1) + seconds(90));
  EXPECT_EQ(world.only_incident().firing_count(), 0u);
  EXPECT_EQ(world.state_with_restarts(), render_state(world.pipeline()));
}

// Of alerts of one service, whose beginnings and ends cross on their way: a restart before each of
// them changes nothing.
class CrossedWorld : public World {
 public:
  using World::World;
  void say(std::string_view name, std::string_view severity, int from, int to, int at) {
    post(fmt::format(R"([{{"labels":{{"alertname":"{}","service":"shop","severity":"{}"}},)"
                     R"("startsAt":"{}","endsAt":"{}"}}])",
                     name, severity, format_rfc3339(kBegin + seconds(from)),
                     format_rfc3339(kBegin + seconds(to))),
         seconds(at));
  }
  void check_restarts() {
    post("[]", seconds(200));
    EXPECT_EQ(state_with_restarts(), render_state(pipeline()));
  }
};

// It was told of once, so that its next firing, which is held, must be forgotten.
TEST(Correlation, AnAlertThatIsHeldAgainCountsForNothing) {
  CrossedWorld world(R"(hold: [{match: 'severity="warning"', for: 45s}])");
  world.say("Blip", "warning", 16, 17, 17);
  world.say("Blip", "warning", 11, 468, 19);
  world.say("Blip", "warning", 19, 476, 22);
  world.say("Blip", "warning", 23, 24, 30);
  world.say("Burst", "critical", 19, 700, 32);
  EXPECT_EQ(world.only_incident().members.size(), 1u);
  world.check_restarts();
}

TEST(Correlation, AMemberThatFiresAgainBeforeItSettlesIsNotLoose) {
  CrossedWorld world;
  world.say("Slow", "critical", 39, 647, 41);
  world.say("Slow", "critical", 40, 41, 42);
  world.say("Burst", "warning", 38, 646, 45);
  world.say("Burst", "warning", 44, 652, 46);
  world.say("Burst", "warning", 41, 42, 47);
  for (int at = 48; at < 60; ++at) world.post("[]", seconds(at));
  world.check_restarts();
}

// Its first end gets too old to matter; the second has not, and what began before it and arrives
// late still takes the alert along.
TEST(Correlation, ALooseAlertThatEndsTwiceCountsUntilItsSecondEnd) {
  World world;
  const auto post = [&](std::string_view name, std::string_view severity, Duration from,
                        Duration to, Duration after) {
    world.post(
        fmt::format(R"([{{"labels":{{"alertname":"{}","service":"shop","severity":"{}"}},)"
                    R"("startsAt":"{}","endsAt":"{}"}}])",
                    name, severity, format_rfc3339(kBegin + from), format_rfc3339(kBegin + to)),
        after);
  };
  constexpr Duration kLong = std::chrono::minutes(5);
  post("Slow", "warning", seconds(3), kLong, seconds(3));
  post("Slow", "warning", seconds(3), seconds(6), seconds(6));
  post("Slow", "warning", seconds(8), kLong, seconds(8));
  post("Slow", "warning", seconds(8), seconds(14), seconds(14));
  post("Idle", "info", seconds(18), kLong, seconds(18));
  post("Down", "critical", seconds(13), kLong, seconds(20));
  const auto is_slow = [&](const Member& m) {
    return world.pipeline().alerts().find({"default", m.fingerprint})->title == "Slow";
  };
  EXPECT_EQ(std::ranges::count_if(world.only_incident().members, is_slow), 1);
  EXPECT_EQ(world.state_with_restarts(), render_state(world.pipeline()));
}

// A rule that brings the alerts of a team together, and such an alert, named after its service.
std::string by_team(int threshold, std::string_view window) {
  return fmt::format(
      "alerts: {{flap_changes: 5, flap_calm: 1m}}\n"
      "correlation:\n  rules:\n"
      "    - {{name: burst, match: 'team=\"a\"', group_by: [team], window: {},"
      " threshold: {}}}\n",
      window, threshold);
}

std::string of_team(std::string_view name, std::string_view service, std::string_view severity,
                    Duration from, Duration to = std::chrono::hours(9)) {
  return fmt::format(R"([{{"labels":{{"alertname":"{}","service":"{}","severity":"{}",)"
                     R"("team":"a"}},"startsAt":"{}","endsAt":"{}"}}])",
                     name, service, severity, format_rfc3339(kBegin + from),
                     format_rfc3339(kBegin + to));
}

// A member whose beginning turns out to be earlier settles at once: as one alert, not as two, so
// that three do not make a rule's four.
TEST(Correlation, AMemberThatBeganEarlierSettlesOnce) {
  World world(by_team(4, "1m"));
  world.post(of_team("Down", "shop", "critical", seconds(0)), seconds(0));
  world.post(of_team("Slow", "shop", "critical", seconds(1)), seconds(1));
  world.post(of_team("Full", "shop", "critical", seconds(45)), seconds(45));
  world.post(of_team("Full", "shop", "critical", seconds(20)), seconds(46));
  EXPECT_EQ(world.only_incident().members.size(), 3u);
  world.post(of_team("Late", "bank", "critical", seconds(75)), seconds(75));
  world.post("[]", seconds(100));
  EXPECT_EQ(world.pipeline().incidents().find(1)->members.size(), 3u);
  ASSERT_NE(world.pipeline().incidents().find(2), nullptr);
  EXPECT_EQ(world.pipeline().incidents().find(2)->members.size(), 1u);
  EXPECT_EQ(world.state_with_restarts(), render_state(world.pipeline()));
}

// A rule takes along, for a firing of before, what flaps by now: as a member it settles.
TEST(Correlation, AFlappingAlertThatARuleTakesAlongSettles) {
  World world(by_team(3, "1m"));
  world.post(of_team("Flap", "bank", "warning", seconds(0)), seconds(0));
  world.post(of_team("Flap", "bank", "warning", seconds(0), seconds(2)), seconds(2));
  world.post(of_team("Flap", "bank", "warning", seconds(3)), seconds(3));
  world.post(of_team("Flap", "bank", "warning", seconds(3), seconds(5)), seconds(5));
  world.post(of_team("Flap", "bank", "warning", seconds(6)), seconds(6));
  world.post(of_team("Down", "shop", "critical", seconds(1)), seconds(7));
  world.post(of_team("Slow", "shop", "critical", seconds(1)), seconds(8));
  EXPECT_EQ(world.only_incident().members.size(), 3u);
  world.post(of_team("Late", "mail", "critical", seconds(64)), seconds(64));
  world.post("[]", seconds(90));
  EXPECT_EQ(world.only_incident().members.size(), 4u);
  EXPECT_EQ(world.state_with_restarts(), render_state(world.pipeline()));
}

// What began while it flapped counts for no rule, also when it is calm again and over.
TEST(Correlation, WhatBeganFlappingCountsForNoRuleWhenItIsCalm) {
  World world(by_team(2, "1h"));
  world.post(of_team("Flap", "bank", "warning", seconds(0)), seconds(0));
  world.post(of_team("Flap", "bank", "warning", seconds(0), seconds(2)), seconds(2));
  world.post(of_team("Flap", "bank", "warning", seconds(3)), seconds(3));
  world.post(of_team("Flap", "bank", "warning", seconds(3), seconds(5)), seconds(5));
  world.post(of_team("Flap", "bank", "warning", seconds(6)), seconds(6));
  world.post(of_team("Flap", "bank", "warning", seconds(6), seconds(9)), seconds(9));
  world.post("[]", seconds(90));
  world.post(of_team("Down", "shop", "critical", seconds(8)), seconds(95));
  EXPECT_EQ(world.only_incident().title, "Down");
  EXPECT_EQ(world.state_with_restarts(), render_state(world.pipeline()));
}

// Differences and sums of times must not leave their range.
TEST(Correlation, Times300YearsAwayAreTimesLikeOthers) {
  World world;
  world.post(R"([{"labels":{"alertname":"Old","service":"shop"},"startsAt":"1700-01-01T00:00:00Z",)"
             R"("endsAt":"2026-11-21T10:00:00Z"},{"labels":{"alertname":"Far","service":"shop"},)"
             R"("startsAt":"9999-01-01T00:00:00Z","endsAt":"9999-12-31T00:00:00Z"}])",
             seconds(1));
  EXPECT_GT(world.pipeline().next_deadline(), kBegin);
  EXPECT_LE(world.pipeline().watermark(), kBegin + seconds(1));
}

TEST(Correlation, AChangeOfLongAgoIsNotAttached) {
  World world;
  world.post(R"({"routing_key":"0123456789abcdef0123456789abcdef","payload":{"summary":"deploy",)"
             R"("timestamp":"1700-01-01T00:00:00Z","custom_details":{"service":"shop"}}})",
             seconds(2), "pagerduty-changes");
  world.post(fmt::format("[{}]", firing(1, seconds(2))), seconds(3));
  EXPECT_TRUE(world.only_incident().changes.empty());
}

}  // namespace
}  // namespace quell
