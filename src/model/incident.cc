#include "model/incident.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "model/codec.h"

namespace quell {
namespace {

constexpr std::uint8_t kIncidentVersion = 2;
constexpr Duration kToldLateMax = std::chrono::seconds(10);

constexpr std::array<std::string_view, 6> kStatusNames{"open",      "acknowledged", "investigating",
                                                       "mitigated", "resolved",     "closed"};
constexpr std::array<std::string_view, 14> kEventKindNames{
    "opened",          "alert_added",      "alert_removed",  "alert_firing",  "alert_resolved",
    "change_attached", "severity_changed", "status_changed", "title_changed", "note",
    "assigned",        "merged",           "absorbed",       "split_from"};

void put(ByteWriter& w, const IncidentEvent& e) {
  w.u64(e.seq);
  w.time(e.at);
  w.time(e.event_time);
  w.u8(static_cast<std::uint8_t>(e.kind));
  w.text(e.actor);
  w.text(e.text);
  w.text(e.href);
  w.boolean(e.alert.has_value());
  if (e.alert) w.fixed64(*e.alert);
  w.u64(e.other);
  w.i64(e.number);
  w.u8(static_cast<std::uint8_t>(e.status));
  quell::put(w, e.entity);
  w.u64(e.offset);
}

IncidentEvent take_event(ByteReader& r) {
  IncidentEvent e;
  e.seq = r.u64();
  e.at = r.time();
  e.event_time = r.time();
  e.kind = static_cast<IncidentEventKind>(r.u8());
  e.actor = r.string();
  e.text = r.string();
  e.href = r.string();
  if (r.boolean()) e.alert = r.fixed64();
  e.other = r.u64();
  e.number = static_cast<int>(r.i64());
  e.status = static_cast<IncidentStatus>(r.u8());
  e.entity = take_entity(r);
  e.offset = r.u64();
  return e;
}

Member take_member(ByteReader& r) {
  Member m;
  m.fingerprint = r.fixed64();
  m.entity = take_entity(r);
  m.starts_at = r.time();
  m.firing = r.boolean();
  m.text_template = r.fixed64();
  return m;
}

AttachedChange take_change(ByteReader& r) {
  AttachedChange c;
  c.time = r.time();
  c.entity = take_entity(r);
  c.title = r.string();
  c.href = r.string();
  c.offset = r.u64();
  return c;
}

}  // namespace

std::string_view incident_status_name(IncidentStatus status) {
  const auto index = static_cast<std::size_t>(status);
  return index < kStatusNames.size() ? kStatusNames[index] : "unknown";
}

std::optional<IncidentStatus> parse_incident_status(std::string_view word) {
  const auto found = std::ranges::find(kStatusNames, word);
  if (found == kStatusNames.end()) return std::nullopt;
  return static_cast<IncidentStatus>(found - kStatusNames.begin());
}

int incident_severity_from(Severity severity) {
  switch (severity) {
    case Severity::Critical: return 1;
    case Severity::Error: return 2;
    case Severity::Warning: return 3;
    case Severity::Info: return 4;
  }
  return 5;
}

std::string_view incident_event_kind_name(IncidentEventKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kEventKindNames.size() ? kEventKindNames[index] : "unknown";
}

std::size_t Incident::firing_count() const {
  return static_cast<std::size_t>(std::ranges::count(members, true, &Member::firing)) +
         unlisted_firing;
}

void Incident::member_ended(Timestamp ended_at, Timestamp told_at) {
  const Timestamp counts_from = std::clamp(ended_at, told_at - kToldLateMax, told_at);
  last_end_at = std::max(last_end_at.value_or(counts_from), counts_from);
}

void Incident::members_changed(Timestamp now) {
  const bool firing = unlisted_firing > 0 || std::ranges::any_of(members, &Member::firing);
  if (firing) quiet_since.reset();
  if (!firing && !quiet_since) quiet_since = last_end_at.value_or(now);
}

void encode_incident(const Incident& i, std::string& out) {
  ByteWriter w(out);
  w.u8(kIncidentVersion);
  w.u64(i.id);
  w.text(i.tenant);
  w.text(i.title);
  w.i64(i.severity);
  w.u8(static_cast<std::uint8_t>(i.status));
  w.u64(i.merged_into);
  w.text(i.assignee);
  w.time(i.opened_at);
  w.time(i.updated_at);
  quell::put(w, i.acknowledged_at);
  quell::put(w, i.resolved_at);
  quell::put(w, i.quiet_since);
  quell::put(w, i.last_end_at);
  w.u64(i.members.size());
  for (const Member& m : i.members) {
    w.fixed64(m.fingerprint);
    quell::put(w, m.entity);
    w.time(m.starts_at);
    w.boolean(m.firing);
    w.fixed64(m.text_template);
  }
  w.u64(i.unlisted_count);
  w.u64(i.unlisted_firing);
  w.u64(i.keys.size());
  for (const std::string& key : i.keys) w.text(key);
  w.u64(i.changes.size());
  for (const AttachedChange& c : i.changes) {
    w.time(c.time);
    quell::put(w, c.entity);
    w.text(c.title);
    w.text(c.href);
    w.u64(c.offset);
  }
  w.u64(i.timeline.size());
  for (const IncidentEvent& e : i.timeline) put(w, e);
  i.trace.encode(w);
}

Result<Incident> decode_incident(std::string_view bytes) {
  ByteReader r(bytes);
  Incident i;
  if (r.u8() != kIncidentVersion) {
    return fail(Errc::Corrupt, "incident record of an unknown version");
  }
  i.id = r.u64();
  i.tenant = r.string();
  i.title = r.string();
  i.severity = static_cast<int>(r.i64());
  i.status = static_cast<IncidentStatus>(r.u8());
  i.merged_into = r.u64();
  i.assignee = r.string();
  i.opened_at = r.time();
  i.updated_at = r.time();
  i.acknowledged_at = take_optional_time(r);
  i.resolved_at = take_optional_time(r);
  i.quiet_since = take_optional_time(r);
  i.last_end_at = take_optional_time(r);
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) i.members.push_back(take_member(r));
  i.unlisted_count = r.u64();
  i.unlisted_firing = r.u64();
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) i.keys.push_back(r.string());
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) i.changes.push_back(take_change(r));
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) i.timeline.push_back(take_event(r));
  i.trace = Trace::decode(r);
  if (!r.ok() || !r.at_end()) return fail(Errc::Corrupt, "incident record does not decode");
  return i;
}

}  // namespace quell
