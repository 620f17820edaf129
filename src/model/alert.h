// Alert: the life of one fingerprint, from its first firing to its last resolve.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/shared_text.h"
#include "model/entity.h"
#include "model/event.h"
#include "model/labels.h"
#include "model/severity.h"
#include "model/verdict.h"

namespace quell {

using IncidentId = std::uint64_t;  // 0: none. Printed as INC-000001.
std::string format_incident_id(IncidentId id);
Result<IncidentId> parse_incident_id(std::string_view text);  // `INC-000001`, `inc-1` or `1`.

// Identity of an alert across the whole product.
struct AlertKey {
  std::string tenant{};
  Fingerprint fingerprint = 0;
  bool operator==(const AlertKey&) const = default;
  auto operator<=>(const AlertKey&) const = default;
};
struct AlertKeyHash {
  std::size_t operator()(const AlertKey& k) const { return hash64(k.tenant, k.fingerprint); }
};

enum class AlertStatus : std::uint8_t {
  Firing,
  Held,  // Fires, but waits to see whether it lasts; no incident yet.
  Resolved,
};
std::string_view alert_status_name(AlertStatus status);  // "firing", "held", "resolved".

struct Alert {
  AlertKey key{};
  LabelSet labels{};
  LabelSet annotations{};
  SharedText source{};  // CloudEvents source of the last event.
  SharedText type{};
  SharedText title{};
  SharedText correlation_id{};
  SharedText severity_text{};
  std::vector<Link> links{};
  Entity entity{};
  Severity severity = Severity::Info;
  AlertStatus status = AlertStatus::Firing;
  bool flapping = false;
  bool acknowledged_at_source = false;
  bool counted_firing = false;  // By its incident, which does not list it.
  bool announced = false;  // This firing was news: it is not held, dropped or hidden by flapping.

  Timestamp starts_at{};                   // Event time of this firing.
  std::optional<Timestamp> ends_at{};      // When it was resolved. Empty while firing.
  std::optional<Timestamp> lease_until{};  // Firing alerts only: expires unless refreshed by then.
  std::optional<Timestamp> held_until{};   // Held alerts only.
  std::optional<Timestamp> lasted_at{};    // When the hold of this firing was over.
  Timestamp last_firing_at{};              // Event time of the latest event that said "firing".
  Timestamp first_received_at{};
  Timestamp last_received_at{};
  Timestamp updated_at{};  // Last change other than a counted duplicate.

  std::uint64_t event_count = 0;         // Events of this identity, duplicates included.
  std::uint64_t duplicate_count = 0;     // Of these, the ones that said nothing new.
  std::uint64_t fire_count = 0;          // How often it began to fire.
  std::uint64_t content_hash = 0;        // Of what a duplicate must repeat to be one.
  std::uint64_t last_offset = 0;         // The journal frame of its last event.
  std::vector<Timestamp> transitions{};  // The latest changes of state, oldest first, at most 16.

  IncidentId incident = 0;
  Trace trace{};
  Timestamp armed_at = Timestamp::max();  // Its entry in the timer queue. Not stored.

  bool firing() const { return status == AlertStatus::Firing; }
  // The event time that decides its place among other alerts.
  Timestamp counts_from() const { return lasted_at.value_or(starts_at); }
};

// What the store keeps. Errors of decode: Corrupt.
void encode_alert(const Alert& alert, std::string& out);
Result<Alert> decode_alert(std::string_view bytes);

}  // namespace quell
