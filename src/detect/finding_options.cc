#include "detect/finding_options.h"

#include <algorithm>
#include <array>

namespace quell {
namespace {

constexpr std::array<std::string_view, 5> kDetectorNames{"auto", "seasonal", "change_point",
                                                         "extreme", "off"};

constexpr ComponentSet set_of(std::initializer_list<Component> components) {
  unsigned set = 0;
  for (const Component c : components) set |= 1u << static_cast<unsigned>(c);
  return static_cast<ComponentSet>(set);
}

}  // namespace

std::string_view detector_kind_name(DetectorKind kind) {
  return kDetectorNames[static_cast<std::size_t>(kind)];
}

std::optional<DetectorKind> parse_detector_kind(std::string_view word) {
  const auto found = std::ranges::find(kDetectorNames, word);
  if (found == kDetectorNames.end()) return std::nullopt;
  return static_cast<DetectorKind>(found - kDetectorNames.begin());
}

ComponentSet components_of(DetectorKind kind) {
  switch (kind) {
    case DetectorKind::Auto: return (1u << kComponents) - 1;
    case DetectorKind::Seasonal:
      return set_of(
          {Component::Season, Component::Activity, Component::HighForTime, Component::LowForTime});
    case DetectorKind::ChangePoint:
      return set_of({Component::Drift, Component::Shift, Component::Level, Component::Cusum});
    case DetectorKind::Extreme: return set_of({Component::Maximum, Component::Minimum});
    case DetectorKind::Off: return 0;
  }
  return 0;
}

}  // namespace quell
