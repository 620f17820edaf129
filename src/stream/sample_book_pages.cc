// The pages of SampleBook: the open blocks of 1024 slots, and what of their closed ones is in no
// chunk yet.
#include <fmt/format.h>

#include <algorithm>

#include "stream/sample_book.h"

namespace quell {
namespace {

constexpr std::uint8_t kSamplePageVersion = 1;
constexpr std::uint8_t kNoLast = 3;  // Instead of the unit of a series that had no sample yet.

void write_block(ByteWriter& w, const SampleBlock& block) {
  w.i64(block.first);
  w.u8(block.count);
  w.u8(block.unit);
  w.text({reinterpret_cast<const char*>(block.data), block.used});
}

bool read_block(ByteReader& r, SampleBlock& block) {
  block.first = r.i64();
  block.count = r.u8();
  block.unit = r.u8();
  const std::string_view data = r.text();
  if (!r.ok() || data.size() > SampleBlock::kDataBytes) return false;
  block.used = static_cast<std::uint8_t>(data.size());
  std::ranges::copy(data, block.data);
  std::vector<Point> points;
  return decode_block(block, points).has_value() && !points.empty();
}

}  // namespace

StatePage SampleBook::make_page(std::uint64_t number, std::uint64_t end_offset,
                                const SeriesTable& table) const {
  StatePage page{.kind = StatePageKind::Samples, .number = number};
  ByteWriter w(page.data);
  w.u8(kSamplePageVersion);
  w.u64(end_offset);
  const std::size_t first = number * kSlotsPerPage;
  const std::size_t last = std::min(first + kSlotsPerPage, states_.size());
  for (std::size_t i = first; i < last; ++i) {
    const auto slot = static_cast<SeriesSlot>(i);
    const State& state = states_[slot];
    const bool is_alive = state.has_last || state.last_arrival_s != 0;
    if (!is_alive || table.series(slot) == nullptr) continue;
    w.u64(i - first);
    w.fixed64(table.series(slot)->id.low);
    w.u64(state.last_arrival_s);
    w.i64(state.cursor.ticks);
    w.i64(state.cursor.delta);
    w.fixed64(state.cursor.bits);
    w.u8(state.has_last ? state.cursor.unit : kNoLast);
    const auto blocks = collect(slot, Which::Unwritten);
    w.u64(blocks.size());
    for (const SampleBlock& b : blocks) write_block(w, b);
  }
  return page;
}

// The slot may have been given to another series since the page was written, or to the same one,
// which had left.
Status SampleBook::load_slot(ByteReader& r, SeriesSlot first, std::uint64_t end_offset,
                             const SeriesTable& table) {
  const auto corrupt = [] { return fail(Errc::Corrupt, "a page of samples does not decode"); };
  const std::uint64_t index = r.u64();
  const std::uint64_t id = r.fixed64();
  State state{.last_arrival_s = static_cast<std::uint32_t>(r.u64()), .has_last = true};
  state.cursor.ticks = r.i64();
  state.cursor.delta = r.i64();
  state.cursor.bits = r.fixed64();
  state.cursor.unit = r.u8();
  std::vector<SampleBlock> blocks(r.count());
  for (SampleBlock& b : blocks) {
    if (!read_block(r, b)) return corrupt();
  }
  if (!r.ok() || index >= kSlotsPerPage || state.cursor.unit > kNoLast) return corrupt();
  if (state.cursor.unit == kNoLast) {
    state.has_last = false;
    state.cursor.unit = 0;
  }
  const SeriesSlot slot = first + static_cast<SeriesSlot>(index);
  if (slot >= table.slot_count() || table.series(slot) == nullptr ||
      table.series(slot)->id.low != id || table.born(slot) >= end_offset) {
    return {};
  }
  states_[slot] = state;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    SampleBlock& b = blocks[i];
    const std::uint64_t number = new_block(table);
    b.slot = slot;
    b.back = i == 0 ? 0 : static_cast<std::uint32_t>(number - states_[slot].open);
    b.waits = i + 1 < blocks.size();
    block(number) = b;
    if (b.waits) closed_.push_back(number);
    states_[slot].open = number;
    states_[slot].cursor.count = b.count;
    states_[slot].cursor.used = b.used;
  }
  return {};
}

Status SampleBook::load(const StatePage& page, const SeriesTable& table) {
  make_room(table);
  ByteReader r(page.data);
  if (r.u8() != kSamplePageVersion) {
    return fail(Errc::Corrupt, "a page of samples is of an unknown version");
  }
  const std::uint64_t end_offset = r.u64();
  while (r.ok() && !r.at_end()) {
    TRY_STATUS(
        load_slot(r, static_cast<SeriesSlot>(page.number * kSlotsPerPage), end_offset, table));
  }
  if (!r.ok()) return fail(Errc::Corrupt, "a page of samples does not decode");
  if (page.number < pages_.size()) pages_[page.number].stored_until = end_offset;
  return {};
}

}  // namespace quell
