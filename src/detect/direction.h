// Which side of what is expected counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace quell {

enum class Direction : std::uint8_t { Both, Up, Down };
std::string_view direction_name(Direction direction);  // "both", "up", "down".
std::optional<Direction> parse_direction(std::string_view word);

}  // namespace quell
