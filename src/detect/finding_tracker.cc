// Episodes of series; what becomes of them in findings is in finding_growth.cc.
#include "detect/finding_tracker.h"

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "detect/calibration.h"

namespace quell {
namespace {

constexpr Duration kCheckEvery = std::chrono::seconds(15);
constexpr std::uint32_t kSamplesMin = 3;  // One or two unusual samples are chance.
constexpr double kBandCoverage = 0.99;
// In usual distances: what an outage adds to the past of a young series must not become its usual.
constexpr double kBandMost = 8;
constexpr Duration kCalmMin = std::chrono::seconds(5);
constexpr std::uint16_t kUsualRule = 1;

// What remembers the last hours calls a series unusual for long after it came back into its band;
// people do not.
bool is_over(const FindingSignal& signal, Timestamp now, double interval_seconds) {
  constexpr double kIntervals = 10;
  const Duration calm = now - signal.last_time;
  const double seconds = static_cast<double>(calm.count()) * 1e-9;
  return calm >= kCalmMin && seconds >= kIntervals * interval_seconds;
}

bool is_far_enough(const FindingSignal& signal, const DetectionRule& rule) {
  const double change = std::abs(signal.peak.value - signal.peak.expected);
  return change >= rule.gate.min_effect * std::abs(signal.peak.expected) &&
         change >= rule.gate.min_change;
}

}  // namespace

std::string entity_key(const Series& series, const Entity& entity) {
  if (entity.empty()) return series.tenant + '\0' + std::string(series.metric());
  return series.tenant + '\0' + entity.kind + '\0' + entity.name;
}

void FindingTracker::set_options(const FindingOptions& options) {
  options_ = options;
  open_score_ = p_to_score(std::clamp(options.series_p, 1e-12, 0.5));
  close_score_ = open_score_ / 2;
  std::ranges::fill(rule_of_, std::uint16_t{0});
  demanded_max_ = options.usual.severity.value_or(Severity::Info);
  for (const DetectionRule& rule : options.rules) {
    demanded_max_ = std::max(demanded_max_, rule.severity.value_or(Severity::Info));
  }
}

// ---------------------------------------------------------------------------------------------
// Which series there are.

std::uint32_t FindingTracker::find_entity(const std::string& key) {
  const auto known = entity_numbers_.find(key);
  if (known != entity_numbers_.end()) return known->second;
  auto number = static_cast<std::uint32_t>(entities_.size());
  if (!free_entities_.empty()) {
    number = free_entities_.back();
    free_entities_.pop_back();
  } else {
    entities_.emplace_back();
  }
  const std::size_t kind = key.find('\0') + 1;
  const std::size_t name = key.find('\0', kind) + 1;
  EntityState& state = entities_[number];
  state = {.key = key, .tenant = key.substr(0, kind - 1)};
  if (name != 0) state.entity = {key.substr(kind, name - 1 - kind), key.substr(name)};
  entity_numbers_.emplace(key, number);
  return number;
}

void FindingTracker::release(std::uint32_t number) {
  EntityState& entity = entities_[number];
  if (entity.series > 0 || entity.first != kNone || entity.touched || entity.finding != 0) return;
  entity_numbers_.erase(entity.key);
  entity = {};
  free_entities_.push_back(number);
}

void FindingTracker::assign(SeriesSlot slot, const SeriesTable& table) {
  ++assigned_;
  if (table.is_bucket(slot)) {
    entity_of_[slot] = kUnwatched;
    return;
  }
  fresh_.push_back(slot);
  give_entity(slot, table);
}

void FindingTracker::give_entity(SeriesSlot slot, const SeriesTable& table) {
  const Series& series = *table.series(slot);
  const std::uint32_t number = find_entity(entity_key(series, entity_of(series)));
  entity_of_[slot] = number;
  golden_of_[slot] = golden_signal_of(series);
  ++entities_[number].series;
  if (golden_of_[slot] != 0) ++entities_[number].golden[golden_of_[slot]];
}

// New series are those that the table made last; after a restart, all.
std::span<const SeriesSlot> FindingTracker::follow(const SeriesTable& table) {
  fresh_.clear();
  if (table.size() == assigned_) return fresh_;
  entity_of_.resize(table.slot_count(), kNone);
  episode_of_.resize(table.slot_count(), kNone);
  rule_of_.resize(table.slot_count(), 0);
  golden_of_.resize(table.slot_count(), 0);
  const auto look = [&](SeriesSlot slot) {
    if (entity_of_[slot] == kNone && table.series(slot) != nullptr) assign(slot, table);
  };
  for (const SeriesSlot slot : table.made()) look(slot);
  if (table.size() == assigned_) return fresh_;
  for (SeriesSlot slot = 0; slot < entity_of_.size(); ++slot) look(slot);
  return fresh_;
}

void FindingTracker::leave(SeriesSlot slot) {
  const std::uint32_t number = entity_of_[slot];
  entity_of_[slot] = kNone;
  rule_of_[slot] = 0;
  --assigned_;
  if (number == kUnwatched) return;
  --entities_[number].series;
  auto& golden = entities_[number].golden;
  const auto signal = golden.find(golden_of_[slot]);
  if (signal != golden.end() && --signal->second == 0) golden.erase(signal);
  release(number);
}

const DetectionRule& FindingTracker::rule_of(SeriesSlot slot, const SeriesTable& table) {
  std::uint16_t& known = rule_of_[slot];
  if (known == 0) {
    known = kUsualRule;
    const Series& series = *table.series(slot);
    for (std::size_t i = 0; i < options_.rules.size(); ++i) {
      if (!options_.rules[i].matches(series)) continue;
      known = static_cast<std::uint16_t>(kUsualRule + 1 + i);
      break;
    }
  }
  return known == kUsualRule ? options_.usual : options_.rules[known - kUsualRule - 1u];
}

// ---------------------------------------------------------------------------------------------
// Episodes.

void FindingTracker::on_samples(const Columns& in, const Detector& detector,
                                const SeriesTable& table, Timestamp arrived_at,
                                std::vector<FindingNews>& news) {
  const Observations& seen = in.seen;
  find_telling(in);
  for (const std::uint32_t i : telling_) {
    const std::uint32_t number = episode_of_[in.slots[i]];
    if (number == kNone && (seen.flags[i] & kUnusual) == 0) continue;
    if (number != kNone && episodes_[number].kind != NamedDetectorKind::Auto) continue;
    if ((seen.flags[i] & kNotUsed) != 0) {
      if (number == kNone || !is_stale_marker(in.values[i])) continue;
      settle_before_close(number, table, arrived_at, news);
      close_episode(number, table);
    } else {
      on_unusual(i, in, detector, table, arrived_at, news);
    }
  }
  settle(table, arrived_at, news);
}

// Samples that have to do with an episode. In the order of time: a request may have many samples of
// one series and then those of the next, and what is far off together is judged together.
void FindingTracker::find_telling(const Columns& in) {
  telling_.clear();
  tells_.resize(episode_of_.size());
  for (std::uint32_t i = 0; i < in.seen.size(); ++i) {
    const SeriesSlot slot = in.slots[i];
    const bool begins = (in.seen.flags[i] & kUnusual) != 0;
    if (episode_of_[slot] == kNone && !begins && tells_[slot] == 0) continue;
    tells_[slot] = 1;  // Its episode may last beyond what the detector calls unusual.
    telling_.push_back(i);
  }
  for (const std::uint32_t i : telling_) tells_[in.slots[i]] = 0;
  const auto time_of = [&](std::uint32_t i) { return in.times[i]; };
  if (std::ranges::is_sorted(telling_, {}, time_of)) return;
  std::ranges::stable_sort(telling_, {}, time_of);
}

// What begins and ends within one request counts as it would in many.
void FindingTracker::settle_before_close(std::uint32_t number, const SeriesTable& table,
                                         Timestamp now, std::vector<FindingNews>& news) {
  const Episode& episode = episodes_[number];
  if (episode.is_fresh && entities_[episode.entity].touched) settle(table, now, news);
}

void FindingTracker::on_unusual(std::size_t i, const Columns& in, const Detector& detector,
                                const SeriesTable& table, Timestamp arrived_at,
                                std::vector<FindingNews>& news) {
  const SeriesSlot slot = in.slots[i];
  const auto score = static_cast<double>(in.seen.score[i]);
  std::uint32_t number = episode_of_[slot];
  if (number == kNone) {
    // One that was closed because it lasted too long begins again only when it becomes worse.
    constexpr unsigned kNew = kOpened | kRestated | kNewSeverity;
    const bool is_new = (in.seen.flags[i] & kNew) != 0 && score >= open_score_;
    if (!is_new || in.times[i] < arrived_at - kAgeMax) return;
    if (rule_of(slot, table).detector.kind != NamedDetectorKind::Auto) return;
    number = open_episode(slot, table, in.times[i]);
    episodes_[number].standing = Standing(detector.band(slot, kBandCoverage));
  }
  Episode& episode = episodes_[number];
  episode.last_arrival = arrived_at;
  const FindingPoint point{in.times[i], in.values[i], in.seen.expected[i], in.seen.scale[i]};
  episode.standing.observe(point);
  if (!goes_on(episode, point, score, in.seen.flags[i], detector)) {
    settle_before_close(number, table, arrived_at, news);
    close_episode(number, table);
    return;
  }
  if (score >= close_score_ || episode.standing.is_far()) {
    episode.signal.fired |= in.seen.fired[i];
    add_evidence(episode, point, score, detector, table);
  }
  if (episode.is_charted) {
    ++episode.charted;
    episode.signal.add_point(point, episode.charted);
  }
}

// What stands far away goes on, also when the ranks of its model have become used to it.
bool FindingTracker::goes_on(Episode& episode, const FindingPoint& point, double score,
                             std::uint8_t flags, const Detector& detector) const {
  FindingSignal& signal = episode.signal;
  const double distance = std::abs(point.value - point.expected);
  const bool is_outside = distance > signal.band * static_cast<double>(point.scale);
  if (score >= open_score_ || (score >= close_score_ && is_outside) || episode.standing.is_far()) {
    signal.last_time = point.time;
  } else if (is_over(signal, point.time, detector.model(episode.slot).interval_seconds)) {
    return false;
  }
  return (flags & kUnusual) != 0 || episode.standing.stands();
}

void FindingTracker::add_evidence(Episode& episode, const FindingPoint& point, double score,
                                  const Detector& detector, const SeriesTable& table) {
  FindingSignal& signal = episode.signal;
  const DetectionRule& rule = rule_of(episode.slot, table);
  ++signal.samples;
  const Direction direction = rule.gate.direction;
  const bool fits = direction == Direction::Both ||
                    (direction == Direction::Up) == (point.value >= point.expected);
  if (episode.standing.stands()) {
    score = std::max(score, p_to_score(episode.standing.p()));
    signal.is_golden = signal.is_golden || golden_of_[episode.slot] != 0;
  }
  if (score > signal.score && fits) {
    signal.score = score;
    signal.peak = point;
    signal.band = std::min(kBandMost, detector.band(episode.slot, kBandCoverage));
  }
  if (!episode.counts && is_enough(episode, rule)) {
    count(episode, rule, table, detector.model(episode.slot));
  }
  if (episode.counts) note_counting(episode_of_[episode.slot]);
}

std::uint32_t FindingTracker::open_episode(SeriesSlot slot, const SeriesTable& table,
                                           Timestamp time) {
  std::uint32_t number = static_cast<std::uint32_t>(episodes_.size());
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
  } else {
    episodes_.emplace_back();
  }
  Episode& episode = episodes_[number];
  episode = {.slot = slot, .entity = entity_of_[slot]};
  episode.metric = hash64(table.series(slot)->metric());
  episode.signal.onset = time;
  episode.signal.last_time = time;
  const SeriesKind kind = table.kind(slot);
  episode.signal.is_rate = kind == SeriesKind::Counter || kind == SeriesKind::Delta;
  link(number);
  return number;
}

