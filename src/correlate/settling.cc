// Settling: the part of Correlator that decides where alerts belong for good.
//
// When the watermark passes the beginning of an alert, nothing that began earlier can still arrive.
// Its *group* is then decided from what began before it alone, in the order of beginnings, so the
// groups do not depend on the order of arrival. As a rule the group is the incident that the alert
// was put into when it arrived. Where it is not, an alert that belongs to another incident moves
// there at once; one that belongs to none, or to a group that has no incident yet, is *astray*: it
// stays where it is until all alerts of that incident have settled, because those that have not may
// bring the two together again, and people should not see incidents come and go meanwhile.
#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "correlate/correlator.h"

namespace quell {
namespace {

// Groups without an incident of their own have ids from here on.
constexpr IncidentId kFirstWithoutIncident = IncidentId{1} << 62;
constexpr std::size_t kLooseAtOnce = 100;

}  // namespace

bool Correlator::is_settled(const AlertKey& key, Timestamp starts_at) const {
  return starts_at <= watermark_ && !unsettled_.contains({starts_at, key});
}

// Whether the member counts for its incident in View::Settled.
bool Correlator::is_at_home(const AlertKey& key, Timestamp starts_at) const {
  return is_settled(key, starts_at) && !astray_.contains(key);
}

// Where the alert is now: its incident may have been merged into another one.
IncidentId Correlator::home_of(const Alert& alert) const {
  IncidentId id = alert.incident;
  for (const Incident* i = incidents_.find(id); i != nullptr && i->merged_into != 0;) {
    id = i->merged_into;
    i = incidents_.find(id);
  }
  return id;
}

// 0: none. Requires: the alert has settled.
IncidentId Correlator::group_of(const Alert& alert) const {
  const auto found = astray_.find(alert.key);
  return found == astray_.end() ? alert.incident : found->second;
}

bool Correlator::has_incident(IncidentId group) const {
  const Incident* incident = incidents_.find(group);
  return incident != nullptr && incident->merged_into == 0;
}

void Correlator::on_watermark(Timestamp watermark, const Step& step) {
  if (watermark <= watermark_) return;
  watermark_ = watermark;
  bool settled = false;
  while (!unsettled_.empty() && unsettled_.begin()->first <= watermark_) {
    const auto [starts_at, key] = *unsettled_.begin();
    unsettled_.erase(unsettled_.begin());
    const Alert* alert = alerts_.find(key);
    // A member that ended and fires again settles with its first beginning all the same.
    const bool due =
        alert != nullptr && (alert->incident != 0 || alert->counts_from() <= watermark_);
    if (due) settle(key, starts_at, step);
    settled = true;
  }
  if (settled) bring_home(step);
  rules_.forget_before(watermark_ - options_.lateness);
  rules_.forget_former(watermark_);
  std::erase_if(pauses_, [&](const auto& pause) { return pause.second.to <= watermark_; });
  while (!loose_over_.empty() && loose_over_.begin()->first < watermark_) {
    const AlertKey key = loose_over_.begin()->second;
    loose_over_.erase(loose_over_.begin());
    const Alert* alert = alerts_.find(key);
    if (alert == nullptr || alert->firing()) continue;
    end_loose(key, alert->ends_at.value_or(kMinTime));  // It may have fired and ended again.
  }
  while (!incidents_over_.empty() && incidents_over_.begin()->first < watermark_) {
    const IncidentId id = incidents_over_.begin()->second;
    incidents_over_.erase(incidents_over_.begin());
    index_incident(id);
  }
}

void Correlator::settle(const AlertKey& key, Timestamp starts_at, const Step& step) {
  const Alert& alert = *alerts_.find(key);
  if (alert.counts_from() == starts_at && alert.announced && !alert.flapping) {
    for (const RuleMatch& match : rules_.match(alert)) rules_.add(match, alert, true);
  }
  if (alert.incident != 0) {
    const Incident* incident = incidents_.find(alert.incident);
    if (incident == nullptr || !(is_active(incident->status) || over_at(*incident))) return;
    const Member* member = incident->members.find(key.fingerprint);
    const bool listed = member != nullptr;
    if (!listed || member->starts_at != starts_at) {
      // Only counted, or it fires again: its place is decided already.
      if (listed && group_of(alert) == 0) add_settled_loose(alert);
      return;
    }
  }
  Linkable link = linkable(alert);
  link.starts_at = starts_at;
  if (placed_by_people_.erase(key) > 0 && alert.incident != 0) {
    groups_.settle(alert.incident, link);
    return;
  }
  const Placement placement = place(alert, link, View::Settled);
  IncidentId group = placement.incident;
  if (placement.fate == Fate::Open) {
    const bool own = alert.incident != 0 && !groups_.has(alert.incident, View::Settled);
    group = own ? alert.incident : new_group();
  }
  assign(key, link, group, placement.reason, step);
  for (const AlertKey& other : placement.gather) unite(other, key, placement.reason, step);
  group = group_of(*alerts_.find(key));
  if (group == 0) return;
  if (has_incident(group)) name_by_rule(group, placement, step);
  settle_loose(key, starts_at, step);
}

// One that fires again since then waits until that settles, too.
void Correlator::add_settled_loose(const Alert& alert) {
  if (alert.counts_from() > watermark_) return;
  settled_loose_.add(alert.key, topology_->canonical(alert.entity));
}

IncidentId Correlator::new_group() {
  return kFirstWithoutIncident + groups_without_incident_++;
}

// Makes `group` (0: none) the alert's own, and takes it there if it has an incident.
void Correlator::assign(const AlertKey& key, const Linkable& link, IncidentId group,
                        std::string_view reason, const Step& step) {
  const Alert& alert = *alerts_.find(key);
  const IncidentId current = alert.incident;
  settled_loose_.remove(key, link.entity);
  if (const auto before = astray_.find(key); before != astray_.end()) {
    if (before->second != 0) groups_.remove_settled(before->second, link);
    astray_.erase(before);
  }
  if (group == 0) {
    add_settled_loose(alert);
    if (current != 0) astray_[key] = 0;
  } else if (group == current) {
    groups_.settle(current, link);
  } else if (has_incident(group)) {
    take_to(key, group, reason, step);
  } else if (current == 0) {
    open(alert, {Fate::Open, 0, std::string(reason), {}, {}}, step);
    adopt(group, alerts_.find(key)->incident, step);
  } else {
    astray_[key] = group;
    groups_.add(group, link, true);
  }
}

void Correlator::take_to(const AlertKey& key, IncidentId to, std::string_view reason,
                         const Step& step) {
  const Alert& alert = *alerts_.find(key);
  const IncidentId from = alert.incident;
  const Incident* left = from == 0 ? nullptr : incidents_.find(from);
  if (left != nullptr && is_active(left->status) && !is_untouched(*left)) {
    groups_.settle(from, linkable(alert));  // People work on it there.
    return;
  }
  if (left == nullptr || !is_active(left->status)) {
    join(to, alert, reason, VerdictKind::Grouped, step);
    if (const Alert& now = *alerts_.find(key); !now.firing()) member_state(now, false, step);
    return;
  }
  const bool nothing_else_is_decided = !groups_.has(from, View::Settled);
  if (nothing_else_is_decided) {
    absorb(from, to, "quell", reason, step);  // The rest follows, until it settles elsewhere.
  } else {
    move(key, to, reason, step);
  }
}

// A rule says that the groups of two settled alerts are one.
void Correlator::unite(const AlertKey& other_key, const AlertKey& key, std::string_view reason,
                       const Step& step) {
  const Alert* other = alerts_.find(other_key);
  if (other == nullptr || other_key == key) return;
  if (!is_settled(other_key, other->counts_from())) return;
  const IncidentId into = group_of(*alerts_.find(key));
  const IncidentId from = group_of(*other);
  if (from == into) return;
  if (from == 0) {
    assign(other_key, linkable(*other), into, reason, step);
  } else if (!has_incident(from)) {
    for (const AlertKey& member : astray_members(from)) {
      assign(member, linkable(*alerts_.find(member)), into, reason, step);
    }
  } else if (has_incident(into)) {
    const Incident& incident = *incidents_.find(from);
    if (is_untouched(incident)) absorb(from, into, "quell", reason, step);
  } else {
    for (const AlertKey& member : astray_members(into)) {
      assign(member, linkable(*alerts_.find(member)), from, reason, step);
    }
  }
}

// What settled without a group may belong to the one that `joined` is in.
void Correlator::settle_loose(const AlertKey& joined, Timestamp starts_at, const Step& step) {
  const Entity entity = topology_->canonical(alerts_.find(joined)->entity);
  const auto fired_then = [&](const AlertKey& key) {
    const Alert* alert = alerts_.find(key);
    return alert != nullptr && (alert->firing() || alert->ends_at >= starts_at);
  };
  for (const AlertKey& key :
       settled_loose_.near(joined.tenant, entity, *topology_, kLooseAtOnce, fired_then)) {
    const Alert* alert = alerts_.find(key);
    const Linkable link = linkable(*alert);
    const Placement placement = place(*alert, link, View::Settled);
    if (placement.fate == Fate::Join) {
      assign(key, link, placement.incident, placement.reason, step);
    }
  }
}

std::vector<AlertKey> Correlator::astray_members(IncidentId group) const {
  std::vector<std::pair<Timestamp, AlertKey>> members;
  for (const auto& [key, of] : astray_) {
    const Alert* alert = of == group ? alerts_.find(key) : nullptr;
    if (alert != nullptr) members.emplace_back(alert->counts_from(), key);
  }
  std::ranges::sort(members);
  std::vector<AlertKey> keys;
  for (auto& [starts_at, key] : members) keys.push_back(std::move(key));
  return keys;
}

// `incident` is the one of the group from now on, and what is astray of the group goes there.
void Correlator::adopt(IncidentId group, IncidentId incident, const Step& step) {
  const std::vector<AlertKey> members = astray_members(group);
  groups_.erase(group);
  for (const AlertKey& key : members) astray_.erase(key);
  for (const AlertKey& key : members) {
    const Alert& alert = *alerts_.find(key);
    if (alert.incident == incident) {
      groups_.settle(incident, linkable(alert));
    } else {
      take_to(key, incident, "it began with what is in there", step);
    }
  }
}

// Before the incident goes into another one for the time being: what has settled in it stays a
// group, until what brought the two together settles too.
void Correlator::keep_apart(IncidentId id) {
  const Incident& incident = *incidents_.find(id);
  for (const Member& member : incident.members) {
    const AlertKey key{incident.tenant, member.fingerprint};
    if (alerts_.find(key) != nullptr && is_at_home(key, member.starts_at)) astray_[key] = id;
  }
}

// Whether everything in the incident has settled.
bool Correlator::is_at_rest(const Incident& incident) const {
  // The newest members are last, and the first to be found unsettled.
  return std::ranges::all_of(
      incident.members.rbegin(), incident.members.rend(), [&](const Member& member) {
        return is_settled({incident.tenant, member.fingerprint}, member.starts_at);
      });
}

// Parts what settled apart.
void Correlator::bring_home(const Step& step) {
  if (astray_.empty()) return;
  std::set<IncidentId> ids;
  std::erase_if(astray_, [&](const auto& entry) {
    const Alert* alert = alerts_.find(entry.first);
    const Incident* incident = alert == nullptr ? nullptr : incidents_.find(alert->incident);
    if (incident == nullptr || !is_active(incident->status)) {
      if (alert != nullptr) {
        settled_loose_.remove(entry.first, topology_->canonical(alert->entity));
        if (entry.second != 0) groups_.remove_settled(entry.second, linkable(*alert));
      }
      return true;  // Over before it came to rest: nobody is helped by moving it now.
    }
    ids.insert(incident->id);
    return false;
  });
  for (const IncidentId id : ids) {
    const Incident* incident = incidents_.find(id);
    if (incident != nullptr && is_active(incident->status) && is_at_rest(*incident)) {
      part(id, step);
    }
  }
}

void Correlator::part(IncidentId id, const Step& step) {
  if (!is_untouched(*incidents_.find(id))) {
    place_by_people(id);  // They work on it as it is.
    return;
  }
  std::vector<std::pair<Timestamp, AlertKey>> astray;
  for (const Member& member : incidents_.find(id)->members) {
    const AlertKey key{incidents_.find(id)->tenant, member.fingerprint};
    if (astray_.contains(key)) astray.emplace_back(member.starts_at, key);
  }
  std::ranges::sort(astray);
  for (const auto& [starts_at, key] : astray) {
    const auto entry = astray_.find(key);
    if (entry == astray_.end()) continue;  // Went with another one of its group.
    const IncidentId group = entry->second;
    const bool unclaimed = !groups_.has(id, View::Settled);
    if (group != 0 && unclaimed) {
      adopt(group, id, step);
    } else if (group != 0) {
      astray_.erase(entry);
      groups_.remove_settled(group, linkable(*alerts_.find(key)));
      move(key, 0, "it began apart from what else is in there", step);
      adopt(group, alerts_.find(key)->incident, step);
    } else if (incidents_.find(id)->alert_count() > 1) {
      astray_.erase(entry);
      set_loose(key, step);
    } else {
      astray_.erase(entry);  // All others have left: it is the incident.
      settled_loose_.remove(key, topology_->canonical(alerts_.find(key)->entity));
      groups_.settle(id, linkable(*alerts_.find(key)));
    }
  }
}

// Out of its incident, into none.
void Correlator::set_loose(const AlertKey& key, const Step& step) {
  constexpr std::string_view kReason = "nothing that began before it is linked to it";
  leave(alerts_.find(key)->incident, *alerts_.find(key), 0, kReason, step);
  const Alert& alert = alerts_.edit(key, [&](Alert& a) {
    a.incident = 0;
    a.trace.add(VerdictKind::Moved, step.now, step.offset,
                fmt::format("out of its incident: {}", kReason));
  });
  make_loose(alert, true);
  if (!alert.firing()) end_loose(key, alert.ends_at.value_or(step.now));
}

}  // namespace quell
