// The encodings of health windows and of the state that counts them.
#include <fmt/format.h>

#include <algorithm>

#include "stream/health_window.h"

namespace quell {
namespace {

constexpr std::uint8_t kWindowVersion = 1;
constexpr std::uint8_t kHealthSnapshotVersion = 1;

template <class Map>
std::vector<typename Map::const_iterator> sorted_by_key(const Map& map) {
  std::vector<typename Map::const_iterator> order;
  order.reserve(map.size());
  for (auto it = map.begin(); it != map.end(); ++it) order.push_back(it);
  std::ranges::sort(order, [](const auto& a, const auto& b) { return a->first < b->first; });
  return order;
}

}  // namespace

void encode_health_window(const HealthWindow& window, std::string& out) {
  ByteWriter w(out);
  w.u8(kWindowVersion);
  w.text(window.tenant);
  w.text(window.scope);
  w.time(window.starts_at);
  w.time(window.ends_at);
  w.boolean(window.closed);
  w.u64(window.total);
  for (const std::uint64_t n : window.by_severity) w.u64(n);
  w.u64(window.unique_types);
  w.u64(window.late);
  w.u64(window.future);
  w.f64(window.error_rate);
  w.f64(window.health_score);
  w.u8(static_cast<std::uint8_t>(window.status));
  w.u8(static_cast<std::uint8_t>(window.trend));
  w.boolean(window.zscore.has_value());
  if (window.zscore) w.f64(*window.zscore);
  w.u64(window.top_error_sources.size());
  for (const auto& [source, count] : window.top_error_sources) {
    w.text(source);
    w.u64(count);
  }
  w.u64(window.correlated_groups.size());
  for (const auto& group : window.correlated_groups) {
    w.text(group.correlation_id);
    w.u64(group.count);
    w.u64(group.sources.size());
    for (const std::string& source : group.sources) w.text(source);
  }
}

Result<HealthWindow> decode_health_window(std::string_view bytes) {
  ByteReader r(bytes);
  HealthWindow window;
  if (r.u8() != kWindowVersion) {
    return fail(Errc::Corrupt, "health window record of an unknown version");
  }
  window.tenant = r.string();
  window.scope = r.string();
  window.starts_at = r.time();
  window.ends_at = r.time();
  window.closed = r.boolean();
  window.total = r.u64();
  for (std::uint64_t& n : window.by_severity) n = r.u64();
  window.unique_types = r.u64();
  window.late = r.u64();
  window.future = r.u64();
  window.error_rate = r.f64();
  window.health_score = r.f64();
  window.status = static_cast<HealthStatus>(r.u8());
  window.trend = static_cast<HealthTrend>(r.u8());
  if (r.boolean()) window.zscore = r.f64();
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    std::string source = r.string();
    window.top_error_sources.push_back({std::move(source), r.u64()});
  }
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    auto& group = window.correlated_groups.emplace_back();
    group.correlation_id = r.string();
    group.count = r.u64();
    for (std::size_t m = r.count(); m > 0 && r.ok(); --m) group.sources.push_back(r.string());
  }
  if (!r.ok() || !r.at_end()) return fail(Errc::Corrupt, "health window record does not decode");
  return window;
}

void HealthWindows::write_tally(ByteWriter& w, const Tally& tally) {
  w.u64(tally.total);
  for (const std::uint64_t n : tally.by_severity) w.u64(n);
  w.u64(tally.future);
  w.u64(tally.types.size());
  for (const std::uint64_t hash : tally.types) w.fixed64(hash);
  w.u64(tally.groups.size());
  for (const auto& group : sorted_by_key(tally.groups)) {
    w.text(group->first);
    w.u64(group->second.count);
    w.u64(group->second.sources.size());
    for (const std::string& source : group->second.sources) w.text(source);
  }
}

