#include "correlate/rule_window.h"

#include <algorithm>

namespace quell {
namespace {

constexpr Duration kSweepEvery = std::chrono::seconds(10);

std::string window_key(std::string_view tenant, std::string_view key) {
  std::string both(tenant);
  both += '\x1f';
  return both.append(key);
}

}  // namespace

void RuleWindows::set_rules(std::vector<CorrelationRule> rules) {
  rules_ = std::move(rules);
  clear();
}

std::vector<RuleMatch> RuleWindows::match(const Alert& alert) const {
  std::vector<RuleMatch> matches;
  if (rules_.empty()) return matches;
  std::string entity;
  const auto lookup = [&](std::string_view name) -> std::string_view {
    if (const auto value = alert.labels.get(name); !value.empty()) return value;
    if (name == "entity") {
      if (entity.empty()) entity = alert.entity.to_string();
      return entity;
    }
    if (name == "severity") return severity_name(alert.severity);
    if (name == "tenant") return alert.key.tenant;
    if (name == "source") return alert.source;
    return {};
  };
  for (const CorrelationRule& rule : rules_) {
    if (!matches_all(rule.matchers, lookup)) continue;
    std::string group = "{";
    bool complete = true;
    for (const std::string& name : rule.group_by) {
      const std::string_view value = lookup(name);
      complete = !value.empty();  // No shared bucket for what is not known.
      if (!complete) break;
      if (group.size() > 1) group += ", ";
      group.append(name).append("=\"").append(value) += '"';
    }
    if (!complete) continue;
    group += '}';
    std::string key = "rule:";
    key.append(rule.name).append(group);
    matches.push_back({&rule, std::move(key), std::move(group)});
  }
  return matches;
}

void RuleWindows::add(const RuleMatch& match, const Alert& alert, bool settled) {
  Window& window = seen_[window_key(alert.key.tenant, match.key)];
  window.length = match.rule->window;
  Firing& firing = window.alerts[{alert.counts_from(), alert.key}];
  firing.settled = firing.settled || settled;
  firing.former = false;
  firing.ends_at = alert.ends_at.value_or(Timestamp::max());
}

void RuleWindows::remove(const RuleMatch& match, const Alert& alert) {
  const auto found = seen_.find(window_key(alert.key.tenant, match.key));
  if (found != seen_.end()) found->second.alerts.erase({alert.counts_from(), alert.key});
}

void RuleWindows::make_former(const RuleMatch& match, const Alert& before) {
  const Former former{.ends_at = before.ends_at.value_or(Timestamp::max()),
                      .window = window_key(before.key.tenant, match.key),
                      .seen = {before.counts_from(), before.key}};
  const auto window = seen_.find(former.window);
  if (window == seen_.end()) return;
  const auto firing = window->second.alerts.find(former.seen);
  if (firing == window->second.alerts.end()) return;
  firing->second.former = true;
  firing->second.ends_at = former.ends_at;
  former_.insert(former);
}

const RuleWindows::Firing* RuleWindows::find(const Former& former) const {
  const auto window = seen_.find(former.window);
  if (window == seen_.end()) return nullptr;
  const auto firing = window->second.alerts.find(former.seen);
  const bool still = firing != window->second.alerts.end() && firing->second.former &&
                     firing->second.ends_at == former.ends_at;
  return still ? &firing->second : nullptr;
}

void RuleWindows::forget_former(Timestamp t) {
  while (!former_.empty() && former_.begin()->ends_at < t) {
    const Former& oldest = *former_.begin();
    if (find(oldest) != nullptr) seen_.find(oldest.window)->second.alerts.erase(oldest.seen);
    former_.erase(former_.begin());
  }
}

void RuleWindows::snapshot(ByteWriter& out) const {
  std::vector<std::pair<const Former*, const Firing*>> still;
  for (const Former& former : former_) {
    if (const Firing* firing = find(former)) still.emplace_back(&former, firing);
  }
  out.u64(still.size());
  for (const auto& [former, firing] : still) {
    out.text(former->window);
    out.u64(static_cast<std::uint64_t>(seen_.find(former->window)->second.length.count()));
    out.text(former->seen.alert.tenant);
    out.fixed64(former->seen.alert.fingerprint);
    out.time(former->seen.starts_at);
    out.time(former->ends_at);
    out.boolean(firing->settled);
  }
}

void RuleWindows::restore(ByteReader& in) {
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    Former former;
    former.window = in.string();
    Window& window = seen_[former.window];
    window.length = Duration{static_cast<std::int64_t>(in.u64())};
    former.seen.alert.tenant = in.string();
    former.seen.alert.fingerprint = in.fixed64();
    former.seen.starts_at = in.time();
    former.ends_at = in.time();
    window.alerts[former.seen] = {
        .settled = in.boolean(), .former = true, .ends_at = former.ends_at};
    former_.insert(std::move(former));
  }
}

std::vector<AlertKey> RuleWindows::near(const RuleMatch& match, std::string_view tenant,
                                        Timestamp at, View view) const {
  std::vector<AlertKey> keys;
  const auto window = seen_.find(window_key(tenant, match.key));
  if (window == seen_.end()) return keys;
  const auto& alerts = window->second.alerts;
  const Timestamp first = std::max(at, counts_from_) - match.rule->window;
  for (auto it = alerts.lower_bound({first, {}}); it != alerts.end(); ++it) {
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
  counts_from_ = t;
  if (t < sweep_at_) return;
  sweep_at_ = t + kSweepEvery;
  for (auto it = seen_.begin(); it != seen_.end();) {
    Window& window = it->second;
    window.alerts.erase(window.alerts.begin(), window.alerts.lower_bound({t - window.length, {}}));
    it = window.alerts.empty() ? seen_.erase(it) : std::next(it);
  }
}

}  // namespace quell
