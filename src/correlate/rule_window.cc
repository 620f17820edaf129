#include "correlate/rule_window.h"

#include <fmt/format.h>

#include <algorithm>

namespace quell {
namespace {

constexpr Duration kSweepEvery = std::chrono::seconds(10);

std::string window_key(std::string_view tenant, std::string_view key) {
  return fmt::format("{}\x1f{}", tenant, key);
}

}  // namespace

void RuleWindows::set_rules(std::vector<CorrelationRule> rules) {
  rules_ = std::move(rules);
  seen_.clear();
}

std::vector<RuleMatch> RuleWindows::match(const Alert& alert) const {
  std::vector<RuleMatch> matches;
  if (rules_.empty()) return matches;
  const std::string entity = alert.entity.to_string();
  const auto lookup = [&](std::string_view name) -> std::string_view {
    if (const auto value = alert.labels.get(name); !value.empty()) return value;
    if (name == "entity") return entity;
    if (name == "severity") return severity_name(alert.severity);
    if (name == "tenant") return alert.key.tenant;
    return {};
  };
  for (const CorrelationRule& rule : rules_) {
    if (!matches_all(rule.matchers, lookup)) continue;
    std::string group;
    bool complete = true;
    for (const std::string& name : rule.group_by) {
      const std::string_view value = lookup(name);
      complete = complete && !value.empty();  // No shared bucket for what is not known.
      group += fmt::format("{}{}=\"{}\"", group.empty() ? "" : ", ", name, value);
    }
    if (complete) {
      matches.push_back(
          {&rule, fmt::format("rule:{}{{{}}}", rule.name, group), fmt::format("{{{}}}", group)});
    }
  }
  return matches;
}

void RuleWindows::add(const RuleMatch& match, const Alert& alert, bool settled) {
  Window& window = seen_[window_key(alert.key.tenant, match.key)];
  window.length = match.rule->window;
  Firing& firing = window.alerts[{alert.counts_from(), alert.key}];
  firing.settled = firing.settled || settled;
  firing.ends_at = alert.ends_at.value_or(Timestamp::max());
}

void RuleWindows::remove(const RuleMatch& match, const Alert& alert) {
  const auto found = seen_.find(window_key(alert.key.tenant, match.key));
  if (found != seen_.end()) found->second.alerts.erase({alert.counts_from(), alert.key});
}

std::vector<AlertKey> RuleWindows::near(const RuleMatch& match, std::string_view tenant,
                                        Timestamp at, View view) const {
  std::vector<AlertKey> keys;
  const auto window = seen_.find(window_key(tenant, match.key));
  if (window == seen_.end()) return keys;
  const auto& alerts = window->second.alerts;
  for (auto it = alerts.lower_bound({at - match.rule->window, {}}); it != alerts.end(); ++it) {
    if (it->first.starts_at > at + match.rule->window) break;
    const Firing& firing = it->second;
    if (firing.ends_at < at || (view == View::Settled && !firing.settled)) continue;
    // An alert whose beginning turned out to be earlier is in here twice.
    if (std::ranges::find(keys, it->first.alert) == keys.end()) keys.push_back(it->first.alert);
    if (keys.size() >= match.rule->threshold && keys.size() >= 64) break;  // Enough to decide.
  }
  return keys;
}

void RuleWindows::forget_before(Timestamp t) {
  if (t < sweep_at_) return;
  sweep_at_ = t + kSweepEvery;
  for (auto it = seen_.begin(); it != seen_.end();) {
    Window& window = it->second;
    window.alerts.erase(window.alerts.begin(), window.alerts.lower_bound({t - window.length, {}}));
    it = window.alerts.empty() ? seen_.erase(it) : std::next(it);
  }
}

}  // namespace quell
