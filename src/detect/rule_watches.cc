// Which series are watched, by which rule; what becomes of their samples is in rule_watch_steps.cc.
#include "detect/rule_watches.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace quell {
namespace {

// What the detector of a rule depends on.
std::string model_key(const DetectionRule& rule) {
  const NamedDetectorOptions& o = rule.detector;
  const auto limit = [](const std::optional<double>& v) {
    return v ? fmt::format("{}", *v) : std::string("-");
  };
  const std::string& zone = o.calendar.posix();
  const bool is_local = has_days(o.kind) && zone != Calendar().posix();
  return fmt::format("{} {} {} {} {} {} {} {} {} {}", named_detector_name(o.kind), limit(o.above),
                     limit(o.below), o.horizon.count(), o.silence.count(), o.coverage, o.p,
                     o.warmup_samples, o.speaks_while_learning, is_local ? zone : std::string());
}

}  // namespace

void RuleWatches::set_options(const FindingOptions& options) {
  options_ = options;
  metrics_.clear();
  any_metric_ = false;
  last_named_ = 0;
  for (std::uint32_t i = 0; i < options_.rules.size(); ++i) {
    const DetectionRule& rule = options_.rules[i];
    if (!rule.is_named()) continue;
    last_named_ = i + 1;
    if (rule.metric.empty()) any_metric_ = true;
    metrics_.insert(rule.metric);
  }
}

bool RuleWatches::may_match(const Series& series) const {
  return any_metric_ || metrics_.contains(series.metric());
}

// Null when the first rule that matches has no detector of its own.
const DetectionRule* RuleWatches::rule_of(const Series& series, std::uint32_t& index) const {
  if (last_named_ == 0 || !may_match(series)) return nullptr;
  for (index = 0; index < last_named_; ++index) {
    const DetectionRule& rule = options_.rules[index];
    if (rule.matches(series)) return rule.is_named() ? &rule : nullptr;
  }
  return nullptr;
}

std::string RuleWatches::key_of(const DetectionRule& rule, const Series& series) const {
  std::string key = model_key(rule);
  if (rule.detector.kind != NamedDetectorKind::Isolation) return key;
  const Entity entity = entity_of(series);
  for (const Matcher& matcher : rule.matchers) key += '\0' + matcher.to_string();
  key += '\0' + rule.name + '\0' + series.tenant + '\0' + entity.kind + '\0' + entity.name;
  return key;
}

void RuleWatches::match_all(const SeriesTable& table, std::uint64_t offset,
                            std::vector<RuleSignal>& out) {
  refused_ = 0;
  waiting_.clear();
  waiting_count_ = 0;
  if (last_named_ == 0 && watches_.empty()) return;
  std::vector<std::pair<SeriesSlot, std::uint32_t>> wanted;
  for (SeriesSlot slot = 0; slot < table.slot_count(); ++slot) {
    const auto& series = table.series(slot);
    if (series == nullptr || table.is_bucket(slot)) continue;
    std::uint32_t index = 0;
    const DetectionRule* rule = rule_of(*series, index);
    if (is_watched(slot)) {
      Watch& watch = *of_slot_.at(slot).watch;
      if (rule != nullptr && key_of(*rule, *series) == watch.key) {
        watch.rule = index;
        watch.gate.set_options(rule->gate);
        continue;
      }
      leave(slot, false, offset, out);
    }
    if (rule != nullptr) wanted.emplace_back(slot, index);
  }
  for (const auto& [slot, index] : wanted) {
    assign(slot, *table.series(slot), index, offset, out);
  }
}

void RuleWatches::follow(std::span<const SeriesSlot> fresh, const SeriesTable& table,
                         std::uint64_t offset, std::vector<RuleSignal>& out) {
  if (last_named_ == 0) return;
  for (const SeriesSlot slot : fresh) {
    const Series& series = *table.series(slot);
    std::uint32_t index = 0;
    if (rule_of(series, index) != nullptr) assign(slot, series, index, offset, out);
  }
}

