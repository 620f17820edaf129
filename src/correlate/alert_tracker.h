// AlertTracker: events -> the lives of alerts: de-duplication, leases, holds, flapping.
//
// Method: identity and lease as in Alertmanager (alert/alert.go, api/v2); the hold is PagerDuty's
// Auto-Pause with the sender's own start time; flapping counts changes of state in a window, as
// Nagios does, without its weights.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/matcher.h"
#include "correlate/alert_book.h"
#include "model/alert.h"
#include "model/event.h"

namespace quell {

// Which frame is being worked on, and what time it is: the arrival time of that frame.
struct Step {
  Timestamp now{};
  std::uint64_t offset = 0;
};

// Alerts that match wait until they have fired for `duration`. The first rule that matches counts.
struct HoldRule {
  std::vector<Matcher> matchers{};
  Duration duration{};
};

struct AlertTrackerOptions {
  std::vector<HoldRule> holds{};
  int flap_changes = 6;                             // This many changes of state …
  Duration flap_window = std::chrono::minutes(15);  // … within this time are flapping;
  Duration flap_calm = std::chrono::minutes(10);    // and without one for this time it is over.
  Duration lateness = std::chrono::seconds(10);     // Events may arrive this much out of order.
  Duration resolved_live = std::chrono::hours(1);   // Then a resolved alert is history.
};

// What happened to an alert that the rest of the pipeline wants to know.
enum class AlertNews : std::uint8_t {
  None,     // A counted duplicate, or nothing of weight.
  Began,    // Fires (first time, again, or released from hold).
  Changed,  // Still fires, with another severity or text.
  Ended,    // Resolved, expired, or calm after flapping while not firing.
  Removed,  // Left the live alerts.
};

struct AlertOutcome {
  AlertKey key{};
  AlertNews news = AlertNews::None;
  bool fresh = false;  // The event said something new: not a counted duplicate.
  // The alert as it was: when it has changed, fires again, or was removed.
  std::shared_ptr<const Alert> before{};
};

// Invariant: for equal sets of events, each no later than `lateness`, the alerts are the same in
// any order of arrival (tests/sim/pipeline_sim.cc).
//
// Thread: the owner of the book. Cost: O(1) per event plus O(log n) for a new deadline.
class AlertTracker {
 public:
  AlertTracker(AlertTrackerOptions options, AlertBook& alerts)
      : options_(std::move(options)), alerts_(alerts) {}

  // Requires: event.kind is Alert.
  AlertOutcome on_event(const Event& event, const Step& step);

  // Lets leases, holds and retirements take place that are due at `step.now`. An alert for which
  // `in_use(alert)` holds is not retired.
  void on_time(const Step& step, const std::function<bool(const Alert&)>& in_use,
               std::vector<AlertOutcome>& out);

  // When on_time() has something to do next, at the earliest. Timestamp::max(): never.
  Timestamp next_deadline() const;

  // Arms the timers of all alerts of the book, for a restart or new options. What is due stays due.
  void rebuild(Timestamp now);

  void set_options(AlertTrackerOptions options) { options_ = std::move(options); }

 private:
  struct Timer {
    Timestamp at{};
    AlertKey key{};
    bool operator>(const Timer& other) const {
      return std::tie(at, key) > std::tie(other.at, other.key);
    }
  };

  AlertOutcome first_event(const Event& event, const AlertKey& key, const Step& step);
  AlertOutcome on_firing(const Event& event, const Alert& alert, const Step& step);
  AlertOutcome on_resolved(const Event& event, const Alert& alert, const Step& step);
  AlertOutcome on_acknowledged(const Event& event, const Alert& alert, const Step& step);
  AlertOutcome duplicate(const AlertKey& key, const Event& event, const Step& step,
                         std::string_view reason);

  AlertNews begin(Alert& alert, const Event& event, const Step& step, VerdictKind kind);
  AlertNews end(Alert& alert, Timestamp at, const Step& step, VerdictKind kind,
                std::string_view reason);
  void take_content(Alert& alert, const Event& event) const;
  void add_transition(Alert& alert, Timestamp at, const Step& step);
  std::optional<Duration> hold_for(const Alert& alert) const;
  Timestamp deadline(const Alert& alert) const;
  void arm(Alert& alert, Timestamp after = Timestamp::min());
  AlertNews on_deadline(Alert& alert, const Step& step);

  AlertTrackerOptions options_;
  AlertBook& alerts_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
};

}  // namespace quell
