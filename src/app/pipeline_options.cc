#include "app/pipeline_options.h"

#include <fmt/format.h>

#include "base/time.h"

namespace quell {
namespace {

constexpr std::size_t kRulesMax = 1000;

// A matcher list: one text with commas, or a list of texts.
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
  TRY(const auto text, node.text(what));
  auto duration = parse_duration(text);
  if (!duration) return node.error(fmt::format("'{}': {}", what, duration.error().message));
  if (*duration == Duration{0}) return node.error(fmt::format("'{}' must be more than 0", what));
  return *duration;
}

Result<CorrelationRule> read_rule(const YamlNode& node) {
  TRY_STATUS(node.must_be_map("a rule"));
  TRY_STATUS(node.check_keys({"name", "match", "group_by", "window", "threshold", "title"},
                             "a correlation rule"));
  CorrelationRule rule;
  const YamlNode* name = node.find("name");
  if (name == nullptr) return node.error("a correlation rule needs a name");
  TRY(rule.name, name->text("name"));
  if (const YamlNode* n = node.find("match")) {
    TRY(rule.matchers, read_matchers(*n));
  }
  if (const YamlNode* n = node.find("group_by")) {
    TRY(const auto items, n->list("group_by"));
    for (const YamlNode& item : items) {
      TRY(const auto label, item.text("group_by"));
      rule.group_by.emplace_back(label);
    }
  }
  if (rule.matchers.empty() && rule.group_by.empty()) {
    return node.error(fmt::format(
        "rule '{}' has neither match nor group_by: it would put everything into one incident",
        rule.name));
  }
  if (const YamlNode* n = node.find("window")) {
    TRY(rule.window, read_duration(*n, "window"));
  }
  if (const YamlNode* n = node.find("threshold")) {
    TRY(const auto threshold, n->integer("threshold"));
    if (threshold < 1 || threshold > 64) return n->error("'threshold' must be from 1 to 64");
    rule.threshold = static_cast<std::uint32_t>(threshold);
  }
  if (const YamlNode* n = node.find("title")) {
    TRY(rule.title, n->text("title"));
  }
  return rule;
}

}  // namespace

Result<std::vector<HoldRule>> read_holds(const YamlNode& node) {
  std::vector<HoldRule> holds;
  TRY(const auto items, node.list("hold"));
  for (const YamlNode& item : items) {
    TRY_STATUS(item.must_be_map("hold"));
    TRY_STATUS(item.check_keys({"match", "for"}, "a hold"));
    HoldRule hold;
    if (const YamlNode* n = item.find("match")) {
      TRY(hold.matchers, read_matchers(*n));
    }
    const YamlNode* length = item.find("for");
    if (length == nullptr) return item.error("a hold needs 'for', how long to wait");
    TRY(hold.duration, read_duration(*length, "for"));
    holds.push_back(std::move(hold));
  }
  return holds;
}

Result<std::vector<CorrelationRule>> read_rules(const YamlNode& node) {
  std::vector<CorrelationRule> rules;
  TRY(const auto items, node.list("rules"));
  if (items.size() > kRulesMax) {
    return node.error(fmt::format("{} rules, the limit is {}", items.size(), kRulesMax));
  }
  for (const YamlNode& item : items) {
    TRY(CorrelationRule rule, read_rule(item));
    for (const CorrelationRule& other : rules) {
      if (other.name == rule.name) {
        return item.error(fmt::format("there are two rules named '{}'", rule.name));
      }
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::vector<CorrelationRule> default_rules() {
  return {{.name = "storm",
           .matchers = {},
           .group_by = {"alertname", "cluster"},
           .window = std::chrono::minutes(2),
           .threshold = 10,
           .title = "Alert storm"}};
}

}  // namespace quell
