// SeriesBlock: all that Tier 0 remembers of sixteen series.
//
// Layout: arrays of structures of arrays. Each row holds one thing for all sixteen series, so that
// one instruction works on a row; the rows of a block lie together, so that a step touches one
// stretch of memory. 600 bytes per series, whatever its history.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "detect/component.h"

namespace quell {

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kProfileBins = 24;
inline constexpr std::size_t kHistogramBins = 15;
// An extreme that has not been set. Values are clamped to less (kValueMax).
inline constexpr float kUnset = 3e38f;
inline constexpr float kValueMax = 1e30f;
inline constexpr std::uint8_t kClosed = 255;  // `calm` of a series without an open episode.

// The cycle that a series' profile stands for.
enum class Cycle : std::uint8_t { Day, Hour, Week };
inline constexpr std::size_t kCycles = 3;
inline constexpr std::array<std::int64_t, kCycles> kCycleSeconds{86'400, 3'600, 604'800};

template <class T>
using Row = std::array<T, kLanes>;

// A histogram has a row for each bin but the first, below which there is nothing. Those of bins 1
// and 8 lie side by side, then 2 and 9, and so on: a vector of 512 bits takes both.
inline constexpr std::size_t kHistogramRows = kHistogramBins - 1;
constexpr std::size_t histogram_row(std::size_t bin) {
  return bin < 8 ? 2 * (bin - 1) : 2 * (bin - 8) + 1;
}

// Invariant: no number in it is NaN or infinite, whatever was observed.
struct alignas(64) SeriesBlock {
  // What is usual at a time of the cycle. The four lowest bits of a number's representation count
  // how often its bin was visited, up to 15; 0: never. They are below the noise of what they count.
  std::array<Row<float>, kProfileBins> usual;
  // bfloat16: the mean distance from it, and how much the series moves then.
  std::array<Row<std::uint16_t>, kProfileBins> noise;
  std::array<Row<std::uint16_t>, kProfileBins> usual_activity;
  // How many of a component's sizes were below a half octave; rows by histogram_row().
  std::array<std::array<Row<std::int16_t>, kHistogramRows>, kHistogramComponents> histogram;

  // Values are kept less the first one (`base`), so that a small change of a large number counts.
  Row<float> base;
  Row<float> samples;    // In the histograms; halved with them, so at most kHistogramSamplesMax.
  Row<float> magnitude;  // Mean of the absolute value: what is tiny beside it is no deviation.
  Row<float> last;
  Row<float> level, level_scale;  // Over a half life of 30 samples.
  Row<float> change_scale;
  Row<float> season_scale;  // Mean distance from what is usual, over all times.
  Row<float> drift, shift;  // Means of the residual over 8 and 150 samples.
  Row<float> activity;
  std::array<Row<float>, 2> ar_weight, ar_input;
  Row<float> ar_scale;
  Row<float> cusum_up, cusum_down;
  // Since the epoch before this one, and in this one: what is older is forgotten.
  std::array<Row<float>, kRecordComponents> extreme, recent_extreme;
  Row<float> record_samples;  // Among which the records are counted.
  Row<float> envelope;        // The highest score so far, fading.
  Row<float> interval;        // Usual seconds between samples; 0: not known yet. Bits: see kernel.
  Row<float> mean, mean_scale;  // Over days: what the profile is measured against.

  Row<std::int64_t> last_ns;
  std::array<Row<std::uint8_t>, kRecordComponents> records;
  std::array<Row<std::uint8_t>, kHistogramComponents> debt;  // False alarms not worked off.
  Row<std::uint8_t> calm;   // Samples since the last unusual one of an open episode, or kClosed.
  Row<std::uint8_t> cycle;  // Cycle.
  Row<std::uint8_t> profile_age;  // In kMaintainEvery samples.
  // What scores are multiplied by, less 1, in 1 / kGainUnit: series of any noise open episodes as
  // often as declared.
  Row<std::int16_t> gain;
  Row<std::uint8_t> opened;  // Episodes that began since the gain was last adjusted.
};
static_assert(sizeof(SeriesBlock) == 584 * kLanes);  // As stored pages have it.

inline constexpr float kHistogramSamplesMax = 8'000;
inline constexpr float kRecordSamplesMax = 32'768;  // An epoch is half of that.
inline constexpr int kMaintainEvery = 512;
inline constexpr int kGainUnit = 8'192;
inline constexpr int kGainMax = kGainUnit / 2;

// Calls f with each row of the block, in the order of the struct.
template <class Block, class F>
void for_each_row(Block& b, F&& f) {
  for (auto& row : b.usual) f(row);
  for (auto& row : b.noise) f(row);
  for (auto& row : b.usual_activity) f(row);
  for (auto& bins : b.histogram) {
    for (auto& row : bins) f(row);
  }
  for (auto* row : {&b.base, &b.samples, &b.magnitude, &b.last, &b.level, &b.level_scale,
                    &b.change_scale, &b.season_scale, &b.drift, &b.shift, &b.activity}) {
    f(*row);
  }
  for (auto& row : b.ar_weight) f(row);
  for (auto& row : b.ar_input) f(row);
  for (auto* row : {&b.ar_scale, &b.cusum_up, &b.cusum_down}) f(*row);
  for (auto& row : b.extreme) f(row);
  for (auto& row : b.recent_extreme) f(row);
  for (auto* row : {&b.record_samples, &b.envelope, &b.interval, &b.mean, &b.mean_scale}) f(*row);
  f(b.last_ns);
  for (auto& row : b.records) f(row);
  for (auto& row : b.debt) f(row);
  for (auto* row : {&b.calm, &b.cycle, &b.profile_age}) f(*row);
  f(b.gain);
  f(b.opened);
}

// Makes the lane a series of which nothing is known.
void reset_lane(SeriesBlock& block, std::size_t lane);
// The clock by which the profile was learned goes so much later from now on: every bin moves to
// where its time is then.
void turn_lane(SeriesBlock& block, std::size_t lane, std::int64_t seconds);
// What is done to a lane now and then: histograms and records forget by halves, debts shrink, the
// gain is adjusted, and a cycle that explains nothing is given up for another one. `declared`: the
// share of usual samples that are to begin an episode.
void maintain_lane(SeriesBlock& block, std::size_t lane, double declared);

}  // namespace quell
