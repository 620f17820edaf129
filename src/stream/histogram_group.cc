// One histogram of HistogramQuantiles: its buckets at the times that wait, and what follows from
// two times at which all of them are there.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/time.h"
#include "stream/histogram_quantiles.h"

namespace quell {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

// The place of `time` among those that wait; made where there is none yet. Returns: false when it
// comes too late.
bool HistogramQuantiles::find_time(Group& group, Timestamp time, std::uint32_t& at) {
  if (time <= group.done_until) return false;
  const auto find = [&] {
    const auto end = group.times.begin() + group.waiting;
    return static_cast<std::uint32_t>(std::lower_bound(group.times.begin(), end, time) -
                                      group.times.begin());
  };
  at = find();
  if (at < group.waiting && group.times[at] == time) return true;
  if (group.waiting == kWaiting) {
    if (at == 0) return false;
    give_up_first(group);
    at = find();
  }
  for (std::uint32_t i = group.waiting; i > at; --i) group.times[i] = group.times[i - 1];
  group.times[at] = time;
  const auto below = static_cast<std::uint8_t>((1u << at) - 1);
  for (Bucket& bucket : group.buckets) {
    for (std::uint32_t i = group.waiting; i > at; --i) bucket.waiting[i] = bucket.waiting[i - 1];
    const auto kept = static_cast<std::uint8_t>(bucket.arrived & below);
    bucket.arrived = static_cast<std::uint8_t>(kept | (bucket.arrived & ~below) << 1);
  }
  ++group.waiting;
  return true;
}

void HistogramQuantiles::drop_first(Group& group) {
  group.done_until = group.times[0];
  --group.waiting;
  for (std::uint32_t i = 0; i < group.waiting; ++i) group.times[i] = group.times[i + 1];
  for (Bucket& bucket : group.buckets) {
    bucket.arrived >>= 1;
    if (bucket.is_absent && bucket.arrived == 0) bucket.last = kNotKnown;
    for (std::uint32_t i = 0; i < group.waiting; ++i) bucket.waiting[i] = bucket.waiting[i + 1];
  }
}

// Something of it did not come. Whatever has nothing at later times either is waited for no more.
void HistogramQuantiles::give_up_first(Group& group) {
  for (Bucket& bucket : group.buckets) {
    if (bucket.arrived != 0) continue;
    bucket.is_absent = true;
    bucket.last = kNotKnown;
  }
  drop_first(group);
}

// Its series has ended at `time`: what it had before counts where the others still wait.
void HistogramQuantiles::end_bucket(const Group& group, Bucket& bucket, Timestamp time) {
  if (time <= group.done_until) return;
  std::uint32_t before = 0;
  while (before < group.waiting && group.times[before] < time) ++before;
  bucket.is_absent = true;
  bucket.arrived = static_cast<std::uint8_t>(bucket.arrived & ((1u << before) - 1));
  if (bucket.arrived == 0) bucket.last = kNotKnown;
}

void HistogramQuantiles::take(Group& group, Bucket& bucket, Timestamp time, double value) {
  if (is_stale_marker(value)) return end_bucket(group, bucket, time);
  std::uint32_t at = 0;
  if (!find_time(group, time, at)) return;
  bucket.is_absent = false;
  bucket.arrived = static_cast<std::uint8_t>(bucket.arrived | 1u << at);
  bucket.waiting[at] = value;
}

void HistogramQuantiles::settle(Group& group, const SeriesTable& table) {
  while (group.waiting > 0) {
    const Bucket* greatest = nullptr;
    for (const Bucket& bucket : group.buckets) {
      if ((bucket.arrived & 1) != 0) {
        greatest = &bucket;
      } else if (!bucket.is_absent) {
        return;
      }
    }
    if (greatest == nullptr) return;
    const bool has_left = greatest->slot == kNoSlot;
    evaluate(group, has_left ? SeriesKind::Counter : table.kind(greatest->slot));
    for (Bucket& bucket : group.buckets) {
      if ((bucket.arrived & 1) != 0) bucket.last = bucket.waiting[0];
    }
    group.last_time = group.times[0];
    drop_first(group);
  }
}

// Of the first waiting time, at which all buckets are there.
void HistogramQuantiles::evaluate(Group& group, SeriesKind kind) {
  const bool are_totals = kind == SeriesKind::Counter;
  const Timestamp time = group.times[0];
  const bool is_gap = group.last_time == Timestamp::min() ||
                      ns_between(group.last_time, time) > static_cast<double>(kGapMax.count());
  if (are_totals && is_gap) return;
  const bool began_anew = std::ranges::any_of(
      group.buckets, [](const Bucket& b) { return (b.arrived & 1) != 0 && b.waiting[0] < b.last; });
  increases_.clear();
  double all = kNotKnown;  // Up to the greatest bound, which comes last.
  for (const Bucket& bucket : group.buckets) {
    if ((bucket.arrived & 1) == 0) continue;
    // Of the others the values are what was observed since the last time, or what there is now.
    double count = bucket.waiting[0];
    if (are_totals && std::isnan(bucket.last)) return;
    if (are_totals && !began_anew) count -= bucket.last;
    if (!std::isfinite(count)) return;
    increases_.push_back({bucket.bound, count});
    all = count;
  }
  if (!(all > 0)) return;
  for (std::size_t i = 0; i < kQuantiles.size(); ++i) {
    const double value = bucket_quantile(kQuantiles[i].quantile, increases_);
    if (std::isfinite(value)) made_.add(group.outputs[i], time, value);
  }
}

// When no bucket goes on, the quantiles have ended, too.
void HistogramQuantiles::end_if_over(Group& group, Timestamp time) {
  if (!std::ranges::all_of(group.buckets, &Bucket::is_absent)) return;
  if (time <= group.done_until) return;
  group.done_until = time;
  group.last_time = Timestamp::min();
  group.waiting = 0;
  for (Bucket& bucket : group.buckets) bucket.arrived = 0;
  for (const SeriesSlot slot : group.outputs) made_.add(slot, time, stale_marker());
}

// What the i-th bucket counts when those around it count what counts_ says: nothing lies between
// the greatest finite bound that is known and the infinite one.
double HistogramQuantiles::infer(const Group& group, std::size_t i) const {
  std::size_t below = i;
  while (below > 0 && std::isnan(counts_[below - 1])) --below;
  std::size_t above = i + 1;
  while (above < counts_.size() && std::isnan(counts_[above])) ++above;
  if (below == 0) return above < counts_.size() ? 0 : kNotKnown;
  const double low = counts_[below - 1];
  if (above == counts_.size() || !std::isfinite(group.buckets[above].bound)) return low;
  const double from = group.buckets[below - 1].bound;
  const double to = group.buckets[above].bound;
  if (!(to > from)) return low;
  return low + (counts_[above] - low) * (group.buckets[i].bound - from) / (to - from);
}

}  // namespace quell
