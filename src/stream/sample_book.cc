#include "stream/sample_book.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace quell {
namespace {

constexpr std::size_t kFirstCapacity = 8;

bool wanted(const Series& s, const SampleQuery& query) {
  return s.metric == query.metric && (query.tenant.empty() || s.tenant == query.tenant) &&
         (query.host.empty() || s.host == query.host);
}

bool by_name(const SeriesSamples& a, const SeriesSamples& b) {
  return std::tie(a.series->tenant, a.series->host, a.series->tags) <
         std::tie(b.series->tenant, b.series->host, b.series->tags);
}

void keep_newest(std::vector<Point>& points, std::size_t limit) {
  if (points.size() <= limit) return;
  points.erase(points.begin(), points.end() - static_cast<std::ptrdiff_t>(limit));
}

}  // namespace

void SampleBook::Ring::grow(std::size_t capacity) {
  std::vector<Point> points(capacity);
  for (std::size_t i = 0; i < size_; ++i) points[i] = at(i);
  points_ = std::move(points);
  head_ = 0;
}

void SampleBook::Ring::push_back(const Point& p) {
  points_[wrap(head_ + size_)] = p;
  ++size_;
}

void SampleBook::Ring::pop_front() {
  head_ = wrap(head_ + 1);
  --size_;
}

// Moves the shorter side.
void SampleBook::Ring::insert(std::size_t i, const Point& p) {
  ++size_;
  if (i < size_ / 2) {
    head_ = head_ == 0 ? points_.size() - 1 : head_ - 1;
    for (std::size_t k = 0; k < i; ++k) at(k) = at(k + 1);
  } else {
    for (std::size_t k = size_ - 1; k > i; --k) at(k) = at(k - 1);
  }
  at(i) = p;
}

std::size_t SampleBook::Ring::lower_bound(Timestamp t) const {
  std::size_t low = 0;
  std::size_t high = size_;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    at(middle).time < t ? low = middle + 1 : high = middle;
  }
  return low;
}

void SampleBook::add(const SampleBatch& batch, std::uint64_t offset, Timestamp arrived_at) {
  batch_entries_.assign(batch.series.size(), UINT32_MAX);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::uint32_t s = batch.series_index[i];
    // An eviction in the middle of a batch may take the entry of a series that is still to come.
    if (batch_entries_[s] == UINT32_MAX || entries_[batch_entries_[s]].series != batch.series[s]) {
      batch_entries_[s] = entry_for(batch.series[s]);
    }
    insert(batch_entries_[s], {batch.times[i], batch.values[i]}, offset, arrived_at);
  }
}

std::uint32_t SampleBook::entry_for(const std::shared_ptr<const Series>& series) {
  const auto is_it = [&](const Entry& entry) {
    return entry.series == series || entry.series->id == series->id;
  };
  if (Entry* known = by_id_.find(series->id.low, is_it)) {
    if (known->series != series) known->series = series;  // The unit may be another one.
    return known->index;
  }
  std::uint32_t index = static_cast<std::uint32_t>(entries_.size());
  if (free_entries_.empty()) {
    entries_.emplace_back();
  } else {
    index = free_entries_.back();
    free_entries_.pop_back();
  }
  entries_[index].series = series;
  entries_[index].index = index;
  by_id_.insert(series->id.low, &entries_[index]);
  by_metric_[series->metric].push_back(index);
  return index;
}

void SampleBook::insert(std::uint32_t index, const Point& point, std::uint64_t offset,
                        Timestamp arrived_at) {
  Entry& entry = entries_[index];
  if (offset < entry.stored_until) return;  // A restart reads what the chunks hold already.
  entry.last_offset = offset;
  if (!place(entry, point, offset)) return;
  ++stats_.added;
  if (entry.waiting++ == 0) {
    entry.waiting_from = point.time;
    entry.waiting_offset = offset;
    entry.waiting_since = arrived_at;
    waiting_.push_back({index, offset});
  }
  entry.waiting_from = std::min(entry.waiting_from, point.time);
  if (entry.waiting == options_.chunk_samples) full_.push_back(index);
}

