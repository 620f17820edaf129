#include "stream/health_window.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace quell {
namespace {

constexpr std::size_t kTopSources = 5;
constexpr std::size_t kTopGroups = 10;
constexpr std::size_t kGroupSources = 8;
constexpr std::uint64_t kGroupMin = 3;
constexpr std::size_t kZscoreMin = 3;

Timestamp window_start(Timestamp t) {
  return std::chrono::floor<std::chrono::duration<std::int64_t, std::ratio<300>>>(t);
}

// What says that a trouble ended is no trouble.
Severity counted_severity(const Event& event) {
  const bool over =
      event.status == EventStatus::Resolved || event.status == EventStatus::Acknowledged;
  return over ? Severity::Info : event.severity;
}

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

HealthStatus status_of(const HealthWindow& w) {
  const auto [info, warning, error, critical] = w.by_severity;
  if (critical > 0 && critical * 10 >= w.total) return HealthStatus::Critical;
  if (w.errors() >= 5 && w.errors() * 2 >= w.total) return HealthStatus::Critical;
  if (critical > 0 || (error > 0 && error * 5 >= w.total)) return HealthStatus::Degraded;
  if (error > 0 || (warning > 0 && warning * 5 >= w.total)) return HealthStatus::Warning;
  return HealthStatus::Healthy;
}

HealthTrend trend_of(std::uint64_t errors, std::uint64_t before) {
  if (errors == before) return HealthTrend::Stable;
  if (before == 0) return HealthTrend::NewErrors;
  if (errors > 2 * before && errors - before >= 3) return HealthTrend::Spike;
  if (errors * 5 > before * 6) return HealthTrend::Increasing;
  if (errors * 2 < before) return HealthTrend::Improving;
  if (errors * 5 < before * 4) return HealthTrend::Decreasing;
  return HealthTrend::Stable;
}

std::optional<double> zscore_of(std::uint64_t errors, const std::vector<HealthWindow>& history) {
  if (history.size() < kZscoreMin) return std::nullopt;
  const auto n = static_cast<double>(history.size());
  double sum = 0;  // Both are whole numbers, so that nothing is rounded before the division.
  double squares = 0;
  for (const HealthWindow& w : history) {
    const auto e = static_cast<double>(w.errors());
    sum += e;
    squares += e * e;
  }
  const double deviation = std::sqrt(std::max(0.0, n * squares - sum * sum)) / n;
  return (static_cast<double>(errors) - sum / n) / std::max(deviation, 1.0);
}

// Keeps the `limit` smallest different values in a sorted list.
template <class T, class U>
void insert_smallest(std::vector<T>& sorted, const U& value, std::size_t limit) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), value);
  if (at == sorted.end() ? sorted.size() == limit : *at == value) return;
  sorted.insert(at, T(value));
  if (sorted.size() > limit) sorted.pop_back();
}

std::uint64_t distinct(const std::vector<std::uint64_t>& smallest, std::size_t limit) {
  if (smallest.size() < limit) return smallest.size();
  // The limit-th smallest of n hashes lies at about limit / n of the range.
  const double share = std::ldexp(static_cast<double>(smallest.back()), -64);
  return static_cast<std::uint64_t>(static_cast<double>(limit - 1) / share);
}

template <class T>
void keep_largest(std::vector<T>& list, std::size_t limit, std::string T::*name) {
  std::ranges::sort(list, [&](const T& a, const T& b) {
    return a.count != b.count ? a.count > b.count : a.*name < b.*name;
  });
  if (list.size() > limit) list.resize(limit);
}

}  // namespace

std::string_view health_status_name(HealthStatus status) {
  switch (status) {
    case HealthStatus::Healthy: return "HEALTHY";
    case HealthStatus::Warning: return "WARNING";
    case HealthStatus::Degraded: return "DEGRADED";
    case HealthStatus::Critical: return "CRITICAL";
  }
  return "HEALTHY";
}

std::string_view health_trend_name(HealthTrend trend) {
  switch (trend) {
    case HealthTrend::Stable: return "STABLE";
    case HealthTrend::NewErrors: return "NEW_ERRORS";
    case HealthTrend::Spike: return "SPIKE";
    case HealthTrend::Increasing: return "INCREASING";
    case HealthTrend::Decreasing: return "DECREASING";
    case HealthTrend::Improving: return "IMPROVING";
  }
  return "STABLE";
}

