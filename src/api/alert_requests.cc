#include "api/alert_requests.h"

#include <fmt/format.h>

#include "api/incident_requests.h"
#include "api/json_views.h"
#include "api/list_query.h"

namespace quell {
namespace {

using RenderAlert = http::Response (*)(const Alert&);

http::Response summary_response(const Alert& alert) {
  return json_response(to_json(write_alert, alert));
}

http::Response trace_response(const Alert& alert) {
  return json_response(
      to_json(write_trace, format_fingerprint(alert.key.fingerprint), alert.trace));
}

std::optional<std::uint64_t> known_total(const AlertFilter& filter, const AlertBook& alerts) {
  if (!filter.is_by_status_only()) return std::nullopt;
  if (filter.statuses == 0) return alerts.size();
  std::uint64_t total = 0;
  for (const auto s : {AlertStatus::Firing, AlertStatus::Held, AlertStatus::Resolved}) {
    if ((filter.statuses >> static_cast<unsigned>(s) & 1) != 0) total += alerts.counts().of(s);
  }
  return total;
}

Result<Reply> one_alert(const Call& call, LiveView& live, RenderAlert render) {
  const auto fingerprint = parse_fingerprint(call.parameter("fingerprint"));
  if (!fingerprint) {
    return fail(Errc::InvalidArgument, fingerprint.error().message, "fingerprint");
  }
  AlertKey key{.tenant = call.request.parameter("tenant"), .fingerprint = *fingerprint};
  if (key.tenant.empty()) key.tenant = kDefaultTenant;
  if (const Alert* alert = live.alerts.find(key)) return render(*alert);
  return Deferred([key, render](const History& history) -> Result<http::Response> {
    TRY(const auto alert, history.store.alert(key));
    if (alert) return render(*alert);
    return fail(Errc::NotFound, fmt::format("tenant {} has no alert {}", key.tenant,
                                            format_fingerprint(key.fingerprint)));
  });
}

}  // namespace

Result<Reply> list_alerts(const Call& call, LiveView& live) {
  TRY(const auto filter, alert_filter(call.request));
  TRY(const std::uint32_t limit, limit_parameter(call.request));
  TRY(const Cursor cursor, cursor_parameter(call.request, "s"));
  std::uint64_t before = cursor.kind == 's' ? cursor.position : UINT64_MAX;
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  std::string next;
  std::uint32_t written = 0;
  std::size_t steps = 0;
  live.alerts.newest_first(before, [&](std::uint64_t sequence, const Alert& alert) {
    if (written == limit || steps == kListSteps) {
      next = format_cursor({.kind = 's', .position = before});
      return false;
    }
    before = sequence;
    ++steps;
    if (filter.matches(alert)) {
      write_alert(w, alert);
      ++written;
    }
    return true;
  });
  w.end_array().field_or_null("next", next);
  if (const auto total = known_total(filter, live.alerts)) w.field("total", *total);
  w.end_object();
  return json_response(std::move(body));
}

Result<Reply> get_alert(const Call& call, LiveView& live) {
  return one_alert(call, live, summary_response);
}

Result<Reply> get_alert_trace(const Call& call, LiveView& live) {
  return one_alert(call, live, trace_response);
}

}  // namespace quell
