// The engine: what it says of a series, and what that depends on.
#include "detect/detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/hash.h"
#include "base/prng.h"
#include "detect/calibration.h"

namespace quell::detector_test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Timestamp at(std::int64_t seconds) {
  return Timestamp{std::chrono::seconds(seconds)};
}

// Roughly normal, mean 0, deviation 1.
double noise(Prng& prng) {
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(prng.below(1u << 20)) / (1u << 20);
  return sum - 6;
}

struct Samples {
  std::vector<SeriesSlot> slots{};
  std::vector<Timestamp> times{};
  std::vector<double> values{};

  void add(SeriesSlot slot, std::int64_t seconds, double value) {
    slots.push_back(slot);
    times.push_back(at(seconds));
    values.push_back(value);
  }
  std::size_t size() const { return slots.size(); }
};

Observations observe(Detector& detector, const Samples& s, std::size_t from = 0,
                     std::size_t count = SIZE_MAX, const Calendar& calendar = {}) {
  count = std::min(count, s.size() - from);
  Observations out;
  detector.observe(std::span(s.slots).subspan(from, count), std::span(s.times).subspan(from, count),
                   std::span(s.values).subspan(from, count), calendar, out);
  return out;
}

// A minute apart, from midnight on.
Samples noise_of(int count, std::uint64_t seed, double level = 100) {
  Prng prng(seed);
  Samples s;
  for (int i = 0; i < count; ++i) s.add(0, 60 * i, level + noise(prng));
  return s;
}

Samples many_series(std::uint64_t seed) {
  Prng prng(seed);
  Samples s;
  for (int tick = 0; tick < 400; ++tick) {
    for (SeriesSlot slot = 0; slot < 70; ++slot) {
      if (slot % 7 == 3 && prng.chance(50)) continue;  // Some series miss ticks,
      const double value = prng.chance(1) ? kNan : noise(prng) * slot;
      const std::int64_t seconds = 15 * tick + static_cast<std::int64_t>(slot);
      s.add(slot, seconds, value);
      if (slot % 11 == 5) s.add(slot, seconds + 7, value + 1);  // some have two.
    }
  }
  return s;
}

void expect_equal(const Observations& a, std::size_t i, const Observations& b, std::size_t j) {
  ASSERT_EQ(a.score[i], b.score[j]) << i;
  ASSERT_EQ(a.expected[i], b.expected[j]) << i;
  ASSERT_EQ(a.scale[i], b.scale[j]) << i;
  ASSERT_EQ(a.fired[i], b.fired[j]) << i;
  ASSERT_EQ(a.flags[i], b.flags[j]) << i;
}

TEST(Detector, ResultsDoNotDependOnBatches) {
  const Samples s = many_series(1);
  Detector whole;
  const Observations want = observe(whole, s);
  Detector cut;
  Prng prng(2);
  for (std::size_t from = 0; from < s.size();) {
    const std::size_t n = std::min<std::size_t>(1 + prng.below(300), s.size() - from);
    const Observations got = observe(cut, s, from, n);
    for (std::size_t i = 0; i < n; ++i) expect_equal(want, from + i, got, i);
    if (HasFatalFailure()) return;
    from += n;
  }
}

// The samples of each series stay in order; those of others may come before or after.
TEST(Detector, ResultsDoNotDependOnTheOrderOfSeries) {
  const Samples s = many_series(3);
  std::vector<std::size_t> order(s.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return s.slots[i] * 37 % 70; });
  Samples other;
  for (const std::size_t i : order) {
    other.slots.push_back(s.slots[i]);
    other.times.push_back(s.times[i]);
    other.values.push_back(s.values[i]);
  }
  Detector a;
  Detector b;
  const Observations want = observe(a, s);
  const Observations got = observe(b, other);
  for (std::size_t i = 0; i < order.size() && !HasFatalFailure(); ++i) {
    expect_equal(want, order[i], got, i);
  }
}

