#include "api/incident_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "api/json_views.h"
#include "api/list_query.h"
#include "api/live_view.h"

namespace quell {
namespace {

constexpr std::size_t kAlertsShown = 200;
constexpr std::uint32_t kHistoryBatch = 200;

std::unexpected<Error> no_incident(IncidentId id) {
  return fail(Errc::NotFound, fmt::format("there is no incident {}", format_incident_id(id)));
}

Result<IncidentId> path_incident(const Call& call) {
  auto id = parse_incident_id(call.parameter("id"));
  if (!id) return fail(Errc::InvalidArgument, id.error().message, "id");
  return *id;
}

void end_list(JsonWriter& w, const std::optional<Cursor>& next) {
  w.end_array().field_or_null("next", next ? format_cursor(*next) : std::string());
}

std::optional<std::uint64_t> known_total(const IncidentFilter& filter,
                                         const IncidentBook& incidents) {
  // Closed incidents are in the history too, where nobody counts them.
  if (!filter.is_by_status_only() || filter.wants(IncidentStatus::Closed)) return std::nullopt;
  std::uint64_t total = 0;
  for (const auto s :
       {IncidentStatus::Open, IncidentStatus::Acknowledged, IncidentStatus::Investigating,
        IncidentStatus::Mitigated, IncidentStatus::Resolved}) {
    if (filter.wants(s)) total += incidents.count(s);
  }
  return total;
}

bool wants_history(const IncidentFilter& filter) {
  return filter.wants(IncidentStatus::Closed) || filter.wants(IncidentStatus::Resolved);
}

// A page of incidents that have left the live state, by falling id.
Result<http::Response> history_page(const IncidentFilter& filter, IncidentId before,
                                    std::uint32_t limit, const History& history) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  std::optional<Cursor> next;
  std::uint32_t written = 0;
  std::size_t steps = 0;
  for (bool more = true; more && !next;) {
    TRY(const auto batch, history.store.closed_incidents(before, kHistoryBatch));
    more = batch.size() == kHistoryBatch;
    for (const Incident& incident : batch) {
      if (written == limit || steps >= kListSteps) {
        next = Cursor{.kind = 'h', .position = before};
        break;
      }
      before = incident.id;
      std::optional<Alert> alert;
      const auto find_labels = [&](Fingerprint fingerprint) -> const LabelSet* {
        ++steps;
        auto found = history.store.alert({incident.tenant, fingerprint});
        alert = found ? std::move(*found) : std::nullopt;
        return alert ? &alert->labels : nullptr;
      };
      ++steps;
      if (!filter.matches(incident, find_labels)) continue;
      write_incident(w, incident);
      ++written;
    }
  }
  end_list(w, next);
  w.end_object();
  return json_response(std::move(body));
}

Deferred from_history_page(IncidentFilter filter, IncidentId before, std::uint32_t limit) {
  return Deferred([filter = std::move(filter), before, limit](const History& history) {
    return history_page(filter, before, limit, history);
  });
}

Reply live_page(const IncidentFilter& filter, std::uint64_t before, std::uint32_t limit,
                LiveView& live) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  std::optional<Cursor> next;
  std::uint32_t written = 0;
  std::size_t steps = 0;
  live.incidents.newest_first(before, [&](std::uint64_t sequence, const Incident& incident) {
    if (written == limit || steps >= kListSteps) {
      next = Cursor{.kind = 's', .position = before};
      return false;
    }
    before = sequence;
    ++steps;
    const auto find_labels = [&](Fingerprint fingerprint) -> const LabelSet* {
      ++steps;
      const Alert* alert = live.alerts.find({incident.tenant, fingerprint});
      return alert == nullptr ? nullptr : &alert->labels;
    };
    if (filter.matches(incident, find_labels)) {
      write_incident(w, incident);
      ++written;
    }
    return true;
  });
  if (!next && wants_history(filter)) {
    if (written == 0 && !known_total(filter, live.incidents)) {
      return from_history_page(filter, UINT64_MAX, limit);
    }
    next = Cursor{.kind = 'h', .position = UINT64_MAX};
  }
  end_list(w, next);
  if (const auto total = known_total(filter, live.incidents)) w.field("total", *total);
  w.end_object();
  return json_response(std::move(body));
}

// For what has left the live state: `make` from the stored incident, or 404.
template <class Make>
Reply from_history(IncidentId id, Make make) {
  return Deferred([id, make = std::move(make)](const History& history) -> Result<http::Response> {
    TRY(const auto incident, history.store.incident(id));
    if (!incident) return no_incident(id);
    return make(*incident, history);
  });
}