// Returns: false when the series is full of newer points.
bool SampleBook::place(Entry& entry, const Point& point, std::uint64_t offset) {
  Ring& ring = entry.ring;
  std::size_t at = ring.size();
  if (at > 0 && point.time <= ring.at(at - 1).time) {
    at = ring.lower_bound(point.time);
    if (ring.at(at).time == point.time) {
      ring.at(at).value = point.value;
      ++stats_.replaced;
      return true;
    }
    if (at == 0 && ring.size() == options_.samples_per_series) {
      ++stats_.too_old;
      return false;
    }
    ++stats_.out_of_order;
  }
  if (ring.size() == options_.samples_per_series) {
    // What leaves must not have waited in vain.
    if (entry.waiting > 0 && ring.at(0).time >= entry.waiting_from) {
      write_chunk(entry, offset, ready_);
    }
    ring.pop_front();
    --sample_count_;
    --at;
  } else if (ring.size() == ring.capacity()) {
    make_room(entry, offset);
  }
  at == ring.size() ? ring.push_back(point) : ring.insert(at, point);
  ++sample_count_;
  return true;
}

void SampleBook::make_room(Entry& entry, std::uint64_t offset) {
  const std::size_t before = entry.ring.capacity();
  const std::size_t after =
      std::min(options_.samples_per_series, before == 0 ? kFirstCapacity : 2 * before);
  if (capacity_ + after - before > options_.samples_max) evict(offset, &entry);
  entry.ring.grow(after);
  capacity_ += after - before;
}

// All points from the earliest that waits on, so that they lie in one stretch; if points came out
// of order, some were written before.
void SampleBook::write_chunk(Entry& entry, std::uint64_t end_offset,
                             std::vector<MetricChunk>& out) {
  std::vector<Point> points;
  for (std::size_t i = entry.ring.lower_bound(entry.waiting_from); i < entry.ring.size(); ++i) {
    points.push_back(entry.ring.at(i));
  }
  MetricChunk& chunk = out.emplace_back();
  chunk.series = entry.series;
  chunk.end_offset = end_offset;
  chunk.first_time = points.front().time;
  chunk.last_time = points.back().time;
  chunk.count = static_cast<std::uint32_t>(points.size());
  encode_points(points, chunk.samples);
  entry.waiting = 0;
  entry.stored_until = end_offset;
}

void SampleBook::evict(std::uint64_t offset, const Entry* keep) {
  std::vector<std::uint32_t> oldest;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].series != nullptr && &entries_[i] != keep) oldest.push_back(i);
  }
  const std::size_t leaving = std::min(oldest.size(), oldest.size() / 10 + 1);
  std::ranges::partial_sort(
      oldest, oldest.begin() + static_cast<std::ptrdiff_t>(leaving), {},
      [&](std::uint32_t i) { return std::pair(entries_[i].last_offset, entries_[i].series->id); });
  oldest.resize(leaving);
  for (const std::uint32_t i : oldest) {
    Entry& entry = entries_[i];
    if (entry.waiting > 0) write_chunk(entry, offset, ready_);
    by_id_.erase(entry.series->id.low, &entry);
    const auto metric = by_metric_.find(entry.series->metric);
    std::erase(metric->second, i);
    if (metric->second.empty()) by_metric_.erase(metric);
    capacity_ -= entry.ring.capacity();
    sample_count_ -= entry.ring.size();
    entry = {};
    free_entries_.push_back(i);
    ++stats_.evicted_series;
  }
}

bool SampleBook::still_waits(const Waiting& w) const {
  return entries_[w.entry].waiting > 0 && entries_[w.entry].waiting_offset == w.offset;
}

