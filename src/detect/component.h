// Component: one way in which a sample can be unusual for its series.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quell {

// The first kHistogramComponents are ranked among their own past by a histogram; the others are
// records: a value beyond all that was seen.
enum class Component : std::uint8_t {
  Season,        // Away from what is usual at this time of the day (or hour, or week).
  Change,        // A larger step from the last sample than usual.
  Drift,         // The last eight samples together are away from what is usual.
  Activity,      // Moves more, or less, than is usual at this time.
  Level,         // Away from the last half hour of samples.
  Shift,         // The last 150 samples together are away from what is usual.
  Innovation,    // Not what the last two samples let expect (autoregressive).
  Cusum,         // Small deviations to one side have added up.
  Maximum,       // Higher than ever.
  Minimum,       // Lower than ever.
  HighForTime,   // Further above the usual for this time than ever.
  LowForTime,    // Further below the usual for this time than ever, in units of its noise.
  HighForLevel,  // Further above the recent level than ever,
  LowForLevel,   // and below.
};
inline constexpr std::size_t kHistogramComponents = 8;
inline constexpr std::size_t kRecordComponents = 6;
inline constexpr std::size_t kComponents = kHistogramComponents + kRecordComponents;

// How much each one's surprise counts in the score. Chosen once, in steps of a quarter, by NAB and
// the training half of KPI together (docs/detection.md); no set has weights of its own.
inline constexpr std::array<float, kComponents> kComponentWeights{
    1, 1, 1, 0.5f, 0.25f, 0.5f, 0.25f, 0.25f, 1.5f, 1.5f, 1.5f, 1.5f, 1, 1};

std::string_view component_name(Component component);      // "season"
std::string_view component_sentence(Component component);  // What it says, for people.

// A set of components, one bit each.
using ComponentSet = std::uint16_t;
constexpr bool contains(ComponentSet set, Component component) {
  return (set >> static_cast<unsigned>(component) & 1u) != 0;
}

}  // namespace quell
