// Correlator: alerts and changes -> incidents.
//
// Method: definite links first (correlation id, rules, the same entity), then average-link over
// topology and text with a time kernel; never time alone. Each alert is placed at once, and placed
// again, for good, when the watermark has passed its beginning ("settling"): the second decision
// sees only what began before it, so the final incidents do not depend on the order of arrival.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "correlate/alert_book.h"
#include "correlate/alert_tracker.h"
#include "correlate/group_index.h"
#include "correlate/loose_alerts.h"
#include "correlate/rule_window.h"
#include "model/event.h"
#include "model/incident.h"
#include "topology/topology.h"

namespace quell {

struct CorrelatorOptions {
  std::vector<CorrelationRule> rules{};
  Severity open_severity = Severity::Error;    // A lone alert of at least this opens an incident.
  double join_score = 0.3;                     // Average link from which an alert joins.
  Duration window = std::chrono::minutes(10);  // Links are at full strength within this time.
  Duration span_max = std::chrono::hours(12);  // An incident takes nothing new after this time.
  Duration lateness = std::chrono::seconds(10);
  Duration auto_resolve_after = std::chrono::minutes(5);  // Of quiet: no member fires.
  Duration auto_close_after = std::chrono::hours(24);     // After it was resolved.
  Duration closed_live = std::chrono::hours(1);           // Then a closed one is history.
  Duration reopen_window = std::chrono::hours(1);
  Duration change_lookback = std::chrono::hours(1);
};

// A change of late, kept to be attached to the incidents that it may explain.
struct RecentChange {
  std::string tenant{};
  AttachedChange change{};
};

// How the correlator changes incidents; implemented over incident/ by the pipeline, so that the
// two stages stay siblings.
class IncidentSink {
 public:
  virtual ~IncidentSink() = default;
  virtual const Incident* find(IncidentId id) const = 0;
  virtual IncidentId create(std::string tenant) = 0;
  // Appends one event to the timeline.
  virtual void append(IncidentId id, IncidentEvent event) = 0;
  // Changes what is not part of the fold (keys, templates, unlisted members, trace).
  virtual void annotate(IncidentId id, const std::function<void(Incident&)>& change) = 0;
  virtual void remove(IncidentId id) = 0;
  virtual std::vector<IncidentId> all() const = 0;  // Live ones, in order of id.
};

// Thread: the owner's. Cost: a few microseconds per new alert, none for duplicates.
class Correlator {
 public:
  Correlator(CorrelatorOptions options, const Topology& topology, AlertBook& alerts,
             IncidentSink& incidents);

  void on_alert(const AlertOutcome& outcome, const Step& step);
  void on_change(const Event& event, const Step& step);
  // Requires: watermarks never go back.
  void on_watermark(Timestamp watermark, const Step& step);
  // Quiet incidents resolve, resolved ones close, closed ones leave the live set.
  void on_time(const Step& step);
  Timestamp next_deadline() const;

  // Whether the alert must stay live because its incident is active.
  bool in_use(const Alert& alert) const;

  // After an event that did not come from here, such as a note: brings its timer up to date.
  void on_edited(IncidentId id) { arm(id); }

  // What people ask for; errors: NotFound, Conflict, InvalidArgument, in words for them.
  Status set_status(IncidentId id, IncidentStatus to, std::string_view actor,
                    std::string_view reason, const Step& step);
  Status merge(IncidentId from, IncidentId into, std::string_view actor, std::string_view reason,
               const Step& step);
  Result<IncidentId> split(IncidentId id, const std::vector<Fingerprint>& alerts,
                           std::string_view actor, std::string_view reason, const Step& step);

  // The part of the state that cannot be derived from alerts and incidents.
  void snapshot(ByteWriter& out) const;
  // Derives everything else. Requires: both books are filled. Errors: Corrupt.
  Status restore(ByteReader& in);
  // The same of the rules; restored after restore().
  void snapshot_rules(ByteWriter& out) const { rules_.snapshot(out); }
  void restore_rules(ByteReader& in) { rules_.restore(in); }
  // New options and topology. Requires: restore() or derive() follows before anything else.
  void set_options(CorrelatorOptions options, const Topology& topology);
  // Makes the indexes anew from the books. Cost: a few microseconds per live alert.
  void derive();

 private:
  enum class Fate : std::uint8_t { Join, Open, Loose };
  struct Placement {
    Fate fate = Fate::Loose;
    IncidentId incident = 0;
    std::string reason{};
    std::string title{};             // Of a rule that opens an incident.
    std::vector<AlertKey> gather{};  // Alerts that a rule brings together with this one.
  };

