// Incident: what people work on. Its truth is its list of events (the timeline); every other field
// is a fold over that list (incident/lifecycle.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/shared_text.h"
#include "model/alert.h"
#include "model/entity.h"
#include "model/member_list.h"
#include "model/severity.h"

namespace quell {

// open -> acknowledged -> investigating -> mitigated -> resolved -> closed; re-open goes back to
// open. A merged incident is closed and names the one that took it over.
enum class IncidentStatus : std::uint8_t {
  Open,
  Acknowledged,
  Investigating,
  Mitigated,
  Resolved,
  Closed
};
std::string_view incident_status_name(IncidentStatus status);
std::optional<IncidentStatus> parse_incident_status(std::string_view word);
inline bool is_active(IncidentStatus s) {
  return s < IncidentStatus::Resolved;
}

// 1 is the worst. Critical alerts make 1, error 2, warning 3, info 4; 5 is for people to choose.
int incident_severity_from(Severity severity);

enum class IncidentEventKind : std::uint8_t {
  Opened,
  AlertAdded,
  AlertRemoved,   // Moved to `other`.
  AlertFiring,    // A member fires again.
  AlertResolved,  // A member ended.
  ChangeAttached,
  SeverityChanged,  // `number` is the new severity.
  StatusChanged,    // `status` is the new status.
  TitleChanged,
  Note,
  Assigned,   // `text` is the person or team; empty means nobody.
  Merged,     // This incident went into `other`.
  Absorbed,   // `other` went into this one.
  SplitFrom,  // This incident was cut out of `other`.
};
std::string_view incident_event_kind_name(IncidentEventKind kind);  // "opened", "alert_added", …

struct IncidentEvent {
  std::uint64_t seq = 0;   // Dense within the incident, from 1.
  Timestamp at{};          // When it took effect (arrival time of what caused it).
  Timestamp event_time{};  // When it happened at the sender; equals `at` for commands.
  IncidentEventKind kind = IncidentEventKind::Opened;
  SharedText actor{};  // "quell", or the person.
  SharedText text{};   // Title, note, or reason, for people.
  SharedText href{};   // Where to read more, for attached changes.
  std::optional<Fingerprint> alert{};
  IncidentId other = 0;
  int number = 0;
  IncidentStatus status = IncidentStatus::Open;
  Entity entity{};           // Of the alert or change.
  std::uint64_t offset = 0;  // The journal frame that caused it.
  bool operator==(const IncidentEvent&) const = default;
};

struct AttachedChange {
  Timestamp time{};
  Entity entity{};
  std::string title{};
  std::string href{};
  std::uint64_t offset = 0;
  bool operator==(const AttachedChange&) const = default;
};

struct Incident {
  static constexpr std::size_t kMembersListed = 5000;
  static constexpr std::size_t kChangesListed = 100;

  IncidentId id = 0;
  std::string tenant{};
  std::string title{};
  int severity = 5;
  IncidentStatus status = IncidentStatus::Open;
  IncidentId merged_into = 0;
  std::string assignee{};
  Timestamp opened_at{};   // Event time of its earliest alert.
  Timestamp updated_at{};  // Arrival time of its last event.
  std::optional<Timestamp> acknowledged_at{};
  std::optional<Timestamp> resolved_at{};
  std::optional<Timestamp> quiet_since{};  // No member fires since then; empty while one does.
  std::optional<Timestamp> last_end_at{};  // The latest end of a member, from member_ended().
  // In order of joining; at most kMembersListed, the rest are counted. An alert that is not listed
  // still names the incident (Alert::incident).
  MemberList members{};
  std::uint64_t unlisted_count = 0;
  std::uint64_t unlisted_firing = 0;
  std::vector<std::string> keys{};  // What it is found by: `cid:…`, `rule:…`. Kept by correlate/.
  std::vector<AttachedChange> changes{};
  std::vector<IncidentEvent> timeline{};
  Trace trace{};

  std::uint64_t version() const { return timeline.size(); }
  std::size_t firing_count() const;  // Unlisted ones included.
  std::size_t alert_count() const { return members.size() + unlisted_count; }
  // An end counts from the sender's time, so that the order of arrival does not matter, unless word
  // of it came so much later that the sender's clock must be wrong.
  void member_ended(Timestamp ended_at, Timestamp told_at);
  // Brings quiet_since up to date after members came, left, fired or ended.
  void members_changed(Timestamp now);
};

// Nobody has said anything about it yet: Quell may still merge it away.
inline bool is_untouched(const Incident& incident) {
  return incident.status == IncidentStatus::Open && incident.assignee.empty();
}

void encode_incident(const Incident& incident, std::string& out);
Result<Incident> decode_incident(std::string_view bytes);

}  // namespace quell