HealthWindows::Tally HealthWindows::read_tally(ByteReader& r) {
  Tally tally;
  tally.total = r.u64();
  for (std::uint64_t& n : tally.by_severity) n = r.u64();
  tally.future = r.u64();
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) tally.types.push_back(r.fixed64());
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    Group& group = tally.groups[r.string()];
    group.count = r.u64();
    for (std::size_t m = r.count(); m > 0 && r.ok(); --m) group.sources.push_back(r.string());
  }
  return tally;
}

void HealthWindows::snapshot(std::string& out) const {
  QUELL_ASSERT(closed_.empty(), "closed windows were taken before the snapshot");
  ByteWriter w(out);
  w.u8(kHealthSnapshotVersion);
  for (const std::uint64_t n :
       {stats_.late, stats_.late_unplaced, stats_.future, stats_.tenants_dropped,
        stats_.scopes_dropped, stats_.ids_dropped}) {
    w.u64(n);
  }
  w.u64(tenants_.size());
  for (const auto& tenant : sorted_by_key(tenants_)) {
    w.text(tenant->first);
    w.time(tenant->second.newest);
    w.time(tenant->second.watermark);
    w.time(tenant->second.last_arrival);
    w.time(tenant->second.open_from);
    w.u64(tenant->second.scopes.size());
    for (const auto& scope : sorted_by_key(tenant->second.scopes)) {
      w.text(scope->first);
      w.u8(static_cast<std::uint8_t>(scope->second.history.size()));
      w.u64(scope->second.open.size());
      for (const auto& [start, tally] : scope->second.open) {
        w.time(start);
        write_tally(w, tally);
      }
    }
  }
}

Status HealthWindows::read_history(ByteReader& r, const ClosedIndex& closed,
                                   const std::string& tenant, Timestamp open_from,
                                   std::string_view name, Scope& scope) {
  for (int left = r.u8(); left > 0; --left) {
    const auto window = closed.find({open_from - left * kLength, tenant, std::string(name)});
    if (window == closed.end()) {
      return fail(Errc::Corrupt, fmt::format("a closed window of scope '{}' is missing", name));
    }
    scope.history.push_back(*window->second);
  }
  return {};
}

Status HealthWindows::read_tenant(ByteReader& r, const ClosedIndex& closed) {
  const std::string name = r.string();
  Tenant& tenant = tenants_[name];
  tenant.newest = r.time();
  tenant.watermark = r.time();
  tenant.last_arrival = r.time();
  tenant.open_from = r.time();
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    const std::string scope_name = r.string();
    Scope& scope = tenant.scopes[scope_name];
    scope_count_ += scope_name.empty() ? 0 : 1;
    TRY_STATUS(read_history(r, closed, name, tenant.open_from, scope_name, scope));
    for (std::size_t m = r.count(); m > 0 && r.ok(); --m) {
      const Timestamp start = r.time();
      Tally& tally = scope.open[start] = read_tally(r);
      id_count_ += tally.groups.size();
    }
  }
  return {};
}

Status HealthWindows::restore(std::string_view bytes, const std::vector<HealthWindow>& closed) {
  ByteReader r(bytes);
  if (r.u8() != kHealthSnapshotVersion) {
    return fail(Errc::Corrupt, "snapshot of health windows of an unknown version");
  }
  ClosedIndex index;
  for (const HealthWindow& w : closed) index[{w.starts_at, w.tenant, w.scope}] = &w;
  HealthWindows read;
  HealthStats& s = read.stats_;
  for (std::uint64_t* n : {&s.late, &s.late_unplaced, &s.future, &s.tenants_dropped,
                           &s.scopes_dropped, &s.ids_dropped}) {
    *n = r.u64();
  }
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) TRY_STATUS(read.read_tenant(r, index));
  if (!r.ok() || !r.at_end()) {
    return fail(Errc::Corrupt, "snapshot of health windows does not decode");
  }
  *this = std::move(read);
  return {};
}

}  // namespace quell