void HealthWindows::on_event(const Event& event, Timestamp now) {
  const bool future = event.time > now + kFutureMax;
  // Nothing happened before 1970: such times are unset clocks, and near the end of the range.
  const Timestamp time = std::max(future ? now : event.time, Timestamp{});
  const std::string_view name = utf8_prefix(event.tenant, kNameBytesMax);
  Tenant* tenant = tenant_for(name, time);
  if (tenant == nullptr) return;
  stats_.future += future ? 1 : 0;
  tenant->last_arrival = std::max(tenant->last_arrival, now);

  const std::string_view source = utf8_prefix(event.source, kNameBytesMax);
  const Timestamp start = window_start(time);
  if (start + kLength <= tenant->watermark) {
    count_late(name, *tenant, source, start);
    return;
  }
  if (Scope* all = scope_for(*tenant, "")) count(all->open[start], event, source, future);
  if (!source.empty()) {
    if (Scope* one = scope_for(*tenant, source)) count(one->open[start], event, source, future);
  }
  if (time > tenant->newest) {
    tenant->newest = time;
    advance(std::string(name), *tenant, time - kLateness);
  }
}

void HealthWindows::on_tick(Timestamp now) {
  for (auto& [name, tenant] : tenants_) {
    if (now - tenant.last_arrival >= kQuietAfter) advance(name, tenant, now - kLateness);
  }
}

HealthWindows::Tenant* HealthWindows::tenant_for(std::string_view name, Timestamp time) {
  const auto found = tenants_.find(name);
  if (found != tenants_.end()) return &found->second;
  if (tenants_.size() >= kTenantsMax) {
    ++stats_.tenants_dropped;
    return nullptr;
  }
  Tenant& tenant = tenants_[std::string(name)];
  tenant.newest = time;
  tenant.watermark = time - kLateness;
  tenant.open_from = window_start(tenant.watermark);
  return &tenant;
}

HealthWindows::Scope* HealthWindows::scope_for(Tenant& tenant, std::string_view name) {
  const auto found = tenant.scopes.find(name);
  if (found != tenant.scopes.end()) return &found->second;
  if (!name.empty()) {  // A tenant's scope "" is never refused: kTenantsMax bounds them.
    if (scope_count_ >= kScopesMax) {
      ++stats_.scopes_dropped;
      return nullptr;
    }
    ++scope_count_;
  }
  return &tenant.scopes[std::string(name)];
}

void HealthWindows::count(Tally& tally, const Event& event, std::string_view source, bool future) {
  ++tally.total;
  ++tally.by_severity[static_cast<std::size_t>(counted_severity(event))];
  tally.future += future ? 1 : 0;
  insert_smallest(tally.types, hash64(event.type), kTypesExact);
  if (!event.correlation_id.empty()) {
    count_group(tally, utf8_prefix(event.correlation_id, kNameBytesMax), source);
  }
}

void HealthWindows::count_group(Tally& tally, std::string_view id, std::string_view source) {
  auto group = tally.groups.find(id);
  if (group == tally.groups.end()) {
    if (id_count_ >= kIdsMax) {
      ++stats_.ids_dropped;
      return;
    }
    ++id_count_;
    group = tally.groups.try_emplace(std::string(id)).first;
  }
  ++group->second.count;
  insert_smallest(group->second.sources, source, kGroupSources);
}

void HealthWindows::count_late(std::string_view name, Tenant& tenant, std::string_view source,
                               Timestamp start) {
  ++stats_.late;
  const auto age = static_cast<std::uint64_t>((tenant.open_from - start) / kLength);
  const auto place = [&](std::string_view scope_name) {
    const auto scope = tenant.scopes.find(scope_name);
    if (scope == tenant.scopes.end()) return false;
    auto& history = scope->second.history;
    if (age == 0 || age > history.size()) return false;
    HealthWindow& window = history[history.size() - age];
    ++window.late;
    closed_[{window.starts_at, std::string(name), window.scope}] = window;
    return true;
  };
  const bool in_all = place("");
  const bool in_source = !source.empty() && place(source);
  if (!in_all && !in_source) ++stats_.late_unplaced;
}

void HealthWindows::advance(const std::string& name, Tenant& tenant, Timestamp watermark) {
  if (watermark <= tenant.watermark) return;
  tenant.watermark = watermark;
  while (tenant.open_from + kLength <= watermark) {
    close(name, tenant, tenant.open_from);
    tenant.open_from = next_to_close(tenant, watermark);
  }
}

// Every scope is forgotten after kHistory empty windows; from there on, what is empty for all is
// passed over, so that even a jump of years ends soon.
Timestamp HealthWindows::next_to_close(const Tenant& tenant, Timestamp watermark) {
  Timestamp next = window_start(watermark);
  for (const auto& [name, scope] : tenant.scopes) {
    if (!scope.history.empty()) return tenant.open_from + kLength;
    if (!scope.open.empty()) next = std::min(next, scope.open.begin()->first);
  }
  return std::max(next, tenant.open_from + kLength);
}

