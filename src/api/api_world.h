// ApiWorld: a small live state and a past in memory, for the tests of this module.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/call.h"
#include "api/router.h"
#include "base/time.h"
#include "incident/lifecycle.h"
#include "store/store.h"

namespace quell {

// A past that holds what a test puts there.
class MemoryPast final : public Store {
 public:
  std::map<IncidentId, Incident> closed{};
  std::map<AlertKey, Alert> alerts{};
  std::vector<EventRow> rows{};  // Newest first.
  std::vector<DeadLetter> letters{};
  std::map<std::uint64_t, Frame> frames{};  // That are kept for them.
  std::vector<WindowRow> window_rows{};     // Newest first.
  mutable EventQuery asked{};
  MetricHistory metrics{};  // Of any query.

  Status commit(const StoreBatch&) override { return {}; }
  Result<StoredState> restore() override { return StoredState{}; }
  Result<std::uint64_t> retain(const RetentionPolicy&, Timestamp) override { return 0; }
  Result<std::vector<EventRow>> events(const EventQuery& query) const override {
    asked = query;
    std::vector<EventRow> page;
    for (const EventRow& row : rows) {
      const bool older =
          std::pair(row.offset, row.index) < std::pair(query.before_offset, query.before_index);
      if (older && page.size() < query.limit) page.push_back(row);
    }
    return page;
  }
  Result<std::optional<EventRow>> event(std::uint64_t offset, std::uint32_t index) const override {
    for (const EventRow& row : rows) {
      if (row.offset == offset && row.index == index) return std::optional(row);
    }
    return std::optional<EventRow>{};
  }
  Result<std::optional<Incident>> incident(IncidentId id) const override {
    const auto it = closed.find(id);
    return it == closed.end() ? std::optional<Incident>{} : std::optional(it->second);
  }
  Result<std::optional<Alert>> alert(const AlertKey& key) const override {
    const auto it = alerts.find(key);
    return it == alerts.end() ? std::optional<Alert>{} : std::optional(it->second);
  }
  Result<std::vector<Incident>> closed_incidents(IncidentId before,
                                                 std::uint32_t limit) const override {
    std::vector<Incident> page;
    for (auto it = closed.rbegin(); it != closed.rend() && page.size() < limit; ++it) {
      if (it->first < before) page.push_back(it->second);
    }
    return page;
  }
  Result<std::vector<DeadLetter>> dead_letters(const DeadLetterQuery& query) const override {
    std::vector<DeadLetter> page;
    for (const DeadLetter& letter : letters) {
      if (letter.resolved && !query.include_resolved) continue;
      if (page.size() < query.limit) page.push_back(letter);
    }
    return page;
  }
  Result<std::optional<DeadLetter>> dead_letter(std::uint64_t offset,
                                                std::uint32_t index) const override {
    for (const DeadLetter& letter : letters) {
      if (letter.offset == offset && letter.index == index) return std::optional(letter);
    }
    return std::optional<DeadLetter>{};
  }
  Result<KeptFrames> keep_frames(std::uint64_t, std::uint64_t to, const FrameReader&) override {
    return KeptFrames{.done_to = to};
  }
  Result<std::optional<Frame>> kept_frame(std::uint64_t offset) const override {
    const auto it = frames.find(offset);
    return it == frames.end() ? std::optional<Frame>{} : std::optional(it->second);
  }
  std::uint64_t open_dead_letters() const override {
    return static_cast<std::uint64_t>(std::ranges::count(letters, false, &DeadLetter::resolved));
  }
  Result<std::vector<WindowRow>> windows(std::string_view tenant, std::string_view scope,
                                         Timestamp since, std::uint32_t limit) const override {
    std::vector<WindowRow> page;
    for (const WindowRow& row : window_rows) {
      const bool fits = row.tenant == tenant && row.scope == scope && row.starts_at >= since;
      if (fits && page.size() < limit) page.push_back(row);
    }
    return page;
  }
  Result<MetricHistory> metric_history(const MetricQuery& query) const override {
    MetricHistory history = metrics;
    for (const MetricChunk& chunk : metrics.chunks) history.bytes += chunk.samples.size();
    history.is_cut = history.bytes > query.bytes_max;
    return history;
  }
  Result<Downsampled> downsample(const RetentionPolicy&, Timestamp, const Downsampler&) override {
    return Downsampled{};
  }
  Result<std::uint64_t> shrink_metrics(const RetentionPolicy&) override { return 0; }
  std::uint64_t metric_bytes() const override { return 0; }
  Status visit_state_pages(const std::function<Status(StatePage)>&) const override { return {}; }
};

inline Timestamp at(std::string_view text) {
  return *parse_rfc3339(text);
}

struct ApiWorld {
  AlertBook alerts{};
  IncidentBook incidents{};
  ConfigFacts config{.yaml = "server:\n  listen: 127.0.0.1:8420\n", .loaded_at = kStart};
  AlertmanagerOptions alertmanager{};
  LiveView live{
      .alerts = alerts,
      .incidents = incidents,
      .topology = std::make_shared<const Topology>(),
      .config = config,
      .alertmanager = alertmanager,
      .facts =
          [] { return ServerFacts{.version = "0.1.0", .revision = "abc", .started_at = kStart}; },
      .sources = [] { return std::vector<SourceFacts>{}; }};
  MemoryPast past{};
  std::map<std::uint64_t, Frame> frames{};
  History history{.store = past, .read_frame = [this](std::uint64_t offset) -> Result<Frame> {
                    const auto it = frames.find(offset);
                    if (it == frames.end()) return fail(Errc::NotFound, "no such frame");
                    return it->second;
                  }};
  StaticView constants{.version = "0.1.0", .revision = "abc", .ready = true};
  Timestamp now = kStart + std::chrono::minutes(10);

