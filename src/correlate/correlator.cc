#include "correlate/correlator.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"

namespace quell {
namespace {

std::string cid_key(std::string_view correlation_id) {
  return fmt::format("cid:{}", correlation_id);
}

constexpr Duration kLongAgo = std::chrono::hours(24 * 365);  // Longer than any rule's window.

}  // namespace

Correlator::Correlator(CorrelatorOptions options, const Topology& topology, AlertBook& alerts,
                       IncidentSink& incidents)
    : options_(std::move(options)),
      topology_(&topology),
      alerts_(alerts),
      incidents_(incidents),
      groups_(topology) {
  rules_.set_rules(options_.rules);
}

Linkable Correlator::linkable(const Alert& alert) const {
  Linkable link;
  link.tenant = alert.key.tenant;
  link.entity = topology_->canonical(alert.entity);
  link.text_template = text_template_of(alert);
  link.starts_at = alert.counts_from();
  if (!alert.correlation_id.empty()) link.keys.push_back(cid_key(alert.correlation_id));
  for (const RuleMatch& match : rules_.match(alert)) link.keys.push_back(match.key);
  return link;
}

// Of several, the one that began first; ids only break ties, because they depend on arrival.
IncidentId Correlator::best_of(const std::vector<IncidentId>& ids, View view) const {
  const auto order = [&](IncidentId id) { return std::pair(groups_.first(id, view), id); };
  return ids.empty() ? 0 : std::ranges::min(ids, {}, order);
}

bool Correlator::takes_members(IncidentId id, const Linkable& alert, View view) const {
  if (view == View::Settled && !has_incident(id)) {
    return groups_.distance(id, alert.starts_at, view) <= options_.span_max;
  }
  const Incident* incident = incidents_.find(id);
  if (incident == nullptr) return false;
  const auto over = over_at(*incident);
  const auto pause = pauses_.find(id);
  const bool paused = pause != pauses_.end() && alert.starts_at > pause->second.from &&
                      alert.starts_at < pause->second.to;
  const bool in_time = is_active(incident->status) || (over && alert.starts_at <= *over);
  return in_time && !paused && groups_.distance(id, alert.starts_at, view) <= options_.span_max;
}

Correlator::Placement Correlator::place(const Alert& alert, const Linkable& link, View view) const {
  const auto open_ones = [&](std::vector<IncidentId> ids) {
    std::erase_if(ids, [&](IncidentId id) { return !takes_members(id, link, view); });
    return ids;
  };
  if (!alert.correlation_id.empty()) {
    const auto ids = open_ones(groups_.with_key(link.tenant, link.keys.front(), view));
    if (!ids.empty()) {
      return {Fate::Join,
              best_of(ids, view),
              fmt::format("shares the correlation id '{}'", alert.correlation_id),
              {},
              {}};
    }
  }
  if (auto by_rule = place_by_rule(alert, link, view)) return *std::move(by_rule);
  if (is_single_thing(link.entity)) {
    const auto ids = open_ones(groups_.with_entity(link.tenant, link.entity, view));
    if (!ids.empty()) {
      return {Fate::Join,
              best_of(ids, view),
              fmt::format("same entity {}", link.entity.to_string()),
              {},
              {}};
    }
  }
  Placement best;
  LinkScore best_score;
  for (const IncidentId id : open_ones(groups_.candidates(link, view))) {
    LinkScore score = groups_.link(link, id, view, options_.window);
    const bool wins =
        score.score > best_score.score || (score.score == best_score.score && best.incident != 0 &&
                                           best_of({best.incident, id}, view) == id);
    if (!wins) continue;
    best.incident = id;
    best_score = std::move(score);
  }
  if (best.incident != 0 && best_score.score >= options_.join_score) {
    best.fate = Fate::Join;
    best.reason = std::move(best_score.reason);
    return best;
  }
  const std::string nearest =
      best.incident == 0
          ? "nothing open is linked to it"
          : fmt::format("the nearest open incident is linked too weakly ({:.2f}, {:.2f} is needed)",
                        best_score.score, options_.join_score);
  if (alert.severity >= options_.open_severity) {
    return {Fate::Open,
            0,
            fmt::format("{}, and its severity {} is enough to open one", nearest,
                        severity_name(alert.severity)),
            {},
            {}};
  }
  return {Fate::Loose,
          0,
          fmt::format("{}, and its severity {} is below {}, which opens one", nearest,
                      severity_name(alert.severity), severity_name(options_.open_severity)),
          {},
          {}};
}

std::optional<Correlator::Placement> Correlator::place_by_rule(const Alert& alert,
                                                               const Linkable& link,
                                                               View view) const {
  for (const RuleMatch& match : rules_.match(alert)) {
    const CorrelationRule& rule = *match.rule;
    Placement placement{
        Fate::Open,
        0,
        fmt::format("rule '{}' {}: {} or more alerts within {}", rule.name, match.group,
                    rule.threshold, format_duration(rule.window)),
        fmt::format("{} {}", rule.title.empty() ? rule.name : rule.title, match.group),
        {}};
    std::vector<IncidentId> ids;
    for (const IncidentId id : groups_.with_key(link.tenant, match.key, view)) {
      const bool formed = groups_.key_count(id, match.key, view) >= rule.threshold;
      const bool near_enough = groups_.distance(id, link.starts_at, view) <= rule.window;
      if (formed && near_enough && takes_members(id, link, view)) ids.push_back(id);
    }
    if (ids.empty()) {
      placement.gather = rules_.near(match, link.tenant, link.starts_at, view);
      const bool counted = std::ranges::find(placement.gather, alert.key) != placement.gather.end();
      if (placement.gather.size() + (counted ? 0 : 1) < rule.threshold) continue;
      for (const AlertKey& key : placement.gather) {
        const Alert* other = alerts_.find(key);
        if (other == nullptr || key == alert.key) continue;
        const IncidentId id = view == View::Settled ? group_of(*other) : other->incident;
        if (id != 0 && takes_members(id, link, view)) ids.push_back(id);
      }
    }
    if (!ids.empty()) {
      placement.fate = Fate::Join;
      placement.incident = best_of(ids, view);
    }
    return placement;
  }
  return std::nullopt;
}

void Correlator::on_alert(const AlertOutcome& outcome, const Step& step) {
  const Alert* alert = alerts_.find(outcome.key);
  switch (outcome.news) {
    case AlertNews::None:
      if (alert == nullptr || (alert->announced && !alert->flapping)) return;
      forget(*alert);
      if (outcome.before) forget(*outcome.before);  // It fires again, and is held or flaps now.
      return;
    case AlertNews::Began:
      if (outcome.before) keep_former(*outcome.before, outcome.key);
      on_began(outcome.key, step);
      return;
    case AlertNews::Changed:
      if (alert != nullptr) on_changed(*outcome.before, outcome.key, step);
      return;
    case AlertNews::Ended:
      if (alert != nullptr) on_ended(outcome.key, step);
      return;
    case AlertNews::Removed: on_removed(*outcome.before); return;
  }
}

// It fires again; what began before its end, and is still on the way, must find that firing.
void Correlator::keep_former(const Alert& before, const AlertKey& key) {
  if (!before.announced || before.counts_from() == alerts_.find(key)->counts_from()) return;
  for (const RuleMatch& match : rules_.match(before)) rules_.make_former(match, before);
}

void Correlator::on_removed(const Alert& before) {
  const Entity entity = topology_->canonical(before.entity);
  loose_.remove(before.key, entity);
  settled_loose_.remove(before.key, entity);
  unsettled_.erase({before.counts_from(), before.key});
  for (const RuleMatch& match : rules_.match(before)) rules_.remove(match, before);
}

void Correlator::on_began(const AlertKey& key, const Step& step) {
  const Alert& alert = *alerts_.find(key);
  const bool settled = alert.counts_from() <= watermark_;
  for (const RuleMatch& match : rules_.match(alert)) rules_.add(match, alert, settled);
  if (!settled) {
    unsettled_.insert({alert.counts_from(), key});
    settled_loose_.remove(key, topology_->canonical(alert.entity));  // Until it settles again.
  }
  if (alert.incident == 0 || !back_to_its_incident(alert, step)) {
    carry_out(key, place(alert, linkable(alert), View::All), step);
  }
  // Its end may have arrived before its beginning.
  if (alerts_.find(key)->status == AlertStatus::Resolved) on_ended(key, step);
}

// What links it to others may be other than before, and its beginning earlier.
void Correlator::on_changed(const Alert& before, const AlertKey& key, const Step& step) {
  const Alert& alert = *alerts_.find(key);
  if (alert.announced && !alert.flapping) {
    const bool settled = alert.counts_from() <= watermark_;
    for (const RuleMatch& match : rules_.match(before)) rules_.remove(match, before);
    for (const RuleMatch& match : rules_.match(alert)) rules_.add(match, alert, settled);
  }
  if (alert.incident == 0) return relink_loose(before, key, step);
  const IncidentId id = home_of(alert);
  relink_member(id, before, key, step);
  follow_member(id, key, step);
}

void Correlator::relink_loose(const Alert& before, const AlertKey& key, const Step& step) {
  const Alert& alert = *alerts_.find(key);
  if (!alert.firing() || alert.flapping) return;
  make_loose(before, false);
  if (topology_->canonical(before.entity) != topology_->canonical(alert.entity)) {
    settled_loose_.remove(key, topology_->canonical(before.entity));
  }
  if (before.counts_from() != alert.counts_from()) unsettled_.erase({before.counts_from(), key});
  on_began(key, step);  // It may have become severe enough.
}

void Correlator::relink_member(IncidentId id, const Alert& before, const AlertKey& key,
                               const Step& step) {
  const Alert& alert = *alerts_.find(key);
  const Linkable was = linkable(before);
  const Linkable is = linkable(alert);
  const bool same_thing = was.entity == is.entity && was.text_template == is.text_template &&
                          was.starts_at == is.starts_at;
  if (same_thing && was.keys == is.keys) return;
  const Incident* incident = incidents_.find(id);
  if (incident == nullptr) return;
  if (const auto astray = astray_.find(key); astray != astray_.end() && astray->second != 0) {
    const IncidentId group = astray->second;
    groups_.remove_settled(group, was);
    groups_.add(group, is, true);
  }
  const bool was_settled = is_settled(key, was.starts_at);
  if (was.starts_at != is.starts_at) {
    if (!is_listed_from(alert, was.starts_at)) unsettled_.erase({was.starts_at, key});
    if (is.starts_at > watermark_ && !alert.flapping) unsettled_.insert({is.starts_at, key});
  }
  const Member* member = incident->members.find(key.fingerprint);
  if (member == nullptr) return;
  const Timestamp listed_from = member->starts_at;
  const bool active = is_active(incident->status);
  incidents_.annotate(id, [&](Incident& changed) {
    for (const std::string& k : is.keys) {
      if (std::ranges::find(changed.keys, k) == changed.keys.end()) changed.keys.push_back(k);
    }
  });
  if (active && listed_from == was.starts_at && was.starts_at != is.starts_at) {
    unsettled_.erase({was.starts_at, key});
    if (is.starts_at > watermark_) unsettled_.insert({is.starts_at, key});
  }
  if (same_thing || !active) return groups_.rekey(id, was, is, is_at_home(key, is.starts_at));
  // An alert that fires again is listed with its first beginning.
  append(id,
         {.event_time = listed_from == was.starts_at ? is.starts_at : listed_from,
          .kind = IncidentEventKind::AlertAdded,
          .text = alert.title,
          .alert = key.fingerprint,
          .entity = alert.entity},
         step);
  incidents_.annotate(id, [&](Incident& changed) {
    changed.members.find(key.fingerprint)->text_template = is.text_template;
  });
  const bool settles = !was_settled && is.starts_at <= watermark_;
  if (settles) unsettled_.insert({is.starts_at, key});  // Else it is counted as settled twice.
  index_incident(id);
  if (!settles) return;
  unsettled_.erase({is.starts_at, key});
  settle(key, is.starts_at, step);  // It turns out to have begun before what is settled.
  bring_home(step);
}

void Correlator::on_ended(const AlertKey& key, const Step& step) {
  const Alert& alert = *alerts_.find(key);
  if (alert.announced) {  // Else it began, and flapped, when that was no news.
    const bool settled = alert.counts_from() <= watermark_;
    for (const RuleMatch& match : rules_.match(alert)) rules_.add(match, alert, settled);
  }
  if (alert.incident != 0) member_state(alert, false, step);
  const bool loose = alert.incident == 0 || (astray_.contains(key) && group_of(alert) == 0);
  if (loose) end_loose(key, alerts_.find(key)->ends_at.value_or(step.now));
}

// It counts for what began before its end, as long as that can still arrive.
void Correlator::end_loose(const AlertKey& key, Timestamp ended_at) {
  if (ended_at >= watermark_) {
    loose_over_.insert({ended_at, key});
    return;
  }
  const Alert& alert = *alerts_.find(key);
  make_loose(alert, false);
  settled_loose_.remove(key, topology_->canonical(alert.entity));
}

// Whether it is in an active incident with this beginning, which settles whatever becomes of it.
bool Correlator::is_listed_from(const Alert& alert, Timestamp starts_at) const {
  const Incident* incident = alert.incident == 0 ? nullptr : incidents_.find(home_of(alert));
  if (incident == nullptr || !is_active(incident->status)) return false;
  const Member* member = incident->members.find(alert.key.fingerprint);
  return member != nullptr && member->starts_at == starts_at;
}

// An alert that flaps or is held stays where it is, and counts for nothing else.
void Correlator::forget(const Alert& alert) {
  make_loose(alert, false);
  settled_loose_.remove(alert.key, topology_->canonical(alert.entity));
  if (!is_listed_from(alert, alert.counts_from())) {
    unsettled_.erase({alert.counts_from(), alert.key});
  }
  for (const RuleMatch& match : rules_.match(alert)) rules_.remove(match, alert);
}

// A member that fires again belongs where it was, unless that is long over.
bool Correlator::back_to_its_incident(const Alert& alert, const Step& step) {
  const IncidentId id = home_of(alert);
  const Incident* incident = incidents_.find(id);
  if (incident == nullptr) return false;
  if (!is_active(incident->status)) {
    const Timestamp over =
        over_at(*incident).value_or(incident->resolved_at.value_or(incident->updated_at));
    if (alert.counts_from() - over > options_.reopen_window) return false;
    reopen(id, alert, "fires again", step);
  }
  member_state(alert, true, step);
  return true;
}

void Correlator::carry_out(const AlertKey& key, const Placement& placement, const Step& step) {
  const Alert& alert = *alerts_.find(key);
  switch (placement.fate) {
    case Fate::Loose:
      make_loose(alert, true);
      if (is_settled(key, alert.counts_from())) {  // It came late.
        settled_loose_.add(key, topology_->canonical(alert.entity));
      }
      alerts_.edit(key, [&](Alert& a) {
        a.incident = 0;
        a.trace.add(VerdictKind::NotOpened, step.now, step.offset, placement.reason);
      });
      return;
    case Fate::Join: {
      const std::uint64_t before = groups_.changes(placement.incident);
      settled_loose_.remove(key, topology_->canonical(alert.entity));
      join(placement.incident, alert, placement.reason, VerdictKind::Grouped, step);
      name_by_rule(placement.incident, placement, step);
      gather(placement, placement.incident, step);
      // What was too far from it before still is.
      if (groups_.changes(placement.incident) == before) return;
      break;
    }
    case Fate::Open:
      settled_loose_.remove(key, topology_->canonical(alert.entity));
      gather(placement, open(alert, placement, step), step);
      break;
  }
  absorb_loose(key, step);
}

// A rule brings alerts together: loose ones join, and incidents that it would have grouped merge.
void Correlator::gather(const Placement& placement, IncidentId into, const Step& step) {
  for (const AlertKey& key : placement.gather) {
    const Alert* other = alerts_.find(key);
    if (other == nullptr || other->incident == into) continue;
    if (other->incident == 0) {
      if (!other->firing()) continue;
      if (is_settled(key, other->counts_from())) astray_[key] = 0;
      join(into, *other, placement.reason, VerdictKind::Grouped, step);
      continue;
    }
    const Incident* incident = incidents_.find(other->incident);
    if (incident == nullptr || !is_active(incident->status)) continue;
    if (is_untouched(*incident)) {
      keep_apart(incident->id);
      absorb(incident->id, into, "quell", placement.reason, step);
    }
  }
}

void Correlator::make_loose(const Alert& alert, bool loose) {
  const Entity entity = topology_->canonical(alert.entity);
  loose ? loose_.add(alert.key, entity) : loose_.remove(alert.key, entity);
}

// What fired before without an incident of its own may belong to the one that `joined` is in.
void Correlator::absorb_loose(const AlertKey& joined, const Step& step) {
  constexpr std::size_t kAtOnce = 100;
  const Alert& alert = *alerts_.find(joined);
  const Timestamp starts_at = alert.counts_from();
  const Entity entity = topology_->canonical(alert.entity);
  const auto fired_then = [&](const AlertKey& key) {
    const Alert* other = alerts_.find(key);
    return other != nullptr && other->incident == 0 &&
           (other->firing() || other->ends_at >= starts_at);
  };
  for (const AlertKey& key : loose_.near(joined.tenant, entity, *topology_, kAtOnce, fired_then)) {
    const Alert* other = alerts_.find(key);
    if (other == nullptr || other->incident != 0) continue;  // Joined with one before it.
    const Placement placement = place(*other, linkable(*other), View::All);
    if (placement.fate != Fate::Join) continue;
    if (is_settled(key, other->counts_from())) astray_[key] = 0;  // Until `joined` settles too.
    join(placement.incident, *other, placement.reason, VerdictKind::Grouped, step);
    if (const Alert& now = *alerts_.find(key); !now.firing()) member_state(now, false, step);
  }
}

Timestamp Correlator::next_deadline() const {
  Timestamp at = timers_.empty() ? Timestamp::max() : timers_.begin()->first;
  if (!unsettled_.empty()) at = std::min(at, unsettled_.begin()->first + options_.lateness);
  return at;
}

bool Correlator::in_use(const Alert& alert) const {
  const Incident* incident = alert.incident == 0 ? nullptr : incidents_.find(home_of(alert));
  return incident != nullptr && is_active(incident->status);
}

void Correlator::snapshot(ByteWriter& out) const {
  out.time(watermark_);
  out.u64(groups_without_incident_);
  out.u64(astray_.size());
  for (const auto& [key, group] : astray_) {
    out.text(key.tenant);
    out.fixed64(key.fingerprint);
    out.u64(group);
  }
  out.u64(placed_by_people_.size());
  for (const AlertKey& key : placed_by_people_) {
    out.text(key.tenant);
    out.fixed64(key.fingerprint);
  }
  out.u64(pauses_.size());
  for (const auto& [id, pause] : pauses_) {
    out.u64(id);
    out.time(pause.from);
    out.time(pause.to);
  }
  out.u64(changes_.size());
  for (const auto& [tenant, change] : changes_) {
    out.text(tenant);
    out.time(change.time);
    out.text(change.entity.kind);
    out.text(change.entity.name);
    out.text(change.title);
    out.text(change.href);
    out.u64(change.offset);
  }
}

Status Correlator::restore(ByteReader& in) {
  watermark_ = in.time();
  groups_without_incident_ = in.u64();
  astray_.clear();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    AlertKey key;
    key.tenant = in.string();
    key.fingerprint = in.fixed64();
    astray_[key] = in.u64();
  }
  placed_by_people_.clear();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    std::string tenant = in.string();
    placed_by_people_.insert({std::move(tenant), in.fixed64()});
  }
  pauses_.clear();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    const IncidentId id = in.u64();
    const Timestamp from = in.time();
    pauses_[id] = {from, in.time()};
  }
  changes_.clear();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    RecentChange recent;
    recent.tenant = in.string();
    recent.change.time = in.time();
    recent.change.entity.kind = in.string();
    recent.change.entity.name = in.string();
    recent.change.title = in.string();
    recent.change.href = in.string();
    recent.change.offset = in.u64();
    changes_.push_back(std::move(recent));
  }
  if (!in.ok()) return fail(Errc::Corrupt, "the correlator's snapshot does not decode");
  derive();
  return {};
}

