#include "stream/histogram_quantiles.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quell {
namespace {

// The labels of a quantile of the histogram that `bucket` is of.
Result<SeriesLabels> quantile_labels(const SeriesLabels& bucket, std::string_view ending) {
  std::string metric(bucket.get(kMetricLabel));
  metric.resize(metric.size() - kBucketEnding.size());
  metric += ending;
  std::vector<Label> labels;
  for (const Label label : bucket) {
    if (label.name == kBoundLabel) continue;
    labels.push_back(label.name == kMetricLabel ? Label{kMetricLabel, metric} : label);
  }
  return SeriesLabels::from(std::move(labels));
}

}  // namespace

void HistogramQuantiles::Columns::add(SeriesSlot slot, Timestamp time, double value) {
  slots.push_back(slot);
  times.push_back(time);
  values.push_back(value);
}

void HistogramQuantiles::Columns::clear() {
  slots.clear();
  times.clear();
  values.clear();
}

std::uint64_t HistogramQuantiles::bytes() const {
  return memberships_.capacity() * sizeof(Membership) + groups_.capacity() * sizeof(Group) +
         bucket_count_ * sizeof(Bucket);
}

// ---------------------------------------------------------------------------------------------
// Which bucket is of which histogram.

// Returns: kNone when there is no histogram for the bucket. The infinite one begins it, with all of
// its quantiles or with none.
std::uint32_t HistogramQuantiles::find_group(SeriesSlot bucket, double bound, const Frame& frame) {
  const std::shared_ptr<const Series> series = frame.table.series(bucket);
  std::array<SeriesSlot, kQuantiles.size()> outputs{};
  std::vector<SeriesLabels> missing;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    auto labels = quantile_labels(series->labels, kQuantiles[i].ending);
    if (!labels) return kNone;
    outputs[i] = frame.table.find(series->tenant, *labels);
    if (outputs[i] == kNoSlot) {
      missing.push_back(*std::move(labels));
    } else if (frame.table.born(outputs[i]) > frame.offset) {
      return kNone;
    }
  }
  if (!missing.empty()) {
    if (!std::isinf(bound) || frame.unknown == SeriesTable::Unknown::Skip) return kNone;
    const auto made =
        frame.table.make_beside(bucket, std::move(missing), SeriesKind::Gauge, frame.offset);
    auto next = made.begin();
    for (SeriesSlot& slot : outputs) {
      if (slot != kNoSlot) continue;
      if (next == made.end()) return kNone;
      slot = *next++;
    }
  }
  memberships_.resize(std::max(memberships_.size(), frame.table.slot_count()));
  const Membership known = memberships_[outputs[0]];
  if (known.group != kNone) return known.index >= kOutput ? known.group : kNone;
  if (!std::isinf(bound) || memberships_[outputs[1]].group != kNone) return kNone;
  return make_group(outputs, frame.table);
}

std::uint32_t HistogramQuantiles::make_group(std::span<const SeriesSlot> outputs,
                                             const SeriesTable& table) {
  auto number = static_cast<std::uint32_t>(groups_.size());
  if (free_.empty()) {
    groups_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  Group& group = groups_[number];
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    group.outputs[i] = outputs[i];
    group.born = std::max(group.born, table.born(outputs[i]));
    memberships_[outputs[i]] = {number, kOutput + static_cast<std::uint32_t>(i)};
  }
  return number;
}

void HistogramQuantiles::number_members(std::uint32_t number) {
  const std::vector<Bucket>& buckets = groups_[number].buckets;
  for (std::uint32_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i].slot != kNoSlot) memberships_[buckets[i].slot] = {number, i};
  }
}

// Buckets that have left are kept while somebody may wait for them.
void HistogramQuantiles::drop_left(std::uint32_t number) {
  const std::size_t dropped = std::erase_if(
      groups_[number].buckets, [](const Bucket& b) { return b.slot == kNoSlot && b.is_absent; });
  bucket_count_ -= dropped;
  if (dropped > 0) number_members(number);
}

void HistogramQuantiles::insert(std::uint32_t number, const Bucket& bucket) {
  drop_left(number);
  std::vector<Bucket>& buckets = groups_[number].buckets;
  const auto at = std::ranges::upper_bound(buckets, bucket.bound, {}, &Bucket::bound);
  buckets.insert(at, bucket);
  ++bucket_count_;
  number_members(number);
}

