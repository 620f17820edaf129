#include "stream/sample_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "stream/counter_rate.h"

namespace quell {
namespace {

constexpr std::size_t kFarAhead = 24;    // Samples: their states are asked for,
constexpr std::size_t kNearAhead = 10;   // and their blocks, which the states name.
constexpr std::uint64_t kFrameCost = 2;  // To read and decode it again, in samples.

std::uint32_t seconds_of(Timestamp t) {
  const auto s = std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(s, 0, UINT32_MAX));
}

// Of blocks in the order in which they were filled.
MetricChunk chunk_of(std::span<const SampleBlock> blocks, std::shared_ptr<const Series> series,
                     std::uint64_t end_offset) {
  std::vector<Point> points;
  for (const SampleBlock& block : blocks) {
    const auto decoded = decode_block(block, points);
    QUELL_ASSERT(decoded.has_value(), "a block of our own decodes");
  }
  settle_points(points);
  MetricChunk chunk{.series = std::move(series), .end_offset = end_offset};
  chunk.first_time = points.front().time;
  chunk.last_time = points.back().time;
  chunk.count = static_cast<std::uint32_t>(points.size());
  encode_points(points, chunk.samples);
  return chunk;
}

}  // namespace

SampleBook::SampleBook(const SampleBookOptions& options) : options_(options) {
  capacity_ = blocks_in(options.bytes_max);
}

std::uint64_t SampleBook::blocks_in(std::uint64_t bytes) {
  constexpr std::uint64_t kSegmentBytes = kBlocksPerSegment * sizeof(SampleBlock);
  return std::max<std::uint64_t>(1, bytes / kSegmentBytes) * kBlocksPerSegment;
}

// Unwritten blocks below `first` become chunks, the full ones of a series before its open one.
void SampleBook::seal_before(std::uint64_t first, const SeriesTable& table) {
  std::erase_if(closed_, [&](std::uint64_t number) {
    if (number >= first) return false;
    if (!is_kept(number)) {
      ++stats_.blocks_dropped;
      return true;
    }
    const SampleBlock& full = block(number);
    const bool waits = full.waits && full.life == states_[full.slot].life;
    if (waits) keep_ready(full, table.series(full.slot));
    return true;
  });
  for (std::size_t slot = 0; slot < states_.size(); ++slot) {
    State& state = states_[slot];
    if (state.open == 0 || state.open >= first) continue;
    SampleBlock last = block(state.open);
    last.close(state.cursor);
    keep_ready(last, table.series(static_cast<SeriesSlot>(slot)));
    state.open = 0;
  }
}

void SampleBook::set_bytes_max(std::uint64_t bytes_max, const SeriesTable& table) {
  options_.bytes_max = bytes_max;
  const std::uint64_t capacity = blocks_in(bytes_max);
  if (capacity == capacity_) return;
  if (next_number_ > capacity) seal_before(next_number_ - capacity, table);
  const std::uint64_t old_capacity = std::exchange(capacity_, capacity);
  const auto old = std::exchange(segments_, {});
  const std::uint64_t kept = std::min({old_capacity, capacity, next_number_ - 1});
  for (std::uint64_t number = next_number_ - kept; number < next_number_; ++number) {
    const std::uint64_t at = number % old_capacity;
    block(number) = old[at / kBlocksPerSegment][at % kBlocksPerSegment];
  }
  first_number_ = next_number_ - kept;
}

SampleBlock& SampleBook::block(std::uint64_t number) {
  const std::uint64_t at = number % capacity_;
  const std::size_t segment = at / kBlocksPerSegment;
  while (segments_.size() <= segment) {
    segments_.push_back(std::make_unique_for_overwrite<SampleBlock[]>(kBlocksPerSegment));
  }
  return segments_[segment][at % kBlocksPerSegment];
}

// Requires: is_kept().
const SampleBlock& SampleBook::block(std::uint64_t number) const {
  const std::uint64_t at = number % capacity_;
  return segments_[at / kBlocksPerSegment][at % kBlocksPerSegment];
}