SampleBook::Chunks SampleBook::take_chunks(std::uint64_t next_offset, Timestamp now) {
  Chunks taken;
  taken.chunks = std::exchange(ready_, {});
  const std::size_t most = std::max(options_.chunks_per_commit, taken.chunks.size());
  std::size_t done = 0;
  for (; done < full_.size() && taken.chunks.size() < most; ++done) {
    Entry& entry = entries_[full_[done]];
    if (entry.waiting >= options_.chunk_samples) write_chunk(entry, next_offset, taken.chunks);
  }
  full_.erase(full_.begin(), full_.begin() + static_cast<std::ptrdiff_t>(done));
  for (; !waiting_.empty(); waiting_.pop_front()) {
    if (!still_waits(waiting_.front())) continue;
    Entry& entry = entries_[waiting_.front().entry];
    if (now - entry.waiting_since < options_.chunk_age || taken.chunks.size() >= most) break;
    write_chunk(entry, next_offset, taken.chunks);
  }
  taken.samples_offset = waiting_.empty() ? next_offset : waiting_.front().offset;
  return taken;
}

Result<bool> SampleBook::load(const MetricChunk& chunk) {
  TRY(const std::vector<Point> points, decode_points(chunk.samples));
  Entry& entry = entries_[entry_for(chunk.series)];
  entry.stored_until = std::max(entry.stored_until, chunk.end_offset);
  entry.last_offset = std::max(entry.last_offset, chunk.end_offset);
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    Ring& ring = entry.ring;
    const std::size_t at = ring.lower_bound(point->time);
    if (at < ring.size() && ring.at(at).time == point->time) continue;
    if (ring.size() == options_.samples_per_series) {
      if (at == 0) continue;
      // A later chunk may have been of earlier times: the newest times stay.
      ring.pop_front();
      ring.insert(at - 1, *point);
      continue;
    }
    if (ring.size() == ring.capacity()) {
      const std::size_t after =
          std::min(options_.samples_per_series, std::max(kFirstCapacity, 2 * ring.capacity()));
      if (capacity_ + after - ring.capacity() > options_.samples_max) return false;
      capacity_ += after - ring.capacity();
      ring.grow(after);
    }
    ring.insert(at, *point);
    ++sample_count_;
  }
  return true;
}

std::vector<SeriesSamples> SampleBook::query(const SampleQuery& query) const {
  std::vector<SeriesSamples> found;
  const auto metric = by_metric_.find(query.metric);
  if (metric == by_metric_.end()) return found;
  for (const std::uint32_t i : metric->second) {
    const Entry& entry = entries_[i];
    if (!wanted(*entry.series, query)) continue;
    SeriesSamples samples{.series = entry.series};
    const Ring& ring = entry.ring;
    for (std::size_t k = ring.lower_bound(query.since);
         k < ring.size() && ring.at(k).time <= query.until; ++k) {
      samples.points.push_back(ring.at(k));
    }
    keep_newest(samples.points, query.limit);
    if (!samples.points.empty()) found.push_back(std::move(samples));
  }
  std::ranges::sort(found, by_name);
  return found;
}

std::vector<std::string> SampleBook::metrics() const {
  std::vector<std::string> names;
  for (const auto& [name, entries] : by_metric_) names.push_back(name);
  return names;
}

Status merge_chunks(std::vector<SeriesSamples>& into, const std::vector<MetricChunk>& chunks,
                    const SampleQuery& query) {
  struct Merged {
    std::shared_ptr<const Series> series;
    std::map<Timestamp, double> points;
  };
  std::unordered_map<Hash128, Merged, Hash128Hasher> all;
  for (SeriesSamples& s : into) {
    Merged& merged = all[s.series->id];
    merged.series = s.series;
    for (const Point& p : s.points) merged.points.emplace(p.time, p.value);
  }
  for (const MetricChunk& chunk : chunks) {
    if (!wanted(*chunk.series, query)) continue;
    TRY(const std::vector<Point> points, decode_points(chunk.samples));
    Merged& merged = all[chunk.series->id];
    if (merged.series == nullptr) merged.series = chunk.series;
    for (const Point& p : points) {
      if (p.time >= query.since && p.time <= query.until) merged.points.emplace(p.time, p.value);
    }
  }
  into.clear();
  for (auto& [id, merged] : all) {
    SeriesSamples samples{.series = std::move(merged.series)};
    for (const auto& [time, value] : merged.points) samples.points.push_back({time, value});
    keep_newest(samples.points, query.limit);
    if (!samples.points.empty()) into.push_back(std::move(samples));
  }
  std::ranges::sort(into, by_name);
  return {};
}

}  // namespace quell
