#include "detect/direction.h"

#include <algorithm>
#include <array>

namespace quell {
namespace {

constexpr std::array<std::string_view, 3> kDirectionNames{"both", "up", "down"};

}  // namespace

std::string_view direction_name(Direction direction) {
  return kDirectionNames[static_cast<std::size_t>(direction)];
}

std::optional<Direction> parse_direction(std::string_view word) {
  const auto found = std::ranges::find(kDirectionNames, word);
  if (found == kDirectionNames.end()) return std::nullopt;
  return static_cast<Direction>(found - kDirectionNames.begin());
}

}  // namespace quell
