// The pages of HistogramQuantiles: histograms, by the slots of their quantiles.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "stream/histogram_quantiles.h"

namespace quell {
namespace {

constexpr std::uint8_t kHistogramPageVersion = 1;
constexpr std::uint64_t kBucketsOfPageMax = 1'000'000;

std::unexpected<Error> corrupt_page() {
  return fail(Errc::Corrupt, "a page of histograms does not decode");
}

// Whether `slot` is still that of the series which had it when the page was written.
bool is_same_series(const SeriesTable& table, std::uint64_t slot, std::uint64_t id,
                    std::uint64_t end_offset) {
  if (slot >= table.slot_count()) return false;
  const auto s = static_cast<SeriesSlot>(slot);
  return table.series(s) != nullptr && table.series(s)->id.low == id && table.born(s) < end_offset;
}

}  // namespace

void HistogramQuantiles::write_group(std::string& out, const Group& group,
                                     const SeriesTable& table) const {
  ByteWriter w(out);
  for (const SeriesSlot slot : group.outputs) {
    w.u64(slot);
    w.fixed64(table.series(slot)->id.low);
  }
  w.time(group.last_time);
  w.time(group.done_until);
  w.u64(group.waiting);
  for (std::uint32_t i = 0; i < group.waiting; ++i) w.time(group.times[i]);
  w.u64(group.buckets.size());
  for (const Bucket& bucket : group.buckets) {
    w.f64(bucket.bound);
    w.boolean(bucket.slot != kNoSlot);
    if (bucket.slot != kNoSlot) {
      w.u64(bucket.slot);
      w.fixed64(table.series(bucket.slot)->id.low);
    }
    w.boolean(bucket.is_absent);
    w.f64(bucket.last);
    w.u8(bucket.arrived);
    for (std::uint32_t i = 0; i < group.waiting; ++i) {
      if ((bucket.arrived >> i & 1) != 0) w.f64(bucket.waiting[i]);
    }
  }
}

void HistogramQuantiles::take_page(std::uint64_t number, std::uint64_t next_offset,
                                   const SeriesTable& table, std::vector<StatePage>& out) {
  StatePage page{.kind = StatePageKind::Histograms, .number = number};
  const std::size_t first = number * kSlotsPerPage;
  const std::size_t last = std::min(first + kSlotsPerPage, memberships_.size());
  for (std::size_t slot = first; slot < last; ++slot) {
    const Membership member = memberships_[slot];
    if (member.group == kNone || member.index < kOutput) continue;
    const Group& group = groups_[member.group];
    // Once in a page, with the first of its quantiles there.
    const auto is_here = [&](SeriesSlot s) { return s / kSlotsPerPage == number; };
    if (*std::ranges::find_if(group.outputs, is_here) != slot) continue;
    if (page.data.empty()) {
      ByteWriter w(page.data);
      w.u8(kHistogramPageVersion);
      w.u64(next_offset);
    }
    write_group(page.data, group, table);
  }
  if (is_written_.size() <= number) is_written_.resize(number + 1);
  if (page.data.empty() && !is_written_[number]) return;
  is_written_[number] = !page.data.empty();
  out.push_back(std::move(page));
}

Status HistogramQuantiles::load(const StatePage& page, const SeriesTable& table) {
  if (is_written_.size() <= page.number) is_written_.resize(page.number + 1);
  is_written_[page.number] = true;
  memberships_.resize(std::max(memberships_.size(), table.slot_count()));
  ByteReader r(page.data);
  if (r.u8() != kHistogramPageVersion) return corrupt_page();
  const std::uint64_t end_offset = r.u64();
  while (r.ok() && !r.at_end()) {
    Group group{.stored_until = end_offset};
    bool is_known = true;
    for (SeriesSlot& slot : group.outputs) {
      const std::uint64_t number = r.u64();
      const std::uint64_t id = r.fixed64();
      is_known = is_known && is_same_series(table, number, id, end_offset);
      slot = static_cast<SeriesSlot>(number);
    }
    group.last_time = r.time();
    group.done_until = r.time();
    group.waiting = static_cast<std::uint32_t>(r.u64());
    if (!r.ok() || group.waiting > kWaiting) return corrupt_page();
    for (std::uint32_t i = 0; i < group.waiting; ++i) group.times[i] = r.time();
    for (std::uint64_t n = r.u64(); n > 0 && r.ok(); --n) {
      if (n > kBucketsOfPageMax) return corrupt_page();
      Bucket bucket{.bound = r.f64()};
      if (r.boolean()) {
        const std::uint64_t slot = r.u64();
        const bool is_there = is_same_series(table, slot, r.fixed64(), end_offset);
        if (is_there) bucket.slot = static_cast<SeriesSlot>(slot);
      }
      bucket.is_absent = r.boolean();
      bucket.last = r.f64();
      bucket.arrived = r.u8();
      for (std::uint32_t i = 0; i < group.waiting; ++i) {
        if ((bucket.arrived >> i & 1) != 0) bucket.waiting[i] = r.f64();
      }
      group.buckets.push_back(bucket);
    }
    if (!r.ok()) return corrupt_page();
    if (is_known) TRY_STATUS(put_group(std::move(group), table));
  }
  return r.ok() ? Status{} : corrupt_page();
}

// The older one of two counts.
Status HistogramQuantiles::put_group(Group group, const SeriesTable& table) {
  const Membership known = memberships_[group.outputs[0]];
  if (known.group != kNone) {
    if (known.index < kOutput) return corrupt_page();
    if (groups_[known.group].stored_until <= group.stored_until) return {};
    dissolve(known.group);
  }
  for (const SeriesSlot slot : group.outputs) {
    if (memberships_[slot].group != kNone) return corrupt_page();
  }
  const std::uint32_t number = make_group(group.outputs, table);
  group.born = groups_[number].born;
  bucket_count_ += group.buckets.size();
  groups_[number] = std::move(group);
  number_members(number);
  return {};
}

}  // namespace quell
