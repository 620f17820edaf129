#include "detect/rule_gate.h"

#include <algorithm>
#include <cmath>

#include "detect/sample_order.h"

namespace quell {
namespace {

constexpr std::int64_t kGateDay = 86'400;
constexpr std::int64_t kMinute = 60;

bool has_lasted(Timestamp from, Timestamp to, Duration least) {
  return ns_between(from, to) >= static_cast<double>(least.count());
}

void write_optional_time(ByteWriter& w, const std::optional<Timestamp>& time) {
  w.boolean(time.has_value());
  if (time) w.time(*time);
}

std::optional<Timestamp> read_optional_time(ByteReader& r) {
  if (!r.boolean()) return std::nullopt;
  return r.time();
}

}  // namespace

bool is_working_time(const RuleGateOptions& options, Timestamp time) {
  if (!options.hours) return true;
  const std::int64_t local = options.calendar.local_seconds(
      std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
  const std::int64_t second = ((local % kGateDay) + kGateDay) % kGateDay;
  // Monday is 0: 1970-01-01 was a Thursday.
  const std::int64_t weekday = (((local - second) / kGateDay + 3) % 7 + 7) % 7;
  const auto minute = static_cast<std::uint32_t>(second / kMinute);
  const WorkingHours& hours = *options.hours;
  const auto is_day = [&](std::int64_t day) { return (hours.weekdays >> (day + 7) % 7 & 1) != 0; };
  if (hours.first_minute < hours.last_minute) {
    return is_day(weekday) && minute >= hours.first_minute && minute < hours.last_minute;
  }
  return (is_day(weekday) && minute >= hours.first_minute) ||
         (is_day(weekday - 1) && minute < hours.last_minute);
}

std::string_view RuleGate::why_not(const Reading& reading) const {
  if (reading.is_learning && !options_.page_while_learning) return "the model is still learning";
  if (options_.direction == Direction::Up && reading.side < 0) return "only rises count";
  if (options_.direction == Direction::Down && reading.side > 0) return "only falls count";
  const double change = std::abs(reading.value - reading.expected);
  if (change < options_.min_change) return "less than the least change";
  if (change < options_.min_effect * std::abs(reading.expected)) {
    return "less than the least share of what was expected";
  }
  return {};
}

bool RuleGate::is_wanted(Timestamp time) const {
  return time >= suppressed_until_ && is_working_time(options_, time);
}

std::string_view RuleGate::why_unwanted(Timestamp time) const {
  return time < suppressed_until_ ? "suppressed for now" : "outside of the working hours";
}

void RuleGate::suppress_until(Timestamp until) {
  suppressed_until_ = std::max(suppressed_until_, until);
}

GateVerdict RuleGate::go_on(Timestamp time, bool counts, std::string_view obstacle) {
  if (counts) {
    calm_since_.reset();
    return {.state = GateState::Open, .onset = *onset_};
  }
  // Behind a clock that was set back, the calm begins anew.
  if (!calm_since_ || *calm_since_ > time) calm_since_ = time;
  const GateVerdict goes_on{.state = GateState::Open, .onset = *onset_, .reason = obstacle};
  if (!has_lasted(*calm_since_, time, options_.calm)) return goes_on;
  const Timestamp onset = *onset_;
  is_open_ = false;
  onset_.reset();
  calm_since_.reset();
  return {.state = GateState::Closed, .onset = onset, .reason = obstacle};
}

// An event is unusual for one reading only: it need not last, and is held until somebody wants it.
GateVerdict RuleGate::open_held(Timestamp time) {
  const Timestamp onset = held_->onset;
  if (!is_wanted(time)) {
    return {.state = GateState::Suppressed, .onset = onset, .reason = why_unwanted(time)};
  }
  onset_ = onset;
  is_open_ = true;
  GateVerdict verdict{.state = GateState::Opened, .onset = onset};
  verdict.held = held_->reading;
  held_.reset();
  return verdict;
}

GateVerdict RuleGate::apply(Timestamp time, const Reading& reading) {
  if (!reading.is_used) {
    const GateState state = is_open_ ? GateState::Open : GateState::Quiet;
    return {.state = onset_ && !is_open_ ? GateState::Pending : state,
            .onset = onset_.value_or(Timestamp{})};
  }
  const std::string_view obstacle = reading.is_unusual ? why_not(reading) : std::string_view();
  const bool counts = reading.is_unusual && obstacle.empty();
  if (is_open_) return go_on(time, counts, obstacle);
  if (counts && reading.is_event) {
    held_ = Held{.onset = reading.onset.value_or(time), .reading = reading};
  }
  if (held_) return open_held(time);
  if (!counts) {
    onset_.reset();
    return {.state = GateState::Quiet, .reason = obstacle};
  }
  if (!onset_ || *onset_ > time) onset_ = std::min(time, reading.onset.value_or(time));
  const Timestamp onset = *onset_;
  if (!is_wanted(time)) {
    return {.state = GateState::Suppressed, .onset = onset, .reason = why_unwanted(time)};
  }
  if (!has_lasted(onset, time, options_.min_duration))
    return {.state = GateState::Pending, .onset = onset};
  is_open_ = true;
  return {.state = GateState::Opened, .onset = onset};
}

void RuleGate::reset() {
  is_open_ = false;
  onset_.reset();
  calm_since_.reset();
  held_.reset();
}

void RuleGate::save(ByteWriter& w) const {
  w.boolean(is_open_);
  write_optional_time(w, onset_);
  write_optional_time(w, calm_since_);
  w.boolean(held_.has_value());
  if (!held_) return;
  w.time(held_->onset);
  const Reading& reading = held_->reading;
  w.u8(static_cast<std::uint8_t>(reading.side + 1));
  for (const double v : {reading.value, reading.expected, reading.lower, reading.upper}) w.f64(v);
}

// Only events are held: they are unusual and have no forecast.
void RuleGate::load(ByteReader& r) {
  is_open_ = r.boolean();
  onset_ = read_optional_time(r);
  calm_since_ = read_optional_time(r);
  held_.reset();
  if (!r.boolean()) return;
  held_ = Held{.onset = r.time(), .reading = {.is_event = true, .is_unusual = true}};
  Reading& reading = held_->reading;
  reading.side = static_cast<std::int8_t>(r.u8() - 1);
  for (double* v : {&reading.value, &reading.expected, &reading.lower, &reading.upper}) {
    *v = r.f64();
  }
  reading.onset = held_->onset;
}

}  // namespace quell
