#include "detect/group_detector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "base/hash.h"
#include "base/prng.h"

namespace quell::group_detector_test {
namespace {

constexpr std::size_t kChannels = 12;

double noise(Prng& prng) {
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(prng.below(1u << 20)) / (1u << 20);
  return sum - 6;
}

// Series of different sizes; half of them follow a common load.
std::vector<double> sample(Prng& prng) {
  const double load = noise(prng);
  std::vector<double> values(kChannels);
  for (std::size_t c = 0; c < kChannels; ++c) {
    const double size = std::pow(10.0, static_cast<double>(c) / 2);
    values[c] = size * (5 + (c % 2 == 0 ? load : 0) + 0.3 * noise(prng));
  }
  return values;
}

TEST(GroupDetector, AFaultOfManySeriesIsFoundAndNamed) {
  Prng prng(1);
  GroupDetector detector(kChannels);
  for (int i = 0; i < 5'000; ++i) detector.observe(sample(prng));
  EXPECT_GT(detector.p(), 0.001);
  double calm = 0;
  for (int i = 0; i < 200; ++i) calm = std::max(calm, detector.observe(sample(prng)));
  double worst = 0;
  for (int i = 0; i < 20; ++i) {
    std::vector<double> values = sample(prng);
    for (const std::size_t c : {1u, 3u, 5u}) values[c] *= 1.5;
    worst = std::max(worst, detector.observe(values));
  }
  EXPECT_GT(worst, 1.5 * calm);
  EXPECT_LT(detector.p(), 0.001);
  EXPECT_GT(detector.share(1) + detector.share(3) + detector.share(5), 0.8);
}

TEST(GroupDetector, WhatIsMissingDoesNotCount) {
  Prng prng(2);
  GroupDetector detector(kChannels);
  for (int i = 0; i < 1'000; ++i) {
    std::vector<double> values = sample(prng);
    if (i % 2 == 0) values[4] = std::numeric_limits<double>::quiet_NaN();
    if (i % 3 == 0) values[5] = std::numeric_limits<double>::infinity();
    EXPECT_TRUE(std::isfinite(detector.observe(values)));
  }
  std::vector<double> nothing(kChannels, std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(std::isfinite(detector.observe(nothing)));
  EXPECT_EQ(detector.samples(), 1'001u);
}

// Thousands of zeros are a past, though no number in it is anything but zero.
TEST(GroupDetector, TheFirstFaultOfASeriesThatWasAlwaysZeroIsFound) {
  Prng prng(5);
  GroupDetector detector(kChannels);
  const auto next = [&](double errors) {
    std::vector<double> values = sample(prng);
    values[7] = errors;
    return detector.observe(values);
  };
  double calm = 0;
  for (int i = 0; i < 3'000; ++i) calm = std::max(calm, i > 100 ? next(0) : 0 * next(0));
  double worst = 0;
  for (int i = 0; i < 10; ++i) worst = std::max(worst, next(3));
  EXPECT_GT(worst, calm);
  EXPECT_GT(detector.share(7), 0.5);
}

// A series that comes late is learned as fast as one that was there from the beginning.
TEST(GroupDetector, ASeriesThatComesLateHasAPastOfItsOwn) {
  Prng prng(6);
  GroupDetector detector(kChannels);
  std::vector<double> values;
  for (int i = 0; i < 2'000; ++i) {
    values = sample(prng);
    if (i < 1'900) values[3] = std::numeric_limits<double>::quiet_NaN();
    if (i >= 1'900) values[3] = 1'000 + noise(prng);
    detector.observe(values);
    if (i >= 1'900 && i <= 1'920) {
      EXPECT_EQ(detector.share(3), 0) << i;
    }
  }
  values = sample(prng);
  values[3] = 1'100;
  detector.observe(values);
  EXPECT_GT(detector.share(3), 0.3);
}

TEST(GroupDetector, HugeValuesLeaveNumbersFinite) {
  GroupDetector detector(3);
  for (int i = 0; i < 500; ++i) {
    const double sign = i % 2 == 0 ? 1 : -1;
    const std::vector<double> values{sign * 1e308, 0, 5e-324};
    EXPECT_TRUE(std::isfinite(detector.observe(values)));
  }
}

TEST(GroupDetector, SavedAndLoadedItGoesOnTheSame) {
  Prng prng(3);
  GroupDetector first(kChannels);
  for (int i = 0; i < 500; ++i) first.observe(sample(prng));
  GroupDetector second(kChannels);
  ASSERT_TRUE(second.load(first.save()));
  EXPECT_EQ(second.save(), first.save());
  for (int i = 0; i < 100; ++i) {
    const std::vector<double> values = sample(prng);
    EXPECT_EQ(first.observe(values), second.observe(values));
    EXPECT_EQ(first.p(), second.p());
  }
}

std::string load_error(GroupDetector& detector, std::string_view bytes) {
  const Status status = detector.load(bytes);
  return status ? "good" : status.error().to_string();
}

TEST(GroupDetector, CorruptModelsAreRefused) {
  Prng prng(4);
  GroupDetector detector(kChannels);
  for (int i = 0; i < 100; ++i) detector.observe(sample(prng));
  const std::string bytes = detector.save();
  GroupDetector other(kChannels + 1);
  EXPECT_EQ(load_error(other, bytes), "model of a group of 12 series, not 13");
  EXPECT_EQ(load_error(detector, "\x09"), "model of a group: too short");
  EXPECT_EQ(load_error(detector, "\x09 and more"), "model of a group: unknown version 9");
  const std::string_view wrong_sum = "model of a group: the checksum does not fit";
  for (std::size_t size = 5; size < bytes.size(); size += 7) {
    EXPECT_EQ(load_error(detector, bytes.substr(0, size)), wrong_sum) << size;
    std::string bad = bytes;
    bad[size] = static_cast<char>(bad[size] ^ 0x10);
    EXPECT_EQ(load_error(detector, bad), wrong_sum) << size;
  }
  EXPECT_EQ(load_error(detector, bytes + "x"), wrong_sum);
  // A scale that is negative, under a sum that fits.
  std::string bad = bytes.substr(0, bytes.size() - 4);
  constexpr std::size_t kHead = 1 + 1 + 1 + 2 * 8;  // Version, series, samples, energy, p.
  bad[kHead + (12 + 2) * 8 + 7] ^= static_cast<char>(0x80);
  const std::uint32_t sum = crc32c(bad);
  bad.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  EXPECT_EQ(load_error(detector, bad), "model of a group of 12 series: impossible numbers");
  EXPECT_EQ(detector.save(), bytes);
}

}  // namespace
}  // namespace quell::group_detector_test
