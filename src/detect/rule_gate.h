// RuleGate: which of a detector's readings become a finding, by what a rule says.
//
//   reading ─> side? ─> effect large enough? ─> wanted now? ─> lasts long enough? ─> finding
//
// The onset of a finding is where it began, not where it had lasted long enough.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "detect/calendar.h"
#include "detect/direction.h"
#include "detect/named_detector.h"

namespace quell {

// Local time on some days of the week. An end that is not after the beginning is on the next day.
struct WorkingHours {
  std::uint32_t first_minute = 0;       // Of the local day, inclusive,
  std::uint32_t last_minute = 24 * 60;  // exclusive.
  std::uint8_t weekdays = 0x7f;         // Bit 0: Monday; the day on which the stretch begins.
};

struct RuleGateOptions {
  Direction direction = Direction::Both;
  double min_change = 0;                // Least distance from `expected`, in the metric's unit,
  double min_effect = 0;                // and as a share of `expected`.
  Duration min_duration{};              // Unusual for so long first; not of events.
  Duration calm{};                      // Usual for so long before the finding ends.
  std::optional<WorkingHours> hours{};  // Outside of them nothing opens. Absent: always.
  Calendar calendar{};                  // The local time of `hours`.
  Duration suppress_during_deploys{};   // So long behind a change of the entity nothing opens.
  bool page_while_learning = false;     // What a model that learns finds unusual counts, too.
};

// Whether it is in the working hours of a rule; always when it has none.
bool is_working_time(const RuleGateOptions& options, Timestamp time);

enum class GateState : std::uint8_t {
  Quiet,
  Pending,     // Unusual, but not for long enough.
  Opened,      // The finding begins with this reading.
  Open,        // It goes on.
  Closed,      // It ended with this reading.
  Suppressed,  // It would be pending or opened, but nobody wants to know.
};

struct GateVerdict {
  GateState state = GateState::Quiet;
  Timestamp onset{};          // Of what is pending, open or just closed.
  std::string_view reason{};  // Of Suppressed, and of readings that are unusual but do not count.
  // Of Opened: the event that opened it, when nobody wanted to know at the time.
  std::optional<Reading> held{};
};

// What is not used changes nothing: a missing number is no calm.
// Thread: one. Memory: constant. Readings come in the order of time, but for a clock that was set
// back.
class RuleGate {
 public:
  explicit RuleGate(const RuleGateOptions& options) : options_(options) {}

  GateVerdict apply(Timestamp time, const Reading& reading);
  // A deploy, a maintenance: nothing opens before `until`. What is open stays so.
  void suppress_until(Timestamp until);
  // The same, and what was said before does not count any more.
  void suppress_only_until(Timestamp until) { suppressed_until_ = until; }
  bool is_open() const { return is_open_; }
  // Nothing is pending, held or open: its state is that of a new gate, but for the suppression.
  bool is_quiet() const { return !is_open_ && !onset_ && !calm_since_ && !held_; }

  // The rule has changed; what is open stays so.
  void set_options(const RuleGateOptions& options) { options_ = options; }
  // As new, with the same options.
  void reset();
  // The state, without the options and the suppression.
  void save(ByteWriter& w) const;
  void load(ByteReader& r);

 private:
  std::string_view why_not(const Reading& reading) const;  // Empty: it counts.
  bool is_wanted(Timestamp time) const;
  std::string_view why_unwanted(Timestamp time) const;
  GateVerdict go_on(Timestamp time, bool counts, std::string_view obstacle);
  GateVerdict open_held(Timestamp time);

  RuleGateOptions options_;
  Timestamp suppressed_until_ = Timestamp::min();
  bool is_open_ = false;
  std::optional<Timestamp> onset_{};       // Of what is pending or open.
  std::optional<Timestamp> calm_since_{};  // Of what is open.
  struct Held {
    Timestamp onset{};
    Reading reading{};
  };
  std::optional<Held> held_{};  // An event that waits until it is wanted.
};

}  // namespace quell