void RuleWatches::assign(SeriesSlot slot, const Series& series, std::uint32_t rule,
                         std::uint64_t offset, std::vector<RuleSignal>& out) {
  const bool is_group = options_.rules[rule].detector.kind == NamedDetectorKind::Isolation;
  if (of_slot_.size() >= options_.named_series_max) {
    if (!is_group) return wait(slot);
    ++refused_;
    return;
  }
  std::string key = key_of(options_.rules[rule], series);
  if (!is_group) {
    return join(make_watch(rule, std::move(key), offset), slot, series, offset, out);
  }
  const auto known = groups_.find(key);
  Watch& watch = known != groups_.end() ? *known->second : make_watch(rule, std::move(key), offset);
  if (std::ranges::count_if(watch.members, &Member::is_there) >= kIsolationSeriesMax) {
    ++refused_;
    return;
  }
  join(watch, slot, series, offset, out);
}

RuleWatches::Watch& RuleWatches::make_watch(std::uint32_t rule, std::string key,
                                            std::uint64_t offset) {
  auto made = std::make_unique<Watch>();
  Watch& watch = *made;
  watch.number = next_number_++;
  watch.rule = rule;
  watch.key = std::move(key);
  watch.stored_until = offset;
  watch.gate.set_options(options_.rules[rule].gate);
  enlist(watch);
  watches_[watch.number] = std::move(made);
  return watch;
}

void RuleWatches::enlist(Watch& watch) {
  const NamedDetectorKind kind = kind_of(watch);
  if (kind == NamedDetectorKind::Isolation) groups_[watch.key] = &watch;
  if (kind == NamedDetectorKind::Absence) absences_.insert(watch.number);
}

// A series that comes back takes its place; another one makes a group learn anew.
void RuleWatches::join(Watch& watch, SeriesSlot slot, const Series& series, std::uint64_t offset,
                       std::vector<RuleSignal>& out) {
  must_store_.insert(watch.number);
  for (std::uint32_t m = 0; m < watch.members.size(); ++m) {
    Member& member = watch.members[m];
    if (member.is_there() || member.id != series.id.low) continue;
    member.slot = slot;
    return place(slot, {&watch, m});
  }
  // The group learns anew: those that have left are not waited for any more.
  const bool is_first = watch.members.empty();
  std::erase_if(watch.members, [](const Member& member) { return !member.is_there(); });
  watch.members.push_back({.slot = slot, .id = series.id.low});
  place_members(watch);
  if (!is_first) begin_anew(watch, offset, out);
  take_waiting(watch, offset, out);
}

void RuleWatches::leave(SeriesSlot slot, bool may_return, std::uint64_t offset,
                        std::vector<RuleSignal>& out) {
  const Place at = of_slot_.at(slot);
  Watch& watch = *at.watch;
  unplace(slot);
  if (watch.told == slot) {
    end(watch, out);
    watch.gate.reset();
  }
  watch.members[at.member].slot = kNoSlot;
  watch.members[at.member].came = false;
  must_store_.insert(watch.number);
  if (std::ranges::none_of(watch.members, &Member::is_there)) return remove(watch);
  if (may_return) return;
  watch.members.erase(watch.members.begin() + at.member);
  for (std::uint32_t m = at.member; m < watch.members.size(); ++m) {
    if (watch.members[m].is_there()) of_slot_[watch.members[m].slot].member = m;
  }
  begin_anew(watch, offset, out);
}

void RuleWatches::begin_anew(Watch& watch, std::uint64_t offset, std::vector<RuleSignal>& out) {
  end(watch, out);
  watch.detector = nullptr;
  watch.gate.reset();
  watch.held.clear();
  watch.is_learning = true;
  for (Member& member : watch.members) member.came = false;
  // A gap in what was learned: the frames up to this one are not to be run through it again.
  dirty_.erase({watch.dirty_from, watch.number});
  watch.dirty_from = UINT64_MAX;
  watch.stored_until = offset;
  must_store_.insert(watch.number);
}

