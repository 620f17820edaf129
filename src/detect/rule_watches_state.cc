// What of watches survives a restart.
#include <fmt/format.h>

#include "detect/rule_watches.h"
#include "stream/sample_book.h"

namespace quell {
namespace {

constexpr std::uint8_t kWatchPageVersion = 1;
constexpr Duration kPageAge = std::chrono::minutes(1);
constexpr std::uint64_t kBytesPerCommit = 256 << 10;

}  // namespace

StatePage RuleWatches::page_of(Watch& watch, std::uint64_t next_offset) const {
  StatePage page{.kind = StatePageKind::Watches, .number = watch.number};
  ByteWriter w(page.data);
  w.u8(kWatchPageVersion);
  w.text(watch.key);
  w.u64(next_offset);
  w.time(watch.round);
  w.time(watch.last_time);
  w.time(watch.last_arrival);
  w.boolean(watch.is_learning);
  w.u64(watch.members.size());
  for (const Member& member : watch.members) {
    w.u64(member.slot);
    w.fixed64(member.id);
    w.time(member.last);
    w.f64(member.value);
    w.boolean(member.came);
  }
  w.text(watch.detector == nullptr ? std::string() : watch.detector->save());
  return page;
}

void RuleWatches::take(std::uint64_t next_offset, std::uint64_t samples_offset, Timestamp now,
                       std::vector<StatePage>& pages) {
  for (const std::uint64_t number : removed_) {
    pages.push_back({.kind = StatePageKind::Watches, .number = number});
  }
  removed_.clear();
  store_imports(pages);
  std::uint64_t bytes = 0;
  const auto store = [&](Watch& watch) {
    dirty_.erase({watch.dirty_from, watch.number});
    watch.dirty_from = UINT64_MAX;
    watch.stored_until = next_offset;
    pages.push_back(page_of(watch, next_offset));
    bytes += pages.back().data.size();
  };
  for (const std::uint64_t number : must_store_) store(*watches_.at(number));
  must_store_.clear();
  // Frames that a page of samples holds give no rates any more: what is watched of them goes along.
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (pages[i].kind != StatePageKind::Samples) continue;
    const std::uint64_t first = pages[i].number * SampleBook::kSlotsPerPage;
    for (std::uint64_t slot = first; slot < first + SampleBook::kSlotsPerPage; ++slot) {
      if (!is_watched(static_cast<SeriesSlot>(slot))) continue;
      Watch& watch = *of_slot_.at(static_cast<SeriesSlot>(slot)).watch;
      if (watch.dirty_from != UINT64_MAX) store(watch);
    }
  }
  while (!dirty_.empty()) {
    const auto [from, number] = *dirty_.begin();
    Watch& watch = *watches_.at(number);
    const bool is_due = now - watch.dirty_at >= kPageAge && bytes < kBytesPerCommit;
    if (from >= samples_offset && !is_due) break;
    store(watch);
  }
}

void RuleWatches::snapshot(ByteWriter& w) const {
  w.u64(next_number_);
  w.u64(refused());
  w.time(checked_at_);
  w.time(heard_at_);
  w.time(deaf_until_);
  std::uint64_t count = 0;
  for (const auto& [number, watch] : watches_) count += watch->gate.is_quiet() ? 0 : 1;
  w.u64(count);
  for (const auto& [number, watch] : watches_) {
    if (watch->gate.is_quiet()) continue;
    w.u64(number);
    w.u64(watch->told);
    w.text(watch->held);
    watch->gate.save(w);
  }
}

// The gates are of watches whose pages come later; their rules follow with them.
void RuleWatches::restore(ByteReader& r) {
  next_number_ = r.u64();
  refused_ = r.u64();
  checked_at_ = r.time();
  heard_at_ = r.time();
  deaf_until_ = r.time();
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    auto watch = std::make_unique<Watch>();
    watch->number = r.u64();
    watch->told = static_cast<SeriesSlot>(r.u64());
    watch->held = r.string();
    watch->gate.load(r);
    const std::uint64_t number = watch->number;
    watches_[number] = std::move(watch);
  }
}

Status RuleWatches::load(const StatePage& page, const SeriesTable& table) {
  const auto corrupt = [&] {
    return fail(Errc::Corrupt, fmt::format("the page of watch {} does not decode", page.number));
  };
  ByteReader r(page.data);
  const std::uint8_t version = r.u8();
  if (version == kImportPageVersion) return load_import(r, page.number);
  if (version != kWatchPageVersion) return corrupt();
  auto& known = watches_[page.number];
  if (known == nullptr) known = std::make_unique<Watch>();
  Watch& watch = *known;
  watch.number = page.number;
  watch.key = r.string();
  watch.stored_until = r.u64();
  watch.round = r.time();
  watch.last_time = r.time();
  watch.last_arrival = r.time();
  watch.is_learning = r.boolean();
  watch.members.resize(r.count());
  const Series* any = nullptr;
  for (Member& member : watch.members) {
    member.slot = static_cast<SeriesSlot>(r.u64());
    member.id = r.fixed64();
    member.last = r.time();
    member.value = r.f64();
    member.came = r.boolean();
    if (!member.is_there()) continue;
    if (member.slot >= table.slot_count() || table.series(member.slot) == nullptr) return corrupt();
    any = table.series(member.slot).get();
    if (any->id.low != member.id) return corrupt();
  }
  const std::string_view learned = r.text();
  if (!r.ok() || !r.at_end() || any == nullptr) return corrupt();
  const DetectionRule* rule = rule_of(*any, watch.rule);
  if (rule == nullptr || key_of(*rule, *any) != watch.key) {
    misfits_.push_back(watch.number);  // Of a program that saw the same rules in another way.
    return {};
  }
  watch.gate.set_options(rule->gate);
  enlist(watch);
  place_members(watch);
  if (learned.empty()) return {};
  Status loaded = detector_of(watch).load(learned);
  if (loaded || loaded.error().code != Errc::InvalidArgument) return loaded;
  watch.detector = nullptr;  // It was led to impossible numbers: it begins anew.
  return {};
}

// Who matches, and is neither watched nor of a group. Until here, refused_ counts them, too.
void RuleWatches::find_waiting(const SeriesTable& table) {
  for (SeriesSlot slot = 0; slot < table.slot_count(); ++slot) {
    const auto& series = table.series(slot);
    if (series == nullptr || table.is_bucket(slot) || is_watched(slot)) continue;
    std::uint32_t index = 0;
    const DetectionRule* rule = rule_of(*series, index);
    if (rule != nullptr && rule->detector.kind != NamedDetectorKind::Isolation) wait(slot);
  }
  refused_ -= std::min(refused_, waiting_count_);
}

Status RuleWatches::finish_load(const SeriesTable& table, std::uint64_t offset,
                                std::vector<RuleSignal>& out) {
  const bool must_match = !misfits_.empty();
  for (const std::uint64_t number : misfits_) {
    Watch& watch = *watches_.at(number);
    end(watch, out);
    remove(watch);
  }
  misfits_.clear();
  if (must_match) {
    match_all(table, offset, out);
  } else if (refused_ > 0) {
    find_waiting(table);
  }
  for (const auto& [number, watch] : watches_) {
    if (watch->members.empty()) return fail(Errc::Corrupt, "a watch has a gate and no page");
  }
  return {};
}

void RuleWatches::save_detectors(std::string& out) const {
  for (const auto& [number, watch] : watches_) {
    ByteWriter w(out);
    w.u64(number);
    w.text(watch->key);
    w.text(watch->detector == nullptr ? std::string() : watch->detector->save());
  }
}

}  // namespace quell