std::vector<AlertSnapshot> stored_alerts(const Incident& incident, std::size_t from,
                                         std::size_t count, const History& history) {
  std::vector<AlertSnapshot> alerts;
  const std::size_t end = std::min(incident.members.size(), from + count);
  for (std::size_t i = from; i < end; ++i) {
    auto alert = history.store.alert({incident.tenant, incident.members[i].fingerprint});
    if (alert && *alert) alerts.push_back(std::make_shared<const Alert>(std::move(**alert)));
  }
  return alerts;
}

// A null pointer where the alert has left the live state.
std::vector<AlertSnapshot> live_alerts(const Incident& incident, std::size_t from,
                                       std::size_t count, LiveView& live) {
  std::vector<AlertSnapshot> alerts;
  const std::size_t end = std::min(incident.members.size(), from + count);
  for (std::size_t i = from; i < end; ++i) {
    alerts.push_back(live.alerts.snapshot({incident.tenant, incident.members[i].fingerprint}));
  }
  return alerts;
}

void fill_from_history(std::vector<AlertSnapshot>& alerts, const Incident& incident,
                       std::size_t from, const History& history) {
  for (std::size_t i = 0; i < alerts.size(); ++i) {
    if (alerts[i]) continue;
    auto found = history.store.alert({incident.tenant, incident.members[from + i].fingerprint});
    if (found && *found) alerts[i] = std::make_shared<const Alert>(std::move(**found));
  }
}

http::Response with_etag(std::string body, const Incident& incident) {
  http::Response response = json_response(std::move(body));
  response.headers.emplace_back("etag", incident_etag(incident));
  return response;
}

http::Response detail_response(const Incident& incident, std::span<const AlertSnapshot> alerts) {
  return with_etag(to_json(write_incident_detail, incident, alerts), incident);
}

http::Response member_page(const Incident& incident, std::size_t from,
                           std::span<const AlertSnapshot> alerts, std::size_t limit) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  for (const AlertSnapshot& alert : alerts) {
    if (alert) write_alert(w, *alert);
  }
  std::optional<Cursor> next;
  if (from + limit < incident.members.size()) next = Cursor{.kind = 'm', .position = from + limit};
  end_list(w, next);
  w.field("total", incident.alert_count()).end_object();
  return json_response(std::move(body));
}

}  // namespace

Result<Reply> list_incidents(const Call& call, LiveView& live) {
  TRY(auto filter, incident_filter(call.request, call.now));
  TRY(const std::uint32_t limit, limit_parameter(call.request));
  TRY(const Cursor cursor, cursor_parameter(call.request, "sh"));
  if (cursor.kind == 'h') return from_history_page(std::move(filter), cursor.position, limit);
  const std::uint64_t before = cursor.kind == 's' ? cursor.position : UINT64_MAX;
  return live_page(filter, before, limit, live);
}

Result<Reply> get_incident(const Call& call, LiveView& live) {
  TRY(const IncidentId id, path_incident(call));
  const IncidentSnapshot incident = live.incidents.snapshot(id);
  if (!incident) {
    return from_history(id, [](const Incident& stored, const History& history) {
      return detail_response(stored, stored_alerts(stored, 0, kAlertsShown, history));
    });
  }
  return Deferred([incident, alerts = live_alerts(*incident, 0, kAlertsShown, live)](
                      const History& history) mutable -> Result<http::Response> {
    fill_from_history(alerts, *incident, 0, history);
    return detail_response(*incident, alerts);
  });
}

Result<Reply> get_incident_trace(const Call& call, LiveView& live) {
  TRY(const IncidentId id, path_incident(call));
  const auto render = [](const Incident& incident) {
    return json_response(to_json(write_trace, format_incident_id(incident.id), incident.trace));
  };
  if (const Incident* incident = live.incidents.find(id)) return render(*incident);
  return from_history(id,
                      [render](const Incident& stored, const History&) { return render(stored); });
}

Result<Reply> list_incident_alerts(const Call& call, LiveView& live) {
  TRY(const IncidentId id, path_incident(call));
  TRY_STATUS(check_parameters(call.request, {"limit", "cursor"}));
  TRY(const std::uint32_t limit, limit_parameter(call.request));
  TRY(const Cursor cursor, cursor_parameter(call.request, "m"));
  const std::size_t from = cursor.position;
  const IncidentSnapshot incident = live.incidents.snapshot(id);
  if (!incident) {
    return from_history(id, [from, limit](const Incident& stored, const History& history) {
      return member_page(stored, from, stored_alerts(stored, from, limit, history), limit);
    });
  }
  return Deferred([incident, from, limit, alerts = live_alerts(*incident, from, limit, live)](
                      const History& history) mutable -> Result<http::Response> {
    fill_from_history(alerts, *incident, from, history);
    return member_page(*incident, from, alerts, limit);
  });
}

}  // namespace quell