  static inline const Timestamp kStart = *parse_rfc3339("2026-11-21T08:00:00Z");

  Alert& fire(std::string_view labels, Severity severity = Severity::Critical) {
    Alert alert;
    alert.labels = *LabelSet::parse(labels);
    alert.key = {.tenant = std::string(kDefaultTenant), .fingerprint = alert.labels.fingerprint()};
    alert.title = std::string(alert.labels.get("alertname"));
    alert.entity = parse_entity(alert.labels.get("service"));
    alert.severity = severity;
    alert.severity_text = std::string(severity_name(severity));
    alert.source = "/prometheus/eu1";
    alert.starts_at = alert.first_received_at = alert.last_received_at = kStart;
    alert.lease_until = now + std::chrono::minutes(4);
    alert.event_count = alert.fire_count = 1;
    return alerts.add(std::move(alert));
  }

  // Opens an incident with these alerts (label texts) as members.
  IncidentId open(std::string_view title, const std::vector<std::string_view>& members,
                  int severity = 1) {
    Incident& incident = incidents.add({.tenant = std::string(kDefaultTenant)});
    append(incident, {.at = kStart,
                      .event_time = kStart,
                      .kind = IncidentEventKind::Opened,
                      .actor = "quell",
                      .text = std::string(title),
                      .number = severity});
    for (const std::string_view labels : members) {
      const LabelSet set = *LabelSet::parse(labels);
      append(incident, {.at = kStart,
                        .event_time = kStart,
                        .kind = IncidentEventKind::AlertAdded,
                        .actor = "quell",
                        .alert = set.fingerprint(),
                        .entity = parse_entity(set.get("service"))});
    }
    return incident.id;
  }

  static http::Request request(std::string_view method, std::string_view target,
                               std::string body = {}, http::Headers headers = {}) {
    http::Request request;
    const auto question = std::min(target.find('?'), target.size());
    request.method = method;
    request.path = target.substr(0, question);
    if (question < target.size()) request.query = target.substr(question + 1);
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.remote_is_loopback = true;
    return request;
  }

  Reply reply(const http::Request& request) {
    auto match = find_route(request.method, request.path);
    if (match.refusal) return std::move(*match.refusal);
    const Call call{.request = request, .parameters = std::move(match.parameters), .now = now};
    switch (match.route->where) {
      case Where::Inline: return run_inline(*match.route, call, constants);
      case Where::Core: return run_core(*match.route, call, live);
      case Where::Worker: return run_worker(*match.route, call, history);
      default: return http::Response{.status = 0, .body = "not handled by the API"};
    }
  }

  // The whole answer of a request that changes nothing.
  http::Response get(std::string_view target, http::Headers headers = {}) {
    Reply result = reply(request("GET", target, {}, std::move(headers)));
    if (auto* deferred = std::get_if<Deferred>(&result)) return run_deferred(*deferred, history);
    return std::get<http::Response>(std::move(result));
  }
};

inline std::string header_of(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace quell
