#include "detect/component.h"

namespace quell {
namespace {

struct Words {
  std::string_view name{};
  std::string_view sentence{};
};

constexpr std::array<Words, kComponents> kWords{{
    {"season", "away from what is usual at this time"},
    {"change", "a larger step than usual"},
    {"drift", "the last samples together are away from what is usual"},
    {"activity", "moves more or less than is usual at this time"},
    {"level", "away from the recent level"},
    {"shift", "has been away from what is usual for long"},
    {"innovation", "not what the last samples let expect"},
    {"cusum", "small deviations to one side have added up"},
    {"maximum", "higher than ever"},
    {"minimum", "lower than ever"},
    {"high_for_time", "further above the usual for this time than ever"},
    {"low_for_time", "further below the usual for this time than ever"},
    {"high_for_level", "further above the recent level than ever"},
    {"low_for_level", "further below the recent level than ever"},
}};

}  // namespace

std::string_view component_name(Component component) {
  return kWords[static_cast<std::size_t>(component)].name;
}

std::string_view component_sentence(Component component) {
  return kWords[static_cast<std::size_t>(component)].sentence;
}

}  // namespace quell
