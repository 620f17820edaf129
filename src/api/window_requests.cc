#include "api/window_requests.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "api/list_query.h"

namespace quell {

void write_window(JsonWriter& w, const HealthWindow& window) {
  const auto severity = [&](Severity s) { return window.by_severity[static_cast<std::size_t>(s)]; };
  w.begin_object()
      .field("tenant", window.tenant)
      .field("scope", window.scope)
      .field("starts_at", window.starts_at)
      .field("ends_at", window.ends_at)
      .field("closed", window.closed)
      .field("total", window.total)
      .key("by_severity")
      .begin_object()
      .field("critical", severity(Severity::Critical))
      .field("error", severity(Severity::Error))
      .field("warning", severity(Severity::Warning))
      .field("info", severity(Severity::Info))
      .end_object()
      .field("unique_types", window.unique_types)
      .field("error_rate", window.error_rate)
      .field("status", health_status_name(window.status))
      .field("health_score", window.health_score)
      .field("trend", health_trend_name(window.trend))
      .field("zscore", window.zscore)
      .field("late", window.late)
      .field("future", window.future)
      .key("top_error_sources")
      .begin_array();
  for (const auto& source : window.top_error_sources) {
    w.begin_object().field("source", source.source).field("count", source.count).end_object();
  }
  w.end_array().key("correlated_groups").begin_array();
  for (const auto& group : window.correlated_groups) {
    w.begin_object()
        .field("correlation_id", group.correlation_id)
        .field("count", group.count)
        .key("sources")
        .begin_array();
    for (const std::string& source : group.sources) w.value(source);
    w.end_array().end_object();
  }
  w.end_array().end_object();
}

namespace {

// `*` is every scope of the tenant, the one of all sources first.
std::vector<std::string> asked_scopes(std::string scope, std::string_view tenant,
                                      const LiveView& live) {
  if (scope != "*") return {std::move(scope)};
  std::vector<std::string> scopes;
  if (live.windows == nullptr) return scopes;
  for (auto& [owner, name] : live.windows->scopes()) {
    if (owner == tenant) scopes.push_back(std::move(name));
  }
  return scopes;
}

}  // namespace

Result<Reply> list_windows(const Call& call, LiveView& live) {
  TRY_STATUS(check_parameters(call.request, {"scope", "tenant", "since", "limit"}));
  std::string tenant = call.request.parameter("tenant");
  if (tenant.empty()) tenant = kDefaultTenant;
  TRY(const auto since, time_parameter(call.request, "since", call.now));
  TRY(const std::uint32_t limit, limit_parameter(call.request));
  std::vector<std::string> scopes = asked_scopes(call.request.parameter("scope"), tenant, live);
  const Timestamp from = since.value_or(Timestamp::min());
  std::vector<HealthWindow> windows;
  for (const std::string& scope : scopes) {
    if (live.windows == nullptr) break;
    std::ranges::move(live.windows->open_windows(tenant, scope), std::back_inserter(windows));
  }
  std::erase_if(windows, [&](const HealthWindow& window) { return window.starts_at < from; });
  return Deferred([windows = std::move(windows), tenant = std::move(tenant),
                   scopes = std::move(scopes), from,
                   limit](const History& history) mutable -> Result<http::Response> {
    for (const std::string& scope : scopes) {
      TRY(const auto rows, history.store.windows(tenant, scope, from, limit));
      for (const WindowRow& row : rows) {
        TRY(auto window, decode_health_window(row.record));
        windows.push_back(std::move(window));
      }
    }
    std::ranges::stable_sort(windows, std::ranges::greater{}, &HealthWindow::starts_at);
    if (windows.size() > limit) windows.resize(limit);
    std::string body;
    JsonWriter w(body);
    w.begin_object().key("items").begin_array();
    for (const HealthWindow& window : windows) write_window(w, window);
    w.end_array().end_object();
    return json_response(std::move(body));
  });
}

}  // namespace quell
