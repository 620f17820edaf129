// For tests of decoders: what was decoded, as text with one line per field that is set.
#pragma once

#include <string>

#include "base/time.h"
#include "model/event.h"

namespace quell {

inline Timestamp test_time(std::string_view text) {
  return parse_rfc3339(text).value();
}

// Alerts and notes as decoders make them, in the order of the fields of Event.
inline std::string event_text(const Event& e) {
  std::string out(event_kind_name(e.kind));
  out.append(" ").append(event_status_name(e.status)).append(" ");
  out.append(severity_name(e.severity)).append(" at ").append(format_rfc3339(e.time)) += '\n';
  const auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) out.append("  ").append(name).append(": ").append(value) += '\n';
  };
  line("id", e.id);
  line("source", e.source);
  line("type", e.type);
  line("subject", e.subject);
  line("severity", e.severity_text);
  line("tenant", e.tenant == "default" ? "" : e.tenant);
  line("entity", e.entity.to_string());
  line("correlation", e.correlation_id);
  line("title", e.title);
  line("labels", e.labels.empty() ? "" : e.labels.to_string());
  line("dedup_key", e.dedup_key);
  line("annotations", e.annotations.empty() ? "" : e.annotations.to_string());
  for (const Link& link : e.links) line("link", link.text + " " + link.href);
  line("data", e.data);
  if (e.starts_at) line("starts_at", format_rfc3339(*e.starts_at));
  if (e.ends_at) line("ends_at", format_rfc3339(*e.ends_at) + (e.lease_assumed ? " assumed" : ""));
  return out;
}

inline std::string rejected_text(const Rejected& r) {
  return "rejected " + (r.place.empty() ? "all" : r.place) + ": " + r.reason + '\n';
}

inline std::string decoded_text(const Decoded& decoded) {
  std::string out;
  for (const Event& event : decoded.events) out += event_text(event);
  for (const Rejected& rejected : decoded.rejected) out += rejected_text(rejected);
  return out;
}

}  // namespace quell
