#include "stream/health_window.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "base/time.h"

namespace quell::health_window_test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const Timestamp kStart = *parse_rfc3339("2026-11-21T08:00:00Z");

Event make_event(Duration since_start, Severity severity, std::string source = "/a",
                 std::string correlation_id = "") {
  Event e;
  e.tenant = "default";
  e.source = std::move(source);
  e.type = "t";
  e.time = kStart + since_start;
  e.severity = severity;
  e.correlation_id = std::move(correlation_id);
  return e;
}

void feed(HealthWindows& windows, const Event& event, int count = 1) {
  for (int i = 0; i < count; ++i) windows.on_event(event, event.time);
}

// `08:00 scope total c/e/w/i STATUS score rate TREND z late` of each window.
std::string to_text(const HealthWindow& w) {
  return fmt::format("{} '{}' {} {}/{}/{}/{} {} {:.2f} {:.2f} {} {} late {}",
                     format_rfc3339(w.starts_at).substr(11, 5), w.scope, w.total, w.by_severity[3],
                     w.by_severity[2], w.by_severity[1], w.by_severity[0],
                     health_status_name(w.status), w.health_score, w.error_rate,
                     health_trend_name(w.trend), w.zscore ? fmt::format("{:.2f}", *w.zscore) : "-",
                     w.late);
}

std::vector<std::string> to_text(const std::vector<HealthWindow>& windows) {
  std::vector<std::string> lines;
  for (const HealthWindow& w : windows) lines.push_back(to_text(w));
  return lines;
}

TEST(HealthWindows, ClosesWhenTheWatermarkPassesTheEnd) {
  HealthWindows windows;
  feed(windows, make_event(seconds(1), Severity::Critical));
  feed(windows, make_event(seconds(2), Severity::Info, "/b"), 3);
  feed(windows, make_event(minutes(5) + seconds(9), Severity::Info));
  EXPECT_TRUE(windows.take_closed().empty());
  EXPECT_EQ(windows.open_windows("default", "").size(), 2u);
  feed(windows, make_event(minutes(5) + seconds(10), Severity::Info));
  EXPECT_EQ(
      to_text(windows.take_closed()),
      (std::vector<std::string>{"08:00 '' 4 1/0/0/3 CRITICAL 2.50 0.25 NEW_ERRORS - late 0",
                                "08:00 '/a' 1 1/0/0/0 CRITICAL 10.00 1.00 NEW_ERRORS - late 0",
                                "08:00 '/b' 3 0/0/0/3 HEALTHY 0.00 0.00 STABLE - late 0"}));
  EXPECT_TRUE(windows.take_closed().empty());
  EXPECT_EQ(windows.watermark("default"), kStart + minutes(5));
  const auto open = windows.open_windows("default", "/a");
  ASSERT_EQ(open.size(), 1u);
  EXPECT_FALSE(open[0].closed);
  EXPECT_EQ(to_text(open[0]), "08:05 '/a' 2 0/0/0/2 HEALTHY 0.00 0.00 IMPROVING - late 0");
}

TEST(HealthWindows, TicksMoveTheWatermarkWhenSourcesAreQuiet) {
  HealthWindows windows;
  feed(windows, make_event(minutes(4) + seconds(58), Severity::Info));
  windows.on_tick(kStart + minutes(5) + seconds(7));  // Not yet quiet for 10 s.
  EXPECT_EQ(windows.watermark("default"), kStart + minutes(4) + seconds(48));
  windows.on_tick(kStart + minutes(5) + seconds(9));
  EXPECT_TRUE(windows.take_closed().empty());
  windows.on_tick(kStart + minutes(5) + seconds(10));
  EXPECT_EQ(windows.take_closed().size(), 2u);
}

TEST(HealthWindows, LateEventsAreShownInTheWindowTheyMissed) {
  HealthWindows windows;
  feed(windows, make_event(seconds(1), Severity::Info));
  feed(windows, make_event(minutes(12), Severity::Info));
  EXPECT_EQ(windows.take_closed().size(), 4u);
  feed(windows, make_event(seconds(2), Severity::Critical), 2);
  feed(windows, make_event(seconds(2), Severity::Critical, "/new"));
  EXPECT_EQ(to_text(windows.take_closed()),
            (std::vector<std::string>{"08:00 '' 1 0/0/0/1 HEALTHY 0.00 0.00 STABLE - late 3",
                                      "08:00 '/a' 1 0/0/0/1 HEALTHY 0.00 0.00 STABLE - late 2"}));
  feed(windows, make_event(-minutes(30), Severity::Info));
  EXPECT_TRUE(windows.take_closed().empty());
  EXPECT_EQ(windows.stats().late, 4u);
  EXPECT_EQ(windows.stats().late_unplaced, 1u);
}

