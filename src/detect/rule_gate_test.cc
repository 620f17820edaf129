#include "detect/rule_gate.h"

#include <gtest/gtest.h>

#include <string>

namespace quell::rule_gate_test {
namespace {

using namespace std::chrono_literals;

Timestamp at(std::int64_t seconds) {
  return Timestamp{std::chrono::seconds(seconds)};
}

const Reading kHigh{.is_unusual = true, .side = 1, .value = 20, .expected = 10};
const Reading kLow{.is_unusual = true, .side = -1, .value = 5, .expected = 10};
const Reading kUsual{.value = 10, .expected = 10};

const Reading kUnused{.is_used = false};
const Reading kEvent{.is_event = true, .is_unusual = true, .side = 1, .value = 20, .expected = 10};

// One letter for each reading, a minute apart: h, l, u, - (not used), e (an event);
// and for each verdict: its first letter.
std::string run(const RuleGateOptions& options, std::string_view readings, std::int64_t start = 0) {
  RuleGate gate(options);
  std::string out;
  for (const char c : readings) {
    const Reading& reading = c == 'h'   ? kHigh
                             : c == 'l' ? kLow
                             : c == '-' ? kUnused
                             : c == 'e' ? kEvent
                                        : kUsual;
    constexpr std::string_view kLetters = ".pOocS";
    out += kLetters[static_cast<std::size_t>(gate.apply(at(start), reading).state)];
    start += 60;
  }
  return out;
}

TEST(RuleGate, OpensAndCloses) {
  EXPECT_EQ(run({}, "uhhuuhu"), ".Ooc.Oc");
}

TEST(RuleGate, WaitsForTheDuration) {
  EXPECT_EQ(run({.min_duration = 2min}, "hhhhuhhu"), "ppOocpp.");
}

TEST(RuleGate, StaysOpenUntilItWasCalmForLong) {
  EXPECT_EQ(run({.calm = 2min}, "huhuuuu"), "Oooooc.");
}

TEST(RuleGate, WhatIsNotUsedIsNoCalm) {
  EXPECT_EQ(run({.min_duration = 5min}, "hhh-hh-h"), "pppppOoo");
  EXPECT_EQ(run({}, "h--h-u-"), "Oooooc.");
  EXPECT_EQ(run({.calm = 2min}, "hu-uu"), "Oooc.");
}

// An event is unusual for one reading only.
TEST(RuleGate, AnEventNeedNotLastAndIsHeldUntilItIsWanted) {
  EXPECT_EQ(run({.min_duration = 5min}, "ueu"), ".Oc");
  const RuleGateOptions options{
      .hours = WorkingHours{.first_minute = 540, .last_minute = 1'020, .weekdays = 0x1f}};
  EXPECT_EQ(run(options, "eu-uu", 9 * 3'600 - 180), "SS.Oc");
  RuleGate gate({});
  gate.suppress_until(at(120));
  Reading event = kEvent;
  event.onset = at(30);
  EXPECT_EQ(gate.apply(at(60), event).reason, "suppressed for now");
  const GateVerdict opened = gate.apply(at(120), kUsual);
  EXPECT_EQ(opened.state, GateState::Opened);
  EXPECT_EQ(opened.onset, at(30));
  ASSERT_TRUE(opened.held);
  EXPECT_EQ(opened.held->value, 20);
}

TEST(RuleGate, AClockThatIsSetBackDoesNotKeepItOpen) {
  RuleGate gate({.calm = 2min});
  gate.apply(at(1'000), kHigh);
  gate.apply(at(7'000'000'000), kUsual);
  gate.apply(at(1'060), kUsual);
  EXPECT_TRUE(gate.is_open());
  EXPECT_EQ(gate.apply(at(1'180), kUsual).state, GateState::Closed);
}

TEST(RuleGate, CountsOneSideOnly) {
  EXPECT_EQ(run({.direction = Direction::Up}, "lhl"), ".Oc");
  EXPECT_EQ(run({.direction = Direction::Down}, "lhl"), "OcO");
}

TEST(RuleGate, IgnoresWhatIsSmall) {
  EXPECT_EQ(run({.min_change = 6}, "lh"), ".O");
  EXPECT_EQ(run({.min_effect = 0.6}, "lh"), ".O");
  RuleGate gate({.min_change = 6});
  EXPECT_EQ(gate.apply(at(0), kLow).reason, "less than the least change");
}

TEST(RuleGate, NothingOpensFromAModelThatLearns) {
  RuleGate gate({});
  Reading reading = kHigh;
  reading.is_learning = true;
  const GateVerdict verdict = gate.apply(at(0), reading);
  EXPECT_EQ(verdict.state, GateState::Quiet);
  EXPECT_EQ(verdict.reason, "the model is still learning");
}

TEST(RuleGate, KeepsWorkingHours) {
  // 1970-01-01 was a Thursday. 9 to 17 on work days.
  const RuleGateOptions options{
      .hours = WorkingHours{.first_minute = 540, .last_minute = 1'020, .weekdays = 0x1f}};
  EXPECT_EQ(run(options, "hhh", 9 * 3'600 - 120), "SSO");
  EXPECT_EQ(run(options, "hh", 17 * 3'600 - 60), "Oo");
  EXPECT_EQ(run(options, "h", 2 * 86'400 + 12 * 3'600), "S");
  // At night: from 22 on Thursday to 6 on Friday.
  const RuleGateOptions night{
      .hours = WorkingHours{.first_minute = 1'320, .last_minute = 360, .weekdays = 0x08}};
  EXPECT_EQ(run(night, "h", 23 * 3'600), "O");
  EXPECT_EQ(run(night, "h", 86'400 + 3'600), "O");
  EXPECT_EQ(run(night, "h", 3'600), "S");
  EXPECT_EQ(run(night, "h", 86'400 + 23 * 3'600), "S");
}

TEST(RuleGate, ADeploySuppressesWhatBeginsAndTellsWhy) {
  RuleGate gate({});
  gate.suppress_until(at(120));
  gate.suppress_until(at(60));  // Does not shorten it.
  EXPECT_EQ(gate.apply(at(60), kHigh).reason, "suppressed for now");
  const GateVerdict opened = gate.apply(at(120), kHigh);
  EXPECT_EQ(opened.state, GateState::Opened);
  EXPECT_EQ(opened.onset, at(60)) << "it began during the deploy";
  gate.suppress_until(at(1'000));
  EXPECT_EQ(gate.apply(at(180), kHigh).state, GateState::Open);
}

TEST(RuleGate, TakesTheOnsetThatADetectorKnows) {
  RuleGate gate({.min_duration = 5min});
  Reading reading = kHigh;
  reading.onset = at(0);
  const GateVerdict verdict = gate.apply(at(600), reading);
  EXPECT_EQ(verdict.state, GateState::Opened);
  EXPECT_EQ(verdict.onset, at(0));
}

}  // namespace
}  // namespace quell::rule_gate_test
