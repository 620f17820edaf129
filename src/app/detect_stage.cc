#include "app/detect_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/bytes.h"
#include "base/hash.h"

namespace quell {
namespace {

constexpr std::uint8_t kStageVersion = 3;      // 1 had no watches, 2 no time zone.
constexpr std::uint8_t kModelPageVersion = 2;  // 1: its blocks end before the gain.
constexpr std::size_t kBlocksPerPage = DetectStage::kSlotsPerPage / kLanes;
// Pages that are written because series have left, with one commit.
constexpr std::size_t kExtraPages = 4;

}  // namespace

void DetectStage::apply(const Change& change) {
  enabled_ = change.enabled;
  detector_.set_settings(change.settings);
  calendar_ = change.calendar;
}

void DetectStage::set_options(const FindingOptions& options, std::uint64_t offset, Timestamp now) {
  Change change{.offset = offset,
                .enabled = options.enabled,
                .settings = {.finding_p = options.series_p, .warmup_samples = options.warmup},
                .calendar = options.calendar};
  tracker_.set_options(options);
  watches_.set_options(options);
  const bool is_other_zone = options.calendar.posix() != calendar_.posix();
  const bool is_same = !changes_.empty() && changes_.back().enabled == change.enabled &&
                       changes_.back().settings.finding_p == change.settings.finding_p &&
                       changes_.back().settings.warmup_samples == change.settings.warmup_samples &&
                       !is_other_zone;
  if (is_other_zone) {
    if (changes_.empty()) changes_.emplace_back();  // What held without a configuration.
    const std::int64_t second =
        std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    change.turn = change.calendar.offset_seconds(second) - calendar_.offset_seconds(second);
    for (SeriesSlot slot = 0; slot < detector_.slot_count(); ++slot) {
      detector_.turn(slot, change.turn);
    }
  }
  if (!is_same) changes_.push_back(std::move(change));
  apply(changes_.back());
}

// What has a page of after the change, or began anew since, knows of it.
void DetectStage::turn_models(std::uint64_t offset) {
  for (; turned_ < changes_.size() && changes_[turned_].offset <= offset; ++turned_) {
    const Change& change = changes_[turned_];
    for (SeriesSlot slot = 0; change.turn != 0 && slot < detector_.slot_count(); ++slot) {
      const std::size_t page = slot / kSlotsPerPage;
      if (page < page_until_.size() && page_until_[page] >= change.offset) continue;
      const auto anew = forgotten_.find(slot);
      if (anew != forgotten_.end() && anew->second >= change.offset) continue;
      detector_.turn(slot, change.turn);
    }
  }
}

// Whether no stored page is older than the change, so that a restart need not know of it.
bool DetectStage::is_turned_everywhere(const Change& change) const {
  return change.turn == 0 || std::ranges::all_of(page_until_, [&](std::uint64_t until) {
           return until >= change.offset;
         });
}

void DetectStage::match_rules(const SeriesTable& table, std::uint64_t offset) {
  signals_.clear();
  watches_.match_all(table, offset, signals_);
  for (const RuleSignal& signal : signals_) tracker_.end_signal(signal.slot, table);
}

// What begins, and goes on; what ends does so only when the tracker has looked at it.
void DetectStage::take_signals(const SeriesTable& table, Timestamp arrived_at) {
  ending_.clear();
  for (const RuleSignal& signal : signals_) {
    if (signal.ended) {
      ending_.insert(signal.slot);
      continue;
    }
    ending_.erase(signal.slot);
    tracker_.on_signal(signal, table, arrived_at);
  }
}

void DetectStage::end_signals(const SeriesTable& table) {
  for (const SeriesSlot slot : ending_) tracker_.end_signal(slot, table);
}

void DetectStage::on_samples(const SampleBatch& batch, const SeriesTable& table,
                             Timestamp arrived_at, std::uint64_t offset, std::vector<Event>& out) {
  const auto fresh = tracker_.follow(table);
  signals_.clear();
  watches_.fill(table, offset, signals_);
  if (!fresh.empty()) watches_.follow(fresh, table, offset, signals_);
  if (enabled_ && batch.watched_size() > 0) {
    const auto slots = batch.watched_slots();
    const auto times = batch.watched_times();
    samples_ += batch.watched_size();
    watches_.on_samples({slots, times, batch.watched()}, table, tracker_.changes(),
                        {.arrived_at = arrived_at, .offset = offset}, signals_);
    take_signals(table, arrived_at);
    detector_.observe(slots, times, batch.watched(), calendar_, seen_);
    news_.clear();
    tracker_.on_samples({slots, times, batch.watched(), seen_}, detector_, table, arrived_at,
                        news_);
    tell(news_, out);
  } else {
    take_signals(table, arrived_at);
  }
  end_signals(table);
}

void DetectStage::on_time(Timestamp now, const SeriesTable& table, std::vector<Event>& out) {
  signals_.clear();
  if (enabled_) watches_.on_time(now, table, tracker_.changes(), signals_);
  take_signals(table, now);
  news_.clear();
  tracker_.on_time(now, table, news_);
  tell(news_, out);
  end_signals(table);
}

void DetectStage::forget(SeriesSlot slot, const SeriesTable& table, std::uint64_t offset) {
  signals_.clear();
  watches_.forget(slot, offset, signals_);
  for (const RuleSignal& signal : signals_) tracker_.end_signal(signal.slot, table);
  tracker_.forget(slot);
  detector_.forget(slot);
  imported_.forget(slot);
  forgotten_[slot] = offset;
}

void DetectStage::put_model(SeriesSlot slot, std::string model, std::uint64_t offset) {
  const auto loaded = detector_.load(slot, model);
  QUELL_ASSERT(loaded.has_value(), "models are checked before they are imported");
  forgotten_[slot] = offset;
  imported_.attach(slot, std::move(model), offset);
}

Result<DetectStage::Imported> DetectStage::import_models(ModelFile file, const SeriesTable& table,
                                                         std::uint64_t offset) {
  std::vector<ModelRecord>& models = file.models;
  Imported done{.models = models.size() + file.detectors.size()};
  std::uint64_t more = 0;
  for (const ModelRecord& record : models) {
    if (table.find(record.tenant, record.labels) != kNoSlot) continue;
    ++done.waiting;
    if (!imported_.waits(record.tenant, record.labels)) ++more;
  }
  if (imported_.waiting_count() + more > ImportedModels::kWaitingMax) {
    return fail(Errc::Exhausted,
                fmt::format("{} models wait for series that have not come, {} more would be more "
                            "than the limit of {}",
                            imported_.waiting_count(), more, ImportedModels::kWaitingMax));
  }
  signals_.clear();
  TRY(const std::uint64_t waiting,
      watches_.import_detectors(std::move(file.detectors), table, offset, signals_));
  done.waiting += waiting;
  for (const RuleSignal& signal : signals_) tracker_.end_signal(signal.slot, table);
  for (ModelRecord& record : models) {
    const SeriesSlot slot = table.find(record.tenant, record.labels);
    if (slot == kNoSlot) {
      imported_.wait(std::move(record));
    } else {
      put_model(slot, std::move(record.model), offset);
    }
  }
  return done;
}

void DetectStage::give_imported(const SeriesTable& table, std::uint64_t offset) {
  if (imported_.waiting_count() == 0) return;
  for (const SeriesSlot slot : table.made()) {
    std::string model = imported_.take(*table.series(slot));
    if (!model.empty()) put_model(slot, std::move(model), offset);
  }
}

void DetectStage::begin_anew(SeriesSlot slot, std::uint64_t offset) {
  detector_.forget(slot);
  imported_.forget(slot);
  watches_.reset(slot, offset, signals_);
  forgotten_[slot] = offset;
}

Result<std::uint64_t> DetectStage::reset(FindingId id, std::string_view tenant,
                                         const SeriesTable& table, std::uint64_t offset) {
  const Finding* finding = tracker_.findings().find(id);
  if (finding == nullptr || (!tenant.empty() && finding->tenant != tenant)) {
    return fail(Errc::NotFound,
                fmt::format("there is no finding {}{}", format_finding_id(id),
                            tenant.empty() ? "" : fmt::format(" of the tenant '{}'", tenant)));
  }
  std::uint64_t count = 0;
  signals_.clear();
  for (const FindingSignal& signal : finding->signals) {
    const SeriesSlot slot = table.find(finding->tenant, signal.series->labels);
    if (slot == kNoSlot) continue;
    begin_anew(slot, offset);
    ++count;
  }
  for (const RuleSignal& signal : signals_) tracker_.end_signal(signal.slot, table);
  return count;
}

DetectStage::ResetDone DetectStage::reset(const Reset& reset, const SeriesTable& table,
                                          std::uint64_t offset) {
  ResetDone done;
  signals_.clear();
  const auto look = [&](SeriesSlot slot) {
    const Series* series = table.series(slot).get();
    if (series == nullptr || (!reset.tenant.empty() && series->tenant != reset.tenant)) return;
    const bool fits = std::ranges::all_of(reset.selector.matchers, [&](const Matcher& m) {
      return m.matches(series->labels.get(m.name()));
    });
    if (!fits) return;
    begin_anew(slot, offset);
    ++done.models;
  };
  const std::size_t slots_max = reset.slots_max == 0 ? table.slot_count() : reset.slots_max;
  const auto& of_metric = table.slots_of(reset.selector.metric());
  if (!reset.selector.metric().empty() && reset.first == 0 && of_metric.size() <= slots_max) {
    for (const SeriesSlot slot : of_metric) look(slot);
  } else {
    std::uint64_t slot = reset.first;
    for (; slot < table.slot_count() && slot - reset.first < slots_max; ++slot) {
      look(static_cast<SeriesSlot>(slot));
    }
    if (slot < table.slot_count()) done.rest_at = slot;
  }
  for (const RuleSignal& signal : signals_) tracker_.end_signal(signal.slot, table);
  return done;
}

void DetectStage::tell(const std::vector<FindingNews>& news, std::vector<Event>& out) {
  for (const FindingNews& one : news) {
    Event event = finding_event(*tracker_.findings().find(one.id), one.ended);
    tracker_.set_alert(one.id, event.labels.fingerprint());
    out.push_back(std::move(event));
  }
}

// ---------------------------------------------------------------------------------------------
// The store.

StatePage DetectStage::make_page(std::uint64_t number, std::uint64_t end_offset,
                                 const SeriesTable& table) const {
  StatePage page{.kind = StatePageKind::Models, .number = number};
  ByteWriter w(page.data);
  w.u8(kModelPageVersion);
  w.u64(end_offset);
  const std::size_t first = number * kBlocksPerPage;
  const std::size_t last = std::min(first + kBlocksPerPage, detector_.slot_count() / kLanes);
  if (last > first) page.data.reserve(64 + (last - first) * (Detector::kBlockBytes + 256));
  std::string block;
  for (std::size_t b = first; b < last; ++b) {
    bool is_used = false;
    std::array<std::uint64_t, kLanes> ids{};
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::size_t slot = b * kLanes + lane;
      if (slot >= table.slot_count()) break;
      const auto& series = table.series(static_cast<SeriesSlot>(slot));
      if (series == nullptr) continue;
      ids[lane] = series->id.low;
      is_used = true;
    }
    if (!is_used) continue;
    w.u64(b - first);
    for (const std::uint64_t id : ids) w.fixed64(id);
    block.clear();
    detector_.save_block(b, block);
    w.fixed64(crc32c(block));
    page.data += block;
  }
  return page;
}

