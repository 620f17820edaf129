#include "correlate/alert_tracker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"

namespace quell {
namespace {

constexpr std::size_t kTransitionsMax = 16;

// Of what a later event must repeat to be a duplicate.
std::uint64_t content_hash(const Event& event) {
  std::uint64_t hash =
      hash64(event.annotations.bytes(), static_cast<std::uint64_t>(event.severity));
  hash = hash64(event.title, hash);
  return hash64(event.severity_text, hash);
}

Timestamp start_of(const Event& event) {
  return event.starts_at.value_or(event.time);
}

Timestamp end_of(const Event& event) {
  return event.ends_at.value_or(event.time);
}

bool says_firing(const Event& event) {
  return event.status != EventStatus::Resolved;
}

// What begins is news, unless it flaps.
AlertNews announce(Alert& alert) {
  if (alert.flapping) return AlertNews::None;
  alert.announced = true;
  return AlertNews::Began;
}

}  // namespace

AlertOutcome AlertTracker::on_event(const Event& event, const Step& step) {
  const AlertKey key{event.tenant, alert_fingerprint(event)};
  const Alert* alert = alerts_.find(key);
  if (alert == nullptr) return first_event(event, key, step);
  switch (event.status) {
    case EventStatus::Resolved: return on_resolved(event, *alert, step);
    case EventStatus::Acknowledged: return on_acknowledged(event, *alert, step);
    case EventStatus::None:
    case EventStatus::Firing: break;
  }
  return on_firing(event, *alert, step);
}

void AlertTracker::take_content(Alert& alert, const Event& event) const {
  alert.annotations = event.annotations;
  alert.source = event.source;
  alert.type = event.type;
  alert.title = event.title;
  if (!event.correlation_id.empty()) alert.correlation_id = event.correlation_id;
  alert.severity_text = event.severity_text;
  alert.links = event.links;
  if (!event.entity.empty()) alert.entity = event.entity;
  alert.severity = event.severity;
  alert.content_hash = content_hash(event);
}

AlertOutcome AlertTracker::first_event(const Event& event, const AlertKey& key, const Step& step) {
  Alert fresh;
  fresh.key = key;
  fresh.labels = event.labels;
  fresh.first_received_at = step.now;
  fresh.last_received_at = step.now;
  fresh.last_offset = step.offset;
  fresh.event_count = 1;
  take_content(fresh, event);
  AlertNews news = AlertNews::None;
  if (says_firing(event)) {
    fresh.acknowledged_at_source = event.status == EventStatus::Acknowledged;
    fresh.trace.add(VerdictKind::Accepted, step.now, step.offset, "first event of this identity");
    news = begin(fresh, event, step, VerdictKind::Accepted);
  } else {
    fresh.status = AlertStatus::Resolved;
    fresh.starts_at = start_of(event);
    fresh.ends_at = end_of(event);
    fresh.updated_at = step.now;
    fresh.trace.add(VerdictKind::Accepted, step.now, step.offset,
                    "its end arrived before, or without, its beginning");
  }
  arm(fresh);
  alerts_.add(std::move(fresh));
  return {key, news, true};
}

AlertOutcome AlertTracker::on_firing(const Event& event, const Alert& alert, const Step& step) {
  const AlertKey key = alert.key;  // `alert` is gone once the book's value is changed.
  const Timestamp start = start_of(event);
  if (alert.status == AlertStatus::Resolved) {
    const bool before_its_end = alert.ends_at && start <= *alert.ends_at;
    const bool just_ended = step.now - alert.updated_at <= options_.lateness;
    if (before_its_end && alert.fire_count > 0 && just_ended) {
      return duplicate(key, event, step, "began before the end that is already known");
    }
    AlertNews news = AlertNews::None;
    auto before = alerts_.snapshot(key);
    alerts_.edit(key, [&](Alert& a) {
      const std::optional<Timestamp> known_end = a.ends_at;
      const bool overtaken = before_its_end && a.fire_count == 0;
      ++a.event_count;
      a.last_received_at = step.now;
      a.last_offset = step.offset;
      take_content(a, event);
      news = begin(a, event, step, VerdictKind::Refired);
      if (overtaken && just_ended) {
        const AlertNews over =
            end(a, *known_end, step, VerdictKind::Resolved, "its end had arrived first");
        // It did fire: correlation places it, and sees that it is over. If it was held, the end has
        // dropped it or let it out.
        if (news == AlertNews::None) news = over;
      }
      arm(a);
    });
    return {key, news, true, std::move(before)};
  }
  if (content_hash(event) == alert.content_hash && start >= alert.starts_at) {
    return duplicate(key, event, step, "same identity and content");
  }
  AlertOutcome outcome{key, AlertNews::None, true, alerts_.snapshot(key)};
  const bool newer = event.time >= alert.last_firing_at;
  alerts_.edit(key, [&](Alert& a) {
    ++a.event_count;
    a.last_received_at = step.now;
    a.last_offset = step.offset;
    a.updated_at = step.now;
    a.starts_at = std::min(a.starts_at, start);
    a.last_firing_at = std::max(a.last_firing_at, event.time);
    if (event.ends_at) a.lease_until = std::max(a.lease_until.value_or(kMinTime), *event.ends_at);
    if (newer) take_content(a, event);
    a.trace.add(VerdictKind::Updated, step.now, step.offset,
                newer ? "same identity, other text or severity" : "same identity, older text");
    if (a.firing()) outcome.news = AlertNews::Changed;
    arm(a);
  });
  return outcome;
}

AlertOutcome AlertTracker::on_resolved(const Event& event, const Alert& alert, const Step& step) {
  const AlertKey key = alert.key;  // `alert` is gone once the book's value is changed.
  const Timestamp at = end_of(event);
  if (alert.status == AlertStatus::Resolved) {
    return duplicate(key, event, step, "already resolved");
  }
  if (at < alert.starts_at) {
    return duplicate(key, event, step, "the end of an earlier firing");
  }
  AlertOutcome outcome{key, AlertNews::None, true};
  const bool crossed = at < alert.last_firing_at && alert.last_firing_at > alert.starts_at;
  if (crossed) outcome.before = alerts_.snapshot(key);
  alerts_.edit(key, [&](Alert& a) {
    ++a.event_count;
    a.last_received_at = step.now;
    a.last_offset = step.offset;
    if (crossed) {
      // An end and a new beginning crossed on the way: it ended and fires again since then.
      a.starts_at = a.last_firing_at;
      ++a.fire_count;
      add_transition(a, at, step);
      add_transition(a, a.starts_at, step);
      a.trace.add(VerdictKind::Refired, step.now, step.offset,
                  "its end arrived after it had fired again");
      if (a.firing() && a.announced && !a.flapping) outcome.news = AlertNews::Began;
    } else {
      outcome.news = end(a, at, step, VerdictKind::Resolved, "the sender said that it ended");
    }
    arm(a);
  });
  return outcome;
}

AlertOutcome AlertTracker::on_acknowledged(const Event& event, const Alert& alert,
                                           const Step& step) {
  const AlertKey key = alert.key;  // `alert` is gone once the book's value is changed.
  if (alert.acknowledged_at_source || alert.status == AlertStatus::Resolved) {
    return duplicate(key, event, step, "nothing to acknowledge");
  }
  AlertOutcome outcome{key, AlertNews::Changed, true, alerts_.snapshot(key)};
  alerts_.edit(key, [&](Alert& a) {
    ++a.event_count;
    a.acknowledged_at_source = true;
    a.last_received_at = step.now;
    a.updated_at = step.now;
    a.last_offset = step.offset;
    a.trace.add(VerdictKind::Updated, step.now, step.offset, "acknowledged at the source");
  });
  return outcome;
}

AlertOutcome AlertTracker::duplicate(const AlertKey& key, const Event& event, const Step& step,
                                     std::string_view reason) {
  Alert& a = alerts_.update_quietly(key);
  ++a.event_count;
  ++a.duplicate_count;
  a.last_received_at = step.now;
  a.last_offset = step.offset;
  if (a.status != AlertStatus::Resolved && says_firing(event)) {
    a.last_firing_at = std::max(a.last_firing_at, event.time);
    if (event.ends_at) {
      a.lease_until = std::max(a.lease_until.value_or(kMinTime), *event.ends_at);
      arm(a);
    }
  }
  a.trace.add(VerdictKind::Deduplicated, step.now, step.offset, reason);
  return {key, AlertNews::None, false};
}

AlertNews AlertTracker::begin(Alert& alert, const Event& event, const Step& step,
                              VerdictKind kind) {
  alert.starts_at = start_of(event);
  alert.last_firing_at = std::max(alert.last_firing_at, event.time);
  alert.ends_at.reset();
  alert.lasted_at.reset();
  alert.announced = false;
  alert.lease_until = event.ends_at;
  alert.updated_at = step.now;
  ++alert.fire_count;
  add_transition(alert, alert.starts_at, step);
  if (kind == VerdictKind::Refired) {
    alert.trace.add(kind, step.now, step.offset,
                    fmt::format("fires again, for the {}. time", alert.fire_count));
  }
  const auto hold = hold_for(alert);
  if (hold && alert.starts_at + *hold + options_.lateness > step.now) {
    alert.status = AlertStatus::Held;
    alert.held_until = alert.starts_at + *hold;
    alert.trace.add(VerdictKind::Held, step.now, step.offset,
                    fmt::format("waits until it has fired for {}", format_duration(*hold)));
    return AlertNews::None;
  }
  alert.status = AlertStatus::Firing;
  return announce(alert);
}

AlertNews AlertTracker::end(Alert& alert, Timestamp at, const Step& step, VerdictKind kind,
                            std::string_view reason) {
  const bool was_held = alert.status == AlertStatus::Held;
  const bool lasted = was_held && at >= alert.held_until.value_or(at);
  if (lasted) alert.lasted_at = alert.held_until;
  alert.status = AlertStatus::Resolved;
  alert.ends_at = at;
  alert.lease_until.reset();
  alert.held_until.reset();
  alert.acknowledged_at_source = false;
  alert.updated_at = step.now;
  add_transition(alert, at, step);
  alert.trace.add(kind, step.now, step.offset, reason);
  if (lasted) {
    // The rest of the pipeline hears of a beginning, and sees that it is over.
    alert.trace.add(VerdictKind::Released, step.now, step.offset, "it lasted");
    return announce(alert);
  }
  if (was_held) {
    alert.trace.add(VerdictKind::Dropped, step.now, step.offset,
                    "it ended while it was held, so nobody is told");
    return AlertNews::None;
  }
  return alert.flapping ? AlertNews::None : AlertNews::Ended;
}

void AlertTracker::add_transition(Alert& alert, Timestamp at, const Step& step) {
  const auto place = std::ranges::upper_bound(alert.transitions, at);
  alert.transitions.insert(place, at);
  if (alert.transitions.size() > kTransitionsMax) {
    alert.transitions.erase(alert.transitions.begin());
  }
  if (alert.flapping) return;
  const Timestamp since = alert.transitions.back() - options_.flap_window;
  const auto recent =
      std::ranges::count_if(alert.transitions, [&](Timestamp t) { return t >= since; });
  if (recent < options_.flap_changes) return;
  alert.flapping = true;
  alert.trace.add(VerdictKind::Flapping, step.now, step.offset,
                  fmt::format("{} changes of state within {}: further ones are not news until it "
                              "keeps still for {}",
                              recent, format_duration(options_.flap_window),
                              format_duration(options_.flap_calm)));
}

std::optional<Duration> AlertTracker::hold_for(const Alert& alert) const {
  const auto lookup = [&](std::string_view name) -> std::string_view {
    if (name == "severity") return severity_name(alert.severity);
    return alert.labels.get(name);
  };
  for (const HoldRule& rule : options_.holds) {
    if (matches_all(rule.matchers, lookup)) return rule.duration;
  }
  return std::nullopt;
}

Timestamp AlertTracker::deadline(const Alert& alert) const {
  Timestamp at = Timestamp::max();
  const auto consider = [&](Timestamp t) { at = std::min(at, t); };
  if (alert.status == AlertStatus::Resolved) {
    // One that flaps is not retired before it keeps still.
    if (!alert.flapping) consider(alert.updated_at + options_.resolved_live);
  } else if (alert.lease_until && *alert.lease_until != kMaxTime) {
    consider(*alert.lease_until);
  }
  if (alert.status == AlertStatus::Held && alert.held_until) {
    consider(*alert.held_until + options_.lateness);  // Its end may still be on the way.
  }
  if (alert.flapping && !alert.transitions.empty()) {
    consider(alert.transitions.back() + options_.flap_calm);
  }
  return at;
}

void AlertTracker::arm(Alert& alert, Timestamp after) {
  Timestamp at = deadline(alert);
  const Duration again = std::max<Duration>(options_.resolved_live, std::chrono::seconds(1));
  if (at <= after) at += ((after - at) / again + 1) * again;
  if (at >= alert.armed_at) return;  // It is looked at before that; then armed anew.
  alert.armed_at = at;
  timers_.push({at, alert.key});
}

Timestamp AlertTracker::next_deadline() const {
  return timers_.empty() ? Timestamp::max() : timers_.top().at;
}

void AlertTracker::rebuild(Timestamp now) {
  timers_ = {};
  alerts_.for_each([&](Alert& alert) {
    alert.armed_at = Timestamp::max();
    // A resolved alert that was due and is here was in use. Whatever else is due, because a sender
    // spoke of the past, still has to take place with the next frame.
    const bool retires = alert.status == AlertStatus::Resolved && !alert.flapping;
    arm(alert, retires ? now : Timestamp::min());
  });
}

void AlertTracker::on_time(const Step& step, const std::function<bool(const Alert&)>& in_use,
                           std::vector<AlertOutcome>& out) {
  while (!timers_.empty() && timers_.top().at <= step.now) {
    const Timer timer = timers_.top();
    timers_.pop();
    const Alert* alert = alerts_.find(timer.key);
    if (alert == nullptr || alert->armed_at != timer.at) continue;
    const bool due = deadline(*alert) <= timer.at;  // Else in the order of the deadlines.
    if (due && alert->status == AlertStatus::Resolved && !alert->flapping && !in_use(*alert)) {
      out.push_back({timer.key, AlertNews::Removed, false, alerts_.snapshot(timer.key)});
      alerts_.remove(timer.key);
      continue;
    }
    if (!due || (alert->status == AlertStatus::Resolved && !alert->flapping)) {
      Alert& a = alerts_.update_quietly(timer.key);
      a.armed_at = Timestamp::max();
      arm(a, due ? step.now : timer.at);  // It is in use: look again later.
      continue;
    }
    AlertNews news = AlertNews::None;
    alerts_.edit(timer.key, [&](Alert& a) {
      a.armed_at = Timestamp::max();
      news = on_deadline(a, step);
      arm(a);
    });
    const bool flaps = alerts_.find(timer.key)->flapping;
    if (news != AlertNews::None || flaps) out.push_back({timer.key, news, true});
  }
}

AlertNews AlertTracker::on_deadline(Alert& alert, const Step& step) {
  if (alert.status != AlertStatus::Resolved && alert.lease_until &&
      *alert.lease_until <= step.now) {
    return end(alert, *alert.lease_until, step, VerdictKind::Expired,
               "its sender did not refresh it before its end time");
  }
  if (alert.status == AlertStatus::Held && alert.held_until &&
      *alert.held_until + options_.lateness <= step.now) {
    alert.status = AlertStatus::Firing;
    alert.lasted_at = alert.held_until;
    alert.held_until.reset();
    alert.updated_at = step.now;
    alert.trace.add(VerdictKind::Released, step.now, step.offset, "it lasted");
    return announce(alert);
  }
  if (alert.flapping && alert.transitions.back() + options_.flap_calm <= step.now) {
    alert.flapping = false;
    alert.updated_at = step.now;
    alert.trace.add(VerdictKind::Steady, step.now, step.offset,
                    fmt::format("no change of state for {}", format_duration(options_.flap_calm)));
    if (alert.firing()) return announce(alert);
    return alert.status == AlertStatus::Resolved ? AlertNews::Ended : AlertNews::None;
  }
  return AlertNews::None;
}

}  // namespace quell
