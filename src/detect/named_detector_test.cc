// The detectors that a rule chooses, each on what it is for and on what it must not mind.
#include "detect/named_detector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "base/hash.h"
#include "base/prng.h"
#include "base/time.h"
#include "detect/isolation_detector.h"

namespace quell::named_detector_test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Timestamp at(std::int64_t seconds) {
  return Timestamp{std::chrono::seconds(seconds)};
}
double seconds_of(Timestamp t) {
  return static_cast<double>(to_ns(t)) * 1e-9;
}

double noise(Prng& prng) {
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(prng.below(1u << 20)) / (1u << 20);
  return sum - 6;
}

std::unique_ptr<NamedDetector> make(const NamedDetectorOptions& options) {
  auto detector = make_named_detector(options);
  EXPECT_TRUE(detector) << detector.error().to_string();
  return *std::move(detector);
}

void check_refusal(const NamedDetectorOptions& options, std::string_view want) {
  const auto detector = make_named_detector(options);
  EXPECT_EQ(detector ? "made" : detector.error().to_string(), want);
}

TEST(NamedDetector, OptionsThatMakeNoSenseAreRefused) {
  check_refusal({}, "'auto' is not one detector for one series");
  check_refusal({.kind = NamedDetectorKind::Threshold},
                "a threshold needs 'above', 'below' or both");
  check_refusal({.kind = NamedDetectorKind::Threshold, .above = 1, .below = 2},
                "'below' (2) must be less than 'above' (1)");
  check_refusal({.kind = NamedDetectorKind::Threshold, .above = kNan},
                "'above' must be a finite number");
  check_refusal({.kind = NamedDetectorKind::Forecast},
                "a forecast needs either 'above' or 'below': its limit");
  check_refusal({.kind = NamedDetectorKind::Forecast, .above = 1, .below = 0},
                "a forecast needs either 'above' or 'below': its limit");
  check_refusal({.kind = NamedDetectorKind::Forecast, .above = 1, .horizon = {}},
                "the 'horizon' of a forecast must be > 0");
  check_refusal({.kind = NamedDetectorKind::Absence, .silence = -std::chrono::seconds(1)},
                "'silence' must not be negative");
  check_refusal({.kind = NamedDetectorKind::Seasonal, .coverage = 1.5},
                "'coverage' must be 0.5 to 0.99999, got 1.5");
  check_refusal({.kind = NamedDetectorKind::Isolation, .p = 0}, "'p' must be 0.0001 to 0.1, got 0");
  check_refusal({.kind = NamedDetectorKind::Isolation, .series = 0},
                "isolation takes 1 to 1000 series, got 0");
}

TEST(NamedDetector, KindsHaveNames) {
  EXPECT_EQ(parse_named_detector_kind("change_point").value(), NamedDetectorKind::ChangePoint);
  EXPECT_EQ(named_detector_name(NamedDetectorKind::Isolation), "isolation");
  EXPECT_EQ(parse_named_detector_kind("prophet").error().to_string(),
            "no detector 'prophet'; there are auto, threshold, absence, seasonal, change_point, "
            "forecast, isolation, off");
}

TEST(ThresholdDetector, IsBeyondItsLimitsAndNotOnThem) {
  const auto d = make({.kind = NamedDetectorKind::Threshold, .above = 10, .below = 1});
  EXPECT_FALSE(d->observe(at(1), 10).is_unusual);
  EXPECT_EQ(d->observe(at(2), 10.5).side, 1);
  EXPECT_TRUE(d->observe(at(3), 0.5).is_unusual);
  EXPECT_EQ(d->observe(at(4), -kInf).side, -1);
  EXPECT_FALSE(d->observe(at(5), kNan).is_unusual);
  EXPECT_FALSE(d->observe(at(4), 50).is_unusual) << "late";
}

