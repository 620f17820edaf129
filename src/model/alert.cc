#include "model/alert.h"

#include <fmt/format.h>

#include <charconv>

#include "base/bytes.h"
#include "model/codec.h"

namespace quell {

std::string format_incident_id(IncidentId id) {
  return fmt::format("INC-{:06}", id);
}

Result<IncidentId> parse_incident_id(std::string_view text) {
  std::string_view digits = text;
  if (digits.size() > 4 && (digits.starts_with("INC-") || digits.starts_with("inc-"))) {
    digits.remove_prefix(4);
  }
  IncidentId id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc{} || end != digits.data() + digits.size() || id == 0) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not an incident id such as INC-000001", text.substr(0, 64)));
  }
  return id;
}

std::string_view alert_status_name(AlertStatus status) {
  switch (status) {
    case AlertStatus::Firing: return "firing";
    case AlertStatus::Held: return "held";
    case AlertStatus::Resolved: return "resolved";
  }
  return "firing";
}

namespace {

constexpr std::uint8_t kAlertVersion = 2;
constexpr std::uint8_t kFlapping = 1;
constexpr std::uint8_t kCountedFiring = 2;

}  // namespace

void encode_alert(const Alert& a, std::string& out) {
  ByteWriter w(out);
  w.u8(kAlertVersion);
  w.text(a.key.tenant);
  w.fixed64(a.key.fingerprint);
  w.text(a.labels.bytes());
  w.text(a.annotations.bytes());
  w.text(a.source);
  w.text(a.type);
  w.text(a.title);
  w.text(a.correlation_id);
  w.text(a.severity_text);
  w.u64(a.links.size());
  for (const Link& link : a.links) {
    w.text(link.text);
    w.text(link.href);
  }
  put(w, a.entity);
  w.u8(static_cast<std::uint8_t>(a.severity));
  w.u8(static_cast<std::uint8_t>(a.status));
  w.u8(static_cast<std::uint8_t>((a.flapping ? kFlapping : 0) |
                                 (a.counted_firing ? kCountedFiring : 0)));
  w.boolean(a.announced);
  w.boolean(a.acknowledged_at_source);
  w.time(a.starts_at);
  put(w, a.ends_at);
  put(w, a.lease_until);
  put(w, a.held_until);
  put(w, a.lasted_at);
  w.time(a.last_firing_at);
  w.time(a.first_received_at);
  w.time(a.last_received_at);
  w.time(a.updated_at);
  w.u64(a.event_count);
  w.u64(a.duplicate_count);
  w.u64(a.fire_count);
  w.fixed64(a.content_hash);
  w.u64(a.last_offset);
  w.u64(a.transitions.size());
  for (const Timestamp t : a.transitions) w.time(t);
  w.u64(a.incident);
  a.trace.encode(w);
}

Result<Alert> decode_alert(std::string_view bytes) {
  ByteReader r(bytes);
  Alert a;
  if (r.u8() != kAlertVersion) return fail(Errc::Corrupt, "alert record of an unknown version");
  a.key.tenant = r.string();
  a.key.fingerprint = r.fixed64();
  TRY(a.labels, LabelSet::from_bytes(r.text()));
  TRY(a.annotations, LabelSet::from_bytes(r.text()));
  a.source = r.string();
  a.type = r.string();
  a.title = r.string();
  a.correlation_id = r.string();
  a.severity_text = r.string();
  for (std::size_t n = r.count(); n > 0; --n) {
    std::string text = r.string();
    a.links.push_back({std::move(text), r.string()});
  }
  a.entity = take_entity(r);
  a.severity = static_cast<Severity>(r.u8());
  a.status = static_cast<AlertStatus>(r.u8());
  const std::uint8_t flags = r.u8();
  a.flapping = (flags & kFlapping) != 0;
  a.counted_firing = (flags & kCountedFiring) != 0;
  a.announced = r.boolean();
  a.acknowledged_at_source = r.boolean();
  a.starts_at = r.time();
  a.ends_at = take_optional_time(r);
  a.lease_until = take_optional_time(r);
  a.held_until = take_optional_time(r);
  a.lasted_at = take_optional_time(r);
  a.last_firing_at = r.time();
  a.first_received_at = r.time();
  a.last_received_at = r.time();
  a.updated_at = r.time();
  a.event_count = r.u64();
  a.duplicate_count = r.u64();
  a.fire_count = r.u64();
  a.content_hash = r.fixed64();
  a.last_offset = r.u64();
  for (std::size_t n = r.count(); n > 0; --n) a.transitions.push_back(r.time());
  a.incident = r.u64();
  a.trace = Trace::decode(r);
  if (!r.ok() || !r.at_end()) return fail(Errc::Corrupt, "alert record does not decode");
  return a;
}

}  // namespace quell
