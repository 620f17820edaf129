#include "stream/threshold_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace quell {
namespace {

constexpr std::uint8_t kThresholdSnapshotVersion = 2;
constexpr std::string_view kSource = "/quell/thresholds";

Status check_rule(const ThresholdRule& rule) {
  const auto refuse = [&](std::string_view why) {
    return fail(Errc::InvalidArgument, fmt::format("threshold rule '{}' {}", rule.name, why));
  };
  if (rule.name.empty()) return fail(Errc::InvalidArgument, "a threshold rule has no name");
  if (rule.metric.empty()) return refuse("has no metric");
  if (!rule.warning && !rule.critical) return refuse("needs a warning or a critical bound");
  for (const auto& bound : {rule.warning, rule.critical}) {
    if (bound && !std::isfinite(*bound)) return refuse("has a bound that is not a number");
  }
  if (rule.for_duration < Duration::zero()) return refuse("has a negative duration");
  if (rule.warning && rule.critical) {
    const bool above = rule.comparison == Comparison::Above;
    if (above ? *rule.critical < *rule.warning : *rule.critical > *rule.warning) {
      return refuse(
          fmt::format("has a critical bound ({:g}) on the wrong side of the warning one "
                      "({:g})",
                      *rule.critical, *rule.warning));
    }
  }
  return {};
}

bool same_matchers(const std::vector<Matcher>& a, const std::vector<Matcher>& b) {
  return std::ranges::equal(a, b, {}, &Matcher::to_string, &Matcher::to_string);
}

bool same(const ThresholdRule& a, const ThresholdRule& b) {
  return a.metric == b.metric && a.warning == b.warning && a.critical == b.critical &&
         a.comparison == b.comparison && a.for_duration == b.for_duration &&
         same_matchers(a.matchers, b.matchers);
}

bool beyond(double value, std::optional<double> bound, Comparison comparison) {
  if (!bound) return false;
  return comparison == Comparison::Above ? value > *bound : value < *bound;
}

LabelSet labels_of(const ThresholdRule& rule, const Series& series, std::string_view severity) {
  LabelSet::Builder builder;
  builder.add("alertname", rule.name);
  builder.add("metric", series.metric());
  builder.add("severity", severity);
  for (const auto [name, value] : series.labels) {
    const bool taken =
        name == "alertname" || name == "metric" || name == "severity" || name == kMetricLabel;
    if (!taken) builder.add(name, value);
  }
  // Names are unique by now, and none is empty.
  return builder.build().value_or(LabelSet());
}

std::string with_unit(double value, const Series& series, bool is_rate) {
  const std::string_view per = is_rate ? "/s" : "";
  return series.unit.empty() ? fmt::format("{:g}{}", value, per)
                             : fmt::format("{:g} {}{}", value, series.unit, per);
}

}  // namespace

Status ThresholdRules::set_rules(std::vector<ThresholdRule> rules, Timestamp now,
                                 std::vector<Event>& out) {
  std::map<std::string, ThresholdRule, std::less<>> next;
  for (ThresholdRule& rule : rules) {
    TRY_STATUS(check_rule(rule));
    const std::string name = rule.name;
    if (!next.emplace(name, std::move(rule)).second) {
      return fail(Errc::InvalidArgument, fmt::format("threshold rule '{}' appears twice", name));
    }
  }
  std::map<Key, State> kept;
  for (auto& [key, state] : states_) {
    const auto before = rules_.find(std::get<0>(key));
    const auto after = next.find(std::get<0>(key));
    if (after != next.end() && same(before->second, after->second)) {
      kept.emplace(Key{after->first, std::get<1>(key)}, std::move(state));
    } else {
      end(before->second, state, now, "the rule changed", out);
    }
  }
  states_ = std::move(kept);
  rules_ = std::move(next);
  by_number_.clear();
  by_metric_.clear();
  rule_set_of_.clear();
  rule_sets_ = {{}, {}};
  for (const auto& [name, rule] : rules_) {
    by_metric_[rule.metric].push_back(static_cast<std::uint32_t>(by_number_.size()));
    by_number_.push_back(&rule);
  }
  return {};
}