bool SampleBook::is_kept(std::uint64_t number) const {
  return number >= first_number_ && number + capacity_ >= next_number_;
}

// ---------------------------------------------------------------------------------------------
// Adding.

void SampleBook::prefetch(const SampleBatch& batch, std::size_t i) const {
  if (i + kFarAhead < batch.size()) __builtin_prefetch(&states_[batch.slots[i + kFarAhead]], 1);
  if (i + kNearAhead >= batch.size()) return;
  const State& state = states_[batch.slots[i + kNearAhead]];
  if (state.open == 0) return;
  const SampleBlock& open = block(state.open);
  __builtin_prefetch(open.data + std::min<std::size_t>(state.cursor.used, 96), 1);
}

void SampleBook::make_room(const SeriesTable& table) {
  if (states_.size() >= table.slot_count()) return;
  states_.resize(table.slot_count());
  pages_.resize(states_.size() / kSlotsPerPage + 1);
}

void SampleBook::touch(SeriesSlot slot, const SeriesTable& table, std::uint64_t offset,
                       Timestamp arrived_at) {
  make_room(table);
  if (note_change(slot, offset, arrived_at)) states_[slot].last_arrival_s = seconds_of(arrived_at);
}

void SampleBook::add(SampleBatch& batch, const SeriesTable& table, std::uint64_t offset,
                     Timestamp arrived_at) {
  make_room(table);
  has_counters_ = false;
  for (std::size_t i = 0; i < batch.size();) {
    prefetch(batch, i);
    i = add_run(batch, i, table, offset, arrived_at);
  }
  stats_.added += batch.size();
  replay_cost_ += kFrameCost + batch.size();
}

// Adds the samples from `i` on that are of one series. Returns: where the next ones begin.
std::size_t SampleBook::add_run(SampleBatch& batch, std::size_t i, const SeriesTable& table,
                                std::uint64_t offset, Timestamp arrived_at) {
  const SeriesSlot slot = batch.slots[i];
  std::size_t end = i + 1;
  while (end < batch.size() && batch.slots[end] == slot) ++end;
  const SeriesKind kind = table.kind(slot);
  const bool counts = kind == SeriesKind::Counter || kind == SeriesKind::Delta;
  if (counts && !has_counters_) {
    has_counters_ = true;
    batch.rates.reserve(batch.size());
    batch.rates.assign(batch.values.begin(), batch.values.begin() + static_cast<std::ptrdiff_t>(i));
  }
  const bool is_new = note_change(slot, offset, arrived_at);
  State& state = states_[slot];
  if (is_new) state.last_arrival_s = seconds_of(arrived_at);
  SampleBlock* open = state.open == 0 ? nullptr : &block(state.open);
  for (; i < end; ++i) {
    double& value = batch.values[i];
    const Timestamp time = batch.times[i];
    if (is_stale_marker(value)) ++stats_.stale;
    const bool goes_on = state.has_last && time > state.cursor.time();
    const double last = state.has_last ? std::bit_cast<double>(state.cursor.bits) : stale_marker();
    bool is_kept = is_new;
    if (kind == SeriesKind::Delta && !is_stale_marker(value)) {
      // What was added is added to the total, once.
      if (state.has_last && !goes_on) is_kept = false;
      value = is_kept && std::isfinite(last) ? last + value : is_kept ? value : last;
    }
    if (has_counters_) {
      batch.rates.push_back(
          counts ? counter_rate(state.cursor.time(), last, time, value, kRateGapMax) : value);
    }
    if (!is_kept) continue;
    if (open == nullptr || !open->append(time, value, state.cursor)) {
      open = &begin_block(slot, state, time, value, table);
    }
    state.has_last = true;
  }
  return end;
}

// Returns: false when the stored page has the frame already.
bool SampleBook::note_change(SeriesSlot slot, std::uint64_t offset, Timestamp arrived_at) {
  Page& page = pages_[slot / kSlotsPerPage];
  if (offset < page.stored_until) return false;
  if (page.changed_from == UINT64_MAX) {
    page.changed_from = offset;
    page.changed_at = arrived_at;
    page.changed_cost = replay_cost_;
    changed_pages_.push_back(slot / kSlotsPerPage);
  }
  return true;
}