// Returns: false when the bucket is of no histogram.
bool HistogramQuantiles::join(SeriesSlot slot, bool is_native, const Frame& frame) {
  const auto bound = bucket_bound(frame.table.series(slot)->labels);
  if (!bound) return false;
  const std::uint32_t number = find_group(slot, *bound, frame);
  if (number == kNone || frame.offset < groups_[number].stored_until) return false;
  Group& group = groups_[number];
  if (group.buckets.size() >= kBucketsMax) drop_left(number);
  if (group.buckets.size() >= kBucketsMax) return false;
  Bucket bucket{.bound = *bound, .slot = slot, .last = std::numeric_limits<double>::quiet_NaN()};
  bucket.arrived = static_cast<std::uint8_t>((1u << group.waiting) - 1);
  std::ranges::fill(bucket.waiting, std::numeric_limits<double>::quiet_NaN());
  insert(number, bucket);
  if (!is_native || group.last_time == Timestamp::min()) return true;
  counts_.clear();
  for (const Bucket& b : group.buckets) counts_.push_back(b.last);
  const std::uint32_t at = memberships_[slot].index;
  group.buckets[at].last = infer(group, at);
  return true;
}

// First those that begin a histogram, so that all buckets of its first request are in it.
void HistogramQuantiles::join_new(const SampleBatch& batch, const Frame& frame) {
  for (const bool begins : {true, false}) {
    for (const SampleBatch::BucketRun& run : batch.buckets) {
      const SeriesSlot slot = batch.slots[run.first];
      if (memberships_[slot].group != kNone) continue;
      if (begins) {
        const auto bound = bucket_bound(frame.table.series(slot)->labels);
        if (!bound || !std::isinf(*bound)) continue;
      }
      join(slot, run.is_native, frame);
      memberships_.resize(std::max(memberships_.size(), frame.table.slot_count()));
    }
  }
}

void HistogramQuantiles::dissolve(std::uint32_t number) {
  Group& group = groups_[number];
  for (const SeriesSlot slot : group.outputs) memberships_[slot] = {};
  for (const Bucket& bucket : group.buckets) {
    if (bucket.slot != kNoSlot) memberships_[bucket.slot] = {};
  }
  bucket_count_ -= group.buckets.size();
  group = {};
  free_.push_back(number);
}

void HistogramQuantiles::forget(SeriesSlot slot) {
  if (slot >= memberships_.size() || memberships_[slot].group == kNone) return;
  const auto [number, index] = memberships_[slot];
  if (index >= kOutput) return dissolve(number);
  // Whoever waits for it goes on waiting: a restart would not know that it was there.
  groups_[number].buckets[index].slot = kNoSlot;
  memberships_[slot] = {};
}

// ---------------------------------------------------------------------------------------------
// Samples.

// The rows of histograms, by histogram and time.
void HistogramQuantiles::gather(const SampleBatch& batch) {
  rows_.clear();
  turns_.clear();
  for (const SampleBatch::BucketRun& run : batch.buckets) {
    const Membership member = memberships_[batch.slots[run.first]];
    if (member.group == kNone) continue;
    Group& group = groups_[member.group];
    if (group.turn == kNone) {
      group.turn = static_cast<std::uint32_t>(turns_.size());
      turns_.push_back(member.group);
    }
    for (std::uint32_t i = run.first; i < run.first + run.count; ++i) {
      rows_.push_back({.turn = group.turn,
                       .group = member.group,
                       .bucket = member.index,
                       .at = i,
                       .time = batch.times[i],
                       .is_native = run.is_native});
    }
  }
  const auto before = [](const Row& a, const Row& b) {
    return a.turn != b.turn ? a.turn < b.turn : a.time < b.time;
  };
  if (!std::ranges::is_sorted(rows_, before)) std::ranges::stable_sort(rows_, before);
  for (const std::uint32_t number : turns_) groups_[number].turn = kNone;
}

