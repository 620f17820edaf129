// What several sections of the configuration and the rule files are made of.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/matcher.h"
#include "base/result.h"
#include "base/yaml.h"

namespace quell {

// All errors are InvalidArgument with the place in the file.

// A matcher list: one text with commas, or a list of texts.
Result<std::vector<Matcher>> read_matchers(const YamlNode& node);
// More than 0.
Result<Duration> read_duration(const YamlNode& node, std::string_view what);

Error word_error(const YamlNode& node, std::string_view key, std::string_view choices);

// A word of a few, or an error that names them.
template <class T>
Status read_word(const YamlNode& node, std::string_view key, T& value,
                 std::optional<T> (*parse)(std::string_view), std::string_view choices) {
  TRY(const auto text, node.text(key));
  const auto known = parse(text);
  if (!known) return std::unexpected(word_error(node, key, choices));
  value = *known;
  return {};
}

}  // namespace quell