TEST(HealthWindows, AClockThatIsFarAheadClosesNothing) {
  HealthWindows windows;
  Event event = make_event(hours(5), Severity::Error);
  windows.on_event(event, kStart + seconds(3));
  event.time = kMaxTime;
  windows.on_event(event, kStart + seconds(4));
  event.time = kMinTime;
  windows.on_event(event, kStart + seconds(5));
  const auto open = windows.open_windows("default", "");
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open[0].total, 2u);
  EXPECT_EQ(open[0].future, 2u);
  EXPECT_EQ(windows.stats().future, 2u);
  EXPECT_EQ(windows.stats().late, 1u);
}

TEST(HealthWindows, WhatEndedIsNoError) {
  HealthWindows windows;
  Event event = make_event(seconds(1), Severity::Critical);
  event.status = EventStatus::Resolved;
  feed(windows, event);
  EXPECT_EQ(windows.open_windows("default", "")[0].by_severity,
            (std::array<std::uint64_t, 4>{1, 0, 0, 0}));
}

void check_status(std::array<int, 4> critical_error_warning_info, std::string_view want) {
  HealthWindows windows;
  const std::array severities{Severity::Critical, Severity::Error, Severity::Warning,
                              Severity::Info};
  for (std::size_t i = 0; i < 4; ++i) {
    feed(windows, make_event(seconds(1), severities[i]), critical_error_warning_info[i]);
  }
  const auto open = windows.open_windows("default", "");
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(health_status_name(open[0].status), want) << to_text(open[0]);
}

TEST(HealthWindows, Status) {
  check_status({1, 0, 0, 9}, "CRITICAL");
  check_status({1, 0, 0, 10}, "DEGRADED");
  check_status({0, 5, 0, 5}, "CRITICAL");
  check_status({0, 4, 0, 0}, "DEGRADED");
  check_status({0, 5, 0, 6}, "DEGRADED");
  check_status({0, 2, 0, 8}, "DEGRADED");
  check_status({0, 1, 0, 8}, "WARNING");
  check_status({0, 0, 2, 8}, "WARNING");
  check_status({0, 0, 2, 9}, "HEALTHY");
  check_status({0, 0, 0, 1}, "HEALTHY");
}

void check_trend(int before, int now, std::string_view want) {
  HealthWindows windows;
  feed(windows, make_event(seconds(1), Severity::Info));
  feed(windows, make_event(seconds(1), Severity::Error), before);
  feed(windows, make_event(minutes(5), Severity::Error), now);
  feed(windows, make_event(minutes(11), Severity::Info));
  const auto closed = windows.take_closed();
  ASSERT_EQ(closed.size(), 4u);
  EXPECT_EQ(health_trend_name(closed[2].trend), want) << before << " then " << now;
}

TEST(HealthWindows, Trend) {
  check_trend(0, 0, "STABLE");
  check_trend(0, 1, "NEW_ERRORS");
  check_trend(1, 3, "INCREASING");  // Too few for a spike.
  check_trend(2, 5, "SPIKE");
  check_trend(10, 20, "INCREASING");
  check_trend(10, 21, "SPIKE");
  check_trend(10, 13, "INCREASING");
  check_trend(10, 12, "STABLE");
  check_trend(10, 8, "STABLE");
  check_trend(10, 7, "DECREASING");
  check_trend(10, 5, "DECREASING");
  check_trend(10, 4, "IMPROVING");
  check_trend(3, 0, "IMPROVING");
}

TEST(HealthWindows, ZscoreAgainstThePreviousTwelve) {
  HealthWindows windows;
  const auto last_closed = [&] {
    std::optional<HealthWindow> last;
    for (HealthWindow& w : windows.take_closed()) {
      if (w.scope.empty()) last = std::move(w);
    }
    return last;
  };
  const int counts[] = {900, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 9};
  std::vector<std::string> scores;
  for (int i = 0; i < 14; ++i) {
    feed(windows, make_event(minutes(5 * i), Severity::Error), counts[i]);
    windows.on_tick(kStart + minutes(5 * i + 5) + seconds(10));
    const auto w = last_closed();
    ASSERT_TRUE(w);
    scores.push_back(w->zscore ? fmt::format("{:.2f}", *w->zscore) : "-");
  }
  EXPECT_EQ(scores[2], "-");
  EXPECT_EQ(scores[3], "-0.71");
  EXPECT_EQ(scores[13], "6.00");  // Mean 3, deviation 1; the first window is forgotten.
}

