// HealthWindow: how a source, or a tenant as a whole, did in five minutes of event time.
//
// docs/health-windows.md defines every number. Method: tumbling event-time windows with a watermark
// (Akidau et al., "The Dataflow Model", VLDB 2015); distinct types by the k smallest hashes
// (Bar-Yossef et al., RANDOM 2002), whose result does not depend on the order either.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "model/event.h"

namespace quell {

enum class HealthStatus : std::uint8_t { Healthy, Warning, Degraded, Critical };
std::string_view health_status_name(HealthStatus status);  // "HEALTHY", …

enum class HealthTrend : std::uint8_t {
  Stable,
  NewErrors,
  Spike,
  Increasing,
  Decreasing,
  Improving
};
std::string_view health_trend_name(HealthTrend trend);  // "STABLE", "NEW_ERRORS", …

struct HealthWindow {
  struct ErrorSource {
    std::string source{};
    std::uint64_t count = 0;
    bool operator==(const ErrorSource&) const = default;
  };
  struct CorrelatedGroup {
    std::string correlation_id{};
    std::uint64_t count = 0;
    std::vector<std::string> sources{};  // Sorted, the first 8.
    bool operator==(const CorrelatedGroup&) const = default;
  };

  std::string tenant{};
  std::string scope{};  // "" for all sources together, else the source.
  Timestamp starts_at{};
  Timestamp ends_at{};
  bool closed = false;
  std::uint64_t total = 0;
  std::array<std::uint64_t, 4> by_severity{};  // By Severity.
  std::uint64_t unique_types = 0;
  std::uint64_t late = 0;    // Came after it was closed; in no other number.
  std::uint64_t future = 0;  // Said to be from the far future; counted here, where they arrived.
  double error_rate = 0;
  double health_score = 0;
  HealthStatus status = HealthStatus::Healthy;
  HealthTrend trend = HealthTrend::Stable;
  std::optional<double> zscore{};
  std::vector<ErrorSource> top_error_sources{};      // Most errors first, at most 5.
  std::vector<CorrelatedGroup> correlated_groups{};  // Largest first, at most 10.

  std::uint64_t errors() const { return by_severity[2] + by_severity[3]; }
  bool operator==(const HealthWindow&) const = default;
};

// What WindowRow.record holds. Errors of decode: Corrupt.
void encode_health_window(const HealthWindow& window, std::string& out);
Result<HealthWindow> decode_health_window(std::string_view bytes);

// What did not find its place; counts since the beginning.
struct HealthStats {
  std::uint64_t late = 0;             // All late events.
  std::uint64_t late_unplaced = 0;    // Of these, the ones whose window is no longer kept.
  std::uint64_t future = 0;           // Counted in the window of their arrival instead.
  std::uint64_t tenants_dropped = 0;  // Events of tenants beyond the cap: not counted at all.
  std::uint64_t scopes_dropped = 0;   // Events of sources beyond the cap: only in scope "".
  std::uint64_t ids_dropped = 0;      // Events whose correlation id was beyond the cap.
  bool operator==(const HealthStats&) const = default;
};

// Counts events into the windows of their tenant and source, and closes these.
//
// Invariant: the windows depend on the events, not on the order in which they arrive, as long as
// none is late and no cap is met.
// Thread: one. Cost: O(1) per event; closing is O(scopes), every five minutes of event time.
// Memory: at most kScopesMax * (12 closed windows + 2 open ones) and kIdsMax correlation ids, about
// 20 MB in all.
class HealthWindows {
 public:
  static constexpr Duration kLength = std::chrono::minutes(5);
  static constexpr Duration kLateness = std::chrono::seconds(10);
  static constexpr Duration kQuietAfter = std::chrono::seconds(10);
  static constexpr Duration kFutureMax = std::chrono::minutes(1);
  static constexpr std::size_t kHistory = 12;
  static constexpr std::size_t kTenantsMax = 256;
  static constexpr std::size_t kScopesMax = 1024;  // Over all tenants, without the scopes "".
  static constexpr std::size_t kIdsMax = 65'536;   // Over all open windows.
  static constexpr std::size_t kTypesExact = 256;  // More distinct types are estimated.
  static constexpr std::size_t kNameBytesMax = 256;