// Returns: an index into rule_sets_, not 0.
std::uint32_t ThresholdRules::find_rule_set(const Series& series) {
  const auto candidates = by_metric_.find(series.metric());
  if (candidates == by_metric_.end()) return 1;
  const auto lookup = [&](std::string_view name) -> std::string_view {
    if (name == "tenant") return series.tenant;
    if (name == "metric") return series.metric();
    return series.labels.get(name);
  };
  RuleNumbers numbers;
  for (const std::uint32_t i : candidates->second) {
    if (matches_all(by_number_[i]->matchers, lookup)) numbers.push_back(i);
  }
  const auto known = std::find(rule_sets_.begin() + 1, rule_sets_.end(), numbers);
  const auto set = static_cast<std::uint32_t>(known - rule_sets_.begin());
  if (known == rule_sets_.end()) rule_sets_.push_back(std::move(numbers));
  return set;
}

const ThresholdRules::RuleNumbers& ThresholdRules::rules_for(SeriesSlot slot,
                                                             const SeriesTable& table) {
  if (slot >= rule_set_of_.size()) rule_set_of_.resize(table.slot_count());
  std::uint32_t& set = rule_set_of_[slot];
  if (set == 0) set = find_rule_set(*table.series(slot));
  return rule_sets_[set];
}

void ThresholdRules::forget(SeriesSlot slot) {
  if (slot < rule_set_of_.size()) rule_set_of_[slot] = 0;
}

void ThresholdRules::on_samples(const SampleBatch& batch, const SeriesTable& table,
                                Timestamp arrived_at, std::vector<Event>& out) {
  if (rules_.empty()) return;
  const auto watched = batch.watched();
  for (std::size_t i = 0; i < batch.size();) {
    const SeriesSlot slot = batch.slots[i];
    std::size_t end = i + 1;
    while (end < batch.size() && batch.slots[end] == slot) ++end;
    const RuleNumbers& rules = rules_for(slot, table);
    if (!rules.empty()) {
      const SeriesKind kind = table.kind(slot);
      const bool is_rate = kind == SeriesKind::Counter || kind == SeriesKind::Delta;
      for (std::size_t k = i; k < end; ++k) {
        const Sample sample{table.series(slot), batch.times[k], watched[k], is_rate};
        for (const std::uint32_t rule : rules) {
          on_sample(*by_number_[rule], sample, arrived_at, out);
        }
      }
    }
    i = end;
  }
}

ThresholdRules::Level ThresholdRules::level_of(const ThresholdRule& rule, double value) const {
  if (beyond(value, rule.critical, rule.comparison)) return Level::Critical;
  if (beyond(value, rule.warning, rule.comparison)) return Level::Warning;
  return Level::None;
}

void ThresholdRules::on_sample(const ThresholdRule& rule, const Sample& sample,
                               Timestamp arrived_at, std::vector<Event>& out) {
  const Timestamp time = sample.time;
  if (time < arrived_at - kAgeMax) return;
  auto at = states_.find(Key{rule.name, sample.series->id});
  if (is_stale_marker(sample.value) && at != states_.end() && time > at->second.last_time) {
    end(rule, at->second, time, "the series has ended", out);
    states_.erase(at);
    return;
  }
  if (std::isnan(sample.value)) return;
  const Level level = level_of(rule, sample.value);
  if (at == states_.end()) {
    if (level == Level::None) return;
    at = states_.emplace(Key{rule.name, sample.series->id}, State{.since = time}).first;
  } else if (time <= at->second.last_time) {
    return;
  }
  State& state = at->second;
  state.series = sample.series;
  state.last_time = time;
  state.last_arrival = arrived_at;
  state.last_value = sample.value;
  state.is_rate = sample.is_rate;
  if (level == Level::None) {
    end(rule, state, time, "", out);
    states_.erase(at);
    return;
  }
  if (level != Level::Critical) {
    state.critical_since.reset();
  } else if (!state.critical_since) {
    state.critical_since = time;
  }
  if (state.critical_since && time - *state.critical_since >= rule.for_duration) {
    raise(rule, state, Level::Critical, out);
  } else if (rule.warning && time - state.since >= rule.for_duration) {
    raise(rule, state, Level::Warning, out);
  }
}

void ThresholdRules::raise(const ThresholdRule& rule, State& state, Level level,
                           std::vector<Event>& out) {
  if (level <= state.firing) return;
  const Level before = state.firing;
  const Timestamp began = state.fired_at;
  state.firing = level;
  state.fired_at = state.last_time;
  out.push_back(make_event(rule, state, level, EventStatus::Firing, state.last_time));
  if (before == Level::None) return;
  State old = state;  // The warning ends as the critical one begins.
  old.fired_at = began;
  out.push_back(make_event(rule, old, before, EventStatus::Resolved, state.last_time));
  out.back().title += ", now critical";
}