Status DetectStage::load_models(const StatePage& page, const SeriesTable& table) {
  const auto corrupt = [&](std::string_view why) {
    return fail(Errc::Corrupt, fmt::format("page {} of models {}", page.number, why));
  };
  std::string_view bytes = page.data;
  ByteReader head(bytes.substr(0, std::min<std::size_t>(bytes.size(), 16)));
  const std::uint8_t version = head.u8();
  if (version < 1 || version > kModelPageVersion) return corrupt("is of an unknown version");
  const std::uint64_t end_offset = head.u64();
  if (!head.ok()) return corrupt("ends early");
  std::string skipped;
  ByteWriter(skipped).u64(end_offset);
  bytes.remove_prefix(1 + skipped.size());
  while (!bytes.empty()) {
    constexpr std::size_t kHead = 1 + 8 * kLanes + 8;  // The number of a block is below 128.
    if (bytes.size() < kHead + Detector::kBlockBytes) return corrupt("ends early");
    ByteReader r(bytes.substr(0, kHead));
    const std::size_t block = page.number * kBlocksPerPage + r.u8();
    std::uint32_t lanes = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t id = r.fixed64();
      const std::size_t slot = block * kLanes + lane;
      // The slot may have been given to another series since.
      if (id == 0 || slot >= table.slot_count()) continue;
      const auto& series = table.series(static_cast<SeriesSlot>(slot));
      if (series != nullptr && series->id.low == id) lanes |= 1u << lane;
    }
    const std::uint64_t sum = r.fixed64();
    std::string_view model = bytes.substr(kHead, Detector::kBlockBytes);
    if (sum != crc32c(model)) return corrupt("has a checksum that does not fit");
    if (version == 1) model = model.substr(0, Detector::kBlockBytesBeforeGain);
    TRY_STATUS(detector_.load_block(block, model, lanes));
    bytes.remove_prefix(kHead + Detector::kBlockBytes);
  }
  if (page_until_.size() <= page.number) page_until_.resize(page.number + 1);
  page_until_[page.number] = end_offset;
  return {};
}

