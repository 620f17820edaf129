#include "model/finding.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

Timestamp at(int seconds) {
  return Timestamp{std::chrono::seconds(1'790'000'000 + seconds)};
}

FindingSignal signal(double score) {
  FindingSignal s;
  const std::vector<Label> pairs{{"__name__", "cpu"}, {"host", "a"}};
  s.series = make_series("default", SeriesLabels::from(pairs).value());
  s.is_rate = true;
  s.onset = at(0);
  s.last_time = at(60);
  s.ended_at = at(60);
  s.samples = 5;
  s.score = score;
  s.peak = {at(30), 9, 2, 0.5f};
  s.band = 4;
  s.fired = 3;
  s.points = {{at(0), 8, 2, 0.5f}, {at(30), 9, 2, 0.5f}};
  return s;
}

Finding finding() {
  Finding f;
  f.id = 7;
  f.tenant = "default";
  f.entity = {"host", "a"};
  f.severity = Severity::Warning;
  f.title = "cpu on a is 9";
  f.onset = at(0);
  f.detected_at = at(20);
  f.updated_at = at(70);
  f.last_time = at(60);
  f.ended_at = at(60);
  f.status = FindingStatus::Ended;
  f.p = 1e-7;
  f.series_count = 3;
  f.signals = {signal(30), signal(20)};
  f.alert = 0x1234;
  f.feedback = Feedback::Noise;
  f.why = "because";
  f.add_note(at(20), "began");
  return f;
}

TEST(Finding, IsTheSameAfterDecoding) {
  std::string bytes;
  encode_finding(finding(), bytes);
  const Finding back = decode_finding(bytes).value();
  std::string again;
  encode_finding(back, again);
  EXPECT_EQ(again, bytes);
  EXPECT_EQ(back.title, "cpu on a is 9");
  EXPECT_EQ(back.signals.at(1).points, signal(20).points);
  EXPECT_EQ(back.signals.at(0).low(), 0);
  EXPECT_EQ(back.signals.at(0).high(), 4);
}

TEST(Finding, WhatIsCutShortIsCorrupt) {
  std::string bytes;
  encode_finding(finding(), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_finding(bytes.substr(0, size))) << size;
  }
}

void check_id(std::string_view text, FindingId want) {
  const auto id = parse_finding_id(text);
  EXPECT_EQ(id ? *id : 0, want) << text;
}

TEST(Finding, Ids) {
  EXPECT_EQ(format_finding_id(12), "FND-000012");
  check_id("FND-000012", 12);
  check_id("fnd-1", 1);
  check_id("3", 3);
  check_id("FND-", 0);
  check_id("FND-0", 0);
  check_id("INC-000001", 0);
}

TEST(Finding, PointsAreThinnedOutByHalves) {
  FindingSignal s;
  for (std::uint32_t n = 1; n <= 200; ++n) s.add_point({.time = at(static_cast<int>(n))}, n);
  EXPECT_EQ(s.stride, 4u);
  ASSERT_EQ(s.points.size(), 50u);
  EXPECT_EQ(s.points.at(0).time, at(1));
  EXPECT_EQ(s.points.at(1).time, at(5));
  EXPECT_EQ(s.points.at(49).time, at(197));
}

TEST(Finding, TheFirstAndTheLastNotesStay) {
  Finding f;
  for (int i = 0; i < 100; ++i) f.add_note(at(i), std::to_string(i));
  ASSERT_EQ(f.trace.size(), Finding::kNotes);
  EXPECT_EQ(f.trace.front().text, "0");
  EXPECT_EQ(f.trace.back().text, "99");
}

}  // namespace
}  // namespace quell
