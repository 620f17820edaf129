#include "base/yaml.h"

#include <gtest/gtest.h>

#include <functional>

namespace quell {
namespace {

void check_yaml_error(std::string_view text, std::string_view want) {
  const auto got = parse_yaml(text, "f.yaml");
  EXPECT_EQ(got ? "ok" : got.error().to_string(), want) << text;
}

TEST(Yaml, ErrorsSayWhere) {
  check_yaml_error("a: 1\nb: [1, 2]\n", "ok");
  check_yaml_error("", "ok");
  check_yaml_error("a: [1\nb: 2", "f.yaml:2:2: not valid YAML: end of sequence flow not found");
  check_yaml_error("a: 1\nb: 2\na: 3", "f.yaml:3:1: key 'a' appears twice");
  check_yaml_error("a: 1\n---\nb: 2", "f.yaml:2:1: a second document begins here; one is expected");
  check_yaml_error(",r:", "f.yaml:1:1: a second document begins here; one is expected");
  check_yaml_error("? [a]\n: 1", "f.yaml:1:3: a key must be a text");
  check_yaml_error("a: \"\\q\"", "f.yaml:1:7: not valid YAML: unknown escape character: q");
}

TEST(Yaml, AliasesCannotFillTheMemory) {
  std::string text = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 9; ++i) {
    const auto name = "a" + std::to_string(i);
    const auto before = "*a" + std::to_string(i - 1);
    text += name + ": &" + name + " [" + before;
    for (int k = 0; k < 9; ++k) text += "," + before;
    text += "]\n";
  }
  const auto got = parse_yaml(text, "f.yaml");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "more than 100000 nodes, or nested deeper than 100 levels");
}

std::string outcome(std::string_view text, const std::function<Status(const YamlNode&)>& read) {
  const auto node = parse_yaml(text, "f.yaml");
  if (!node) return node.error().to_string();
  const Status status = read(*node);
  return status ? "ok" : status.error().to_string();
}

TEST(Yaml, ReadersNameWhatTheyGot) {
  const auto read = [](const YamlNode& node) -> Status {
    TRY_STATUS(node.check_keys({"name", "limit", "deep"}, "rule"));
    if (const auto* limit = node.find("limit")) {
      TRY([[maybe_unused]] const auto value, limit->integer("limit"));
    }
    if (const auto* deep = node.find("deep")) {
      TRY([[maybe_unused]] const auto value, deep->boolean("deep"));
    }
    const auto* name = node.find("name");
    if (name == nullptr) return {};
    TRY([[maybe_unused]] const auto value, name->text("name"));
    return {};
  };
  EXPECT_EQ(outcome("name: x\nlimit: 7\ndeep: yes", read), "ok");
  EXPECT_EQ(outcome("nmae: x", read),
            "f.yaml:1:1: unknown key 'nmae' in 'rule', did you mean 'name'?");
  EXPECT_EQ(outcome("colour: x", read),
            "f.yaml:1:1: unknown key 'colour' in 'rule'; it may have: name, limit, deep");
  EXPECT_EQ(outcome("name:\n  - x", read), "f.yaml:2:3: 'name' must be a text, got a list");
  EXPECT_EQ(outcome("limit: 7x", read), "f.yaml:1:8: 'limit' must be a whole number, got '7x'");
  EXPECT_EQ(outcome("deep: maybe", read), "f.yaml:1:7: 'deep' must be true or false, got 'maybe'");
  EXPECT_EQ(outcome("- x", read), "f.yaml:1:1: 'rule' must be a map, got a list");
}

}  // namespace
}  // namespace quell