void DetectStage::take(std::uint64_t next_offset, const SeriesTable& table, StoreBatch& batch) {
  std::set<std::uint64_t> numbers;  // Of pages.
  for (const StatePage& page : batch.state_pages) {
    if (page.kind == StatePageKind::Samples) numbers.insert(page.number);
  }
  const std::size_t many = numbers.size() + kExtraPages;
  for (const auto& [slot, offset] : forgotten_) {
    if (numbers.size() >= many) break;
    numbers.insert(slot / kSlotsPerPage);
  }
  for (const std::uint64_t number : numbers) {
    if (page_until_.size() <= number) page_until_.resize(number + 1);
    page_until_[number] = next_offset;
    batch.state_pages.push_back(make_page(number, next_offset, table));
    const auto first = static_cast<SeriesSlot>(number * kSlotsPerPage);
    forgotten_.erase(forgotten_.lower_bound(first), forgotten_.lower_bound(first + kSlotsPerPage));
    imported_.forget(first, first + kSlotsPerPage);
  }
  imported_.take_pages(batch.state_pages);
  for (const auto& finding : tracker_.findings().take_dirty()) {
    StatePage page{.kind = StatePageKind::Findings, .number = finding->id};
    encode_finding(*finding, page.data);
    batch.state_pages.push_back(std::move(page));
  }
  for (const FindingId id : tracker_.findings().take_removed()) {
    batch.state_pages.push_back({.kind = StatePageKind::Findings, .number = id});
  }
  // No frame before it is run again.
  const std::uint64_t needed = batch.samples_offset.value_or(next_offset);
  watches_.take(next_offset, needed, batch.now, batch.state_pages);
  while (changes_.size() > 1 && changes_[1].offset <= needed &&
         is_turned_everywhere(changes_.front())) {
    changes_.erase(changes_.begin());
  }
}