TEST(Detector, KernelsAgree) {
  const Samples s = many_series(4);
  Detector scalar({}, KernelKind::Scalar);
  Detector best;
  const Observations want = observe(scalar, s);
  const Observations got = observe(best, s);
  for (std::size_t i = 0; i < s.size() && !HasFatalFailure(); ++i) expect_equal(want, i, got, i);
}

TEST(Detector, SavedAndLoadedItGoesOnTheSame) {
  const Samples s = noise_of(2'000, 5);
  Detector first;
  observe(first, s, 0, 1'000);
  const std::string bytes = first.save(0);
  EXPECT_LE(bytes.size(), 605u);
  const Observations want = observe(first, s, 1'000);
  Detector second;
  ASSERT_TRUE(second.load(4'000, bytes));
  EXPECT_EQ(second.save(4'000), bytes);
  Samples moved = s;
  std::ranges::fill(moved.slots, 4'000u);
  const Observations got = observe(second, moved, 1'000);
  for (std::size_t i = 0; i < got.size() && !HasFatalFailure(); ++i) expect_equal(want, i, got, i);
}

// Version 1 had no gain, which begins at zero.
TEST(Detector, ModelsOfTheFormerVersionAreLoaded) {
  const Samples s = noise_of(2'000, 5);
  Detector first;
  observe(first, s, 0, 2 * kMaintainEvery);
  std::string bytes = first.save(0);
  bytes.resize(bytes.size() - 3 - sizeof(std::uint32_t));
  bytes[0] = 1;
  const std::uint32_t sum = crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  std::string block;
  first.save_block(0, block);
  block.resize(Detector::kBlockBytesBeforeGain);
  Detector second;
  ASSERT_TRUE(second.load(0, bytes));
  EXPECT_EQ(second.save(0), first.save(0));
  Detector third;
  ASSERT_TRUE(third.load_block(0, block, 1));
  EXPECT_EQ(third.save(0), first.save(0));
}

double uniform(Prng& prng) {
  return (static_cast<double>(prng.below(1u << 30)) + 0.5) / (1u << 30);
}

// Of noise whose tails are short, long, or which remembers: what one table for all makes of it is
// between a fifth and twice of what is declared.
TEST(Detector, NoiseOfAnyShapeOpensAsManyEpisodesAsDeclared) {
  using Shape = double (*)(Prng&, double& memory);
  constexpr Shape kShapes[] = {
      [](Prng& p, double&) { return uniform(p); },
      [](Prng& p, double&) { return std::exp(noise(p)); },
      [](Prng& p, double& memory) { return memory = 0.9 * memory + noise(p); },
  };
  constexpr int kLearned = 40'000;
  constexpr int kLooked = 20'000;
  constexpr std::uint64_t kSeeds = 4;
  for (const Shape& shape : kShapes) {
    int opened = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      Prng prng(seed);
      double memory = 0;
      Samples s;
      for (int i = 0; i < kLearned + kLooked; ++i) s.add(0, 60 * i, shape(prng, memory));
      Detector detector;
      const Observations seen = observe(detector, s);
      for (std::size_t i = kLearned; i < seen.size(); ++i) opened += (seen.flags[i] & kOpened) / 4;
    }
    const double declared = DetectSettings{}.finding_p * kLooked * kSeeds;
    EXPECT_GT(opened, 0.7 * declared) << &shape - kShapes;
    EXPECT_LT(opened, 1.4 * declared) << &shape - kShapes;
  }
}

// Whatever was observed, the state stays within what load() accepts.
TEST(Detector, EveryStateCanBeLoadedAgain) {
  constexpr double kValues[] = {0, 1e308, -1e308, 5e-324, 1e30, -1e30, 42, 42.001, 1e12};
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Prng prng(200 + seed);
    Detector detector;
    Detector other;
    Samples s;
    std::int64_t seconds = 0;
    for (int i = 0; i < 3'000; ++i) {
      seconds += prng.chance(1) ? -100'000 : static_cast<std::int64_t>(prng.below(1 + seed * seed));
      // Some seeds mix all, some are noise with a rare monster, some are nearly flat.
      const bool is_monster = prng.below(seed % 3 == 0 ? 2 : 300) == 0;
      const double value =
          is_monster ? kValues[prng.below(9)] : noise(prng) * (seed % 5 == 0 ? 1e-9 : 1);
      s.add(0, seconds, value);
    }
    for (std::size_t from = 0; from < s.size(); from += 100) {
      observe(detector, s, from, 100);
      const Status loaded = other.load(0, detector.save(0));
      ASSERT_TRUE(loaded) << seed << ' ' << from << ' ' << loaded.error().to_string();
    }
  }
}

std::string load_error(Detector& detector, std::string_view bytes) {
  const Status status = detector.load(0, bytes);
  return status ? "good" : status.error().to_string();
}

TEST(Detector, CorruptModelsAreRefused) {
  Detector detector;
  observe(detector, noise_of(300, 6));
  const std::string bytes = detector.save(0);
  EXPECT_EQ(load_error(detector, ""), "model of a series: 0 bytes, expected 589");
  EXPECT_EQ(load_error(detector, bytes.substr(0, 588)),
            "model of a series: 588 bytes, expected 589");
  std::string other_version = bytes;
  other_version[0] = 9;
  EXPECT_EQ(load_error(detector, other_version), "model of a series: unknown version 9");
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    EXPECT_EQ(load_error(detector, bad), "model of a series: the checksum does not fit") << i;
  }
  EXPECT_EQ(detector.save(0), bytes);
  // A gain that cannot be, with a checksum that fits.
  std::string bad = bytes.substr(0, bytes.size() - sizeof(std::uint32_t));
  bad[bad.size() - 2] = 0x7f;
  const std::uint32_t sum = crc32c(bad);
  bad.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  EXPECT_EQ(load_error(detector, bad), "model of a series: impossible numbers");
}

TEST(Detector, NothingOpensWhileItLearns) {
  Samples s = noise_of(400, 7);
  s.values[100] = 130;
  s.values[300] = 160;
  Detector detector({.warmup_samples = 200});
  const Observations seen = observe(detector, s);
  EXPECT_TRUE(seen.flags[100] & kLearning);
  EXPECT_FALSE(seen.flags[100] & kOpened);
  EXPECT_FALSE(seen.flags[300] & kLearning);
  EXPECT_TRUE(seen.flags[300] & kOpened);
  EXPECT_FALSE(detector.model(0).is_learning);
}

// Components begin at different ages; none of them may be a surprise because it begins.
TEST(Detector, NewSeriesDoNotOpenTogether) {
  constexpr SeriesSlot kSeries = 400;
  Prng prng(14);
  Detector detector;
  std::size_t opened = 0;
  for (int tick = 0; tick < 700; ++tick) {
    Samples s;
    for (SeriesSlot slot = 0; slot < kSeries; ++slot) s.add(slot, 60 * tick, noise(prng));
    const Observations seen = observe(detector, s);
    const auto now = static_cast<std::size_t>(std::ranges::count_if(
        seen.flags, [](std::uint8_t flags) { return (flags & kOpened) != 0; }));
    EXPECT_LE(now, kSeries / 40u) << "sample " << tick;
    opened += now;
  }
  EXPECT_LE(opened, kSeries * 550u * 5 / 1'000);
}

TEST(Detector, ASpikeOpensAnEpisodeThatEnds) {
  Samples s = noise_of(3'000, 8);
  s.values[2'500] += 30;
  Detector detector;
  const Observations seen = observe(detector, s);
  ASSERT_TRUE(seen.flags[2'500] & kOpened);
  EXPECT_TRUE(seen.flags[2'500] & kNewSeverity);
  EXPECT_LT(score_to_p(seen.score[2'500]), 1e-4);
  EXPECT_NEAR(seen.expected[2'500], 100, 1);
  EXPECT_TRUE(contains(seen.fired[2'500], Component::Maximum));
  EXPECT_TRUE(contains(seen.fired[2'500], Component::Change));
  EXPECT_TRUE(contains(seen.fired[2'500], Component::Season));
  EXPECT_TRUE(seen.flags[2'505] & kUnusual);
  EXPECT_FALSE(seen.flags[2'540] & kUnusual);
}

TEST(Detector, AFlatLineIsUsualAndItsEndIsNot) {
  Samples s;
  for (int i = 0; i < 2'000; ++i) s.add(0, 60 * i, i < 1'500 ? 7 : 8);
  Detector detector;
  const Observations seen = observe(detector, s);
  for (int i = 0; i < 1'500; ++i) EXPECT_FALSE(seen.flags[static_cast<std::size_t>(i)] & kUnusual);
  EXPECT_TRUE(seen.flags[1'500] & kOpened);
  EXPECT_FALSE(seen.flags[1'999] & kUnusual);  // The new level is the usual one by now.
}

// A day's cycle of 10 around 50, with noise of 0.5.
double daily(std::int64_t seconds, Prng& prng) {
  const double turn = 2 * std::numbers::pi * static_cast<double>(seconds % 86'400) / 86'400;
  return 50 + 10 * std::sin(turn) + 0.5 * noise(prng);
}

TEST(Detector, KnowsTheTimeOfTheDay) {
  Prng prng(9);
  Samples s;
  for (int i = 0; i < 14 * 288; ++i) s.add(0, 300 * i, daily(300 * i, prng));
  // On the last day the morning's rise is late: values of the middle of the range.
  const std::size_t day = 13 * 288;
  for (std::size_t i = day + 60; i < day + 84; ++i) s.values[i] = 50;
  Detector detector;
  const Observations seen = observe(detector, s);
  std::size_t opened_before = 0;
  for (std::size_t i = 7 * 288; i < day + 60; ++i) opened_before += (seen.flags[i] & kOpened) != 0;
  EXPECT_LE(opened_before, 8u);  // 1.25 in 1,000 of 1,788 are 2.
  bool found = false;
  for (std::size_t i = day + 60; i < day + 63; ++i) found = found || (seen.flags[i] & kOpened) != 0;
  EXPECT_TRUE(found);
  EXPECT_EQ(detector.model(0).cycle, Cycle::Day);
  EXPECT_GT(detector.model(0).cycle_explains, 0.7);
  EXPECT_NEAR(detector.model(0).interval_seconds, 300, 1);
  EXPECT_GT(detector.band(0, 0.99), detector.band(0, 0.5));
}

TEST(Detector, AGapIsSeenAndAnOpenEpisodeIsStatedAgainBehindIt) {
  Samples s;
  Prng prng(10);
  for (int i = 0; i < 1'000; ++i) s.add(0, 60 * i, noise(prng));
  s.add(0, 60'000, 500);
  s.add(0, 60'060, 500);
  s.add(0, 63'600, 500);
  Detector detector;
  const Observations seen = observe(detector, s);
  EXPECT_TRUE(seen.flags[1'000] & kOpened);
  EXPECT_FALSE(seen.flags[1'001] & kAfterGap);
  EXPECT_TRUE(seen.flags[1'002] & kAfterGap);
  EXPECT_TRUE(seen.flags[1'002] & kRestated);
}

// An episode of calm samples is not stated again, and one after a long silence is another one.
TEST(Detector, BehindAGapOnlyWhatIsUnusualIsStatedAgain) {
  Samples s;
  Prng prng(15);
  for (int i = 0; i < 1'000; ++i) s.add(0, 60 * i, 100 + noise(prng));
  s.add(0, 60'000, 500);
  for (int i = 1; i < 15; ++i) s.add(0, 60'000 + 60 * i, 100);
  s.add(0, 61'440, 100);          // Ten intervals later,
  s.add(0, 61'440 + 4'200, 100);  // and seventy.
  Detector detector;
  const Observations seen = observe(detector, s);
  EXPECT_TRUE(seen.flags[1'000] & kOpened);
  EXPECT_EQ(seen.flags[1'015] & (kAfterGap | kRestated | kUnusual), kAfterGap | kUnusual);
  EXPECT_EQ(seen.flags[1'016] & (kAfterGap | kUnusual), kAfterGap);
}

// A scrape interval that was changed is soon the usual one, and one outage is none.
TEST(Detector, ALongerIntervalIsLearned) {
  Samples s;
  Prng prng(16);
  int now = 0;
  for (int i = 0; i < 1'000; ++i) s.add(0, now += 15, 100 + noise(prng));
  s.add(0, now += 3'600, 100);
  for (int i = 0; i < 100; ++i) s.add(0, now += 15, 100 + noise(prng));
  Detector detector;
  const auto gaps = [](const Observations& seen) {
    return std::ranges::count_if(seen.flags, [](auto flags) { return (flags & kAfterGap) != 0; });
  };
  EXPECT_EQ(gaps(observe(detector, s)), 1);
  EXPECT_NEAR(detector.model(0).interval_seconds, 15, 0.1);
  Samples slow;
  for (int i = 0; i < 400; ++i) slow.add(0, now += 300, 100 + noise(prng));
  EXPECT_LE(gaps(observe(detector, slow)), 6);
  EXPECT_NEAR(detector.model(0).interval_seconds, 300, 2);
}

// The band holds what it says, also where noise is hardly larger than what is no deviation.
void check_band(double deviation) {
  Samples s;
  Prng prng(17);
  for (int i = 0; i < 8'000; ++i) s.add(0, 60 * i, 1e4 + deviation * noise(prng));
  Detector detector;
  const Observations seen = observe(detector, s);
  const double band = detector.band(0, 0.99);
  std::size_t inside = 0;
  for (std::size_t i = 4'000; i < s.size(); ++i) {
    const double half = band * static_cast<double>(seen.scale[i]);
    inside += std::abs(s.values[i] - seen.expected[i]) <= half ? 1 : 0;
  }
  EXPECT_GE(static_cast<double>(inside) / 4'000, 0.98) << deviation;
}

TEST(Detector, TheBandHoldsWhatItSays) {
  check_band(100);
  check_band(10);
  check_band(1);
}

TEST(Detector, WhatIsLateOrNoNumberIsNotUsed) {
  Detector detector;
  observe(detector, noise_of(500, 11));
  const std::string before = detector.save(0);
  Samples s;
  s.add(0, 60 * 499, 100);      // The same time again,
  s.add(0, 60 * 499 - 1, 100);  // late,
  s.add(0, 60 * 500, kNan);     // and no numbers.
  s.add(0, 60 * 500, std::numeric_limits<double>::infinity());
  const Observations seen = observe(detector, s);
  for (std::size_t i = 0; i < s.size(); ++i) {
    EXPECT_EQ(seen.flags[i], kNotUsed) << i;
    EXPECT_EQ(seen.score[i], 0) << i;
  }
  EXPECT_EQ(detector.save(0), before);
}

TEST(Detector, AClockThatWasSetBackIsBelieved) {
  Detector detector;
  observe(detector, noise_of(500, 12));
  Samples s;
  s.add(0, 1'000, 100);
  EXPECT_FALSE(observe(detector, s).flags[0] & kNotUsed);
}

TEST(Detector, ForgettingASeriesLeavesItsNeighbours) {
  const Samples s = many_series(13);
  Detector detector;
  observe(detector, s);
  const std::string neighbour = detector.save(4);
  detector.forget(5);
  EXPECT_EQ(detector.save(4), neighbour);
  EXPECT_EQ(detector.model(5).samples, 0u);
  EXPECT_TRUE(detector.model(5).is_learning);
}

std::int64_t utc_midnight(int year, unsigned month, unsigned day) {
  using namespace std::chrono;
  return sys_days{std::chrono::year{year} / month / day}.time_since_epoch().count() * 86'400;
}

// Every five minutes; 200 from nine to ten o'clock by `wall`, and 100 at other times.
Samples mornings(const Calendar& wall, std::int64_t from, int days) {
  Prng prng(21);
  Samples s;
  for (std::int64_t t = from; t < from + days * 86'400; t += 300) {
    const bool is_nine = wall.local_seconds(t) % 86'400 / 3'600 == 9;
    s.add(0, t, (is_nine ? 200 : 100) + noise(prng));
  }
  return s;
}

// What a detector with this calendar expects at `hour`:30 of the last day, by the clock on the
// wall, when it learned the days before.
double expected_at(const Calendar& calendar, std::int64_t last_day, int hour) {
  const Calendar berlin = Calendar::parse("Europe/Berlin").value();
  const Samples s = mornings(berlin, last_day - 40 * 86'400, 41);
  Detector detector;
  const Observations seen = observe(detector, s, 0, SIZE_MAX, calendar);
  for (std::size_t i = 0; i < s.size(); ++i) {
    const std::int64_t local =
        berlin.local_seconds(s.times[i].time_since_epoch() / std::chrono::seconds(1));
    if (local == last_day + hour * 3'600 + 1'800) return seen.expected[i];
  }
  return kNan;
}

// Clocks go back on 2026-10-25 and forward on 2026-03-29; these are the Mondays behind.
TEST(Detector, TheMorningKeepsItsHourWhenTheClocksChange) {
  const Calendar berlin = Calendar::parse("Europe/Berlin").value();
  for (const std::int64_t monday : {utc_midnight(2026, 10, 26), utc_midnight(2026, 3, 30)}) {
    EXPECT_NEAR(expected_at(berlin, monday, 8), 100, 10);
    EXPECT_NEAR(expected_at(berlin, monday, 9), 200, 10);
    EXPECT_NEAR(expected_at(berlin, monday, 10), 100, 10);
    EXPECT_NEAR(expected_at(Calendar(), monday, 9), 100, 10) << "by UTC it is another hour";
  }
}

TEST(Detector, ATurnedModelExpectsTheSameAtTheSameMoments) {
  const Calendar berlin = Calendar::parse("Europe/Berlin").value();
  const std::int64_t begin = utc_midnight(2026, 6, 1);
  const Samples s = mornings(berlin, begin, 12);
  const std::size_t before = 10 * 288;
  const auto after = [&](std::string_view zone, std::int64_t turn) {
    Detector detector;
    observe(detector, s, 0, before);
    detector.turn(0, turn);
    return observe(detector, s, before, SIZE_MAX, Calendar::parse(zone).value()).expected;
  };
  const std::vector<double> want = after("UTC", 0);
  EXPECT_EQ(after("Europe/Berlin", 7'200), want);
  EXPECT_EQ(after("America/New_York", -4 * 3'600), want);
  EXPECT_NE(after("Europe/Berlin", 0), want);
  // There and back, across the day.
  Detector detector;
  observe(detector, s, 0, before);
  const std::string model = detector.save(0);
  detector.turn(0, 11 * 3'600);
  EXPECT_NE(detector.save(0), model);
  detector.turn(0, -11 * 3'600);
  EXPECT_EQ(detector.save(0), model);
}

TEST(Detector, RareSamplesAreAsRareAsTheirPSays) {
  std::size_t rare = 0;
  constexpr int kCount = 40'000;
  constexpr int kSeries = 10;
  for (std::uint64_t seed = 0; seed < kSeries; ++seed) {
    Detector detector;
    const Observations seen = observe(detector, noise_of(kCount, 100 + seed));
    for (std::size_t i = 10'000; i < kCount; ++i) {
      rare += score_to_p(seen.score[i]) <= DetectSettings{}.finding_p ? 1 : 0;
    }
  }
  const double share = static_cast<double>(rare) / (kSeries * (kCount - 10'000));
  EXPECT_GT(share, DetectSettings{}.finding_p / 2);
  EXPECT_LT(share, DetectSettings{}.finding_p * 2);
}

TEST(Calibration, ScoresAndPsAreInverses) {
  EXPECT_EQ(score_to_p(0), 1);
  EXPECT_EQ(score_to_p(-1), 1);
  EXPECT_EQ(score_to_p(kNan), 1);
  EXPECT_GT(score_to_p(1e30), 0);
  double last = -1;
  for (double p = 1; p > 1e-11; p *= 0.7) {
    const double score = p_to_score(p);
    EXPECT_NEAR(std::log10(score_to_p(score)), std::log10(p), 1e-9);
    EXPECT_GT(score, last);
    last = score;
  }
}

}  // namespace
}  // namespace quell::detector_test
