#include "model/event_json.h"

#include "base/json.h"

namespace quell {
namespace {

void field_if(JsonWriter& w, std::string_view name, std::string_view text) {
  if (!text.empty()) w.field(name, text);
}

void write_pairs(JsonWriter& w, std::string_view name, const LabelSet& pairs) {
  if (pairs.empty()) return;
  w.key(name).begin_object();
  for (const Label pair : pairs) w.field(pair.name, pair.value);
  w.end_object();
}

void write_event(JsonWriter& w, const Event& event) {
  w.begin_object();
  w.field("id", event.id).field("source", event.source).field("type", event.type);
  field_if(w, "subject", event.subject);
  w.field("time", event.time).field("kind", event_kind_name(event.kind));
  field_if(w, "status", event_status_name(event.status));
  w.field("severity", severity_name(event.severity));
  field_if(w, "severity_text", event.severity_text);
  field_if(w, "tenant", event.tenant);
  field_if(w, "entity", event.entity.to_string());
  field_if(w, "correlation_id", event.correlation_id);
  field_if(w, "title", event.title);
  write_pairs(w, "labels", event.labels);
  field_if(w, "dedup_key", event.dedup_key);
  if (event.kind == EventKind::Alert) {
    w.field("fingerprint", format_fingerprint(alert_fingerprint(event)));
  }
  write_pairs(w, "annotations", event.annotations);
  if (!event.links.empty()) {
    w.key("links").begin_array();
    for (const Link& link : event.links) {
      w.begin_object().field("text", link.text).field("href", link.href).end_object();
    }
    w.end_array();
  }
  if (event.starts_at) w.field("starts_at", *event.starts_at);
  if (event.ends_at) w.field("ends_at", *event.ends_at);
  if (event.lease_assumed) w.field("lease_assumed", true);
  if (!event.data.empty()) w.field_raw("data", event.data);
  w.end_object();
}

void new_line(std::string& out, std::size_t depth) {
  out += '\n';
  out.append(depth * 2, ' ');
}

}  // namespace

std::string indent_json(std::string_view compact) {
  std::string out;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < compact.size(); ++i) {
    const char c = compact[i];
    if (c == '"') {
      const std::size_t start = i++;
      while (i < compact.size() && compact[i] != '"') i += compact[i] == '\\' ? 2 : 1;
      out += compact.substr(start, i + 1 - start);
    } else if (c == '{' || c == '[') {
      out += c;
      const bool empty = i + 1 < compact.size() && (compact[i + 1] == '}' || compact[i + 1] == ']');
      if (empty) {
        out += compact[++i];
      } else {
        new_line(out, ++depth);
      }
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
      new_line(out, depth);
      out += c;
    } else if (c == ',') {
      out += c;
      new_line(out, depth);
    } else if (c == ':') {
      out += ": ";
    } else if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
      out += c;
    }
  }
  return out + '\n';
}

std::string render_event_json(const Event& event) {
  std::string compact;
  JsonWriter w(compact);
  write_event(w, event);
  return indent_json(compact);
}

std::string render_decoded_json(const Decoded& decoded) {
  std::string compact;
  JsonWriter w(compact);
  w.begin_object().key("events").begin_array();
  for (const Event& event : decoded.events) write_event(w, event);
  w.end_array().key("rejected").begin_array();
  for (const Rejected& rejected : decoded.rejected) {
    w.begin_object().field("reason", rejected.reason);
    field_if(w, "place", rejected.place);
    w.field("excerpt", rejected.excerpt).end_object();
  }
  w.end_array().field("ignored", decoded.ignored).end_object();
  return indent_json(compact);
}

}  // namespace quell