void FindingTracker::link(std::uint32_t number) {
  Episode& episode = episodes_[number];
  episode_of_[episode.slot] = number;
  EntityState& entity = entities_[episode.entity];
  episode.next = entity.first;
  episode.before = kNone;
  if (entity.first != kNone) episodes_[entity.first].before = number;
  entity.first = number;
}

// Whether the episode says something by the user's rule and by what people said of such before.
bool FindingTracker::is_enough(const Episode& episode, const DetectionRule& rule) const {
  const FindingSignal& signal = episode.signal;
  if (signal.samples < kSamplesMin || signal.score < open_score_) return false;
  if (signal.last_time - signal.onset < rule.gate.min_duration) return false;
  // The rule may have changed since it began.
  const bool is_auto = rule.detector.kind == NamedDetectorKind::Auto;
  return is_auto && is_far_enough(signal, rule) && !is_barred(episode);
}

// Scores of a rule's detector have a unit of their own.
std::uint64_t FindingTracker::bar_of(std::uint64_t metric, const FindingSignal& signal) {
  return signal.is_named() ? hash64(signal.rule->name, metric) : metric;
}

bool FindingTracker::is_barred(const Episode& episode) const {
  if (bars_.empty()) return false;
  const auto bar =
      bars_.find({entities_[episode.entity].key, bar_of(episode.metric, episode.signal)});
  return bar != bars_.end() && episode.signal.score <= bar->second;
}

