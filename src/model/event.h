// Event: the one envelope. CloudEvents 1.0 in names and meaning, with what operations needs added.
//
// Every decoder and provider pack produces Events; everything after works on nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/entity.h"
#include "model/labels.h"
#include "model/severity.h"

namespace quell {

enum class EventKind : std::uint8_t {
  Alert,   // Opens or ends the life of an alert: `status` says which.
  Change,  // A deploy, merge, configuration or scale change: context for incidents.
  Note,    // Something that is worth showing, and neither of the above (a CI run, a ping, a text).
};
std::string_view event_kind_name(EventKind kind);  // "alert", "change", "note".
std::optional<EventKind> parse_event_kind(std::string_view word);

enum class EventStatus : std::uint8_t { None, Firing, Acknowledged, Resolved };
std::string_view event_status_name(EventStatus status);  // "", "firing", …
std::optional<EventStatus> parse_event_status(std::string_view word);

struct Link {
  std::string text{};
  std::string href{};
  bool operator==(const Link&) const = default;
};

struct Event {
  // CloudEvents attributes. (source, id) identifies the event; a second one is a duplicate.
  // An empty id means that the sender has none: the event is never dropped as a duplicate.
  std::string id{};
  std::string source{};  // URI reference of the sender, e.g. "/prometheus/eu1".
  std::string type{};    // e.g. "io.prometheus.alert", "com.github.push".
  std::string subject{};
  Timestamp time{};  // When it happened, by the sender's clock. Decides order and windows.

  EventKind kind = EventKind::Note;
  EventStatus status = EventStatus::None;
  Severity severity = Severity::Info;
  std::string severity_text{};  // As the sender wrote it.
  std::string tenant{};
  Entity entity{};
  std::string correlation_id{};  // Shared across sources by what belongs together; may be empty.
  std::string title{};           // One line for people.

  // Alert identity is the fingerprint of `labels`, unless the sender has an identity of its own
  // (`dedup_key`: PagerDuty's dedup_key, Datadog's alert cycle key, …).
  LabelSet labels{};
  std::string dedup_key{};
  LabelSet annotations{};  // Text for people; never identity.
  std::vector<Link> links{};
  std::string data{};  // The event's own payload as JSON text; may be empty.

  // Alerts only. `ends_at` of a firing alert is a lease: unless refreshed by then, it resolves.
  std::optional<Timestamp> starts_at{};
  std::optional<Timestamp> ends_at{};
  // The sender gave no `ends_at`: this one is Quell's own lease, and gives way to a sender's.
  bool lease_assumed = false;
};

// The identity of the alert that `event` speaks of: the hash of dedup_key when there is one
// (together with the source), else Alertmanager's fingerprint of its labels.
Fingerprint alert_fingerprint(const Event& event);

// A datum that could not be made into an event: kept with its reason, and where it stood.
struct Rejected {
  std::string reason{};   // One sentence that says what, and how to fix it.
  std::string place{};    // JSON pointer, `line 7`, `byte 120`; empty means the whole frame.
  std::string excerpt{};  // At most 256 bytes of the input.
  bool operator==(const Rejected&) const = default;
};

// What a decoder makes of one frame. Both may be filled: valid ones are kept, others listed.
struct Decoded {
  std::vector<Event> events{};
  std::vector<Rejected> rejected{};
  // What its provider pack says to leave out (a build that only starts, an event type that says
  // nothing about operations): counted, answered like all others, and not kept.
  std::uint64_t ignored = 0;
};

}  // namespace quell
