#include "detect/kernel.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "detect/sample_order.h"

// Vectors wider than the instruction set's are passed between inlined functions only.
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"

#define QUELL_INLINE static inline __attribute__((always_inline))
#define QUELL_LAMBDA_INLINE __attribute__((always_inline))

namespace quell {
namespace {

constexpr std::int32_t kLastBin = static_cast<std::int32_t>(kHistogramBins) - 1;
constexpr float kLongGap = 60;     // Usual intervals.
constexpr float kNothing = 1e-6f;  // A size that is none.
constexpr double kSecondsMax = 1e9;
// A time so far before the last one's is a clock that was set back, no sample that came late.
constexpr std::int64_t kClockSetBackNs = std::chrono::nanoseconds(kClockSetBack).count();
constexpr float kWeightSum = 4.75f;
static_assert(kComponentWeights[0] == 1 && kComponentWeights[1] == 1 && kComponentWeights[2] == 1 &&
              kComponentWeights[3] == 0.5f && kComponentWeights[5] == 0.5f &&
              kComponentWeights[4] == 0.25f && kComponentWeights[6] == 0.25f &&
              kComponentWeights[7] == 0.25f);

// A component's debt grows by one with each rank below 1 in 1,000 outside of episodes and shrinks
// by one every kMaintainEvery samples: what chance gives costs nothing.
constexpr std::int32_t kDebtFree = 32;

struct RankOfOne {
  float size = 0;
  float tail = 0;
};

// log2 as the kernels have it.
float log2_of_one(float v) {
  const auto u = std::bit_cast<std::int32_t>(v);
  const auto m = std::bit_cast<float>((u & 0x7fffff) | 0x3f800000);
  float p = m * -0.0816159315f + 0.645142203f;
  p = p * m + -2.12067276f;
  p = p * m + 4.07008655f;
  p = p * m + -2.51285242f;
  return static_cast<float>((u >> 23) - 127) + p;
}

// Octaves from the end of the highest bin that holds another size, with the mantissa in place of
// its logarithm. Bin q ends q / 2 octaves above 1/2. Requires: `count` others, all in lower bins.
float octaves_beyond(const std::array<Row<std::int16_t>, kHistogramRows>& rows, std::size_t lane,
                     float size, std::int32_t count) {
  if (size <= kNothing) return 0;
  const auto u = std::bit_cast<std::int32_t>(size);
  for (std::int32_t q = std::clamp((u >> 22) - 251, 1, kLastBin) - 1; q > 0; --q) {
    if (rows[histogram_row(static_cast<std::size_t>(q))][lane] >= count) continue;
    return static_cast<float>(u) * 0x1p-23f - 126.f - 0.5f * static_cast<float>(q);
  }
  return 0;
}

// The score with what most samples do not need: a size above all others is worth one more for each
// octave, and a component with debts counts less, down to a quarter.
float rare_score(const SeriesBlock& block, std::size_t lane,
                 const std::array<RankOfOne, kHistogramComponents>& ranks) {
  const float log_samples = log2_of_one(block.samples[lane] + 1.f);
  float score = 0;
  for (std::size_t k = 0; k < kHistogramComponents; ++k) {
    float surprise = std::max((log_samples - log2_of_one(ranks[k].tail)) * 0.30103f, 0.f);
    if (ranks[k].tail == 0.5f) {
      const auto count = static_cast<std::int32_t>(block.samples[lane]);
      surprise += octaves_beyond(block.histogram[k], lane, ranks[k].size, count);
    }
    const auto debt = static_cast<float>(std::max(block.debt[k][lane] - kDebtFree, 0));
    score += surprise * kComponentWeights[k] * std::max(1.f - debt * (1.f / 128), 0.25f);
  }
  return score;
}

namespace scalar {
#define QUELL_LANES 1
#include "detect/kernel_body.inc"
#undef QUELL_LANES
}  // namespace scalar

#define QUELL_LANES 4
namespace v2 {
#include "detect/kernel_body.inc"
}  // namespace v2
#undef QUELL_LANES

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#define QUELL_HAS_LEVELS 1
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define QUELL_LANES 8
namespace v3 {
#include "detect/kernel_body.inc"
}  // namespace v3
#undef QUELL_LANES
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#define QUELL_LANES 16
namespace v4 {
#include "detect/kernel_body.inc"
}  // namespace v4
#undef QUELL_LANES
#pragma GCC pop_options
#endif

}  // namespace

std::string_view kernel_name(KernelKind kind) {
  switch (kind) {
    case KernelKind::Scalar: return "scalar";
    case KernelKind::V2: return "vectors, baseline";
    case KernelKind::V3: return "vectors, x86-64-v3";
    case KernelKind::V4: return "vectors, x86-64-v4";
  }
  return "";
}

KernelFunction kernel_function(KernelKind kind) {
  switch (kind) {
    case KernelKind::Scalar: return scalar::run;
    case KernelKind::V2: return v2::run;
#ifdef QUELL_HAS_LEVELS
    case KernelKind::V3: return __builtin_cpu_supports("x86-64-v3") ? v3::run : nullptr;
    case KernelKind::V4: return __builtin_cpu_supports("x86-64-v4") ? v4::run : nullptr;
#else
    case KernelKind::V3:
    case KernelKind::V4: return nullptr;
#endif
  }
  return nullptr;
}

KernelKind best_kernel() {
  for (const KernelKind kind : {KernelKind::V4, KernelKind::V3}) {
    if (kernel_function(kind) != nullptr) return kind;
  }
  return KernelKind::V2;
}

}  // namespace quell