void DetectStage::snapshot(std::string& out) const {
  ByteWriter w(out);
  w.u8(kStageVersion);
  w.u64(changes_.size());
  for (const Change& change : changes_) {
    w.u64(change.offset);
    w.boolean(change.enabled);
    w.f64(change.settings.finding_p);
    w.u64(change.settings.warmup_samples);
    w.text(change.calendar.posix());
    w.i64(change.turn);
  }
  w.u64(forgotten_.size());
  for (const auto& [slot, offset] : forgotten_) {
    w.u64(slot);
    w.u64(offset);
  }
  std::string tracker;
  tracker_.snapshot(tracker);
  w.text(tracker);
  std::string watches;
  ByteWriter watch_writer(watches);
  watches_.snapshot(watch_writer);
  w.text(watches);
}

Status DetectStage::restore(std::string_view bytes) {
  ByteReader r(bytes);
  const std::uint8_t version = r.u8();
  if (version < 1 || version > kStageVersion) {
    return fail(Errc::Corrupt, "detection of an unknown version");
  }
  is_of_old_version_ = version < 2;
  changes_.resize(r.count());
  for (Change& change : changes_) {
    change.offset = r.u64();
    change.enabled = r.boolean();
    change.settings.finding_p = r.f64();
    change.settings.warmup_samples = static_cast<std::uint32_t>(r.u64());
    if (version < 3) continue;
    TRY(change.calendar, Calendar::parse(r.text()));
    change.turn = r.i64();
  }
  turned_ = 0;
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    const auto slot = static_cast<SeriesSlot>(r.u64());
    forgotten_[slot] = r.u64();
  }
  const std::string_view tracker = r.text();
  const std::string_view watches = version >= 2 ? r.text() : std::string_view();
  if (!r.ok() || !r.at_end()) return fail(Errc::Corrupt, "the state of detection ends early");
  if (!changes_.empty()) apply(changes_.back());
  if (version >= 2) {
    ByteReader watch_reader(watches);
    watches_.restore(watch_reader);
    if (!watch_reader.ok() || !watch_reader.at_end()) {
      return fail(Errc::Corrupt, "the state of watches ends early");
    }
  }
  return tracker_.restore(tracker);
}

