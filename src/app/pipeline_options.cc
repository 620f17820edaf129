#include "app/pipeline_options.h"

#include <fmt/format.h>

#include <optional>

#include "app/yaml_readers.h"
#include "base/time.h"
#include "detect/finding_tracker.h"

namespace quell {
namespace {

constexpr std::size_t kRulesMax = 1000;

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

namespace {

Result<std::optional<double>> read_bound(const YamlNode& rule, std::string_view key) {
  const YamlNode* node = rule.find(key);
  if (node == nullptr) return std::optional<double>{};
  TRY(const double value, node->number(key));
  return std::optional<double>{value};
}

Result<ThresholdRule> read_threshold(const YamlNode& node) {
  TRY_STATUS(node.must_be_map("a threshold"));
  TRY_STATUS(node.check_keys(
      {"name", "metric", "match", "warning", "critical", "comparison", "for"}, "a threshold"));
  ThresholdRule rule;
  const YamlNode* metric = node.find("metric");
  if (metric == nullptr) return node.error("a threshold needs a metric");
  TRY(rule.metric, metric->text("metric"));
  rule.name = rule.metric;
  if (const YamlNode* n = node.find("name")) {
    TRY(rule.name, n->text("name"));
  }
  if (const YamlNode* n = node.find("match")) {
    TRY(rule.matchers, read_matchers(*n));
  }
  TRY(rule.warning, read_bound(node, "warning"));
  TRY(rule.critical, read_bound(node, "critical"));
  if (!rule.warning && !rule.critical) {
    return node.error(fmt::format("threshold '{}' needs warning or critical", rule.name));
  }
  if (const YamlNode* n = node.find("comparison")) {
    TRY(const auto word, n->text("comparison"));
    if (word != "above" && word != "below") return n->error("'comparison' is above or below");
    rule.comparison = word == "above" ? Comparison::Above : Comparison::Below;
  }
  if (const YamlNode* n = node.find("for")) {
    TRY(rule.for_duration, read_duration(*n, "for"));
  }
  return rule;
}

}  // namespace

Result<std::vector<ThresholdRule>> read_thresholds(const YamlNode& node) {
  std::vector<ThresholdRule> rules;
  TRY(const auto items, node.list("thresholds"));
  for (const YamlNode& item : items) {
    TRY(ThresholdRule rule, read_threshold(item));
    rules.push_back(std::move(rule));
  }
  // What only the rules together can be wrong in.
  ThresholdRules check;
  std::vector<Event> none;
  if (auto good = check.set_rules(rules, {}, none); !good) return node.error(good.error().message);
  return rules;
}

std::vector<CorrelationRule> default_rules() {
  CorrelationRule alerts{.name = "storm",
                         .matchers = {},
                         .group_by = {"alertname", "cluster"},
                         .window = std::chrono::minutes(2),
                         .threshold = 10,
                         .title = "Alert storm"};
  // An entity has an error by chance once in weeks, so that ten of them at once have one cause.
  // What comes after them is one finding, a storm (finding_tracker.h), which joins them. A finding
  // counts from its onset, which may lie kTogether before what made it one.
  CorrelationRule findings{.name = "finding-storm",
                           .matchers = {},
                           .group_by = {"tenant"},
                           .window = FindingTracker::kTogether,
                           .threshold = FindingTracker::kStormFindings,
                           .title = "Metrics of many entities are unusual"};
  for (const std::string_view text :
       {R"(source="/quell/detection")", R"(severity=~"error|critical")"}) {
    auto matcher = Matcher::parse(text);
    QUELL_ASSERT(matcher, "a matcher that is written here is one");
    findings.matchers.push_back(*std::move(matcher));
  }
  return {std::move(alerts), std::move(findings)};
}

}  // namespace quell