// It is enough; whether it counts now is for the rule's working hours and the changes of late.
void FindingTracker::count(Episode& episode, const DetectionRule& rule, const SeriesTable& table,
                           const SeriesModel& model) {
  if (model.samples < rule.detector.warmup_samples) return;
  const Timestamp time = episode.signal.last_time;
  std::string held;
  if (!is_working_time(rule.gate, time)) held = "outside of the working hours";
  const RecentChanges::Change* change =
      changes_.find(*table.series(episode.slot), time, rule.gate.suppress_during_deploys);
  if (change != nullptr) held = describe_change(*change, time);
  if (!held.empty()) {
    episode.signal.rule = std::make_shared<const SignalRule>(
        SignalRule{.name = rule.name, .detector = "auto", .held = std::move(held)});
    return;
  }
  episode.counts = true;
  episode.is_mature = rule.gate.page_while_learning || model.samples >= options_.incident_warmup;
}

void FindingTracker::on_signal(const RuleSignal& in, const SeriesTable& table,
                               Timestamp arrived_at) {
  std::uint32_t number = episode_of_[in.slot];
  if (number != kNone && episodes_[number].kind != in.kind) {
    close_episode(number, table);
    number = kNone;
  }
  if (number == kNone) {
    number = open_episode(in.slot, table, in.onset);
    Episode& begun = episodes_[number];
    begun.kind = in.kind;
    begun.signal.band = 1;
    begun.signal.rule = in.rule;
  }
  Episode& episode = episodes_[number];
  FindingSignal& signal = episode.signal;
  episode.last_arrival = arrived_at;
  episode.severity = in.severity;
  if (in.is_unusual) {
    ++signal.samples;
    signal.last_time = std::max(signal.last_time, in.point.time);
    const bool is_moving =
        in.kind == NamedDetectorKind::Forecast || in.kind == NamedDetectorKind::Absence;
    if (in.score > signal.score || signal.samples == 1 || is_moving) {
      auto said = std::make_shared<SignalRule>(*in.rule);
      said->held = signal.rule->held;
      signal.rule = std::move(said);
      signal.score = std::max(signal.score, in.score);
      signal.peak = in.point;
    }
    if (!episode.counts) episode.counts = !is_barred(episode);
    if (episode.counts) note_counting(number);
  }
  if (!episode.is_charted) return;
  ++episode.charted;
  signal.add_point(in.point, episode.charted);
}

