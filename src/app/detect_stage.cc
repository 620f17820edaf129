#include "app/detect_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/bytes.h"
#include "base/hash.h"

namespace quell {
namespace {

constexpr std::uint8_t kStageVersion = 1;
constexpr std::uint8_t kModelPageVersion = 1;
constexpr std::size_t kBlocksPerPage = DetectStage::kSlotsPerPage / kLanes;
// Pages that are written because series have left, with one commit.
constexpr std::size_t kExtraPages = 4;

}  // namespace

void DetectStage::apply(const Change& change) {
  enabled_ = change.enabled;
  detector_.set_settings(change.settings);
}

void DetectStage::set_options(const FindingOptions& options, std::uint64_t offset) {
  Change change{.offset = offset,
                .enabled = options.enabled,
                .settings = {.finding_p = options.series_p, .warmup_samples = options.warmup}};
  tracker_.set_options(options);
  const bool is_same = !changes_.empty() && changes_.back().enabled == change.enabled &&
                       changes_.back().settings.finding_p == change.settings.finding_p &&
                       changes_.back().settings.warmup_samples == change.settings.warmup_samples;
  if (!is_same) changes_.push_back(change);
  apply(changes_.back());
}

void DetectStage::on_samples(const SampleBatch& batch, const SeriesTable& table,
                             Timestamp arrived_at, std::vector<Event>& out) {
  tracker_.follow(table);
  if (!enabled_ || batch.size() == 0) return;
  samples_ += batch.size();
  detector_.observe(batch.slots, batch.times, batch.watched(), calendar_, seen_);
  news_.clear();
  tracker_.on_samples({batch.slots, batch.times, batch.watched(), seen_}, detector_, table,
                      arrived_at, news_);
  tell(news_, out);
}

void DetectStage::on_time(Timestamp now, const SeriesTable& table, std::vector<Event>& out) {
  news_.clear();
  tracker_.on_time(now, table, news_);
  tell(news_, out);
}

void DetectStage::forget(SeriesSlot slot, std::uint64_t offset) {
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

Result<DetectStage::Imported> DetectStage::import_models(std::vector<ModelRecord> models,
                                                         const SeriesTable& table,
                                                         std::uint64_t offset) {
  Imported done{.models = models.size()};
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

Result<std::uint64_t> DetectStage::reset(FindingId id, const SeriesTable& table,
                                         std::uint64_t offset) {
  const Finding* finding = tracker_.findings().find(id);
  if (finding == nullptr) {
    return fail(Errc::NotFound, fmt::format("there is no finding {}", format_finding_id(id)));
  }
  std::uint64_t count = 0;
  for (const FindingSignal& signal : finding->signals) {
    const SeriesSlot slot = table.find(finding->tenant, signal.series->labels);
    if (slot == kNoSlot) continue;
    detector_.forget(slot);
    imported_.forget(slot);
    forgotten_[slot] = offset;
    ++count;
  }
  return count;
}

std::uint64_t DetectStage::reset(std::string_view metric, const std::vector<Matcher>& matchers,
                                 const SeriesTable& table, std::uint64_t offset) {
  std::uint64_t count = 0;
  const auto begin_anew = [&](SeriesSlot slot) {
    const Series& series = *table.series(slot);
    const bool fits = std::ranges::all_of(
        matchers, [&](const Matcher& m) { return m.matches(series.labels.get(m.name())); });
    if (!fits) return;
    detector_.forget(slot);
    imported_.forget(slot);
    forgotten_[slot] = offset;
    ++count;
  };
  if (!metric.empty()) {
    for (const SeriesSlot slot : table.slots_of(metric)) begin_anew(slot);
    return count;
  }
  for (SeriesSlot slot = 0; slot < table.slot_count(); ++slot) {
    if (table.series(slot) != nullptr) begin_anew(slot);
  }
  return count;
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
  if (head.u8() != kModelPageVersion) return corrupt("is of an unknown version");
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
    const std::string_view model = bytes.substr(kHead, Detector::kBlockBytes);
    if (sum != crc32c(model)) return corrupt("has a checksum that does not fit");
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
  while (changes_.size() > 1 && changes_[1].offset <= needed) changes_.erase(changes_.begin());
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
  }
  w.u64(forgotten_.size());
  for (const auto& [slot, offset] : forgotten_) {
    w.u64(slot);
    w.u64(offset);
  }
  std::string tracker;
  tracker_.snapshot(tracker);
  w.text(tracker);
}

Status DetectStage::restore(std::string_view bytes) {
  ByteReader r(bytes);
  if (r.u8() != kStageVersion) return fail(Errc::Corrupt, "detection of an unknown version");
  changes_.resize(r.count());
  for (Change& change : changes_) {
    change.offset = r.u64();
    change.enabled = r.boolean();
    change.settings.finding_p = r.f64();
    change.settings.warmup_samples = static_cast<std::uint32_t>(r.u64());
  }
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    const auto slot = static_cast<SeriesSlot>(r.u64());
    forgotten_[slot] = r.u64();
  }
  const std::string_view tracker = r.text();
  if (!r.ok() || !r.at_end()) return fail(Errc::Corrupt, "the state of detection ends early");
  if (!changes_.empty()) apply(changes_.back());
  return tracker_.restore(tracker);
}

Status DetectStage::load(const StatePage& page, const SeriesTable& table) {
  if (page.kind == StatePageKind::Findings) return tracker_.load_finding(page.data);
  if (page.kind == StatePageKind::Imported) return imported_.load(page);
  return load_models(page, table);
}

Status DetectStage::finish_load(const SeriesTable& table) {
  for (const auto& [slot, offset] : forgotten_) {
    // A page that was written since has what the slot learned anew.
    const std::size_t page = slot / kSlotsPerPage;
    const bool is_written = page < page_until_.size() && page_until_[page] > offset;
    if (is_written) continue;
    detector_.forget(slot);
    const ImportedModels::Attached* const imported = imported_.attached(slot);
    if (imported != nullptr) TRY_STATUS(detector_.load(slot, imported->model));
  }
  return tracker_.finish_restore(table);
}

// What the page of a slot has already is passed over.
void DetectStage::restore_samples(const SampleBatch& batch, std::uint64_t offset) {
  for (const Change& change : changes_) {
    if (change.offset <= offset || &change == &changes_.front()) apply(change);
  }
  const auto watched = batch.watched();
  rest_.clear();
  for (std::size_t i = 0; i < batch.size(); ++i) {
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
