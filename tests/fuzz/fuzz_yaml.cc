// parse_yaml: never more than it promises, errors with a place.
#include <string>

#include "base/yaml.h"
#include "fuzz.h"

namespace quell {
namespace {

std::size_t count_nodes(const YamlNode& node) {
  std::size_t count = 1;
  for (const YamlNode& item : node.items()) count += count_nodes(item);
  for (const auto& [key, value] : node.entries()) count += count_nodes(key) + count_nodes(value);
  return count;
}

}  // namespace

void fuzz_one(std::string_view input) {
  auto node = parse_yaml(input, "fuzz.yaml");
  if (!node) {
    QUELL_ASSERT(node.error().place.starts_with("fuzz.yaml:"), "an error names its place");
    return;
  }
  QUELL_ASSERT(count_nodes(*node) <= 200'001, "a file cannot expand without end");
  QUELL_ASSERT(node->place().starts_with("fuzz.yaml"), "a node knows its place");
}

}  // namespace quell