void HealthWindows::close(const std::string& name, Tenant& tenant, Timestamp start) {
  // All are summarized before any is changed: scope "" looks at the tallies of the others.
  std::vector<std::pair<Scopes::iterator, HealthWindow>> windows;
  for (auto it = tenant.scopes.begin(); it != tenant.scopes.end(); ++it) {
    const Scope& scope = it->second;
    if (scope.history.empty() && !scope.open.contains(start)) continue;  // It begins later.
    windows.emplace_back(it, summarize(tenant, it->first, scope, start));
  }
  for (auto& [it, window] : windows) {
    Scope& scope = it->second;
    if (const auto open = scope.open.find(start); open != scope.open.end()) {
      id_count_ -= open->second.groups.size();
      scope.open.erase(open);
    }
    window.tenant = name;
    window.closed = true;
    closed_[{start, name, window.scope}] = window;
    scope.history.push_back(std::move(window));
    if (scope.history.size() > kHistory) scope.history.erase(scope.history.begin());
    forget_if_idle(tenant, it);
  }
}

// Whether an event of the next window came before or after this moment must not matter: in both
// cases the scope begins anew with it.
void HealthWindows::forget_if_idle(Tenant& tenant, Scopes::iterator scope) {
  auto& history = scope->second.history;
  const auto is_empty = [](const HealthWindow& w) { return w.total == 0; };
  if (history.size() < kHistory || !std::ranges::all_of(history, is_empty)) return;
  history.clear();
  if (!scope->second.open.empty()) return;
  if (!scope->first.empty()) --scope_count_;
  tenant.scopes.erase(scope);
}

HealthWindow HealthWindows::summarize(const Tenant& tenant, std::string_view name,
                                      const Scope& scope, Timestamp start) {
  HealthWindow w;
  w.scope = name;
  w.starts_at = start;
  w.ends_at = start + kLength;
  if (const auto open = scope.open.find(start); open != scope.open.end()) {
    const Tally& tally = open->second;
    w.total = tally.total;
    w.by_severity = tally.by_severity;
    w.future = tally.future;
    w.unique_types = distinct(tally.types, kTypesExact);
    for (const auto& [id, group] : tally.groups) {
      if (group.count >= kGroupMin) w.correlated_groups.push_back({id, group.count, group.sources});
    }
    if (!name.empty() && w.errors() > 0) {
      w.top_error_sources.push_back({std::string(name), w.errors()});
    }
  }
  if (name.empty()) {
    for (const auto& [source, other] : tenant.scopes) {
      const auto open = other.open.find(start);
      if (source.empty() || open == other.open.end() || open->second.errors() == 0) continue;
      w.top_error_sources.push_back({source, open->second.errors()});
    }
  }
  keep_largest(w.top_error_sources, kTopSources, &HealthWindow::ErrorSource::source);
  keep_largest(w.correlated_groups, kTopGroups, &HealthWindow::CorrelatedGroup::correlation_id);

  w.error_rate = ratio(w.errors(), w.total);
  w.health_score =
      ratio(w.by_severity[3] * 10 + w.by_severity[2] * 5 + w.by_severity[1] * 2, w.total);
  w.status = status_of(w);
  // The window before an open one may itself be open.
  const auto before = scope.open.find(start - kLength);
  const std::uint64_t errors_before = before != scope.open.end() ? before->second.errors()
                                      : scope.history.empty()    ? 0
                                                                 : scope.history.back().errors();
  w.trend = trend_of(w.errors(), errors_before);
  w.zscore = zscore_of(w.errors(), scope.history);
  return w;
}

std::vector<HealthWindow> HealthWindows::take_closed() {
  std::vector<HealthWindow> taken;
  taken.reserve(closed_.size());
  for (auto& [key, window] : closed_) taken.push_back(std::move(window));
  closed_.clear();
  return taken;
}

std::vector<HealthWindow> HealthWindows::open_windows(std::string_view tenant,
                                                      std::string_view scope) const {
  std::vector<HealthWindow> windows;
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return windows;
  const auto in = found->second.scopes.find(scope);
  if (in == found->second.scopes.end()) return windows;
  const auto& open = in->second.open;
  for (auto it = open.rbegin(); it != open.rend(); ++it) {
    windows.push_back(summarize(found->second, scope, in->second, it->first));
    windows.back().tenant = tenant;
  }
  return windows;
}

std::vector<std::pair<std::string, std::string>> HealthWindows::scopes() const {
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& [tenant_name, tenant] : tenants_) {
    for (const auto& [name, scope] : tenant.scopes) names.emplace_back(tenant_name, name);
  }
  std::ranges::sort(names);
  return names;
}

std::optional<Timestamp> HealthWindows::watermark(std::string_view tenant) const {
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return std::nullopt;
  return found->second.watermark;
}

}  // namespace quell
