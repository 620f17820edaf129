#include "detect/series_block.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace quell {
namespace {

// A cycle must explain this share of the distance from the mean; the day, which most things
// follow at least a little, less.
constexpr float kDayExplainsMin = 0.05f;
constexpr float kCycleExplainsMin = 0.2f;
constexpr std::uint8_t kAgeMax = 255;

// Among fewer samples less than fifteen episodes are declared: their number says too little.
constexpr float kGainFromSamples = 12'288;
// Of the gain for each episode more than declared: a time constant of some 3,500 samples.
constexpr int kGainStep = kGainUnit / 32;
// What a fault begins beyond so many times the declared does not count, nor so few.
constexpr int kOpenedMaxTimes = 4;
constexpr int kOpenedMaxLeast = 3;
// Rarer ones never come, and of more the one does not end before the next would begin.
constexpr double kGainDeclaredMin = 5e-5;
constexpr double kGainDeclaredMax = 5e-3;

void halve_histograms(SeriesBlock& block, std::size_t lane) {
  for (auto& bins : block.histogram) {
    for (auto& row : bins) row[lane] = static_cast<std::int16_t>(row[lane] / 2);
  }
  block.samples[lane] *= 0.5f;
}

// Which score is as rare as declared depends on the shape of the noise, and on its memory: a
// stochastic approximation of that quantile, as adaptive conformal inference follows its level
// (Gibbs and Candès, Adaptive Conformal Inference Under Distribution Shift, 2021).
void adjust_gain(SeriesBlock& block, std::size_t lane, double declared) {
  const double usual = declared * kMaintainEvery;
  const int counted =
      std::max(kOpenedMaxLeast, static_cast<int>(std::lround(kOpenedMaxTimes * usual)));
  const int opened = std::min<int>(block.opened[lane], counted);
  block.opened[lane] = 0;
  if (block.record_samples[lane] < kGainFromSamples) return;
  if (declared < kGainDeclaredMin || declared > kGainDeclaredMax) return;
  const auto rise = static_cast<int>(std::lround(usual * kGainStep));
  const int gain = std::clamp(block.gain[lane] + rise - opened * kGainStep, -kGainMax, kGainMax);
  block.gain[lane] = static_cast<std::int16_t>(gain);
}

// Ends an epoch, so that no extreme stands for ever.
void forget_records(SeriesBlock& block, std::size_t lane) {
  block.record_samples[lane] *= 0.5f;
  for (std::size_t k = 0; k < kRecordComponents; ++k) {
    block.records[k][lane] /= 2;
    block.extreme[k][lane] = block.recent_extreme[k][lane];
    block.recent_extreme[k][lane] = kUnset;
  }
}

void forget_profile(SeriesBlock& block, std::size_t lane) {
  for (auto& row : block.usual) row[lane] = 0;
  for (auto& row : block.noise) row[lane] = 0;
  for (auto& row : block.usual_activity) row[lane] = 0;
  block.profile_age[lane] = 0;
}

// Keeps a cycle that explains something and tries the next one otherwise: day, hour, week, day.
void review_cycle(SeriesBlock& block, std::size_t lane) {
  const std::size_t cycle = block.cycle[lane];
  const float interval = block.interval[lane] > 0 ? block.interval[lane] : 60;
  const float samples = static_cast<float>(block.profile_age[lane]) * kMaintainEvery;
  const float half_life = std::clamp(259'200.f / interval, 600.f, 5'000.f);
  const bool is_day = cycle == static_cast<std::size_t>(Cycle::Day);
  const float cycle_samples = static_cast<float>(kCycleSeconds[cycle]) / interval;
  const bool is_judged =
      samples >= 3 * cycle_samples && samples >= (is_day ? kMaintainEvery : 2 * half_life);
  const bool is_too_old = block.profile_age[lane] == kAgeMax;
  if (!is_judged && !is_too_old) return;
  const float explained = 1 - block.season_scale[lane] /
                                  (block.mean_scale[lane] + block.magnitude[lane] * 1e-3f + 1e-9f);
  if (explained >= (is_day ? kDayExplainsMin : kCycleExplainsMin)) return;
  block.cycle[lane] = static_cast<std::uint8_t>((cycle + 1) % kCycles);
  forget_profile(block, lane);
}

}  // namespace

void reset_lane(SeriesBlock& block, std::size_t lane) {
  for_each_row(block, [&](auto& row) { row[lane] = {}; });
  for (auto& row : block.extreme) row[lane] = kUnset;
  for (auto& row : block.recent_extreme) row[lane] = kUnset;
  block.calm[lane] = kClosed;
}

void turn_lane(SeriesBlock& block, std::size_t lane, std::int64_t seconds) {
  constexpr auto kBins = static_cast<std::int64_t>(kProfileBins);
  const std::int64_t bin_seconds = kCycleSeconds[block.cycle[lane]] / kBins;
  // To the nearest bin.
  const std::int64_t doubled = 2 * seconds + bin_seconds;
  std::int64_t by = doubled / (2 * bin_seconds) - (doubled % (2 * bin_seconds) < 0 ? 1 : 0);
  by = (by % kBins + kBins) % kBins;
  if (by == 0) return;
  const auto turn = [&](auto& rows) {
    std::array<std::remove_cvref_t<decltype(rows[0][0])>, kProfileBins> before{};
    for (std::size_t bin = 0; bin < kProfileBins; ++bin) before[bin] = rows[bin][lane];
    for (std::size_t bin = 0; bin < kProfileBins; ++bin) {
      rows[(bin + static_cast<std::size_t>(by)) % kProfileBins][lane] = before[bin];
    }
  };
  turn(block.usual);
  turn(block.noise);
  turn(block.usual_activity);
}

void maintain_lane(SeriesBlock& block, std::size_t lane, double declared) {
  const bool is_due = static_cast<int>(block.record_samples[lane]) % kMaintainEvery == 0;
  if (block.samples[lane] >= kHistogramSamplesMax) halve_histograms(block, lane);
  if (block.record_samples[lane] >= kRecordSamplesMax) forget_records(block, lane);
  if (!is_due) return;
  for (auto& row : block.debt) {
    if (row[lane] > 0) --row[lane];
  }
  if (block.profile_age[lane] < kAgeMax) ++block.profile_age[lane];
  adjust_gain(block, lane, declared);
  review_cycle(block, lane);
}

}  // namespace quell