TEST(HealthWindows, GroupsAndTopSources) {
  HealthWindows windows;
  feed(windows, make_event(seconds(1), Severity::Error, "/a", "deploy-7"), 2);
  feed(windows, make_event(seconds(2), Severity::Critical, "/b", "deploy-7"));
  feed(windows, make_event(seconds(2), Severity::Critical, "/b", "deploy-8"), 2);
  feed(windows, make_event(seconds(2), Severity::Info, "/c", "deploy-9"), 4);
  const auto all = windows.open_windows("default", "").at(0);
  EXPECT_EQ(all.top_error_sources, (std::vector<HealthWindow::ErrorSource>{{"/b", 3}, {"/a", 2}}));
  EXPECT_EQ(all.correlated_groups, (std::vector<HealthWindow::CorrelatedGroup>{
                                       {"deploy-9", 4, {"/c"}}, {"deploy-7", 3, {"/a", "/b"}}}));
  const auto b = windows.open_windows("default", "/b").at(0);
  EXPECT_EQ(b.top_error_sources, (std::vector<HealthWindow::ErrorSource>{{"/b", 3}}));
  EXPECT_TRUE(b.correlated_groups.empty());
}

TEST(HealthWindows, UniqueTypesAreExactAndThenEstimated) {
  HealthWindows windows;
  Event event = make_event(seconds(1), Severity::Info);
  const auto count_types = [&](int types) {
    for (int i = 0; i < types; ++i) {
      event.type = fmt::format("type-{}", i);
      feed(windows, event, 2);
    }
    return windows.open_windows("default", "").at(0).unique_types;
  };
  EXPECT_EQ(count_types(255), 255u);
  EXPECT_NEAR(static_cast<double>(count_types(20'000)), 20'000.0, 2'500.0);
}

TEST(HealthWindows, ScopesAreForgottenAfterTwelveEmptyWindows) {
  HealthWindows windows;
  feed(windows, make_event(seconds(1), Severity::Error));
  windows.on_tick(kStart + minutes(5 * 12) + seconds(10));
  EXPECT_EQ(windows.scopes().size(), 2u);
  EXPECT_EQ(windows.take_closed().size(), 2u * 12);
  windows.on_tick(kStart + minutes(5 * 13) + seconds(10));
  EXPECT_TRUE(windows.scopes().empty());
  EXPECT_EQ(windows.take_closed().size(), 2u);
  feed(windows, make_event(hours(24 * 365 * 20), Severity::Error));  // And a jump costs nothing.
  EXPECT_TRUE(windows.take_closed().empty());
  feed(windows, make_event(hours(24 * 365 * 40), Severity::Error));
  EXPECT_EQ(windows.take_closed().size(), 2u * 13);
}

TEST(HealthWindows, BeyondTheCapSourcesCountInTheWholeOnly) {
  HealthWindows windows;
  for (std::size_t i = 0; i < HealthWindows::kScopesMax + 10; ++i) {
    feed(windows, make_event(seconds(1), Severity::Info, fmt::format("/{}", i)));
  }
  EXPECT_EQ(windows.scopes().size(), HealthWindows::kScopesMax + 1);
  EXPECT_EQ(windows.stats().scopes_dropped, 10u);
  EXPECT_EQ(windows.open_windows("default", "").at(0).total, HealthWindows::kScopesMax + 10);
}

TEST(HealthWindow, EncodingRoundTrips) {
  HealthWindow w{.tenant = "t",
                 .scope = "/s",
                 .starts_at = kStart,
                 .ends_at = kStart + minutes(5),
                 .closed = true,
                 .total = 7,
                 .by_severity = {1, 2, 3, 1},
                 .unique_types = 4,
                 .late = 5,
                 .future = 6,
                 .error_rate = 0.57,
                 .health_score = 4.1,
                 .status = HealthStatus::Critical,
                 .trend = HealthTrend::Spike,
                 .zscore = -1.5,
                 .top_error_sources = {{"/x", 3}},
                 .correlated_groups = {{"id", 3, {"/x", "/y"}}}};
  std::string bytes;
  encode_health_window(w, bytes);
  EXPECT_EQ(decode_health_window(bytes).value(), w);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = decode_health_window(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, Errc::Corrupt);
  }
}

// A step of a run: an event that arrives, or a tick.
struct Step {
  Timestamp at{};
  std::optional<Event> event{};
};

// Two tenants, five sources, bursts and silences, over some hours.
std::vector<Event> random_events(Prng& prng) {
  std::vector<Event> events;
  Duration at{};
  for (int i = 0; i < 600; ++i) {
    at += prng.chance(2) ? Duration(minutes(prng.below(90))) : milliseconds(prng.below(20'000));
    Event e =
        make_event(at, static_cast<Severity>(prng.below(4)), fmt::format("/{}", prng.below(5)),
                   prng.chance(30) ? fmt::format("c{}", prng.below(6)) : "");
    e.type = fmt::format("t{}", prng.below(400));
    if (prng.chance(20)) e.tenant = "acme";
    events.push_back(std::move(e));
  }
  return events;
}

// Every event arrives 0 to 10 s after it happened; a tick comes every 5 s.
std::vector<Step> arrivals(const std::vector<Event>& events, Prng& prng) {
  std::vector<Step> steps;
  for (const Event& e : events) {
    steps.push_back({e.time + milliseconds(prng.below(10'000)), e});
  }
  const Timestamp end = events.back().time + minutes(90);
  for (Timestamp t = kStart; t < end; t += seconds(5)) steps.push_back({t, std::nullopt});
  std::ranges::stable_sort(steps, {}, &Step::at);
  return steps;
}

void run_step(HealthWindows& windows, const Step& step) {
  step.event ? windows.on_event(*step.event, step.at) : windows.on_tick(step.at);
}

using Key = std::tuple<std::string, std::string, Timestamp>;

// All windows as they were last given out, as text: tenants close theirs independently.
std::map<Key, std::string> run(const std::vector<Step>& steps) {
  HealthWindows windows;
  std::map<Key, std::string> all;
  for (const Step& step : steps) {
    run_step(windows, step);
    for (const HealthWindow& w : windows.take_closed()) {
      std::string& bytes = all[{w.tenant, w.scope, w.starts_at}];
      EXPECT_TRUE(bytes.empty()) << "closed twice: " << to_text(w);
      encode_health_window(w, bytes);
    }
  }
  EXPECT_EQ(windows.stats().late, 0u);
  return all;
}

std::string snapshot_of(const HealthWindows& windows) {
  std::string bytes;
  windows.snapshot(bytes);
  return bytes;
}

TEST(HealthWindowsProperty, ArrivalOrderWithinTheLatenessChangesNothing) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Prng prng(seed);
    const auto events = random_events(prng);
    const auto want = run(arrivals(events, prng));
    ASSERT_GT(want.size(), 50u);
    for (int shuffle = 0; shuffle < 3; ++shuffle) {
      ASSERT_TRUE(run(arrivals(events, prng)) == want) << "seed " << seed;
    }
  }
}

TEST(HealthWindowsProperty, ARestartAtAnyPointChangesNothing) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Prng prng(seed);
    auto steps = arrivals(random_events(prng), prng);
    for (Step& step : steps) {  // Some are late, so that closed windows change.
      if (step.event && prng.chance(5)) step.event->time -= minutes(prng.below(90));
    }
    HealthWindows straight;
    HealthWindows restarted;
    std::map<Key, HealthWindow> stored;
    for (const Step& step : steps) {
      run_step(straight, step);
      run_step(restarted, step);
      const auto closed = restarted.take_closed();
      ASSERT_TRUE(closed == straight.take_closed()) << "seed " << seed;
      for (const HealthWindow& w : closed) stored[{w.tenant, w.scope, w.starts_at}] = w;
      if (!prng.chance(2)) continue;
      std::vector<HealthWindow> rows;
      for (const auto& [key, window] : stored) rows.push_back(window);
      const std::string bytes = snapshot_of(restarted);
      ASSERT_TRUE(bytes == snapshot_of(straight)) << "seed " << seed;
      HealthWindows fresh;
      const auto status = fresh.restore(bytes, rows);
      ASSERT_TRUE(status) << status.error().to_string();
      ASSERT_TRUE(snapshot_of(fresh) == bytes);
      restarted = std::move(fresh);
    }
    EXPECT_EQ(restarted.stats(), straight.stats());
    EXPECT_GT(straight.stats().late, 0u);
  }
}

TEST(HealthWindows, ADamagedSnapshotLeavesTheStateAsItWas) {
  HealthWindows windows;
  feed(windows, make_event(seconds(1), Severity::Error, "/a", "id"), 3);
  feed(windows, make_event(minutes(6), Severity::Error));
  const auto closed = windows.take_closed();
  const std::string bytes = snapshot_of(windows);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(windows.restore(std::string_view(bytes).substr(0, size), closed)) << size;
  }
  const auto missing = windows.restore(bytes, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "a closed window of scope '' is missing");
  EXPECT_EQ(snapshot_of(windows), bytes);
  EXPECT_TRUE(windows.restore(bytes, closed));
}

}  // namespace
}  // namespace quell::health_window_test