void RuleWatches::remove(Watch& watch) {
  removed_.push_back(watch.number);
  dirty_.erase({watch.dirty_from, watch.number});
  must_store_.erase(watch.number);
  absences_.erase(watch.number);
  groups_.erase(watch.key);
  watches_.erase(watch.number);
}

void RuleWatches::wait(SeriesSlot slot) {
  const std::uint64_t bit = std::uint64_t{1} << slot % 64;
  if (slot / 64 >= waiting_.size()) waiting_.resize(slot / 64 + 1);
  if ((waiting_[slot / 64] & bit) != 0) return;
  waiting_[slot / 64] |= bit;
  ++waiting_count_;
}

void RuleWatches::stop_waiting(SeriesSlot slot) {
  const std::uint64_t bit = std::uint64_t{1} << slot % 64;
  if (slot / 64 >= waiting_.size() || (waiting_[slot / 64] & bit) == 0) return;
  waiting_[slot / 64] &= ~bit;
  --waiting_count_;
}

// By slot, so that a restart, which finds out anew who waits, goes on alike.
void RuleWatches::fill(const SeriesTable& table, std::uint64_t offset,
                       std::vector<RuleSignal>& out) {
  if (of_slot_.size() >= options_.named_series_max) return;
  for (std::size_t word = 0; waiting_count_ > 0 && word < waiting_.size(); ++word) {
    while (waiting_[word] != 0) {
      if (of_slot_.size() >= options_.named_series_max) return;
      const auto slot = static_cast<SeriesSlot>(
          word * 64 + static_cast<std::size_t>(std::countr_zero(waiting_[word])));
      stop_waiting(slot);
      const Series& series = *table.series(slot);
      std::uint32_t index = 0;
      if (rule_of(series, index) != nullptr) assign(slot, series, index, offset, out);
    }
  }
}

void RuleWatches::place(SeriesSlot slot, Place at) {
  of_slot_[slot] = at;
  if (slot / 64 >= bits_.size()) bits_.resize(slot / 64 + 1);
  bits_[slot / 64] |= std::uint64_t{1} << slot % 64;
}

void RuleWatches::place_members(Watch& watch) {
  for (std::uint32_t m = 0; m < watch.members.size(); ++m) {
    if (watch.members[m].is_there()) place(watch.members[m].slot, {&watch, m});
  }
}

void RuleWatches::unplace(SeriesSlot slot) {
  of_slot_.erase(slot);
  bits_[slot / 64] &= ~(std::uint64_t{1} << slot % 64);
}

void RuleWatches::forget(SeriesSlot slot, std::uint64_t offset, std::vector<RuleSignal>& out) {
  if (is_watched(slot)) return leave(slot, true, offset, out);
  stop_waiting(slot);
}

void RuleWatches::reset(SeriesSlot slot, std::uint64_t offset, std::vector<RuleSignal>& out) {
  if (is_watched(slot)) begin_anew(*of_slot_.at(slot).watch, offset, out);
}

std::vector<RuleFacts> RuleWatches::facts() const {
  std::vector<RuleFacts> all(options_.rules.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].name = options_.rules[i].name;
    all[i].detector = named_detector_name(options_.rules[i].detector.kind);
  }
  for (const auto& [number, watch] : watches_) {
    RuleFacts& facts = all[watch->rule];
    facts.series +=
        static_cast<std::uint64_t>(std::ranges::count_if(watch->members, &Member::is_there));
    if (watch->is_learning) ++facts.learning;
    if (watch->told != kNoSlot) ++facts.open;
    if (watch->held.empty()) continue;
    ++facts.held;
    facts.why_held = watch->held;
  }
  return all;
}

}  // namespace quell