// Samples of the buckets that a native histogram left out, of one time.
void HistogramQuantiles::complete_native(const Group& group, std::span<const Row> rows,
                                         const SampleBatch& batch, const Frame& frame) {
  counts_.assign(group.buckets.size(), std::numeric_limits<double>::quiet_NaN());
  has_come_.assign(group.buckets.size(), false);
  const double* infinite = nullptr;
  for (const Row& row : rows) {
    counts_[row.bucket] = batch.values[row.at];
    has_come_[row.bucket] = true;
    const bool is_infinite = std::isinf(group.buckets[row.bucket].bound);
    if (row.is_native && is_infinite) infinite = &batch.values[row.at];
  }
  if (infinite == nullptr) return;
  for (std::size_t i = 0; i < group.buckets.size(); ++i) {
    const Bucket& bucket = group.buckets[i];
    if (bucket.slot == kNoSlot || frame.table.born(bucket.slot) > frame.offset) continue;
    if (has_come_[i]) continue;
    const double value = is_stale_marker(*infinite) ? *infinite : infer(group, i);
    if (is_stale_marker(value) || !std::isnan(value)) {
      inferred_.add(bucket.slot, rows[0].time, value);
    }
  }
}

// Rows of one histogram and time.
void HistogramQuantiles::work(std::span<const Row> rows, const SampleBatch& batch,
                              const Frame& frame) {
  Group& group = groups_[rows[0].group];
  if (frame.offset < group.born) return;
  const std::size_t first = inferred_.slots.size();
  if (rows.back().is_native) complete_native(group, rows, batch, frame);
  if (frame.offset < group.stored_until) return;
  bool has_ended = false;
  for (const Row& row : rows) {
    const double value = batch.values[row.at];
    take(group, group.buckets[row.bucket], row.time, value);
    has_ended = has_ended || is_stale_marker(value);
  }
  for (std::size_t i = first; i < inferred_.slots.size(); ++i) {
    const std::uint32_t bucket = memberships_[inferred_.slots[i]].index;
    take(group, group.buckets[bucket], inferred_.times[i], inferred_.values[i]);
  }
  settle(group, frame.table);
  if (has_ended) end_if_over(group, rows[0].time);
}

// What was sent and is watched, the quantiles, and the buckets.
void HistogramQuantiles::arrange(SampleBatch& batch) {
  SampleBatch& to = arranged_;
  to.clear();
  const auto add = [&](std::size_t from, std::size_t until) {
    const auto range = [&](const auto& column) {
      return std::span(column).subspan(from, until - from);
    };
    const auto append = [](auto& column, const auto& more) {
      column.insert(column.end(), more.begin(), more.end());
    };
    append(to.slots, range(batch.slots));
    append(to.times, range(batch.times));
    append(to.values, range(batch.values));
  };
  const auto add_made = [&](const Columns& more) {
    to.slots.insert(to.slots.end(), more.slots.begin(), more.slots.end());
    to.times.insert(to.times.end(), more.times.begin(), more.times.end());
    to.values.insert(to.values.end(), more.values.begin(), more.values.end());
  };
  std::size_t at = 0;
  for (const SampleBatch::BucketRun& run : batch.buckets) {
    add(at, run.first);
    at = std::size_t{run.first} + run.count;
  }
  add(at, batch.size());
  add_made(made_);
  const std::size_t watched = to.size();
  add_made(inferred_);
  for (const SampleBatch::BucketRun& run : batch.buckets) {
    add(run.first, std::size_t{run.first} + run.count);
  }
  to.made = made_.slots.size() + inferred_.slots.size();
  to.unwatched = to.size() - watched;
  std::swap(batch, to);
}

void HistogramQuantiles::on_samples(SampleBatch& batch, SeriesTable& table,
                                    SeriesTable::Unknown unknown, std::uint64_t offset) {
  touched_.clear();
  if (batch.buckets.empty()) return;
  const Frame frame{table, unknown, offset};
  memberships_.resize(std::max(memberships_.size(), table.slot_count()));
  made_.clear();
  inferred_.clear();
  join_new(batch, frame);
  gather(batch);
  const std::span<const Row> rows = rows_;
  for (std::size_t from = 0; from < rows.size();) {
    std::size_t to = from + 1;
    while (to < rows.size() && rows[to].turn == rows[from].turn &&
           rows[to].time == rows[from].time) {
      ++to;
    }
    work(rows.subspan(from, to - from), batch, frame);
    from = to;
  }
  for (const std::uint32_t number : turns_) {
    if (offset < groups_[number].born) continue;
    for (const SeriesSlot slot : groups_[number].outputs) touched_.push_back(slot);
  }
  arrange(batch);
}

}  // namespace quell