TEST(AbsenceDetector, LearnsTheRhythm) {
  const auto d = make({.kind = NamedDetectorKind::Absence});
  EXPECT_FALSE(d->pass(at(1'000'000)).is_unusual) << "nothing was seen yet";
  for (int i = 0; i < 100; ++i) d->observe(at(60 * i), 1);
  const std::int64_t last = 60 * 99;
  EXPECT_FALSE(d->pass(at(last + 180)).is_unusual);
  const Reading silent = d->pass(at(last + 600));
  EXPECT_TRUE(silent.is_unusual);
  EXPECT_DOUBLE_EQ(silent.value, 600);
  EXPECT_NEAR(silent.expected, 60, 1);
  d->observe(at(last + 3'600), 1);
  EXPECT_FALSE(d->pass(at(last + 3'660)).is_unusual);
  EXPECT_TRUE(d->pass(at(last + 3'600 + 1'800)).is_unusual) << "one silence is no rhythm";
}

TEST(AbsenceDetector, ToleratesAnUnsteadyRhythm) {
  Prng prng(1);
  const auto d = make({.kind = NamedDetectorKind::Absence});
  std::int64_t now = 0;
  for (int i = 0; i < 2'000; ++i) {
    now += 1 + static_cast<std::int64_t>(prng.below(120));
    EXPECT_FALSE(d->pass(at(now)).is_unusual) << i;
    d->observe(at(now), 1);
  }
}

TEST(AbsenceDetector, TakesAFixedLimit) {
  const auto d = make({.kind = NamedDetectorKind::Absence, .silence = std::chrono::seconds(90)});
  d->observe(at(0), 1);
  EXPECT_FALSE(d->pass(at(90)).is_unusual);
  EXPECT_TRUE(d->pass(at(91)).is_unusual);
}

double daily(std::int64_t seconds) {
  return 100 + 40 * std::sin(2 * std::numbers::pi * static_cast<double>(seconds % 86'400) / 86'400);
}

TEST(SeasonalDetector, TheIntervalHoldsWhatItSays) {
  Prng prng(2);
  const auto d = make({.kind = NamedDetectorKind::Seasonal, .coverage = 0.99});
  int outside = 0;
  int count = 0;
  for (int i = 0; i < 40 * 288; ++i) {
    const Reading r = d->observe(at(300 * i), daily(300 * i) + 3 * noise(prng));
    if (i < 14 * 288) continue;
    outside += r.is_unusual ? 1 : 0;
    ++count;
  }
  EXPECT_GT(outside, count / 200);  // 1 in 100 is declared; within a factor of two.
  EXPECT_LT(outside, count / 50);
}

TEST(SeasonalDetector, KnowsTheMorningFromTheEvening) {
  Prng prng(3);
  const auto d = make({.kind = NamedDetectorKind::Seasonal});
  int i = 0;
  for (; i < 21 * 288; ++i) d->observe(at(300 * i), daily(300 * i) + noise(prng));
  i += 72;  // The day's peak.
  const Reading usual = d->observe(at(300 * i), 140);
  EXPECT_FALSE(usual.is_unusual);
  EXPECT_NEAR(usual.expected, 140, 3);
  const Reading low = d->observe(at(300 * (i + 1)), 100);  // Usual at midnight.
  EXPECT_TRUE(low.is_unusual);
  EXPECT_EQ(low.side, -1);
  EXPECT_GT(low.lower, 100);
}

TEST(SeasonalDetector, AnOutageDoesNotMakeItBlind) {
  Prng prng(14);
  const auto d = make({.kind = NamedDetectorKind::Seasonal, .coverage = 0.99});
  const auto next = [&](int i, bool is_out) {
    return d->observe(at(300 * i), is_out ? 0 : daily(300 * i) + 3 * noise(prng));
  };
  int i = 0;
  Reading r;
  for (; i < 21 * 288; ++i) r = next(i, false);
  const double before = r.upper - r.lower;
  int found = 0;
  for (; i < 21 * 288 + 60; ++i) found += next(i, true).is_unusual ? 1 : 0;
  EXPECT_GT(found, 50);
  for (; i < 22 * 288; ++i) r = next(i, false);
  EXPECT_LT(r.upper - r.lower, 2 * before);
  EXPECT_TRUE(next(i, true).is_unusual) << "a day later";
}

TEST(SeasonalDetector, KnowsWeekends) {
  Prng prng(4);
  const auto d = make({.kind = NamedDetectorKind::Seasonal});
  const auto value = [&](int i) {
    const int weekday = (i / 288 + 3) % 7;  // 1970 began on a Thursday.
    return (weekday >= 5 ? 20 : 100) + noise(prng);
  };
  int outside = 0;
  for (int i = 0; i < 42 * 288; ++i) {
    const Reading r = d->observe(at(300 * i), value(i));
    if (i >= 28 * 288) outside += r.is_unusual ? 1 : 0;
  }
  EXPECT_LT(outside, 14 * 288 / 100);
}

TEST(ChangePointDetector, SaysAShiftOnceAndLearnsTheNewLevel) {
  Prng prng(5);
  const auto d = make({.kind = NamedDetectorKind::ChangePoint});
  int found = 0;
  int found_at = 0;
  Reading change;
  for (int i = 0; i < 8'000; ++i) {
    const Reading r = d->observe(at(60 * i), 50 + noise(prng) + (i >= 5'000 ? 2 : 0));
    if (!r.is_unusual) continue;
    if (++found == 1) {
      found_at = i;
      change = r;
    }
  }
  EXPECT_EQ(found, 1);
  EXPECT_GE(found_at, 5'000);
  EXPECT_LT(found_at, 5'040);
  EXPECT_EQ(change.side, 1);
  EXPECT_NEAR(seconds_of(*change.onset), 60.0 * 5'000, 60 * 20);
}

TEST(ChangePointDetector, DoesNotMindSpikesCyclesOrMemory) {
  Prng prng(6);
  const auto d = make({.kind = NamedDetectorKind::ChangePoint});
  double memory = 0;
  int found = 0;
  for (int i = 0; i < 30 * 1'440; ++i) {
    memory = 0.8 * memory + noise(prng);
    const double spike = i % 701 == 0 ? 1'000 : 0;
    found += d->observe(at(60 * i), daily(60 * i) + memory + spike).is_unusual ? 1 : 0;
  }
  EXPECT_LE(found, 1);
}

TEST(ForecastDetector, ForeseesAFullDisk) {
  Prng prng(7);
  const auto d = make({.kind = NamedDetectorKind::Forecast, .above = 100});
  // One percent in twelve minutes: full at 60,000 seconds.
  bool was_foreseen = false;
  for (int i = 0; i < 900; ++i) {
    const double seconds = 60.0 * i;
    const Reading r = d->observe(at(60 * i), 16.6667 + seconds / 720 + 0.2 * noise(prng));
    if (r.is_unusual && !was_foreseen) {
      was_foreseen = true;
      EXPECT_NEAR(seconds, 60'000 - 4 * 3'600, 900) << "as early as the horizon allows";
    }
    if (i != 800) continue;
    ASSERT_TRUE(r.crosses_at && r.earliest && r.latest);
    EXPECT_NEAR(seconds_of(*r.crosses_at), 60'000, 600);
    EXPECT_LE(*r.earliest, *r.crosses_at);
    EXPECT_GE(*r.latest, *r.crosses_at);
    EXPECT_LT(seconds_of(*r.latest) - seconds_of(*r.earliest), 3'600);
  }
  EXPECT_TRUE(was_foreseen);
}

// The true time lies in the interval as often as it says, over many disks.
TEST(ForecastDetector, TheIntervalHoldsWhatItSays) {
  int inside = 0;
  constexpr int kDisks = 200;
  for (std::uint64_t seed = 0; seed < kDisks; ++seed) {
    Prng prng(100 + seed);
    const auto d = make({.kind = NamedDetectorKind::Forecast, .above = 100});
    Reading r;
    for (int i = 0; i < 700; ++i) {
      r = d->observe(at(60 * i), 30 + 60.0 * i / 720 + noise(prng));
    }
    ASSERT_TRUE(r.crosses_at) << seed;
    const double full = 70 * 720;
    inside += seconds_of(*r.earliest) <= full && (!r.latest || seconds_of(*r.latest) >= full);
  }
  EXPECT_GE(inside, kDisks * 85 / 100);
}

TEST(ForecastDetector, BeginsAnewWhenTheDiskWasCleanedUp) {
  const auto d = make({.kind = NamedDetectorKind::Forecast, .above = 100});
  Reading r;
  for (int i = 0; i < 1'000; ++i) r = d->observe(at(60 * i), 10 + 0.085 * i);
  EXPECT_TRUE(r.is_unusual);
  for (int i = 1'000; i < 1'100; ++i) r = d->observe(at(60 * i), 10);
  EXPECT_FALSE(r.is_unusual);
  EXPECT_NEAR(r.expected, 10, 0.5);
}

TEST(ForecastDetector, NoiseIsNoTrend) {
  Prng prng(8);
  const auto d = make({.kind = NamedDetectorKind::Forecast, .above = 60});
  double memory = 0;
  int unusual = 0;
  for (int i = 0; i < 20'000; ++i) {
    memory = 0.9 * memory + noise(prng);
    unusual += d->observe(at(60 * i), 40 + memory).is_unusual ? 1 : 0;
  }
  EXPECT_LT(unusual, 100);
}

TEST(ForecastDetector, ALimitBelowIsReachedByFalling) {
  const auto d = make({.kind = NamedDetectorKind::Forecast, .below = 0});
  Reading r;
  for (int i = 0; i < 500; ++i) r = d->observe(at(60 * i), 600 - i);
  EXPECT_TRUE(r.is_unusual);
  EXPECT_EQ(r.side, -1);
  EXPECT_NEAR(seconds_of(*r.crosses_at), 600 * 60, 120);
  r = d->observe(at(60 * 600), -1);
  EXPECT_EQ(seconds_of(*r.crosses_at), 60 * 600);
}

TEST(IsolationDetector, FindsWhatIsOnlyUnusualTogether) {
  Prng prng(9);
  const auto d = make({.kind = NamedDetectorKind::Isolation, .series = 6});
  const auto* isolation = static_cast<const IsolationDetector*>(d.get());
  // All six follow one load; each alone reaches from -3 to 3.
  const auto sample = [&] {
    std::vector<double> values(6);
    const double load = noise(prng);
    for (double& v : values) v = 10 + load + 0.1 * noise(prng);
    return values;
  };
  int found = 0;  // In the second half.
  for (int i = 0; i < 20'000; ++i) {
    const bool is_unusual = d->observe(at(15 * i), sample()).is_unusual;
    found += i >= 10'000 && is_unusual ? 1 : 0;
  }
  EXPECT_LT(found, 20) << "1 in 1,000 is declared";
  EXPECT_GT(found, 2);
  std::vector<double> apart = sample();
  for (std::size_t c = 0; c < 6; ++c) apart[c] = c % 2 == 0 ? 12 : 8;  // Each is usual alone.
  EXPECT_TRUE(d->observe(at(15 * 20'001), apart).is_unusual);
  EXPECT_LT(isolation->p(), 1e-3);
}

// With p = 0.001 nothing can be found before 500 samples were ranked.
TEST(IsolationDetector, LearnsUntilItCouldFindSomething) {
  Prng prng(15);
  const auto d = make({.kind = NamedDetectorKind::Isolation, .series = 2});
  for (int i = 0; i < 700; ++i) {
    const double load = noise(prng);
    const std::vector<double> values{load, load + 0.1 * noise(prng)};
    const Reading r = d->observe(at(i), values);
    EXPECT_EQ(r.is_learning, i < 574) << i;
  }
}

TEST(IsolationDetector, WhatIsMissingHasNoSay) {
  Prng prng(10);
  const auto d = make({.kind = NamedDetectorKind::Isolation, .series = 4});
  for (int i = 0; i < 2'000; ++i) {
    std::vector<double> values{noise(prng), noise(prng), noise(prng), noise(prng)};
    if (i % 3 == 0) values[static_cast<std::size_t>(i) % 4] = i % 2 == 0 ? kNan : kInf;
    EXPECT_TRUE(std::isfinite(d->observe(at(i), values).value));
  }
  const std::vector<double> nothing(4, kNan);
  EXPECT_FALSE(d->observe(at(2'000), nothing).is_unusual);
}

std::vector<NamedDetectorOptions> all_kinds() {
  return {{.kind = NamedDetectorKind::Threshold, .above = 3},
          {.kind = NamedDetectorKind::Absence},
          {.kind = NamedDetectorKind::Seasonal},
          {.kind = NamedDetectorKind::ChangePoint},
          {.kind = NamedDetectorKind::Forecast, .above = 200},
          {.kind = NamedDetectorKind::Isolation}};
}

void expect_equal(const Reading& a, const Reading& b) {
  EXPECT_EQ(a.is_unusual, b.is_unusual);
  EXPECT_EQ(a.is_learning, b.is_learning);
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.expected, b.expected);
  EXPECT_EQ(a.lower, b.lower);
  EXPECT_EQ(a.upper, b.upper);
  EXPECT_EQ(a.crosses_at, b.crosses_at);
}

TEST(NamedDetector, SavedAndLoadedItGoesOnTheSame) {
  for (const NamedDetectorOptions& options : all_kinds()) {
    Prng prng(11);
    const auto first = make(options);
    for (int i = 0; i < 2'000; ++i) first->observe(at(60 * i), 0.05 * i + noise(prng));
    const auto second = make(options);
    ASSERT_TRUE(second->load(first->save())) << named_detector_name(options.kind);
    EXPECT_EQ(second->save(), first->save());
    for (int i = 2'000; i < 2'200; ++i) {
      const double value = 0.05 * i + noise(prng);
      expect_equal(first->observe(at(60 * i), value), second->observe(at(60 * i), value));
      expect_equal(first->pass(at(60 * i + 30)), second->pass(at(60 * i + 30)));
    }
  }
}

TEST(NamedDetector, CorruptModelsAreRefused) {
  for (const NamedDetectorOptions& options : all_kinds()) {
    const auto d = make(options);
    for (int i = 0; i < 300; ++i) d->observe(at(60 * i), i % 7);
    const std::string bytes = d->save();
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      std::string bad = bytes;
      bad[i] = static_cast<char>(bad[i] ^ 1);
      EXPECT_FALSE(d->load(bad)) << i;
      EXPECT_FALSE(d->load(bytes.substr(0, i))) << i;
    }
    EXPECT_EQ(d->save(), bytes) << named_detector_name(options.kind);
  }
  const auto one = make({.kind = NamedDetectorKind::Isolation});
  const auto two = make({.kind = NamedDetectorKind::Isolation, .series = 2});
  EXPECT_EQ(two->load(one->save()).error().to_string(),
            "model of a detector 'isolation': it is of other options, or has impossible "
            "numbers");
  EXPECT_EQ(make({.kind = NamedDetectorKind::Absence})->load(one->save()).error().to_string(),
            "model of a detector 'absence': it is of another kind");
}

// The state of isolation over one series, with other numbers in place of those from byte `from` on.
void check_impossible(std::size_t from, std::size_t size, std::string_view numbers) {
  const auto d = make({.kind = NamedDetectorKind::Isolation});
  for (int i = 0; i < 100; ++i) d->observe(at(60 * i), i % 7);
  const std::string good = d->save();
  std::string bad = good.substr(0, good.size() - 4);
  bad.replace(from, size, numbers);
  const std::uint32_t sum = crc32c(bad);
  bad.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  EXPECT_EQ(d->load(bad).error().to_string(),
            "model of a detector 'isolation': it is of other options, or has impossible numbers");
  EXPECT_EQ(d->save(), good);
}

TEST(NamedDetector, NumbersThatNoSamplesLeadToAreRefused) {
  constexpr std::size_t kHead = 2;  // Version and kind; then mean, scale, magnitude, samples.
  const double negative = -1;
  const std::string_view bytes(reinterpret_cast<const char*>(&negative), sizeof negative);
  check_impossible(kHead + 8, 8, bytes);
  check_impossible(kHead + 16, 8, bytes);
  check_impossible(kHead + 24, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(NamedDetector, WhatIsLateOrSeenAlreadyIsNotUsed) {
  for (const NamedDetectorOptions& options : all_kinds()) {
    const auto d = make(options);
    for (int i = 0; i < 300; ++i) EXPECT_TRUE(d->observe(at(60 * i), 300).is_used || i < 30);
    const std::string bytes = d->save();
    for (const int seconds : {60 * 299, 60 * 298, 60 * 299 - 599}) {
      const Reading r = d->observe(at(seconds), 300);
      EXPECT_FALSE(r.is_used || r.is_unusual) << named_detector_name(options.kind);
    }
    EXPECT_EQ(d->save(), bytes) << named_detector_name(options.kind);
  }
  const auto d = make({.kind = NamedDetectorKind::Threshold, .above = 3});
  EXPECT_FALSE(d->observe(at(1), kNan).is_used);
  EXPECT_TRUE(d->observe(at(1), kInf).is_used);
}

// One sample of the year 2200 does not make the next ones late.
TEST(NamedDetector, AClockThatIsSetBackIsBelieved) {
  for (const NamedDetectorOptions& options : all_kinds()) {
    const auto d = make(options);
    Prng prng(13);
    for (int i = 0; i < 2'000; ++i) d->observe(at(60 * i), noise(prng));
    d->observe(at(7'258'118'400), noise(prng));
    for (int i = 2'000; i < 2'200; ++i) {
      const Reading r = d->observe(at(60 * i), noise(prng));
      EXPECT_TRUE(r.is_used) << named_detector_name(options.kind);
      EXPECT_FALSE(r.is_learning) << named_detector_name(options.kind);
    }
  }
  const auto absence = make({.kind = NamedDetectorKind::Absence});
  for (int i = 0; i < 100; ++i) absence->observe(at(60 * i), 1);
  absence->observe(at(7'258'118'400), 1);
  EXPECT_FALSE(absence->pass(at(6'000)).is_unusual);
  EXPECT_TRUE(absence->pass(at(6'000 + 86'400)).is_unusual) << "nothing came since";
}

TEST(NamedDetector, NothingBreaksThem) {
  for (const NamedDetectorOptions& options : all_kinds()) {
    Prng prng(12);
    const auto d = make(options);
    Timestamp now = at(0);
    for (int i = 0; i < 5'000; ++i) {
      constexpr double kValues[] = {0, 1e308, -1e308, kNan, kInf, -kInf, 5e-324, 7};
      if (prng.chance(2)) now = prng.chance(50) ? kMaxTime : kMinTime;
      if (now < at(4'000'000'000)) now += std::chrono::seconds(prng.below(100'000));
      const Reading r = d->observe(now, kValues[prng.below(8)]);
      EXPECT_FALSE(std::isnan(r.expected)) << named_detector_name(options.kind);
      d->pass(now);
    }
    const auto again = make(options);
    EXPECT_TRUE(again->load(d->save())) << named_detector_name(options.kind);
  }
}

}  // namespace
}  // namespace quell::named_detector_test