void FindingTracker::end_signal(SeriesSlot slot, const SeriesTable& table) {
  const std::uint32_t number = episode_of_[slot];
  if (number == kNone || episodes_[number].kind == NamedDetectorKind::Auto) return;
  close_episode(number, table);
}

void FindingTracker::close_episode(std::uint32_t number, const SeriesTable& table) {
  Episode& episode = episodes_[number];
  episode.signal.ended_at = episode.signal.last_time;
  if (episode.finding != 0) give_back(episode, table);
  EntityState& entity = entities_[episode.entity];
  if (episode.before != kNone) {
    episodes_[episode.before].next = episode.next;
  } else {
    entity.first = episode.next;
  }
  if (episode.next != kNone) episodes_[episode.next].before = episode.before;
  if (episode.is_fresh) std::erase(entity.fresh, number);
  if (entity.first == kNone) {
    entity.earliest = Timestamp::max();
    entity.latest = Timestamp::min();
    entity.samples = 0;
  }
  episode_of_[episode.slot] = kNone;
  episode = {};
  free_.push_back(number);
}

// The episode counts, and has news.
void FindingTracker::note_counting(std::uint32_t number) {
  Episode& episode = episodes_[number];
  EntityState& entity = entities_[episode.entity];
  if (episode.finding == 0 && !episode.is_fresh) {
    episode.is_fresh = true;
    entity.fresh.push_back(number);
  }
  demanded_max_ = std::max(demanded_max_, episode.severity.value_or(Severity::Info));
  entity.earliest = std::min(entity.earliest, episode.signal.onset);
  entity.latest = std::max(entity.latest, episode.signal.last_time);
  entity.samples = std::max(entity.samples, episode.signal.samples);
  touch(episode.entity);
}