SampleBlock& SampleBook::begin_block(SeriesSlot slot, State& state, Timestamp time, double value,
                                     const SeriesTable& table) {
  if (state.open != 0) {
    SampleBlock& full = block(state.open);
    full.close(state.cursor);
    full.waits = true;
    closed_.push_back(state.open);
  }
  const std::uint64_t number = new_block(table);
  SampleBlock& fresh = block(number);
  fresh.slot = slot;
  fresh.life = state.life;
  const std::uint64_t back = state.open == 0 ? 0 : number - state.open;
  fresh.back = back > UINT32_MAX ? 0 : static_cast<std::uint32_t>(back);
  fresh.waits = false;
  fresh.begin(time, value, state.cursor);
  state.open = number;
  return fresh;
}

// The oldest block leaves. When its series still writes to it, it is a slow one: what it has comes
// to the store now.
std::uint64_t SampleBook::new_block(const SeriesTable& table) {
  const std::uint64_t number = next_number_++;
  ++stats_.blocks;
  if (number < first_number_ + capacity_) return number;
  const std::uint64_t leaving = number - capacity_;
  const SampleBlock& oldest = block(leaving);
  State& owner = states_[oldest.slot];
  if (owner.open != leaving) return number;
  SampleBlock last = oldest;
  last.close(owner.cursor);
  keep_ready(last, table.series(oldest.slot));
  owner.open = 0;
  return number;
}

void SampleBook::keep_ready(const SampleBlock& block, const std::shared_ptr<const Series>& series) {
  if (ready_.size() >= options_.blocks_waiting_max) {
    ++stats_.blocks_dropped;
    return;
  }
  ready_.push_back(chunk_of({&block, 1}, series, 0));
}

std::vector<SampleBlock> SampleBook::collect(SeriesSlot slot, Which which) const {
  std::vector<SampleBlock> blocks;
  if (slot >= states_.size()) return blocks;
  const State& state = states_[slot];
  for (std::uint64_t number = state.open; is_kept(number);) {
    SampleBlock copy = block(number);
    if (copy.slot != slot || copy.life != state.life) break;
    const bool is_open = number == state.open;
    if (is_open) copy.close(state.cursor);
    if (which == Which::All || copy.waits || is_open) blocks.push_back(copy);
    if (copy.back == 0 || copy.back >= number) break;
    number -= copy.back;
  }
  std::ranges::reverse(blocks);
  return blocks;
}

std::vector<SampleBlock> SampleBook::blocks_of(SeriesSlot slot) const {
  return collect(slot, Which::All);
}

void SampleBook::forget(SeriesSlot slot, const SeriesTable& table) {
  if (slot >= states_.size()) return;
  constexpr Duration kAhead = std::chrono::hours(1);  // Of their arrival; others are looked at.
  set_left_until(Timestamp(std::chrono::seconds(states_[slot].last_arrival_s)) + kAhead);
  for (const SampleBlock& b : collect(slot, Which::Unwritten)) {
    std::vector<Point> points;
    const auto decoded = decode_block(b, points);
    QUELL_ASSERT(decoded.has_value(), "a block of our own decodes");
    for (const Point& p : points) set_left_until(p.time);
    keep_ready(b, table.series(slot));
  }
  states_[slot] = {.life = states_[slot].life + 1};
}

std::vector<SeriesSlot> SampleBook::silent_since(Timestamp t, const SeriesTable& table) const {
  std::vector<SeriesSlot> silent;
  const std::uint32_t limit = seconds_of(t);
  const std::size_t count = std::min(states_.size(), table.slot_count());
  for (std::size_t slot = 0; slot < count; ++slot) {
    if (states_[slot].last_arrival_s >= limit) continue;
    const auto s = static_cast<SeriesSlot>(slot);
    if (table.series(s) != nullptr) silent.push_back(s);
  }
  return silent;
}