  // `now` is the arrival time of the event's frame.
  void on_event(const Event& event, Timestamp now);
  void on_tick(Timestamp now);

  // The windows that closed since the last call, and closed ones that late events changed since
  // then, as they are now; by start, tenant and scope. A later value of a window replaces the
  // earlier one.
  std::vector<HealthWindow> take_closed();

  // The windows that are open, newest first.
  std::vector<HealthWindow> open_windows(std::string_view tenant, std::string_view scope) const;
  std::vector<std::pair<std::string, std::string>> scopes() const;  // (tenant, scope), sorted.
  std::optional<Timestamp> watermark(std::string_view tenant) const;
  const HealthStats& stats() const { return stats_; }

  // Everything but the closed windows, which the store has (StoredState::windows). Equal states
  // give equal bytes. Requires: take_closed() was called since the last change.
  void snapshot(std::string& out) const;
  // `closed` are at least the last kHistory windows of every scope, in any order.
  // Errors: Corrupt, also when a window is missing; then the state is as it was.
  Status restore(std::string_view bytes, const std::vector<HealthWindow>& closed);

 private:
  struct Group {
    std::uint64_t count = 0;
    std::vector<std::string> sources{};
  };
  struct Tally {
    std::uint64_t total = 0;
    std::array<std::uint64_t, 4> by_severity{};
    std::uint64_t future = 0;
    std::vector<std::uint64_t> types{};  // The smallest hashes, ascending.
    std::unordered_map<std::string, Group, StringHash, std::equal_to<>> groups{};

    std::uint64_t errors() const { return by_severity[2] + by_severity[3]; }
  };
  struct Scope {
    std::map<Timestamp, Tally> open{};    // By start; two at most.
    std::vector<HealthWindow> history{};  // The last ones closed, without a gap, oldest first.
  };
  using Scopes = std::unordered_map<std::string, Scope, StringHash, std::equal_to<>>;
  struct Tenant {
    Timestamp newest{};  // Greatest event time.
    Timestamp watermark{};
    Timestamp last_arrival{};
    Timestamp open_from{};  // Start of the earliest window that is not closed.
    Scopes scopes{};
  };
  using Key = std::tuple<Timestamp, std::string, std::string>;
  using ClosedIndex = std::map<Key, const HealthWindow*>;

  Tenant* tenant_for(std::string_view name, Timestamp time);
  Scope* scope_for(Tenant& tenant, std::string_view name);
  void count(Tally& tally, const Event& event, std::string_view source, bool future);
  void count_group(Tally& tally, std::string_view id, std::string_view source);
  void count_late(std::string_view name, Tenant& tenant, std::string_view source, Timestamp start);
  void advance(const std::string& name, Tenant& tenant, Timestamp watermark);
  static Timestamp next_to_close(const Tenant& tenant, Timestamp watermark);
  void close(const std::string& name, Tenant& tenant, Timestamp start);
  void forget_if_idle(Tenant& tenant, Scopes::iterator scope);
  static HealthWindow summarize(const Tenant& tenant, std::string_view name, const Scope& scope,
                                Timestamp start);

  static void write_tally(ByteWriter& w, const Tally& tally);
  static Tally read_tally(ByteReader& r);
  static Status read_history(ByteReader& r, const ClosedIndex& closed, const std::string& tenant,
                             Timestamp open_from, std::string_view name, Scope& scope);
  Status read_tenant(ByteReader& r, const ClosedIndex& closed);

  std::unordered_map<std::string, Tenant, StringHash, std::equal_to<>> tenants_;
  std::map<Key, HealthWindow> closed_;
  std::size_t scope_count_ = 0;
  std::size_t id_count_ = 0;
  HealthStats stats_;
};

}  // namespace quell