void FindingTracker::touch(std::uint32_t entity) {
  if (entities_[entity].touched) return;
  entities_[entity].touched = true;
  touched_.push_back(entity);
}

void FindingTracker::forget(SeriesSlot slot) {
  if (slot >= entity_of_.size() || entity_of_[slot] == kNone) return;
  QUELL_ASSERT(episode_of_[slot] == kNone, "a series leaves long after its last sample");
  leave(slot);
}

Timestamp FindingTracker::next_deadline() const {
  const bool waits = open_episodes() > 0 || !open_.empty();
  Timestamp due = waits ? checked_at_ + kCheckEvery : Timestamp::max();
  for (const FindingId id : grown_) due = std::min(due, growth_due(id));
  return due;
}

void FindingTracker::on_time(Timestamp now, const SeriesTable& table,
                             std::vector<FindingNews>& news) {
  settle(table, now, news);
  show_growth(now, table, news);
  if (open_episodes() == 0 && open_.empty()) return;
  if (now < checked_at_ + kCheckEvery) return;
  checked_at_ = now;
  for (std::uint32_t number = 0; number < episodes_.size(); ++number) {
    const Episode& episode = episodes_[number];
    if (episode.slot == kNoSlot) continue;
    // A silence is ended by a sample, or with its series.
    if (episode.kind == NamedDetectorKind::Absence) continue;
    const bool is_auto = episode.kind == NamedDetectorKind::Auto;
    const bool is_silent = now - episode.last_arrival >= (is_auto ? kSilence : kRuleSilence);
    const bool is_usual_now = ns_between(episode.signal.onset, episode.signal.last_time) >=
                              static_cast<double>(kEpisodeMax.count());
    if (is_silent || (is_auto && is_usual_now)) close_episode(number, table);
  }
  end_calm_ones(now, table, news);
}

}  // namespace quell
