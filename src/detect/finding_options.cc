#include "detect/finding_options.h"

#include <algorithm>
#include <array>

namespace quell {
namespace {

constexpr std::array<std::string_view, 5> kDetectorNames{"auto", "seasonal", "change_point",
                                                         "extreme", "off"};
constexpr std::array<std::string_view, 3> kDirectionNames{"both", "up", "down"};

template <class T, std::size_t N>
std::optional<T> find_word(const std::array<std::string_view, N>& names, std::string_view word) {
  const auto found = std::ranges::find(names, word);
  if (found == names.end()) return std::nullopt;
  return static_cast<T>(found - names.begin());
}

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
  return find_word<DetectorKind>(kDetectorNames, word);
}

ComponentSet components_of(DetectorKind kind) {
  switch (kind) {
    case DetectorKind::Auto: return (1u << kComponents) - 1;
    case DetectorKind::Seasonal:
      return set_of({Component::Season, Component::Activity, Component::HighForTime,
                     Component::LowForTime});
    case DetectorKind::ChangePoint:
      return set_of({Component::Drift, Component::Shift, Component::Level, Component::Cusum});
    case DetectorKind::Extreme: return set_of({Component::Maximum, Component::Minimum});
    case DetectorKind::Off: return 0;
  }
  return 0;
}

std::string_view direction_name(Direction direction) {
  return kDirectionNames[static_cast<std::size_t>(direction)];
}

std::optional<Direction> parse_direction(std::string_view word) {
  return find_word<Direction>(kDirectionNames, word);
}

}  // namespace quell
