#include "stream/threshold_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace quell {
namespace {

constexpr std::uint8_t kThresholdSnapshotVersion = 1;
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
  builder.add("host", series.host);
  builder.add("metric", series.metric);
  builder.add("severity", severity);
  for (const auto [name, value] : series.tags) {
    const bool taken =
        name == "alertname" || name == "host" || name == "metric" || name == "severity";
    if (!taken) builder.add(name, value);
  }
  // Names are unique by now, and none is empty.
  return builder.build().value_or(LabelSet());
}

std::string with_unit(double value, const Series& series) {
  return series.unit.empty() ? fmt::format("{:g}", value)
                             : fmt::format("{:g} {}", value, series.unit);
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
  by_series_.clear();
  for (const auto& [name, rule] : rules_) {
    by_metric_[rule.metric].push_back(static_cast<std::uint32_t>(by_number_.size()));
    by_number_.push_back(&rule);
  }
  return {};
}

const std::vector<std::uint32_t>& ThresholdRules::rules_for(const Series& series) {
  static const std::vector<std::uint32_t> kNone;
  const auto candidates = by_metric_.find(series.metric);
  if (candidates == by_metric_.end()) return kNone;
  const auto [at, is_new] = by_series_.try_emplace(series.id);
  if (!is_new) return at->second;
  const auto lookup = [&](std::string_view name) -> std::string_view {
    if (name == "tenant") return series.tenant;
    if (name == "host") return series.host;
    if (name == "metric") return series.metric;
    return series.tags.get(name);
  };
  for (const std::uint32_t i : candidates->second) {
    if (matches_all(by_number_[i]->matchers, lookup)) at->second.push_back(i);
  }
  return at->second;
}

void ThresholdRules::on_samples(const SampleBatch& batch, Timestamp arrived_at,
                                std::vector<Event>& out) {
  if (rules_.empty()) return;
  std::vector<const std::vector<std::uint32_t>*> rules;
  rules.reserve(batch.series.size());
  bool any = false;
  if (by_series_.size() + batch.series.size() > kSeriesKnownMax) by_series_.clear();
  for (const auto& series : batch.series) {
    rules.push_back(&rules_for(*series));
    any = any || !rules.back()->empty();
  }
  if (!any) return;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::uint32_t s = batch.series_index[i];
    for (const std::uint32_t rule : *rules[s]) {
      on_sample(*by_number_[rule], batch.series[s], batch.times[i], batch.values[i], arrived_at,
                out);
    }
  }
}

ThresholdRules::Level ThresholdRules::level_of(const ThresholdRule& rule, double value) const {
  if (beyond(value, rule.critical, rule.comparison)) return Level::Critical;
  if (beyond(value, rule.warning, rule.comparison)) return Level::Warning;
  return Level::None;
}

void ThresholdRules::on_sample(const ThresholdRule& rule,
                               const std::shared_ptr<const Series>& series, Timestamp time,
                               double value, Timestamp arrived_at, std::vector<Event>& out) {
  if (std::isnan(value) || time < arrived_at - kAgeMax) return;
  const Level level = level_of(rule, value);
  auto at = states_.find(Key{rule.name, series->id});
  if (at == states_.end()) {
    if (level == Level::None) return;
    at = states_.emplace(Key{rule.name, series->id}, State{.since = time}).first;
  } else if (time <= at->second.last_time) {
    return;
  }
  State& state = at->second;
  state.series = series;
  state.last_time = time;
  state.last_arrival = arrived_at;
  state.last_value = value;
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
  e.entity = {"host", series.host};
  e.subject = e.entity.to_string();
  e.labels = labels_of(rule, series, e.severity_text);
  const double bound = level == Level::Critical ? *rule.critical : *rule.warning;
  const std::string_view word = rule.comparison == Comparison::Above ? "above" : "below";
  const std::string value = with_unit(state.last_value, series);
  e.title = fmt::format("{} on {} is {} ({} {} {:g})", series.metric, series.host, value,
                        e.severity_text, word, bound);
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
    w.text(s.series->host);
    w.text(s.series->metric);
    w.text(s.series->unit);
    w.text(s.series->tags.bytes());
    w.u8(static_cast<std::uint8_t>(s.firing));
    w.time(s.since);
    w.boolean(s.critical_since.has_value());
    if (s.critical_since) w.time(*s.critical_since);
    w.time(s.fired_at);
    w.time(s.last_time);
    w.time(s.last_arrival);
    w.f64(s.last_value);
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
    Series series;
    series.tenant = r.string();
    series.host = r.string();
    series.metric = r.string();
    series.unit = r.string();
    TRY(series.tags, LabelSet::from_bytes(r.text()));
    series.id = series_id(series.tenant, series.host, series.metric, series.tags);
    State s;
    s.firing = static_cast<Level>(r.u8());
    s.since = r.time();
    if (r.boolean()) s.critical_since = r.time();
    s.fired_at = r.time();
    s.last_time = r.time();
    s.last_arrival = r.time();
    s.last_value = r.f64();
    if (!r.ok()) break;
    const Hash128 id = series.id;
    s.series = std::make_shared<const Series>(std::move(series));
    states.emplace(Key{rule->first, id}, std::move(s));
  }
  if (!r.ok() || !r.at_end()) {
    return fail(Errc::Corrupt, "snapshot of threshold rules does not decode");
  }
  states_ = std::move(states);
  return {};
}

}  // namespace quell