  // correlator.cc: placing.
  Linkable linkable(const Alert& alert) const;
  Placement place(const Alert& alert, const Linkable& link, View view) const;
  std::optional<Placement> place_by_rule(const Alert& alert, const Linkable& link, View view) const;
  IncidentId best_of(const std::vector<IncidentId>& ids, View view) const;
  bool takes_members(IncidentId id, const Linkable& alert, View view) const;
  void on_began(const AlertKey& key, const Step& step);
  void on_removed(const Alert& before);
  void keep_former(const Alert& before, const AlertKey& key);
  void on_changed(const Alert& before, const AlertKey& key, const Step& step);
  void relink_loose(const Alert& before, const AlertKey& key, const Step& step);
  void relink_member(IncidentId id, const Alert& before, const AlertKey& key, const Step& step);
  void carry_out(const AlertKey& key, const Placement& placement, const Step& step);
  void name_by_rule(IncidentId id, const Placement& placement, const Step& step);
  void gather(const Placement& placement, IncidentId into, const Step& step);
  bool back_to_its_incident(const Alert& alert, const Step& step);
  void forget(const Alert& alert);
  bool is_listed_from(const Alert& alert, Timestamp starts_at) const;
  void on_ended(const AlertKey& key, const Step& step);
  void absorb_loose(const AlertKey& joined, const Step& step);
  void make_loose(const Alert& alert, bool loose);
  void end_loose(const AlertKey& key, Timestamp ended_at);

  // settling.cc: placing for good.
  bool is_settled(const AlertKey& key, Timestamp starts_at) const;
  bool is_at_home(const AlertKey& key, Timestamp starts_at) const;
  IncidentId group_of(const Alert& alert) const;
  bool has_incident(IncidentId group) const;
  IncidentId home_of(const Alert& alert) const;
  void add_settled_loose(const Alert& alert);
  IncidentId new_group();
  std::vector<AlertKey> astray_members(IncidentId group) const;
  void settle(const AlertKey& key, Timestamp starts_at, const Step& step);
  void assign(const AlertKey& key, const Linkable& link, IncidentId group, std::string_view reason,
              const Step& step);
  void take_to(const AlertKey& key, IncidentId to, std::string_view reason, const Step& step);
  void unite(const AlertKey& other, const AlertKey& key, std::string_view reason,
             const Step& step);
  void settle_loose(const AlertKey& joined, Timestamp starts_at, const Step& step);
  void adopt(IncidentId group, IncidentId incident, const Step& step);
  void keep_apart(IncidentId id);
  bool is_at_rest(const Incident& incident) const;
  void bring_home(const Step& step);
  void part(IncidentId id, const Step& step);
  void set_loose(const AlertKey& key, const Step& step);

  // incident_changes.cc: what placing does to incidents.
  IncidentId open(const Alert& alert, const Placement& placement, const Step& step);
  void reopen(IncidentId id, const Alert& alert, std::string_view why, const Step& step);
  void join(IncidentId id, const Alert& alert, std::string_view reason, VerdictKind verdict,
            const Step& step);
  void leave(IncidentId id, const Alert& alert, IncidentId to, std::string_view reason,
             const Step& step);
  void remove_member(IncidentId id, const Alert& alert, IncidentId to, std::string_view reason,
                     const Step& step);
  void move(const AlertKey& key, IncidentId to, std::string_view reason, const Step& step);
  void follow_leave(IncidentId id, const Step& step);
  void member_state(const Alert& alert, bool firing, const Step& step);
  void count_unlisted(IncidentId id, const Alert& alert, bool firing, const Step& step);
  void join_unlisted(IncidentId id, const AlertKey& key, VerdictKind verdict, const Step& step);
  void follow_member(IncidentId id, const AlertKey& key, const Step& step);  // Title, severity.
  void place_by_people(IncidentId id);
  void absorb(IncidentId from, IncidentId into, std::string_view actor, std::string_view reason,
              const Step& step);
  void attach_changes(IncidentId id, const Entity& entity, Timestamp starts_at, const Step& step);
  void attach(IncidentId id, const AttachedChange& change, std::string_view why, const Step& step);
  std::optional<Timestamp> over_at(const Incident& incident) const;
  void index_incident(IncidentId id);
  void arm(IncidentId id);
  Timestamp deadline(const Incident& incident) const;
  void append(IncidentId id, IncidentEvent event, const Step& step);

  CorrelatorOptions options_;
  const Topology* topology_;
  AlertBook& alerts_;
  IncidentSink& incidents_;

  GroupIndex groups_;
  RuleWindows rules_;
  Timestamp watermark_ = Timestamp::min();
  std::set<std::pair<Timestamp, AlertKey>> unsettled_;
  LooseAlerts loose_;          // In no incident.
  LooseAlerts settled_loose_;  // In no group (settling.cc).
  // Settled alerts that are in another incident than their group's: the group, or 0 for none.
  std::map<AlertKey, IncidentId> astray_;
  std::set<AlertKey> placed_by_people_;        // Before they had settled.
  std::uint64_t groups_without_incident_ = 0;  // So many there were so far.
  // What is over, but counts for what began before its end: until the watermark has passed that.
  std::set<std::pair<Timestamp, AlertKey>> loose_over_;
  std::set<std::pair<Timestamp, IncidentId>> incidents_over_;
  // When a re-opened incident was over, until the watermark has passed the end of that.
  struct Pause {
    Timestamp from{};
    Timestamp to{};
  };
  std::map<IncidentId, Pause> pauses_;
  std::deque<RecentChange> changes_;
  std::set<std::pair<Timestamp, IncidentId>> timers_;
  std::map<IncidentId, Timestamp> armed_;
};

}  // namespace quell
