// All kernels against each other: equal bits whatever comes.
#include "detect/kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "base/prng.h"

namespace quell::kernel_test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

double random_value(Prng& prng, std::size_t lane) {
  switch (prng.below(60)) {
    case 0: return std::numeric_limits<double>::quiet_NaN();
    case 1: return kInf;
    case 2: return -kInf;
    case 3: return std::numeric_limits<double>::max();
    case 4: return std::numeric_limits<double>::denorm_min();
    case 5: return -1e30;
    case 6: return 0;
    default: break;
  }
  const double noise = static_cast<double>(prng.below(1'000'000)) * 1e-6;
  if (lane % 4 == 0) return 42;                    // A flat line.
  if (lane % 4 == 1) return 1e12 + noise;          // A small change of a large one.
  if (lane % 4 == 2) return std::exp(10 * noise);  // A heavy tail.
  return noise + static_cast<double>(prng.below(2));
}

std::int64_t random_step_ns(Prng& prng) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  switch (prng.below(40)) {
    case 0: return 0;                                // The same time again.
    case 1: return -7 * kSecond;                     // Late.
    case 2: return -90'000 * kSecond;                // The clock was set back.
    case 3: return 3'600 * kSecond;                  // A gap.
    case 4: return 4'000'000'000 * kSecond / 1'000;  // Years.
    default: return 15 * kSecond;
  }
}

void expect_equal_blocks(SeriesBlock& a, SeriesBlock& b, int step) {
  std::vector<const void*> rows;
  for_each_row(b, [&](const auto& row) { rows.push_back(row.data()); });
  std::size_t i = 0;
  for_each_row(a, [&](const auto& row) {
    if (testing::Test::HasFatalFailure()) return;
    const auto* other = static_cast<decltype(row.data())>(rows[i]);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the bits are meant.
      ASSERT_EQ(std::memcmp(&row[lane], &other[lane], sizeof row[lane]), 0)
          << "row " << i << " lane " << lane << " step " << step << ": " << +row[lane] << " and "
          << +other[lane];
    }
    ++i;
  });
}

void expect_finite(SeriesBlock& block, int step) {
  for_each_row(block, [&](const auto& row) {
    for (const auto v : row) ASSERT_TRUE(std::isfinite(static_cast<double>(v))) << step;
  });
}

// Drives two kernels side by side. `active_percent`: how many lanes have a sample in each step.
void check_equal(KernelKind kind, std::uint64_t seed, int steps, std::uint64_t active_percent) {
  const KernelFunction run = kernel_function(kind);
  if (run == nullptr) return;  // This processor has no such vectors.
  Prng prng(seed);
  const auto a = std::make_unique<SeriesBlock>();
  const auto b = std::make_unique<SeriesBlock>();
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    reset_lane(*a, lane);
    reset_lane(*b, lane);
    const auto gain =
        static_cast<std::int16_t>(static_cast<int>(prng.below(2 * kGainMax)) - kGainMax);
    a->gain[lane] = b->gain[lane] = gain;
  }
  KernelStep step_a;
  Row<std::int64_t> now{};
  const KernelLimits limits{.warmup_samples = 100};
  for (int step = 0; step < steps; ++step) {
    std::uint32_t lanes = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      step_a.active[lane] = prng.chance(active_percent) ? -1 : 0;
      lanes += step_a.active[lane] != 0;
      step_a.value[lane] = random_value(prng, lane);
      now[lane] += random_step_ns(prng);
      step_a.ns[lane] = now[lane];
    }
    if (lanes == 0) continue;
    KernelStep step_b = step_a;
    const auto bin = static_cast<std::size_t>(step / 40) % kProfileBins;
    step_a.usual = a->usual[bin].data();
    step_a.noise = a->noise[bin].data();
    step_a.usual_activity = a->usual_activity[bin].data();
    step_b.usual = b->usual[bin].data();
    step_b.noise = b->noise[bin].data();
    step_b.usual_activity = b->usual_activity[bin].data();
    kernel_function(KernelKind::Scalar)(*a, step_a, limits);
    run(*b, step_b, limits);
    ASSERT_EQ(step_a.due, step_b.due) << step;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (step_a.active[lane] == 0) continue;
      ASSERT_EQ(step_a.score[lane], step_b.score[lane]) << step << ' ' << lane;
      ASSERT_EQ(step_a.expected[lane], step_b.expected[lane]) << step << ' ' << lane;
      ASSERT_EQ(step_a.scale[lane], step_b.scale[lane]) << step << ' ' << lane;
      ASSERT_EQ(step_a.fired[lane], step_b.fired[lane]) << step << ' ' << lane;
      ASSERT_EQ(step_a.flags[lane], step_b.flags[lane]) << step << ' ' << lane;
      if ((step_a.due >> lane & 1) == 0) continue;
      maintain_lane(*a, lane, 0.00125);
      maintain_lane(*b, lane, 0.00125);
    }
    expect_equal_blocks(*a, *b, step);
    if (step % 500 == 0) expect_finite(*a, step);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(Kernel, BaselineVectorsEqualScalar) {
  check_equal(KernelKind::V2, 1, 20'000, 100);
  check_equal(KernelKind::V2, 2, 5'000, 30);
}
TEST(Kernel, Level3EqualsScalar) {
  check_equal(KernelKind::V3, 3, 20'000, 100);
  check_equal(KernelKind::V3, 4, 5'000, 30);
}
TEST(Kernel, Level4EqualsScalar) {
  check_equal(KernelKind::V4, 5, 20'000, 100);
  check_equal(KernelKind::V4, 6, 5'000, 30);
}

TEST(Kernel, TheBestOneRunsHere) {
  EXPECT_NE(kernel_function(best_kernel()), nullptr);
  EXPECT_NE(kernel_function(KernelKind::Scalar), nullptr);
}

TEST(SeriesBlock, TheGainStaysWithinItsLimits) {
  const auto block = std::make_unique<SeriesBlock>();
  reset_lane(*block, 0);
  block->record_samples[0] = kRecordSamplesMax / 2;
  const auto gain_after = [&](std::uint8_t opened, double declared) {
    for (int i = 0; i < 2'000; ++i) {
      block->opened[0] = opened;
      maintain_lane(*block, 0, declared);
    }
    return block->gain[0];
  };
  EXPECT_EQ(gain_after(0, 0.00125), kGainMax);
  EXPECT_EQ(gain_after(255, 1e-6), kGainMax);  // Too few are declared to be counted,
  EXPECT_EQ(gain_after(255, 0.1), kGainMax);   // and too many.
  EXPECT_EQ(gain_after(255, 0.005), -kGainMax);
  EXPECT_EQ(gain_after(0, 0.00005), kGainMax);
  EXPECT_EQ(block->opened[0], 0);
}

TEST(SeriesBlock, FitsIntoSixHundredBytesPerSeries) {
  EXPECT_LE(sizeof(SeriesBlock) / kLanes, 600u);
}

}  // namespace
}  // namespace quell::kernel_test
