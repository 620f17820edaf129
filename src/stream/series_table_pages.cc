// The pages of SeriesTable: what the store keeps of it. 64 series make a page, so that a million of
// them are some thousand rows, and one new series rewrites no more than its neighbours.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "stream/series_table.h"

namespace quell {
namespace {

constexpr std::uint8_t kSeriesPageVersion = 2;  // 1 has no offsets.
constexpr std::uint8_t kMetadataPageVersion = 1;

std::unexpected<Error> corrupt(const StatePage& page) {
  return fail(Errc::Corrupt,
              fmt::format("page {} of the series table does not decode", page.number));
}

}  // namespace

void SeriesTable::mark_dirty(SeriesSlot slot) {
  const std::uint64_t page = slot / kSeriesPerPage;
  if (is_dirty_[page]) return;
  is_dirty_[page] = true;
  dirty_pages_.push_back(page);
}

StatePage SeriesTable::series_page(std::uint64_t number) const {
  StatePage page{.kind = StatePageKind::Series, .number = number};
  ByteWriter w(page.data);
  const std::size_t first = number * kSeriesPerPage;
  const std::size_t last = std::min(first + kSeriesPerPage, entries_.size());
  for (std::size_t slot = first; slot < last; ++slot) {
    if (series_[slot] == nullptr) continue;
    if (page.data.empty()) w.u8(kSeriesPageVersion);
    const Series& series = *series_[slot];
    w.u8(static_cast<std::uint8_t>(slot - first));
    w.text(series.tenant);
    w.text(owners_[entries_[slot].owner].source);
    w.text(series.unit);
    w.u8(static_cast<std::uint8_t>(kinds_[slot]));
    w.u64(born_[slot]);
    w.text(series.labels.bytes());
  }
  return page;
}

void SeriesTable::take_pages(std::vector<StatePage>& out) {
  for (const std::uint64_t number : dirty_pages_) {
    is_dirty_[number] = false;
    out.push_back(series_page(number));
  }
  dirty_pages_.clear();
  for (const std::uint64_t number : gone_metadata_) {
    out.push_back({.kind = StatePageKind::Metadata, .number = number});
  }
  gone_metadata_.clear();
  for (const auto& key : dirty_metadata_) {
    const Known& known = metadata_.at(key);
    StatePage& page = out.emplace_back();
    page.kind = StatePageKind::Metadata;
    page.number = known.number;
    ByteWriter w(page.data);
    w.u8(kMetadataPageVersion);
    w.text(tenants_[key.first].name);
    w.text(known.metadata.metric);
    w.u8(static_cast<std::uint8_t>(known.metadata.kind));
    w.text(known.metadata.unit);
    w.text(known.metadata.help);
  }
  dirty_metadata_.clear();
}

Status SeriesTable::load(const StatePage& page) {
  return page.kind == StatePageKind::Series ? load_series(page) : load_metadata(page);
}

Status SeriesTable::load_series(const StatePage& page) {
  ByteReader r(page.data);
  const std::uint8_t version = r.u8();
  if (version == 0 || version > kSeriesPageVersion) return corrupt(page);
  do {
    const std::uint8_t index = r.u8();
    const std::string_view tenant_name = r.text();
    const std::string_view source = r.text();
    std::string unit = r.string();
    const auto kind = static_cast<SeriesKind>(r.u8());
    const std::uint64_t born = version < 2 ? 0 : r.u64();
    const std::string_view bytes = r.text();
    if (!r.ok() || index >= kSeriesPerPage || kind > SeriesKind::Delta) return corrupt(page);
    TRY(SeriesLabels labels, SeriesLabels::from_bytes(bytes));
    TRY(const std::uint16_t tenant, tenant_number(tenant_name));
    TRY(const std::uint16_t owner, owner_number(tenant, source));
    const auto slot = static_cast<SeriesSlot>(page.number * kSeriesPerPage + index);
    const std::uint64_t hash = hash_of({bytes, tenant});
    insert(hash, tenant, owner, std::move(labels), std::move(unit), kind, slot);
    born_[slot] = born;
  } while (!r.at_end());
  return {};
}

Status SeriesTable::load_metadata(const StatePage& page) {
  ByteReader r(page.data);
  if (r.u8() != kMetadataPageVersion) return corrupt(page);
  TRY(const std::uint16_t tenant, tenant_number(r.text()));
  Known known{.number = page.number};
  known.metadata.metric = r.string();
  known.metadata.kind = static_cast<SeriesKind>(r.u8());
  known.metadata.unit = r.string();
  known.metadata.help = r.string();
  if (!r.ok() || !r.at_end() || known.metadata.kind > SeriesKind::Delta) return corrupt(page);
  next_metadata_ = std::max(next_metadata_, page.number + 1);
  const std::string metric = known.metadata.metric;
  metadata_.emplace(std::pair(tenant, metric), std::move(known));
  return {};
}

void SeriesTable::finish_load() {
  for (std::size_t slot = 0; slot < entries_.size(); ++slot) {
    if (series_[slot] == nullptr) free_.push(static_cast<SeriesSlot>(slot));
  }
}

}  // namespace quell
