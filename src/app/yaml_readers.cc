#include "app/yaml_readers.h"

#include <fmt/format.h>

namespace quell {

Result<std::vector<Matcher>> read_matchers(const YamlNode& node) {
  std::vector<Matcher> matchers;
  const auto add = [&](const YamlNode& item) -> Status {
    TRY(const auto text, item.text("match"));
    auto parsed = parse_matchers(text);
    if (!parsed) return item.error(parsed.error().message);
    for (Matcher& m : *parsed) matchers.push_back(std::move(m));
    return {};
  };
  if (!node.is_list()) {
    TRY_STATUS(add(node));
    return matchers;
  }
  for (const YamlNode& item : node.items()) TRY_STATUS(add(item));
  return matchers;
}

Result<Duration> read_duration(const YamlNode& node, std::string_view what) {
  TRY(const Duration duration, node.duration(what));
  if (duration == Duration{0}) return node.error(fmt::format("'{}' must be more than 0", what));
  return duration;
}

Error word_error(const YamlNode& node, std::string_view key, std::string_view choices) {
  return node.error(fmt::format("'{}' is {}, got '{}'", key, choices, node.raw_text())).error();
}

}  // namespace quell
