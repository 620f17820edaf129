#include "model/event.h"

#include "base/hash.h"

namespace quell {

std::string_view event_kind_name(EventKind kind) {
  switch (kind) {
    case EventKind::Alert: return "alert";
    case EventKind::Change: return "change";
    case EventKind::Note: return "note";
  }
  return "note";
}

std::optional<EventKind> parse_event_kind(std::string_view word) {
  for (const auto kind : {EventKind::Alert, EventKind::Change, EventKind::Note}) {
    if (event_kind_name(kind) == word) return kind;
  }
  return std::nullopt;
}

std::string_view event_status_name(EventStatus status) {
  switch (status) {
    case EventStatus::None: return "";
    case EventStatus::Firing: return "firing";
    case EventStatus::Acknowledged: return "acknowledged";
    case EventStatus::Resolved: return "resolved";
  }
  return "";
}

std::optional<EventStatus> parse_event_status(std::string_view word) {
  using enum EventStatus;
  for (const auto status : {None, Firing, Acknowledged, Resolved}) {
    if (event_status_name(status) == word) return status;
  }
  return std::nullopt;
}

Fingerprint alert_fingerprint(const Event& event) {
  if (event.dedup_key.empty()) return event.labels.fingerprint();
  return fnv1a(event.dedup_key, fnv1a("\xff", fnv1a(event.source)));
}

}  // namespace quell