Status DetectStage::load(const StatePage& page, const SeriesTable& table) {
  if (page.kind == StatePageKind::Findings) return tracker_.load_finding(page.data);
  if (page.kind == StatePageKind::Imported) return imported_.load(page);
  if (page.kind == StatePageKind::Watches) return watches_.load(page, table);
  return load_models(page, table);
}

Status DetectStage::finish_load(const SeriesTable& table, std::uint64_t next_offset) {
  for (const auto& [slot, offset] : forgotten_) {
    // A page that was written since has what the slot learned anew.
    const std::size_t page = slot / kSlotsPerPage;
    const bool is_written = page < page_until_.size() && page_until_[page] > offset;
    if (is_written) continue;
    detector_.forget(slot);
    const ImportedModels::Attached* const imported = imported_.attached(slot);
    if (imported != nullptr) TRY_STATUS(detector_.load(slot, imported->model));
  }
  signals_.clear();
  if (is_of_old_version_) watches_.match_all(table, next_offset, signals_);
  TRY_STATUS(watches_.finish_load(table, next_offset, signals_));
  TRY_STATUS(tracker_.finish_restore(table));
  for (const RuleSignal& signal : signals_) tracker_.end_signal(signal.slot, table);
  return {};
}

// What the page of a slot has already is passed over.
void DetectStage::restore_samples(const SampleBatch& batch, Timestamp arrived_at,
                                  std::uint64_t offset) {
  turn_models(offset);
  for (const Change& change : changes_) {
    if (change.offset <= offset || &change == &changes_.front()) apply(change);
  }
  const auto watched = batch.watched();
  if (enabled_) {
    watches_.restore_samples({batch.watched_slots(), batch.watched_times(), watched},
                             {.arrived_at = arrived_at, .offset = offset});
  }
  rest_.clear();
  for (std::size_t i = 0; i < batch.watched_size(); ++i) {
    const std::size_t page = batch.slots[i] / kSlotsPerPage;
    if (page < page_until_.size() && offset < page_until_[page]) continue;
    if (!forgotten_.empty()) {
      const auto anew = forgotten_.find(batch.slots[i]);
      if (anew != forgotten_.end() && offset < anew->second) continue;
    }
    rest_.slots.push_back(batch.slots[i]);
    rest_.times.push_back(batch.times[i]);
    rest_.values.push_back(watched[i]);
  }
  if (enabled_ && rest_.size() > 0) {
    detector_.observe(rest_.slots, rest_.times, rest_.values, calendar_, seen_);
  }
  if (!changes_.empty()) apply(changes_.back());
}

}  // namespace quell