void ThresholdRules::end(const ThresholdRule& rule, const State& state, Timestamp time,
                         std::string_view why, std::vector<Event>& out) {
  if (state.firing == Level::None) return;
  out.push_back(make_event(rule, state, state.firing, EventStatus::Resolved, time));
  if (!why.empty()) out.back().title += fmt::format(" ({})", why);
}

Event ThresholdRules::make_event(const ThresholdRule& rule, const State& state, Level level,
                                 EventStatus status, Timestamp time) {
  const Series& series = *state.series;
  Event e;
  e.source = kSource;
  e.type = "io.quell.threshold";
  e.time = time;
  e.kind = EventKind::Alert;
  e.status = status;
  e.severity = level == Level::Critical ? Severity::Critical : Severity::Warning;
  e.severity_text = severity_name(e.severity);
  e.tenant = series.tenant;
  e.entity = entity_of(series);
  e.subject = e.entity.to_string();
  e.labels = labels_of(rule, series, e.severity_text);
  const double bound = level == Level::Critical ? *rule.critical : *rule.warning;
  const std::string_view word = rule.comparison == Comparison::Above ? "above" : "below";
  const std::string value = with_unit(state.last_value, series, state.is_rate);
  const std::string on = e.entity.empty() ? "" : fmt::format(" on {}", e.entity.name);
  e.title = fmt::format("{}{} is {} ({} {} {:g})", series.metric(), on, value, e.severity_text,
                        word, bound);
  e.annotations = LabelSet::from({{"rule", rule.name}, {"value", value}}).value_or(LabelSet());
  e.starts_at = state.fired_at;
  if (status == EventStatus::Resolved) e.ends_at = time;
  // The tenant is not part of the fingerprint; tenants are told apart everywhere else.
  e.id = fmt::format("{}/{}/{}/{}", series.tenant, format_fingerprint(e.labels.fingerprint()),
                     time.time_since_epoch().count(), event_status_name(status));
  return e;
}

void ThresholdRules::on_tick(Timestamp now, std::vector<Event>& out) {
  for (auto at = states_.begin(); at != states_.end();) {
    if (now - at->second.last_arrival < kStaleAfter) {
      ++at;
      continue;
    }
    const auto rule = rules_.find(std::get<0>(at->first));
    end(rule->second, at->second, now, "no samples any more", out);
    at = states_.erase(at);
  }
}

void ThresholdRules::snapshot(std::string& out) const {
  ByteWriter w(out);
  w.u8(kThresholdSnapshotVersion);
  w.u64(states_.size());
  for (const auto& [key, s] : states_) {
    w.text(std::get<0>(key));
    w.text(s.series->tenant);
    w.text(s.series->unit);
    w.text(s.series->labels.bytes());
    w.u8(static_cast<std::uint8_t>(s.firing));
    w.time(s.since);
    w.boolean(s.critical_since.has_value());
    if (s.critical_since) w.time(*s.critical_since);
    w.time(s.fired_at);
    w.time(s.last_time);
    w.time(s.last_arrival);
    w.f64(s.last_value);
    w.boolean(s.is_rate);
  }
}

Status ThresholdRules::restore(std::string_view bytes) {
  ByteReader r(bytes);
  if (r.u8() != kThresholdSnapshotVersion) {
    return fail(Errc::Corrupt, "snapshot of threshold rules of an unknown version");
  }
  std::map<Key, State> states;
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    const std::string_view name = r.text();
    const auto rule = rules_.find(name);
    if (r.ok() && rule == rules_.end()) {
      return fail(Errc::Corrupt, fmt::format("threshold rule '{}' is missing", name));
    }
    std::string tenant = r.string();
    std::string unit = r.string();
    TRY(SeriesLabels labels, SeriesLabels::from_bytes(r.text()));
    State s;
    s.firing = static_cast<Level>(r.u8());
    s.since = r.time();
    if (r.boolean()) s.critical_since = r.time();
    s.fired_at = r.time();
    s.last_time = r.time();
    s.last_arrival = r.time();
    s.last_value = r.f64();
    s.is_rate = r.boolean();
    if (!r.ok()) break;
    s.series = make_series(std::move(tenant), std::move(labels), std::move(unit));
    const Key key{rule->first, s.series->id};
    states.emplace(key, std::move(s));
  }
  if (!r.ok() || !r.at_end()) {
    return fail(Errc::Corrupt, "snapshot of threshold rules does not decode");
  }
  states_ = std::move(states);
  return {};
}

}  // namespace quell
