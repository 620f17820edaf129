#include "detect/standing.h"

#include <gtest/gtest.h>

#include <cmath>

#include "detect/finding_title.h"

namespace quell {
namespace {

// A sample a second of what is expected to be 100, with a mean distance of 1 from it.
FindingPoint sample(int second, double value) {
  return {Timestamp{std::chrono::seconds(1'790'000'000 + second)}, value, 100, 1.0f};
}

Standing after(const std::vector<double>& values, double band = 4) {
  Standing standing(band);
  int second = 0;
  for (const double value : values) standing.observe(sample(second++, value));
  return standing;
}

void check_stands(const std::vector<double>& values, bool want, double band = 4) {
  EXPECT_EQ(after(values, band).stands(), want);
}

TEST(Standing, IsWhatStaysFarOutside) {
  check_stands(std::vector<double>(20, 100), false);
  check_stands(std::vector<double>(20, 105), false);  // Outside of the band, and near it.
  check_stands(std::vector<double>(20, 120), true);
  check_stands(std::vector<double>(20, 80), true);
  check_stands({500, 500, 500, 100, 100, 100, 500, 500, 500, 100, 100, 100}, false);
  check_stands({120, 120, 120, 100, 120, 120, 120, 100, 120, 120, 120, 120}, true);
}

TEST(Standing, StandsSoonerTheFartherItIs) {
  check_stands(std::vector<double>(5, 5'000), false);  // Not for five seconds.
  check_stands(std::vector<double>(6, 5'000), true);
  check_stands(std::vector<double>(11, 112), false);
  check_stands(std::vector<double>(12, 112), true);
}

TEST(Standing, WhatIsASmallShareOfTheValueSaysLittle) {
  check_stands(std::vector<double>(50, 104), false, 0);
  EXPECT_LT(after(std::vector<double>(50, 300), 0).p(), 1e-5);
  EXPECT_GT(after(std::vector<double>(50, 110), 0).p(), 1e-3);
}

TEST(Standing, TwoSpikesDoNotStandForWhatFollows) {
  check_stands({5'000, 5'000, 107, 107, 107, 107}, false);
  check_stands({5'000, 5'000, 107, 107, 107, 107, 107, 107, 107, 107}, true);
}

TEST(Standing, ItsFirstStepMayBeASmallOne) {
  std::vector<double> values(30, 5'000);
  const double at_once = after(values).p();
  values[0] = 115;
  EXPECT_NEAR(std::log10(after(values).p()), std::log10(at_once), 0.5);
}

TEST(Standing, SaysTheLeastChanceWhileItStands) {
  Standing standing = after(std::vector<double>(10, 1'000));
  const double p = standing.p();
  EXPECT_LT(p, 1e-5);
  for (int i = 10; i < 40; ++i) standing.observe(sample(i, 120));
  EXPECT_EQ(standing.p(), p);
  for (int i = 40; i < 43; ++i) standing.observe(sample(i, 100));
  EXPECT_EQ(standing.p(), 1);
}

TEST(Standing, IsTheSameAfterARestart) {
  Standing standing = after({100, 120, 130, 100, 150, 160, 170, 180, 190});
  std::string bytes;
  ByteWriter w(bytes);
  standing.write(w);
  ByteReader r(bytes);
  Standing loaded = Standing::read(r);
  ASSERT_TRUE(r.ok() && r.at_end());
  standing.observe(sample(9, 200));
  loaded.observe(sample(9, 200));
  EXPECT_EQ(loaded.p(), standing.p());
  EXPECT_EQ(loaded.stands(), standing.stands());
}

FindingSignal signal_of(std::vector<Label> labels, double value, double expected) {
  FindingSignal signal;
  signal.series = make_series("default", SeriesLabels::from(std::move(labels)).value(), "");
  signal.peak = {Timestamp{}, value, expected, 0.5f};
  signal.band = 2;
  return signal;
}

TEST(FindingTitle, NamesTheSeriesAndOtherKindsOfMetrics) {
  Finding finding;
  finding.entity = {"host", "db-1"};
  finding.signals = {signal_of({{"__name__", "node_filesystem_avail_bytes"},
                                {"instance", "db-1:9100"},
                                {"job", "node"},
                                {"mountpoint", "/var"}},
                               0, 20),
                     signal_of({{"__name__", "node_filesystem_free_bytes"}}, 0, 20),
                     signal_of({{"__name__", "node_memory_MemFree_bytes"}}, 0, 20),
                     signal_of({{"__name__", "up"}}, 0, 20)};
  finding.series_count = 4;
  EXPECT_EQ(
      title_of_finding(finding),
      "node_filesystem_avail_bytes{mountpoint=\"/var\"} on db-1 is 0, usual is 20 (19 to 21); "
      "3 more series, of node_memory_MemFree_bytes, up");
}

}  // namespace
}  // namespace quell
