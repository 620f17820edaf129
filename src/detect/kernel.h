// One step of Tier 0: one sample of each of up to sixteen series.
//
// The same source is compiled for plain numbers and, with vector extensions, for 4, 8 and 16 lanes
// at x86-64 level 2, 3 and 4. All give equal bits: there is no fused multiply-add, no reordering,
// and the logarithm is a polynomial of ours.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "detect/series_block.h"

namespace quell {

// What the score must reach for an episode to begin, and fall below for it to end.
struct KernelLimits {
  float open_score = 6.7f;
  float close_score = 3.35f;
  float warmup_samples = 150;
};

enum SampleFlag : std::uint8_t {
  kLearning = 1,      // Too few samples yet to begin an episode.
  kUnusual = 2,       // An episode is open.
  kOpened = 4,        // It began with this sample.
  kRestated = 8,      // It was open before a gap, and the sample behind it is unusual, too.
  kNewSeverity = 16,  // The score is above the envelope: worse than anything lately.
  kAfterGap = 32,     // At least half an interval was skipped before this sample.
  kNotUsed = 64,      // No finite number, or late: its time is not after that of the last one.
};

// What a step reads and writes besides the block.
struct alignas(64) KernelStep {
  Row<std::int32_t> active{};  // -1: the lane has a sample; else 0.
  Row<double> value{};
  Row<std::int64_t> ns{};
  // Rows of the profile for the samples' times, in the block or elsewhere.
  float* usual = nullptr;
  std::uint16_t* noise = nullptr;
  std::uint16_t* usual_activity = nullptr;
  // Out. Lanes that are not active hold anything.
  alignas(64) Row<float> score{};
  Row<double> expected{};
  Row<float> scale{};          // Mean distance of usual samples from `expected`, and what is none.
  Row<std::uint16_t> fired{};  // ComponentSet of unusual samples: rarer than 1 in 100, records.
  Row<std::uint8_t> flags{};   // SampleFlag.
  std::uint32_t due = 0;       // Bits of lanes for which maintain_lane() is due.
  // Scratch.
  alignas(64) Row<float> x{};
  Row<float> seconds{};
  Row<std::int32_t> used{};
};

// Requires: some lane is active. Lanes that are not, and those of samples that are not used, keep
// their state.
using KernelFunction = void (*)(SeriesBlock& block, KernelStep& step, const KernelLimits& limits);

enum class KernelKind : std::uint8_t { Scalar, V2, V3, V4 };
std::string_view kernel_name(KernelKind kind);  // "scalar", "x86-64-v2", …
// Null when this build or this processor cannot run it. Scalar always can.
KernelFunction kernel_function(KernelKind kind);
// The fastest of this processor.
KernelKind best_kernel();

}  // namespace quell