// ---------------------------------------------------------------------------------------------
// Writing.

// The oldest closed blocks of the slot that wait. They wait no more. Those that wait are the newest
// ones of their series, so the walk is short; of a series with very many, `oldest` goes alone.
std::vector<SampleBlock> SampleBook::take_closed(SeriesSlot slot, std::uint64_t oldest) {
  constexpr std::size_t kWalkMax = 1024;
  constexpr std::size_t kBlocksMax = 64;  // Of a chunk.
  std::vector<std::uint64_t> numbers;
  const State& state = states_[slot];
  for (std::uint64_t number = state.open; is_kept(number) && numbers.size() < kWalkMax;) {
    const SampleBlock& one = block(number);
    const bool is_open = number == state.open;
    if (one.slot != slot || one.life != state.life || (!is_open && !one.waits)) break;
    if (!is_open) numbers.push_back(number);
    if (one.back == 0 || one.back >= number) break;
    number -= one.back;
  }
  std::ranges::reverse(numbers);
  if (numbers.empty() || numbers.front() != oldest) numbers.assign(1, oldest);
  if (numbers.size() > kBlocksMax) numbers.resize(kBlocksMax);
  std::vector<SampleBlock> blocks;
  for (const std::uint64_t number : numbers) {
    block(number).waits = false;
    blocks.push_back(block(number));
  }
  return blocks;
}

void SampleBook::take_chunks(std::uint64_t next_offset, const SeriesTable& table,
                             std::vector<MetricChunk>& out) {
  out = std::exchange(ready_, {});
  for (MetricChunk& chunk : out) chunk.end_offset = next_offset;
  const bool many = closed_.size() > options_.blocks_waiting_many;
  const std::size_t chunks_max = options_.chunks_per_commit * (many ? 4 : 1);
  while (!closed_.empty()) {
    const std::uint64_t number = closed_.front();
    if (!is_kept(number)) {
      ++stats_.blocks_dropped;
      closed_.pop_front();
      continue;
    }
    SampleBlock& closed = block(number);
    const bool waits = closed.waits && closed.life == states_[closed.slot].life;
    const bool too_many = closed_.size() > options_.blocks_waiting_max;
    if (waits && out.size() >= chunks_max && !too_many) return;
    closed_.pop_front();
    if (!waits) continue;
    if (out.size() >= chunks_max) {
      closed.waits = false;
      ++stats_.blocks_dropped;
      continue;
    }
    out.push_back(
        chunk_of(take_closed(closed.slot, number), table.series(closed.slot), next_offset));
  }
}

SampleBook::Taken SampleBook::take(std::uint64_t next_offset, Timestamp now,
                                   const SeriesTable& table, std::vector<StatePage>& pages) {
  Taken taken;
  take_chunks(next_offset, table, taken.chunks);
  std::uint64_t bytes = 0;
  const std::uint64_t slots = states_.size();
  const std::uint64_t cost_max =
      std::max(options_.replay_cost_max, 32 * (slots - std::min(slots, options_.slots_few)));
  const auto is_due = [&](const Page& page) {
    return is_draining_ || now - page.changed_at >= options_.page_age ||
           replay_cost_ - page.changed_cost >= cost_max;
  };
  while (!changed_pages_.empty() && bytes < options_.page_bytes_per_commit) {
    const std::uint64_t number = changed_pages_.front();
    Page& page = pages_[number];
    if (!is_due(page)) break;
    changed_pages_.pop_front();
    pages.push_back(make_page(number, next_offset, table));
    bytes += pages.back().data.size();
    page = {.stored_until = next_offset};
  }
  taken.samples_offset =
      changed_pages_.empty() ? next_offset : pages_[changed_pages_.front()].changed_from;
  wants_commit_ = !changed_pages_.empty() && changed_pages_.size() <= options_.pages_few &&
                  is_due(pages_[changed_pages_.front()]);
  return taken;
}

}  // namespace quell
