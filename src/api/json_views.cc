#include "api/json_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "model/command.h"

namespace quell {
namespace {

constexpr std::size_t kEntitiesShown = 16;
constexpr std::size_t kMembersAsked = 200;
constexpr std::size_t kBodyBytesShown = 1 << 20;

void write_entity(JsonWriter& w, std::string_view name, const Entity& entity) {
  w.field_or_null(name, entity.to_string());
}

void write_incident_id(JsonWriter& w, std::string_view name, IncidentId id) {
  w.field_or_null(name, id == 0 ? std::string() : format_incident_id(id));
}

void write_fingerprint(JsonWriter& w, std::string_view name,
                       const std::optional<Fingerprint>& fingerprint) {
  w.field_or_null(name, fingerprint ? format_fingerprint(*fingerprint) : std::string());
}

void write_links(JsonWriter& w, const std::vector<Link>& links) {
  w.key("links").begin_array();
  for (const Link& link : links) {
    w.begin_object().field("text", link.text).field("href", link.href).end_object();
  }
  w.end_array();
}

void write_entities(JsonWriter& w, const Incident& incident) {
  std::array<const Entity*, kEntitiesShown> shown{};
  std::size_t count = 0;
  w.key("entities").begin_array();
  for (std::size_t i = 0; i < std::min(incident.members.size(), kMembersAsked); ++i) {
    const Entity& entity = incident.members[i].entity;
    if (entity.empty() || count == kEntitiesShown) continue;
    const auto end = shown.begin() + static_cast<std::ptrdiff_t>(count);
    if (std::any_of(shown.begin(), end, [&](const Entity* e) { return *e == entity; })) continue;
    shown[count++] = &entity;
    w.value(entity.to_string());
  }
  w.end_array();
}

void write_incident_fields(JsonWriter& w, const Incident& i) {
  w.field("id", format_incident_id(i.id))
      .field("tenant", i.tenant)
      .field("title", i.title)
      .field("severity", i.severity)
      .field("status", incident_status_name(i.status))
      .field_or_null("assignee", i.assignee)
      .field("opened_at", i.opened_at)
      .field("updated_at", i.updated_at)
      .field("acknowledged_at", i.acknowledged_at)
      .field("resolved_at", i.resolved_at);
  write_incident_id(w, "merged_into", i.merged_into);
  w.field("alert_count", i.alert_count()).field("firing_count", i.firing_count());
  write_entities(w, i);
  w.field("changes_count", i.changes.size()).field("version", i.version());
}

void write_event_fields(JsonWriter& w, const EventRow& row) {
  const Event& e = row.event;
  w.field("offset", row.offset)
      .field("index", row.index)
      .field("arrived_at", row.arrived_at)
      .field("id", e.id)
      .field("source", e.source)
      .field("type", e.type)
      .field("subject", e.subject)
      .field("time", e.time)
      .field("kind", event_kind_name(e.kind))
      .field_or_null("status", event_status_name(e.status))
      .field("severity", severity_name(e.severity))
      .field("tenant", e.tenant);
  write_entity(w, "entity", e.entity);
  w.field("title", e.title).field_or_null("correlation_id", e.correlation_id).key("labels");
  write_labels(w, e.labels);
  write_fingerprint(w, "alert", row.alert);
  write_incident_id(w, "incident", row.incident);
  write_links(w, e.links);
}

void write_dead_letter_fields(JsonWriter& w, const DeadLetter& d) {
  w.field("id", format_dead_letter_id({d.offset, d.index}))
      .field("offset", d.offset)
      .field("index", d.index)
      .field("arrived_at", d.arrived_at)
      .field("tenant", d.tenant)
      .field("source", d.source)
      .field("reason", d.rejected.reason)
      .field("place", d.rejected.place)
      .field("excerpt", d.rejected.excerpt)
      .field("attempts", d.attempts)
      .field("resolved", d.resolved);
}

bool is_secret_header(std::string_view name) {
  return name == "authorization" || name == "proxy-authorization" || name == "cookie" ||
         name.find("token") != name.npos || name.find("secret") != name.npos ||
         name.find("api-key") != name.npos;
}

void write_frame(JsonWriter& w, const Frame* frame) {
  w.key("frame");
  if (frame == nullptr) {
    w.null();
    return;
  }
  w.begin_object().field("source", frame->source).field("content_type", frame->content_type);
  w.key("headers").begin_object();
  for (auto it = frame->headers.begin(); it != frame->headers.end(); ++it) {
    const bool repeated = std::any_of(frame->headers.begin(), it,
                                      [&](const auto& h) { return h.first == it->first; });
    if (repeated) continue;
    w.field(it->first, is_secret_header(it->first) ? std::string_view("***") : it->second);
  }
  w.end_object()
      .field("body", utf8_prefix(frame->body, kBodyBytesShown))
      .field("body_bytes", frame->body.size())
      .field("body_truncated", frame->body.size() > kBodyBytesShown)
      .end_object();
}

// The payload is shown as it was sent, unless the store has cut it.
void write_data(JsonWriter& w, const std::string& data) {
  simdjson::dom::parser parser;
  w.key("data");
  if (data.empty()) {
    w.null();
  } else if (parse_json(parser, data)) {
    w.raw(data);
  } else {
    w.value(data);
  }
}

}  // namespace

void write_labels(JsonWriter& w, const LabelSet& labels) {
  w.begin_object();
  for (const Label label : labels) w.field(label.name, label.value);
  w.end_object();
}

void write_incident(JsonWriter& w, const Incident& incident) {
  w.begin_object();
  write_incident_fields(w, incident);
  w.end_object();
}

void write_timeline_entry(JsonWriter& w, const IncidentEvent& e) {
  w.begin_object()
      .field("seq", e.seq)
      .field("at", e.at)
      .field("event_time", e.event_time)
      .field("kind", incident_event_kind_name(e.kind))
      .field("actor", e.actor)
      .field("text", e.text);
  write_fingerprint(w, "alert", e.alert);
  write_incident_id(w, "other", e.other);
  const bool has_severity =
      e.kind == IncidentEventKind::Opened || e.kind == IncidentEventKind::SeverityChanged;
  w.field("severity", has_severity ? std::optional(e.number) : std::nullopt)
      .field_or_null("status", e.kind == IncidentEventKind::StatusChanged
                                   ? incident_status_name(e.status)
                                   : std::string_view());
  write_entity(w, "entity", e.entity);
  w.end_object();
}

void write_incident_detail(JsonWriter& w, const Incident& incident,
                           std::span<const AlertSnapshot> alerts) {
  w.begin_object();
  write_incident_fields(w, incident);
  w.key("alerts").begin_array();
  for (const AlertSnapshot& alert : alerts) {
    if (alert) write_alert(w, *alert);
  }
  w.end_array().key("changes").begin_array();
  for (const AttachedChange& change : incident.changes) {
    w.begin_object().field("time", change.time);
    write_entity(w, "entity", change.entity);
    w.field("title", change.title).field_or_null("href", change.href).end_object();
  }
  w.end_array().key("timeline").begin_array();
  for (const IncidentEvent& event : incident.timeline) write_timeline_entry(w, event);
  w.end_array().end_object();
}

void write_trace(JsonWriter& w, std::string_view subject, const Trace& trace) {
  w.begin_object().field("subject", subject).field("omitted", trace.omitted());
  w.key("verdicts").begin_array();
  for (const Verdict& v : trace.verdicts()) {
    w.begin_object()
        .field("kind", verdict_kind_name(v.kind))
        .field("at", v.at)
        .field("last_at", v.last_at)
        .field("count", v.count)
        .field("reason", v.reason)
        .field("offset", v.offset)
        .end_object();
  }
  w.end_array().end_object();
}

void write_alert(JsonWriter& w, const Alert& a) {
  w.begin_object()
      .field("fingerprint", format_fingerprint(a.key.fingerprint))
      .field("tenant", a.key.tenant)
      .field("title", a.title)
      .field("severity", severity_name(a.severity))
      .field("severity_text", a.severity_text)
      .field("status", alert_status_name(a.status))
      .field("flapping", a.flapping)
      .field("source", a.source);
  write_entity(w, "entity", a.entity);
  w.key("labels");
  write_labels(w, a.labels);
  w.key("annotations");
  write_labels(w, a.annotations);
  w.field("starts_at", a.starts_at)
      .field("ends_at", a.ends_at)
      .field("lease_until", a.lease_until)
      .field("last_received_at", a.last_received_at)
      .field("event_count", a.event_count)
      .field("duplicate_count", a.duplicate_count)
      .field("fire_count", a.fire_count);
  write_incident_id(w, "incident", a.incident);
  write_links(w, a.links);
  w.end_object();
}

void write_event(JsonWriter& w, const EventRow& row) {
  w.begin_object();
  write_event_fields(w, row);
  w.end_object();
}

void write_event_detail(JsonWriter& w, const EventRow& row, const Frame* frame) {
  w.begin_object();
  write_event_fields(w, row);
  w.field("severity_text", row.event.severity_text).key("annotations");
  write_labels(w, row.event.annotations);
  write_data(w, row.event.data);
  write_frame(w, frame);
  w.end_object();
}

void write_dead_letter(JsonWriter& w, const DeadLetter& letter) {
  w.begin_object();
  write_dead_letter_fields(w, letter);
  w.end_object();
}

void write_dead_letter_detail(JsonWriter& w, const DeadLetter& letter, const Frame* frame) {
  w.begin_object();
  write_dead_letter_fields(w, letter);
  write_frame(w, frame);
  w.end_object();
}

std::string incident_etag(const Incident& incident) {
  return fmt::format("\"{}\"", incident.version());
}

}  // namespace quell
