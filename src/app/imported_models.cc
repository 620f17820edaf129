#include "app/imported_models.h"

#include <algorithm>

#include "base/bytes.h"

namespace quell {
namespace {

constexpr std::uint8_t kPageVersion = 1;

}  // namespace

void ImportedModels::wait(ModelRecord record) {
  Waiting& waiting = waiting_[series_id(record.tenant, record.labels)];
  if (waiting.number == 0) waiting.number = next_number_++;
  waiting.record = std::move(record);
  std::string& page = changed_[waiting.number];
  page.clear();
  ByteWriter w(page);
  w.u8(kPageVersion);
  w.boolean(false);
  w.text(waiting.record.tenant);
  w.text(waiting.record.labels.bytes());
  w.text(waiting.record.model);
}

void ImportedModels::attach(SeriesSlot slot, std::string model, std::uint64_t offset) {
  Placed& placed = attached_[slot];
  if (placed.number == 0) placed.number = next_number_++;
  placed.attached = {.offset = offset, .model = std::move(model)};
  std::string& page = changed_[placed.number];
  page.clear();
  ByteWriter w(page);
  w.u8(kPageVersion);
  w.boolean(true);
  w.u64(slot);
  w.u64(offset);
  w.text(placed.attached.model);
}

std::string ImportedModels::take(const Series& series) {
  const auto found = waiting_.find(series.id);
  if (found == waiting_.end()) return {};
  std::string model = std::move(found->second.record.model);
  changed_[found->second.number].clear();
  waiting_.erase(found);
  return model;
}

void ImportedModels::forget(SeriesSlot slot) {
  forget(slot, slot + 1);
}

void ImportedModels::forget(SeriesSlot first, SeriesSlot end) {
  const auto begin = attached_.lower_bound(first);
  const auto last = attached_.lower_bound(end);
  for (auto at = begin; at != last; ++at) changed_[at->second.number].clear();
  attached_.erase(begin, last);
}

bool ImportedModels::waits(std::string_view tenant, const SeriesLabels& labels) const {
  return waiting_.contains(series_id(tenant, labels));
}

const ImportedModels::Attached* ImportedModels::attached(SeriesSlot slot) const {
  const auto found = attached_.find(slot);
  return found == attached_.end() ? nullptr : &found->second.attached;
}

void ImportedModels::take_pages(std::vector<StatePage>& out) {
  for (auto& [number, data] : changed_) {
    out.push_back({.kind = StatePageKind::Imported, .number = number, .data = std::move(data)});
  }
  changed_.clear();
}

Status ImportedModels::load(const StatePage& page) {
  ByteReader r(page.data);
  const std::uint8_t version = r.u8();
  const bool is_attached = r.boolean();
  if (is_attached) {
    const auto slot = static_cast<SeriesSlot>(r.u64());
    Placed& placed = attached_[slot];
    placed = {.number = page.number, .attached = {.offset = r.u64(), .model = r.string()}};
  } else {
    Waiting waiting{.number = page.number, .record = {.tenant = r.string()}};
    TRY(waiting.record.labels, SeriesLabels::from_bytes(r.text()));
    waiting.record.model = r.string();
    const Hash128 id = series_id(waiting.record.tenant, waiting.record.labels);
    waiting_[id] = std::move(waiting);
  }
  if (version != kPageVersion || !r.ok() || !r.at_end()) {
    return fail(Errc::Corrupt, "an imported model does not decode");
  }
  next_number_ = std::max(next_number_, page.number + 1);
  return {};
}

}  // namespace quell
