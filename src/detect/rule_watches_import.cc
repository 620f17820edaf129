// What the detectors of rules have learned, from one server to another.
#include <fmt/format.h>

#include <algorithm>

#include "detect/rule_watches.h"

namespace quell {
namespace {

std::vector<std::uint64_t> ids_of(const DetectorRecord& record) {
  std::vector<std::uint64_t> ids;
  for (const SeriesLabels& labels : record.series) {
    ids.push_back(series_id(record.tenant, labels).low);
  }
  return ids;
}

}  // namespace

// The same whatever the order of the series.
std::uint64_t RuleWatches::identity_of(std::string_view key, std::vector<std::uint64_t> ids) {
  std::ranges::sort(ids);
  std::uint64_t identity = hash64(key);
  for (const std::uint64_t id : ids) {
    identity = hash64({reinterpret_cast<const char*>(&id), sizeof id}, identity);
  }
  return identity;
}

std::uint64_t RuleWatches::identity_of(const Watch& watch) {
  std::vector<std::uint64_t> ids;
  for (const Member& member : watch.members) ids.push_back(member.id);
  return identity_of(watch.key, std::move(ids));
}

std::optional<DetectorRecord> RuleWatches::exported(SeriesSlot slot,
                                                    const SeriesTable& table) const {
  if (!is_watched(slot)) return std::nullopt;
  const Place at = of_slot_.at(slot);
  const Watch& watch = *at.watch;
  if (at.member != 0 || watch.detector == nullptr || !is_carried(watch.detector->kind())) {
    return std::nullopt;
  }
  DetectorRecord record{.tenant = table.series(slot)->tenant, .key = watch.key};
  for (const Member& member : watch.members) {
    if (!member.is_there()) return std::nullopt;
    record.series.push_back(table.series(member.slot)->labels);
  }
  record.state = watch.detector->save();
  return record;
}

// Null when there is none of just these series, under a rule that says the same.
RuleWatches::Watch* RuleWatches::watch_of(const DetectorRecord& record,
                                          const SeriesTable& table) const {
  const SeriesSlot slot = table.find(record.tenant, record.series.front());
  if (slot == kNoSlot || !is_watched(slot)) return nullptr;
  Watch* watch = of_slot_.at(slot).watch;
  return identity_of(*watch) == identity_of(record.key, ids_of(record)) ? watch : nullptr;
}

Status RuleWatches::check_import(std::span<const DetectorRecord> records,
                                 const SeriesTable& table) const {
  std::set<std::uint64_t> more;  // One that waits already is replaced.
  for (const DetectorRecord& record : records) {
    const std::uint64_t identity = identity_of(record.key, ids_of(record));
    if (watch_of(record, table) == nullptr && !imports_.contains(identity)) more.insert(identity);
  }
  if (more.empty() || imports_.size() + more.size() <= options_.named_series_max) return {};
  return fail(Errc::Exhausted,
              fmt::format("{} detectors wait for their series or rules, {} more would be more than "
                          "detection.named_series_max, {}",
                          imports_.size(), more.size(), options_.named_series_max));
}

Result<std::uint64_t> RuleWatches::import_detectors(std::vector<DetectorRecord> records,
                                                    const SeriesTable& table, std::uint64_t offset,
                                                    std::vector<RuleSignal>& out) {
  TRY_STATUS(check_import(records, table));
  std::uint64_t waiting = 0;
  for (DetectorRecord& record : records) {
    Import one{.key = std::move(record.key), .ids = {}, .state = std::move(record.state)};
    record.key = one.key;
    one.ids = ids_of(record);
    const std::uint64_t identity = identity_of(one.key, one.ids);
    Watch* watch = watch_of(record, table);
    if (watch != nullptr) {
      take_over(*watch, one, offset, out);
      continue;
    }
    Import& kept = imports_[identity];
    one.number = kept.number != 0 ? kept.number : next_number_++;
    kept = std::move(one);
    fresh_imports_.insert(identity);
    ++waiting;
  }
  return waiting;
}

// A watch has got its series: what waits for it is taken.
void RuleWatches::take_waiting(Watch& watch, std::uint64_t offset, std::vector<RuleSignal>& out) {
  if (imports_.empty()) return;
  const auto found = imports_.find(identity_of(watch));
  if (found == imports_.end()) return;
  take_over(watch, found->second, offset, out);
  removed_.push_back(found->second.number);
  fresh_imports_.erase(found->first);
  imports_.erase(found);
}

void RuleWatches::take_over(Watch& watch, const Import& one, std::uint64_t offset,
                            std::vector<RuleSignal>& out) {
  begin_anew(watch, offset, out);
  std::vector<Member> members;
  for (const std::uint64_t id : one.ids) {
    members.push_back(*std::ranges::find(watch.members, id, &Member::id));
  }
  watch.members = std::move(members);
  place_members(watch);
  // One that was learned with other options begins anew: the key should have told them apart.
  if (!detector_of(watch).load(one.state)) watch.detector = nullptr;
}

void RuleWatches::store_imports(std::vector<StatePage>& pages) {
  for (const std::uint64_t identity : fresh_imports_) {
    const Import& one = imports_.at(identity);
    StatePage page{.kind = StatePageKind::Watches, .number = one.number};
    ByteWriter w(page.data);
    w.u8(kImportPageVersion);
    w.text(one.key);
    w.u64(one.ids.size());
    for (const std::uint64_t id : one.ids) w.fixed64(id);
    w.text(one.state);
    pages.push_back(std::move(page));
  }
  fresh_imports_.clear();
}

Status RuleWatches::load_import(ByteReader& r, std::uint64_t number) {
  Import one{.number = number, .key = r.string()};
  one.ids.resize(r.count());
  for (std::uint64_t& id : one.ids) id = r.fixed64();
  one.state = r.string();
  if (!r.ok() || !r.at_end()) {
    return fail(Errc::Corrupt, fmt::format("the page of import {} does not decode", number));
  }
  imports_[identity_of(one.key, one.ids)] = std::move(one);
  return {};
}

}  // namespace quell