void Correlator::set_options(CorrelatorOptions options, const Topology& topology) {
  options_ = std::move(options);
  topology_ = &topology;
  groups_.set_topology(topology);
  rules_.set_rules(options_.rules);
}

void Correlator::derive() {
  groups_.clear();
  rules_.clear();
  unsettled_.clear();
  loose_.clear();
  settled_loose_.clear();
  loose_over_.clear();
  incidents_over_.clear();
  timers_.clear();
  armed_.clear();
  const Timestamp rules_from = std::max(watermark_, kMinTime + kLongAgo) - options_.lateness;
  rules_.forget_before(rules_from);
  alerts_.newest_first(UINT64_MAX, [&](std::uint64_t, const Alert& alert) {
    if (!alert.announced || alert.flapping) return true;
    const bool settled = alert.counts_from() <= watermark_;
    for (const RuleMatch& match : rules_.match(alert)) {
      const bool counts = alert.counts_from() >= rules_from - match.rule->window;
      if (counts) rules_.add(match, alert, settled);
    }
    const bool just_ended = !alert.firing() && alert.ends_at.value_or(kMinTime) >= watermark_;
    if (!alert.firing() && !just_ended) return true;
    if (!settled) unsettled_.insert({alert.counts_from(), alert.key});
    if (alert.incident == 0) make_loose(alert, true);
    const auto astray = astray_.find(alert.key);
    const bool in_no_group = astray == astray_.end() ? alert.incident == 0 : astray->second == 0;
    if (settled && in_no_group) settled_loose_.add(alert.key, topology_->canonical(alert.entity));
    if (in_no_group && just_ended) loose_over_.insert({*alert.ends_at, alert.key});
    return true;
  });
  for (const IncidentId id : incidents_.all()) {
    const Incident& incident = *incidents_.find(id);
    for (const Member& member : incident.members) {
      if (!is_active(incident.status) || member.starts_at <= watermark_) continue;
      unsettled_.insert({member.starts_at, {incident.tenant, member.fingerprint}});
    }
    index_incident(id);
  }
  for (const auto& [key, group] : astray_) {
    const Alert* alert = alerts_.find(key);
    if (alert != nullptr && group != 0) groups_.add(group, linkable(*alert), true);
  }
}

}  // namespace quell
