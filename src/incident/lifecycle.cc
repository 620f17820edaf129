#include "incident/lifecycle.h"

#include <fmt/format.h>

#include <algorithm>

namespace quell {
namespace {

void apply_status(Incident& incident, const IncidentEvent& event) {
  const IncidentStatus to = event.status;
  incident.status = to;
  if (to == IncidentStatus::Open) {
    incident.acknowledged_at.reset();
    incident.resolved_at.reset();
    if (incident.quiet_since) incident.quiet_since = event.at;  // The quiet time begins anew.
  } else if (to == IncidentStatus::Acknowledged && !incident.acknowledged_at) {
    incident.acknowledged_at = event.at;
  } else if (to >= IncidentStatus::Resolved) {
    if (!incident.resolved_at) incident.resolved_at = event.at;
  } else {
    incident.resolved_at.reset();
  }
}

void apply_member(Incident& incident, const IncidentEvent& event) {
  const Fingerprint fingerprint = event.alert.value_or(0);
  Member* member = incident.members.find(fingerprint);
  switch (event.kind) {
    case IncidentEventKind::AlertAdded:
      if (member == nullptr) {
        incident.members.push_back({.fingerprint = fingerprint,
                                    .entity = event.entity,
                                    .starts_at = event.event_time,
                                    .firing = true});
      } else {
        member->starts_at = event.event_time;
        member->firing = true;
      }
      break;
    case IncidentEventKind::AlertFiring:
      if (member != nullptr) member->firing = true;
      break;
    case IncidentEventKind::AlertResolved:
      if (member != nullptr) member->firing = false;
      incident.member_ended(event.event_time, event.at);
      break;
    case IncidentEventKind::AlertRemoved:
      incident.members.remove(fingerprint);
      if (!incident.members.empty() && incident.unlisted_count == 0) {
        incident.opened_at = std::ranges::min(incident.members, {}, &Member::starts_at).starts_at;
      }
      break;
    default: break;
  }
  incident.members_changed(event.at);
}

void apply(Incident& incident, const IncidentEvent& event) {
  switch (event.kind) {
    case IncidentEventKind::Opened:
      incident.title = event.text.view();
      incident.severity = event.number;
      incident.opened_at = event.event_time;
      break;
    case IncidentEventKind::AlertAdded:
      incident.opened_at = std::min(incident.opened_at, event.event_time);
      [[fallthrough]];
    case IncidentEventKind::AlertRemoved:
    case IncidentEventKind::AlertFiring:
    case IncidentEventKind::AlertResolved: apply_member(incident, event); break;
    case IncidentEventKind::ChangeAttached:
      incident.changes.push_back({.time = event.event_time,
                                  .entity = event.entity,
                                  .title = event.text.str(),
                                  .href = event.href.str(),
                                  .offset = event.offset});
      break;
    case IncidentEventKind::SeverityChanged: incident.severity = event.number; break;
    case IncidentEventKind::StatusChanged: apply_status(incident, event); break;
    case IncidentEventKind::TitleChanged: incident.title = event.text.view(); break;
    case IncidentEventKind::Assigned: incident.assignee = event.text.view(); break;
    case IncidentEventKind::Merged:
      incident.merged_into = event.other;
      incident.status = IncidentStatus::Closed;
      if (!incident.resolved_at) incident.resolved_at = event.at;
      break;
    case IncidentEventKind::Note:
    case IncidentEventKind::Absorbed:
    case IncidentEventKind::SplitFrom: break;
  }
  incident.updated_at = event.at;
}

}  // namespace

void append(Incident& incident, IncidentEvent event) {
  event.seq = incident.timeline.size() + 1;
  apply(incident, event);
  incident.timeline.push_back(std::move(event));
}

Incident fold(IncidentId id, std::string_view tenant, const std::vector<IncidentEvent>& timeline) {
  Incident incident;
  incident.id = id;
  incident.tenant = tenant;
  for (const IncidentEvent& event : timeline) append(incident, event);
  return incident;
}

Status check_status_change(const Incident& incident, IncidentStatus to) {
  const IncidentStatus from = incident.status;
  const auto refuse = [&](std::string_view why) {
    return fail(Errc::Conflict, fmt::format("{} is {}: {}", format_incident_id(incident.id),
                                            incident_status_name(from), why));
  };
  if (incident.merged_into != 0) {
    return refuse(fmt::format("it was merged into {}, act on that one",
                              format_incident_id(incident.merged_into)));
  }
  if (to == from) return refuse("nothing to change");
  if (to > from) return {};
  if (to == IncidentStatus::Open && !is_active(from)) return {};
  if (to == IncidentStatus::Investigating && from == IncidentStatus::Mitigated) return {};
  if (!is_active(from)) return refuse("re-open it first");
  return refuse(fmt::format("it cannot go back to {}", incident_status_name(to)));
}

}  // namespace quell
