// What samples, and time that passes without them, do to watches.
#include <algorithm>
#include <limits>

#include "detect/isolation_detector.h"
#include "detect/rule_watches.h"
#include "detect/sample_order.h"
#include "model/sample.h"

namespace quell {
namespace {

constexpr Duration kLookEvery = std::chrono::seconds(10);
// While silences are watched, a tick comes every kLookEvery: so long without a frame means that
// this process did not run, and not that nobody sent.
constexpr Duration kDeafAfter = std::chrono::minutes(1);

}  // namespace

void RuleWatches::touch(Watch& watch, Timestamp time, const Moment& moment) {
  if (!is_late(time, watch.last_time)) watch.last_time = time;
  watch.last_arrival = moment.arrived_at;
  if (watch.dirty_from != UINT64_MAX) return;
  watch.dirty_from = moment.offset;
  watch.dirty_at = moment.arrived_at;
  dirty_.insert({watch.dirty_from, watch.number});
}

NamedDetector& RuleWatches::detector_of(Watch& watch) {
  if (watch.detector == nullptr) {
    NamedDetectorOptions options = options_.rules[watch.rule].detector;
    options.series = watch.members.size();
    auto made = make_named_detector(options);
    QUELL_ASSERT(made, "the options were checked when they were read");
    watch.detector = *std::move(made);
  }
  return *watch.detector;
}

// Of several series, one sample of each makes a sample of all: when the last one has come, or one
// comes a second time.
bool RuleWatches::observe(Watch& watch, std::uint32_t member, Timestamp time, double value,
                          Reading& reading) {
  const NamedDetectorKind kind = kind_of(watch);
  if (kind != NamedDetectorKind::Isolation) {
    reading = detector_of(watch).observe(time, value);
    return true;
  }
  if (watch.members.size() < 2) return false;
  Member& own = watch.members[member];
  if (is_late(time, own.last)) return false;
  const bool is_over = own.came && close_round(watch, reading);
  own.came = true;
  own.last = time;
  own.value = value;
  watch.round = std::max(watch.round, time);
  if (is_set_back(time, watch.round)) watch.round = time;
  const bool is_full =
      std::ranges::all_of(watch.members, [](const Member& m) { return m.came || !m.is_there(); });
  return is_full ? close_round(watch, reading) : is_over;
}

bool RuleWatches::close_round(Watch& watch, Reading& reading) {
  values_.clear();
  for (Member& member : watch.members) {
    values_.push_back(member.came ? member.value : std::numeric_limits<double>::quiet_NaN());
    member.came = false;
  }
  reading = detector_of(watch).observe(watch.round, values_);
  return true;
}

void RuleWatches::on_samples(const Samples& in, const SeriesTable& table,
                             const RecentChanges& changes, const Moment& moment,
                             std::vector<RuleSignal>& out) {
  if (of_slot_.empty()) return;
  Step step{.table = table, .changes = changes, .out = out};
  for (std::size_t i = 0; i < in.slots.size(); ++i) {
    if (!is_watched(in.slots[i])) continue;
    const Place at = of_slot_.at(in.slots[i]);
    Watch& watch = *at.watch;
    const bool is_absence = kind_of(watch) == NamedDetectorKind::Absence;
    if (is_stale_marker(in.values[i])) {
      // The series has ended: what was wrong with it is over, but that it is missed.
      if (is_absence || watch.told != in.slots[i]) continue;
      end(watch, out);
      watch.gate.reset();
      continue;
    }
    touch(watch, in.times[i], moment);
    Reading reading;
    if (!observe(watch, at.member, in.times[i], in.values[i], reading)) continue;
    watch.is_learning = reading.is_learning;
    const bool is_old = in.times[i] < moment.arrived_at - kAgeMax;
    if (reading.is_used && (is_absence || !is_old)) judge(watch, in.times[i], reading, step);
  }
}

void RuleWatches::restore_samples(const Samples& in, const Moment& moment) {
  if (of_slot_.empty()) return;
  for (std::size_t i = 0; i < in.slots.size(); ++i) {
    if (!is_watched(in.slots[i])) continue;
    const Place at = of_slot_.at(in.slots[i]);
    if (moment.offset < at.watch->stored_until || is_stale_marker(in.values[i])) continue;
    touch(*at.watch, in.times[i], moment);
    Reading reading;
    if (!observe(*at.watch, at.member, in.times[i], in.values[i], reading)) continue;
    at.watch->is_learning = reading.is_learning;
  }
}

Timestamp RuleWatches::next_deadline() const {
  return absences_.empty() ? Timestamp::max() : checked_at_ + kLookEvery;
}

void RuleWatches::on_time(Timestamp now, const SeriesTable& table, const RecentChanges& changes,
                          std::vector<RuleSignal>& out) {
  if (now - heard_at_ > kDeafAfter) deaf_until_ = now;
  heard_at_ = now;
  if (absences_.empty() || now < checked_at_ + kLookEvery) return;
  checked_at_ = now;
  Step step{.table = table, .changes = changes, .out = out};
  for (const std::uint64_t number : absences_) {
    Watch& watch = *watches_.at(number);
    if (watch.detector == nullptr) continue;
    // In the time of the samples, which may not be that of their arrival.
    const bool is_open = watch.gate.is_open();
    const Timestamp since =
        is_open ? watch.last_arrival : std::max(watch.last_arrival, deaf_until_);
    const Timestamp time = watch.last_time + (now - since);
    const Reading reading = watch.detector->pass(time);
    if (reading.is_unusual) judge(watch, time, reading, step);
  }
}

void RuleWatches::judge(Watch& watch, Timestamp time, const Reading& reading, Step& step) {
  const RuleGateOptions& options = options_.rules[watch.rule].gate;
  const RecentChanges::Change* change = nullptr;
  const bool may_open = !watch.gate.is_open() && (reading.is_unusual || !watch.gate.is_quiet());
  if (may_open) {
    const auto first = std::ranges::find_if(watch.members, &Member::is_there);
    const Series& series = *step.table.series(first->slot);
    change = step.changes.find(series, time, options.suppress_during_deploys);
    watch.gate.suppress_only_until(
        change == nullptr ? Timestamp::min() : change->time + options.suppress_during_deploys);
  }
  const GateVerdict verdict = watch.gate.apply(time, reading);
  switch (verdict.state) {
    case GateState::Quiet: watch.held.clear(); break;
    case GateState::Pending: break;
    case GateState::Suppressed: note_held(watch, time, change); break;
    case GateState::Opened:
      tell(watch, time, verdict.onset, verdict.held ? *verdict.held : reading, step);
      watch.held.clear();
      break;
    case GateState::Open: tell(watch, time, verdict.onset, reading, step); break;
    case GateState::Closed: end(watch, step.out); break;
  }
}

void RuleWatches::note_held(Watch& watch, Timestamp time, const RecentChanges::Change* change) {
  if (change == nullptr) {
    watch.held = "outside of the working hours";
    return;
  }
  watch.held = describe_change(*change, time);
}

void RuleWatches::tell(Watch& watch, Timestamp time, Timestamp onset, const Reading& reading,
                       Step& step) {
  const DetectionRule& rule = options_.rules[watch.rule];
  ReadOf of{.time = time};
  if (rule.detector.kind == NamedDetectorKind::Isolation) {
    const auto& detector = static_cast<const IsolationDetector&>(*watch.detector);
    if (watch.told == kNoSlot) watch.told = watch.members[detector.furthest()].slot;
    const auto told = std::ranges::find(watch.members, watch.told, &Member::slot);
    if (watch.told == kNoSlot || told == watch.members.end()) return;
    const auto index = static_cast<std::size_t>(told - watch.members.begin());
    of.value = told->value;
    of.expected = detector.expected(index);
    of.scale = detector.scale(index);
    of.series = watch.members.size();
    of.p = detector.p();
  } else {
    watch.told = watch.members.front().slot;
  }
  RuleSignal signal = make_rule_signal(rule, reading, of);
  signal.slot = watch.told;
  signal.onset = onset;
  if (!watch.held.empty()) {
    auto said = std::make_shared<SignalRule>(*signal.rule);
    said->held = watch.held;
    signal.rule = std::move(said);
  }
  step.out.push_back(std::move(signal));
}

void RuleWatches::end(Watch& watch, std::vector<RuleSignal>& out) {
  if (watch.told == kNoSlot) return;
  out.push_back({.slot = watch.told, .ended = true});
  watch.told = kNoSlot;
}

}  // namespace quell
