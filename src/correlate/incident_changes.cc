// What placing alerts, changes, time and people do to incidents: the second half of Correlator.
#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "correlate/correlator.h"

namespace quell {
namespace {

constexpr std::size_t kRecentChangesMax = 10'000;
constexpr Duration kChangeAfterBeginning = std::chrono::minutes(5);
constexpr std::string_view kQuell = "quell";
constexpr std::string_view kNamedByRule = "title:rule";  // A key of incidents; links nothing.

// Whether people (and not Quell) last set what events of this kind set.
bool set_by_people(const Incident& incident, IncidentEventKind kind) {
  const auto last = std::ranges::find(incident.timeline.rbegin(), incident.timeline.rend(), kind,
                                      &IncidentEvent::kind);
  return last != incident.timeline.rend() && last->actor != kQuell;
}

// Whether no member began before this one. Cost: looks at few members unless it is so: the newest
// is the last one, and of thousands nearly any other began before it.
bool began_first(const Incident& incident, Fingerprint fingerprint) {
  const auto order = [](const Member& m) { return std::pair(m.starts_at, m.fingerprint); };
  const auto member = std::ranges::find(incident.members.rbegin(), incident.members.rend(),
                                        fingerprint, &Member::fingerprint);
  if (member == incident.members.rend()) return false;
  const auto own = order(*member);
  return std::ranges::none_of(incident.members, [&](const Member& m) { return order(m) < own; });
}

}  // namespace

void Correlator::append(IncidentId id, IncidentEvent event, const Step& step) {
  event.at = step.now;
  event.offset = step.offset;
  if (event.event_time == Timestamp{}) event.event_time = step.now;
  if (event.actor.empty()) event.actor = kQuell;
  incidents_.append(id, std::move(event));
  arm(id);
}

IncidentId Correlator::open(const Alert& alert, const Placement& placement, const Step& step) {
  const IncidentId id = incidents_.create(alert.key.tenant);
  const bool by_rule = !placement.title.empty();
  append(id,
         {.event_time = alert.counts_from(),
          .kind = IncidentEventKind::Opened,
          .text = by_rule ? placement.title : alert.title,
          .number = incident_severity_from(alert.severity),
          .entity = alert.entity},
         step);
  incidents_.annotate(id, [&](Incident& incident) {
    incident.trace.add(VerdictKind::Opened, step.now, step.offset, placement.reason);
    if (by_rule) incident.keys.push_back(std::string(kNamedByRule));
  });
  join(id, alert, placement.reason, VerdictKind::Opened, step);
  return id;
}

void Correlator::reopen(IncidentId id, const Alert& alert, std::string_view why, const Step& step) {
  const auto over = over_at(*incidents_.find(id));
  if (over && alert.counts_from() > *over) pauses_[id] = {*over, alert.counts_from()};
  append(id,
         {.event_time = alert.counts_from(),
          .kind = IncidentEventKind::StatusChanged,
          .text = fmt::format("{} {}", alert.title, why),
          .status = IncidentStatus::Open},
         step);
  index_incident(id);
}

// An incident that a rule has just formed out of single ones is named after the rule.
void Correlator::name_by_rule(IncidentId id, const Placement& placement, const Step& step) {
  const Incident& incident = *incidents_.find(id);
  if (placement.title.empty()) return;
  if (std::ranges::find(incident.keys, kNamedByRule) != incident.keys.end()) return;
  if (set_by_people(incident, IncidentEventKind::TitleChanged)) return;
  append(id, {.kind = IncidentEventKind::TitleChanged, .text = placement.title}, step);
  incidents_.annotate(id,
                      [](Incident& changed) { changed.keys.push_back(std::string(kNamedByRule)); });
}

void Correlator::join(IncidentId id, const Alert& alert, std::string_view reason,
                      VerdictKind verdict, const Step& step) {
  const AlertKey key = alert.key;
  const Linkable link = linkable(alert);  // `alert` is gone once the book's copy is changed.
  make_loose(alert, false);
  if (!is_active(incidents_.find(id)->status)) {
    reopen(id, alert, "began before it was over", step);
  }
  const Incident& incident = *incidents_.find(id);
  const bool known = incident.members.find(key.fingerprint) != nullptr;
  const bool listed = known || incident.members.size() < Incident::kMembersListed;
  if (listed) {
    // It may be held, or flap, and still settles as a member.
    if (link.starts_at > watermark_) unsettled_.insert({link.starts_at, key});
    append(id,
           {.event_time = alert.counts_from(),
            .kind = IncidentEventKind::AlertAdded,
            .text = alert.title,
            .alert = key.fingerprint,
            .entity = alert.entity},
           step);
    incidents_.annotate(id, [&](Incident& changed) {
      changed.members.find(key.fingerprint)->text_template = link.text_template;
      for (const std::string& k : link.keys) {
        if (std::ranges::find(changed.keys, k) == changed.keys.end()) changed.keys.push_back(k);
      }
      if (verdict != VerdictKind::Opened) {
        changed.trace.add(verdict, step.now, step.offset,
                          fmt::format("'{}' joined: {}", alert.title, reason));
      }
    });
    if (!known) groups_.add(id, link, is_at_home(key, alert.counts_from()));
  } else {
    join_unlisted(id, key, verdict, step);
  }
  alerts_.edit(key, [&](Alert& a) {
    a.incident = id;
    a.counted_firing = !listed;
    a.trace.add(verdict, step.now, step.offset,
                fmt::format("{}: {}", format_incident_id(id), reason));
  });
  if (known) index_incident(id);
  attach_changes(id, link.entity, link.starts_at, step);
  follow_member(id, key, step);
}

// An incident is as severe as its worst member was, and is named after the one that began first,
// unless a person said otherwise.
void Correlator::follow_member(IncidentId id, const AlertKey& key, const Step& step) {
  const Incident* incident = incidents_.find(id);
  if (incident == nullptr || !is_active(incident->status)) return;
  const Alert* newest = alerts_.find(key);
  if (newest == nullptr) return;
  const int severity = incident_severity_from(newest->severity);
  if (severity < incident->severity &&
      !set_by_people(*incident, IncidentEventKind::SeverityChanged)) {
    append(id,
           {.kind = IncidentEventKind::SeverityChanged,
            .text = fmt::format("'{}' is {}", newest->title, severity_name(newest->severity)),
            .number = severity},
           step);
    incident = incidents_.find(id);
  }
  const bool by_rule = std::ranges::find(incident->keys, kNamedByRule) != incident->keys.end();
  if (by_rule || newest->counts_from() > incident->opened_at) return;
  if (!began_first(*incident, newest->key.fingerprint) || newest->title == incident->title) return;
  if (set_by_people(*incident, IncidentEventKind::TitleChanged)) return;
  append(id, {.kind = IncidentEventKind::TitleChanged, .text = newest->title}, step);
}

void Correlator::join_unlisted(IncidentId id, const AlertKey& key, VerdictKind verdict,
                               const Step& step) {
  astray_.erase(key);  // Only listed members settle.
  const Alert& alert = *alerts_.find(key);
  const bool known = home_of(alert) == id;
  if (known && alert.counted_firing) return;
  const IncidentId before = home_of(alert);
  if (!known && incidents_.find(before) != nullptr) count_unlisted(before, alert, false, step);
  incidents_.annotate(id, [&](Incident& changed) {
    if (!known) ++changed.unlisted_count;
    ++changed.unlisted_firing;
    changed.members_changed(step.now);
    changed.trace.add(verdict, step.now, step.offset,
                      fmt::format("more than {} alerts: further ones are counted, not listed",
                                  Incident::kMembersListed));
  });
}

// Each is counted once, however often word of its state comes.
void Correlator::count_unlisted(IncidentId id, const Alert& alert, bool firing, const Step& step) {
  if (alert.counted_firing == firing || incidents_.find(id)->unlisted_count == 0) return;
  incidents_.annotate(id, [&](Incident& changed) {
    if (firing) {
      ++changed.unlisted_firing;
    } else {
      if (changed.unlisted_firing > 0) --changed.unlisted_firing;
      changed.member_ended(alert.ends_at.value_or(step.now), step.now);
    }
    changed.members_changed(step.now);
  });
  arm(id);
  alerts_.update_quietly(alert.key).counted_firing = firing;
}

void Correlator::member_state(const Alert& alert, bool firing, const Step& step) {
  const IncidentId id = home_of(alert);
  const Incident* incident = incidents_.find(id);
  if (incident == nullptr) return;
  const Member* member = incident->members.find(alert.key.fingerprint);
  if (member == nullptr) return count_unlisted(id, alert, firing, step);
  if (member->firing == firing) return;
  append(id,
         {.event_time = firing ? alert.counts_from() : alert.ends_at.value_or(step.now),
          .kind = firing ? IncidentEventKind::AlertFiring : IncidentEventKind::AlertResolved,
          .text = alert.title,
          .alert = alert.key.fingerprint,
          .entity = alert.entity},
         step);
}

void Correlator::leave(IncidentId id, const Alert& alert, IncidentId to, std::string_view reason,
                       const Step& step) {
  remove_member(id, alert, to, reason, step);
  follow_leave(id, step);
  index_incident(id);
}

// What is derived from the members is left to be brought up to date.
void Correlator::remove_member(IncidentId id, const Alert& alert, IncidentId to,
                               std::string_view reason, const Step& step) {
  append(id,
         {.kind = IncidentEventKind::AlertRemoved,
          .text = fmt::format("{}: {}", alert.title, reason),
          .alert = alert.key.fingerprint,
          .other = to,
          .entity = alert.entity},
         step);
}

// What left counts neither for the severity nor for the title, unless people set them.
void Correlator::follow_leave(IncidentId id, const Step& step) {
  const Incident* incident = incidents_.find(id);
  if (incident->members.empty() || incident->unlisted_count > 0) return;
  Severity worst = Severity::Info;
  const auto order = [](const Member& m) { return std::pair(m.starts_at, m.fingerprint); };
  const Member& first = std::ranges::min(incident->members, {}, order);
  for (const Member& member : incident->members) {
    const Alert* alert = alerts_.find({incident->tenant, member.fingerprint});
    if (alert == nullptr) return;
    worst = std::max(worst, alert->severity);
  }
  const SharedText title = alerts_.find({incident->tenant, first.fingerprint})->title;
  const int severity = incident_severity_from(worst);
  const bool own_severity = !set_by_people(*incident, IncidentEventKind::SeverityChanged);
  const bool own_title = !set_by_people(*incident, IncidentEventKind::TitleChanged) &&
                         std::ranges::find(incident->keys, kNamedByRule) == incident->keys.end();
  if (severity != incident->severity && own_severity) {
    append(id,
           {.kind = IncidentEventKind::SeverityChanged,
            .text = fmt::format("its worst alert is {}", severity_name(worst)),
            .number = severity},
           step);
  }
  if (title != incidents_.find(id)->title && own_title) {
    append(id, {.kind = IncidentEventKind::TitleChanged, .text = title}, step);
  }
}

void Correlator::move(const AlertKey& key, IncidentId to, std::string_view reason,
                      const Step& step) {
  const Alert& alert = *alerts_.find(key);
  const IncidentId from = alert.incident;
  const bool only_member = incidents_.find(from)->alert_count() == 1;
  if (to != 0 && only_member) {
    absorb(from, to, kQuell, reason, step);
    return;
  }
  leave(from, alert, to, reason, step);
  if (to == 0) {
    open(alert, {Fate::Open, 0, fmt::format("{}", reason), {}, {}}, step);
  } else {
    join(to, alert, reason, VerdictKind::Moved, step);
  }
  const Alert& moved = *alerts_.find(key);
  if (!moved.firing()) member_state(moved, false, step);
}

void Correlator::absorb(IncidentId from, IncidentId into, std::string_view actor,
                        std::string_view reason, const Step& step) {
  const Incident source = *incidents_.find(from);  // A copy: it changes below.
  const std::string why = fmt::format("{}", reason);
  for (const Member& member : source.members) {
    const AlertKey key{source.tenant, member.fingerprint};
    const Alert* alert = alerts_.find(key);
    if (alert == nullptr) continue;
    join(into, *alert, why, VerdictKind::Moved, step);
    if (!member.firing) member_state(*alerts_.find(key), false, step);
  }
  if (source.unlisted_count > 0) {
    incidents_.annotate(into, [&](Incident& target) {
      target.unlisted_count += source.unlisted_count;
      target.unlisted_firing += source.unlisted_firing;
      target.members_changed(step.now);
    });
  }
  for (const AttachedChange& change : source.changes) attach(into, change, why, step);
  append(
      from,
      {.kind = IncidentEventKind::Merged, .actor = std::string(actor), .text = why, .other = into},
      step);
  append(into,
         {.kind = IncidentEventKind::Absorbed,
          .actor = std::string(actor),
          .text = why,
          .other = from},
         step);
  const auto note = [&](IncidentId id, std::string text) {
    incidents_.annotate(id, [&](Incident& incident) {
      incident.trace.add(VerdictKind::Moved, step.now, step.offset, text);
    });
  };
  note(from, fmt::format("merged into {}: {}", format_incident_id(into), why));
  note(into, fmt::format("took over {}: {}", format_incident_id(from), why));
  groups_.erase(from);
  for (const AlertKey& key : astray_members(from)) {
    groups_.add(from, linkable(*alerts_.find(key)), true);  // keep_apart()
  }
}

void Correlator::on_change(const Event& event, const Step& step) {
  RecentChange recent{event.tenant,
                      {.time = event.time,
                       .entity = topology_->canonical(event.entity),
                       .title = event.title,
                       .href = event.links.empty() ? std::string() : event.links.front().href,
                       .offset = step.offset}};
  std::set<IncidentId> ids;
  const auto collect = [&](const Entity& entity) {
    for (const IncidentId id : groups_.with_entity(event.tenant, entity, View::All)) ids.insert(id);
  };
  if (!recent.change.entity.empty()) {
    collect(recent.change.entity);
    for (const Neighbour& n : topology_->neighbours(recent.change.entity)) collect(n.entity);
  }
  for (const IncidentId id : ids) {
    if (!has_incident(id)) continue;  // A group in settling.cc.
    const Timestamp opened = incidents_.find(id)->opened_at;
    const bool before = recent.change.time <= opened + kChangeAfterBeginning;
    if (!before || opened - recent.change.time > options_.change_lookback) continue;
    attach(id, recent.change, "arrived after the incident had opened", step);
  }
  changes_.push_back(std::move(recent));
  const Timestamp oldest = step.now - options_.change_lookback - options_.lateness;
  while (!changes_.empty() &&
         (changes_.front().change.time < oldest || changes_.size() > kRecentChangesMax)) {
    changes_.pop_front();
  }
}

void Correlator::attach_changes(IncidentId id, const Entity& entity, Timestamp starts_at,
                                const Step& step) {
  if (entity.empty() || changes_.empty()) return;
  const Incident& incident = *incidents_.find(id);
  const auto& neighbours = topology_->neighbours(entity);
  std::vector<std::pair<AttachedChange, std::string>> found;
  for (const auto& [tenant, change] : changes_) {
    const bool in_time = change.time <= starts_at + kChangeAfterBeginning &&
                         starts_at - change.time <= options_.change_lookback;
    if (tenant != incident.tenant || !in_time) continue;
    if (change.entity == entity) {
      found.emplace_back(change, fmt::format("on {} itself", entity.to_string()));
      continue;
    }
    const auto near = std::ranges::find(neighbours, change.entity, &Neighbour::entity);
    if (near != neighbours.end()) found.emplace_back(change, near->relation);
  }
  for (const auto& [change, why] : found) attach(id, change, why, step);
}

void Correlator::attach(IncidentId id, const AttachedChange& change, std::string_view why,
                        const Step& step) {
  const Incident& incident = *incidents_.find(id);
  if (std::ranges::find(incident.changes, change) != incident.changes.end()) return;
  if (incident.changes.size() >= Incident::kChangesListed) return;
  const std::string reason =
      fmt::format("'{}', {} {} its beginning, {}", change.title,
                  format_length(std::chrono::abs(incident.opened_at - change.time)),
                  change.time <= incident.opened_at ? "before" : "after", why);
  IncidentEvent event{.event_time = change.time,
                      .kind = IncidentEventKind::ChangeAttached,
                      .text = change.title,
                      .href = change.href,
                      .entity = change.entity};
  append(id, std::move(event), step);
  incidents_.annotate(id, [&](Incident& changed) {
    changed.changes.back().offset = change.offset;  // Of the change, not of what attached it.
    changed.trace.add(VerdictKind::Attached, step.now, step.offset, reason);
  });
}

// When an incident that quiet has resolved was over. Alerts that began before still belong to it,
// however late they arrive. Empty: it is active, or people resolved it, who have the last word.
std::optional<Timestamp> Correlator::over_at(const Incident& incident) const {
  if (incident.status != IncidentStatus::Resolved || !incident.quiet_since) return {};
  if (set_by_people(incident, IncidentEventKind::StatusChanged)) return {};
  return *incident.quiet_since + options_.auto_resolve_after;
}

// Takes the incident into the indexes if alerts can still join it, out of them if not.
void Correlator::index_incident(IncidentId id) {
  groups_.erase(id);
  const Incident* incident = incidents_.find(id);
  const auto over = incident == nullptr ? std::nullopt : over_at(*incident);
  const bool still_counts = over && *over >= watermark_;
  if (still_counts) incidents_over_.insert({*over, id});
  if (incident != nullptr && (is_active(incident->status) || still_counts)) {
    for (const Member& member : incident->members) {
      const AlertKey key{incident->tenant, member.fingerprint};
      Linkable link;
      if (const Alert* alert = alerts_.find(key)) link = linkable(*alert);
      link.tenant = incident->tenant;
      link.entity = topology_->canonical(member.entity);
      link.text_template = member.text_template;
      link.starts_at = member.starts_at;
      groups_.add(id, link, is_at_home(key, member.starts_at));
    }
  }
  arm(id);
}

Timestamp Correlator::deadline(const Incident& incident) const {
  switch (incident.status) {
    case IncidentStatus::Resolved:
      return incident.resolved_at.value_or(incident.updated_at) + options_.auto_close_after;
    case IncidentStatus::Closed: return incident.updated_at + options_.closed_live;
    default: break;
  }
  if (!incident.quiet_since || incident.timeline.empty()) return Timestamp::max();
  return *incident.quiet_since + options_.auto_resolve_after;
}

void Correlator::arm(IncidentId id) {
  const Incident* incident = incidents_.find(id);
  const Timestamp at = incident == nullptr ? Timestamp::max() : deadline(*incident);
  const auto known = armed_.find(id);
  if (known != armed_.end()) {
    if (known->second == at) return;
    timers_.erase({known->second, id});
    armed_.erase(known);
  }
  if (at == Timestamp::max()) return;
  timers_.insert({at, id});
  armed_[id] = at;
}

void Correlator::on_time(const Step& step) {
  while (!timers_.empty() && timers_.begin()->first <= step.now) {
    const auto [at, id] = *timers_.begin();
    const Incident& incident = *incidents_.find(id);
    if (incident.status == IncidentStatus::Closed) {
      timers_.erase(timers_.begin());
      armed_.erase(id);
      incidents_.remove(id);
      continue;
    }
    const bool resolve = is_active(incident.status);
    const std::string why =
        resolve ? fmt::format("no alert of it fired for {}",
                              format_duration(options_.auto_resolve_after))
                : fmt::format("resolved for {}", format_duration(options_.auto_close_after));
    const auto changed = set_status(id, resolve ? IncidentStatus::Resolved : IncidentStatus::Closed,
                                    kQuell, why, step);
    QUELL_ASSERT(changed.has_value(), "a due incident can move on");
  }
}

Status Correlator::set_status(IncidentId id, IncidentStatus to, std::string_view actor,
                              std::string_view reason, const Step& step) {
  const bool was_active = is_active(incidents_.find(id)->status);
  append(id,
         {.kind = IncidentEventKind::StatusChanged,
          .actor = std::string(actor),
          .text = std::string(reason),
          .status = to},
         step);
  incidents_.annotate(id, [&](Incident& incident) {
    incident.trace.add(VerdictKind::Changed, step.now, step.offset,
                       fmt::format("{} by {}{}{}", incident_status_name(to), actor,
                                   reason.empty() ? "" : ": ", reason));
  });
  if (!was_active || !is_active(to)) index_incident(id);  // Else it takes alerts as before.
  return {};
}

Status Correlator::merge(IncidentId from, IncidentId into, std::string_view actor,
                         std::string_view reason, const Step& step) {
  const Incident* source = incidents_.find(from);
  const Incident* target = incidents_.find(into);
  if (source == nullptr || target == nullptr) {
    return fail(Errc::NotFound, fmt::format("{} is not a live incident",
                                            format_incident_id(source == nullptr ? from : into)));
  }
  if (from == into) return fail(Errc::InvalidArgument, "an incident cannot go into itself");
  if (source->tenant != target->tenant) {
    return fail(Errc::Conflict, "the two incidents belong to different tenants");
  }
  for (const Incident* incident : {source, target}) {
    if (is_active(incident->status)) continue;
    return fail(Errc::Conflict, fmt::format("{} is {}: only active incidents can be merged",
                                            format_incident_id(incident->id),
                                            incident_status_name(incident->status)));
  }
  absorb(from, into, actor, reason.empty() ? std::string_view("merged by hand") : reason, step);
  place_by_people(into);
  return {};
}

Result<IncidentId> Correlator::split(IncidentId id, const std::vector<Fingerprint>& alerts,
                                     std::string_view actor, std::string_view reason,
                                     const Step& step) {
  const Incident* incident = incidents_.find(id);
  if (incident == nullptr) {
    return fail(Errc::NotFound, fmt::format("{} is not a live incident", format_incident_id(id)));
  }
  if (!is_active(incident->status)) {
    return fail(Errc::Conflict, fmt::format("{} is {}", format_incident_id(id),
                                            incident_status_name(incident->status)));
  }
  if (alerts.empty() || alerts.size() >= incident->alert_count()) {
    return fail(Errc::InvalidArgument,
                fmt::format("{} of {} alerts: a split leaves at least one on each side",
                            alerts.size(), incident->alert_count()));
  }
  for (const Fingerprint fingerprint : alerts) {
    const bool is_member = incident->members.find(fingerprint) != nullptr;
    if (!is_member || alerts_.find({incident->tenant, fingerprint}) == nullptr) {
      return fail(Errc::NotFound,
                  fmt::format("alert {} is not a live member of {}",
                              format_fingerprint(fingerprint), format_incident_id(id)));
    }
  }
  const std::string tenant = incident->tenant;
  const std::string why(reason.empty() ? "split by hand" : reason);
  IncidentId created = 0;
  for (const Fingerprint fingerprint : alerts) {
    const AlertKey key{tenant, fingerprint};
    remove_member(id, *alerts_.find(key), created, why, step);
    const Alert& alert = *alerts_.find(key);
    if (created == 0) {
      created = open(alert, {Fate::Open, 0, why, {}, {}}, step);
    } else {
      join(created, alert, why, VerdictKind::Moved, step);
    }
    const Alert& moved = *alerts_.find(key);
    if (!moved.firing()) member_state(moved, false, step);
  }
  follow_leave(id, step);
  index_incident(id);  // Once for all: it costs as much as the incident has members.
  append(
      created,
      {.kind = IncidentEventKind::SplitFrom, .actor = std::string(actor), .text = why, .other = id},
      step);
  place_by_people(created);
  return created;
}

// People have the last word: what is in the incident now does not settle elsewhere.
void Correlator::place_by_people(IncidentId id) {
  const Incident& incident = *incidents_.find(id);
  for (const Member& member : incident.members) {
    const AlertKey key{incident.tenant, member.fingerprint};
    const Alert* alert = alerts_.find(key);
    if (alert == nullptr) continue;
    if (const auto astray = astray_.find(key); astray != astray_.end()) {
      if (astray->second != 0) groups_.remove_settled(astray->second, linkable(*alert));
      astray_.erase(astray);
    }
    settled_loose_.remove(key, topology_->canonical(alert->entity));
    if (!is_settled(key, member.starts_at)) placed_by_people_.insert(key);
  }
  index_incident(id);
}

}  // namespace quell
