// SampleBook: the recent samples of every series, compressed, in memory.
//
// Blocks of 128 bytes lie in one circle for all series: the newest block takes the place of the
// oldest one, whichever series that belongs to. So the memory is fixed, and what is kept is the
// newest stretch of all series together; a series that is silent for longer has nothing here.
//
// How samples survive a crash, without being written one by one: the journal has them. At each
// commit take() hands out
//   - closed blocks as chunks, which are the history that the store keeps;
//   - pages, each with the open blocks of 1024 slots, some of those that changed long enough ago,
//     or so many samples ago that a restart would read for too long;
//   - `samples_offset`, below which all is in chunks or pages.
// All of them and the batch's next_offset belong into one commit. A restart loads the pages and
// adds the frames from samples_offset to next_offset again; a slot skips what its page holds
// already.
//
//   journal     … | 700 ........ 743 | 744 …
//                   ^samples_offset    ^next_offset
//   page 3: of 744: skips 700..743     page 4: of 700: takes them
//
// A sample is known by its series and its time; the one that arrived last counts. So a sample that
// is added twice, or lies in two chunks, changes nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "model/metric_chunk.h"
#include "model/sample.h"
#include "model/state_page.h"
#include "stream/sample_block.h"
#include "stream/sample_codec.h"
#include "stream/series_table.h"

namespace quell {

struct SampleBookOptions {
  std::uint64_t bytes_max = 256ull << 20;  // Room for blocks, taken as it is needed.
  // A page that changed is written so long after the change, so many bytes of them at a commit.
  Duration page_age = std::chrono::seconds(60);
  std::uint64_t page_bytes_per_commit = 8ull << 20;
  // Also when so many samples have come since, which a restart adds again; with more slots than
  // slots_few, when 32 for each of those beyond have. A frame counts as two samples beside its own.
  std::uint64_t replay_cost_max = 900'000;
  std::uint64_t slots_few = 20'000;
  // When no more pages wait than this and one is due, the next commit is to follow soon: what a
  // restart adds again is soon little. With more of them the commits would hardly rest.
  std::size_t pages_few = 64;
  // Of a series all blocks that wait become one chunk. When more than so many blocks wait, four
  // times as many chunks go with a commit.
  std::size_t chunks_per_commit = 2000;
  std::size_t blocks_waiting_many = 10'000;
  std::size_t blocks_waiting_max = 200'000;  // More than these are not written at all.
};

struct SampleBookStats {
  std::uint64_t added = 0;
  std::uint64_t stale = 0;           // Of these: markers that a series has ended.
  std::uint64_t blocks = 0;          // Begun.
  std::uint64_t blocks_dropped = 0;  // That came faster than the store takes them.
};

// The blocks of one series, oldest first, closed: a copy, to be decoded on any thread.
struct SeriesBlocks {
  std::shared_ptr<const Series> series{};
  std::vector<SampleBlock> blocks{};
};

// Thread: one. Cost: about 25 ns per sample of a million series in any order, 8 ns per sample where
// a request has many of a series (bench/sample_bench.cc).
// Memory: bytes_max, and 64 bytes per slot.
class SampleBook {
 public:
  static constexpr std::size_t kSlotsPerPage = 1024;
  // Between samples that are further apart than this, a counter has no rate.
  static constexpr Duration kRateGapMax = std::chrono::minutes(15);

  explicit SampleBook(const SampleBookOptions& options = {});
  SampleBook(const SampleBook&) = delete;
  SampleBook& operator=(const SampleBook&) = delete;

  // More or less room. With less, the oldest blocks go: those that are not written yet become
  // chunks.
  void set_bytes_max(std::uint64_t bytes_max, const SeriesTable& table);

  // Keeps the samples of the frame at `offset`, fills batch.rates when there are counters, and
  // turns the values of Delta series into totals. Requires: offsets and arrivals do not fall, and
  // all slots are in use.
  void add(SampleBatch& batch, const SeriesTable& table, std::uint64_t offset,
           Timestamp arrived_at);

  // The series is alive as if it had a sample in the frame.
  void touch(SeriesSlot slot, const SeriesTable& table, std::uint64_t offset, Timestamp arrived_at);

  // The series has left: its slot begins anew. Call it before SeriesTable::remove().
  void forget(SeriesSlot slot, const SeriesTable& table);
  // Series that have left had no later samples than this. It is at least `t` from now on.
  Timestamp left_until() const { return left_until_; }
  void set_left_until(Timestamp t) { left_until_ = std::max(left_until_, t); }
  // Slots in use that got nothing since `t`.
  std::vector<SeriesSlot> silent_since(Timestamp t, const SeriesTable& table) const;

  struct Taken {
    std::vector<MetricChunk> chunks{};
    std::uint64_t samples_offset = 0;
  };
  // What is to be written with a commit that ends at `next_offset` (all frames below were added);
  // pages are appended to `pages`. `now` is the arrival of the newest frame. After a failed commit,
  // the same values must be committed before the next call, or the process must restart.
  Taken take(std::uint64_t next_offset, Timestamp now, const SeriesTable& table,
             std::vector<StatePage>& pages);

  // Whether there is something for the next take(), besides what changes until then.
  bool has_waiting() const {
    return !closed_.empty() || !ready_.empty() || wants_commit_ ||
           (is_draining_ && !changed_pages_.empty());
  }

  // The last take() left pages that are due, and few of them.
  bool wants_commit() const { return wants_commit_; }

  // Nothing is added any more: from now on pages that changed are due, so that a restart has
  // nothing to add again.
  void drain() { is_draining_ = true; }

  // Restart, after the table was loaded. Errors: Corrupt. Requires: nothing was added yet.
  Status load(const StatePage& page, const SeriesTable& table);

  // Empty when there is nothing. Cost: a copy of its blocks.
  std::vector<SampleBlock> blocks_of(SeriesSlot slot) const;

  std::uint64_t bytes() const { return segments_.size() * kBlocksPerSegment * sizeof(SampleBlock); }
  const SampleBookStats& stats() const { return stats_; }

 private:
  static constexpr std::size_t kBlocksPerSegment = 8192;  // 1 MiB.

  struct alignas(64) State {
    SampleCursor cursor{};
    std::uint64_t open = 0;            // The number of its open block; 0: none.
    std::uint32_t last_arrival_s = 0;  // Since 1970.
    std::uint32_t life = 0;
    bool has_last = false;  // The cursor stands at a sample.
  };
  struct Page {
    std::uint64_t stored_until = 0;           // The stored page holds all of the frames below.
    std::uint64_t changed_from = UINT64_MAX;  // The first frame since; that: none.
    Timestamp changed_at{};
    std::uint64_t changed_cost = 0;  // The replay_cost_ before it.
  };

  static std::uint64_t blocks_in(std::uint64_t bytes);  // Whole segments of them.
  void seal_before(std::uint64_t first, const SeriesTable& table);
  SampleBlock& block(std::uint64_t number);
  const SampleBlock& block(std::uint64_t number) const;
  bool is_kept(std::uint64_t number) const;
  void make_room(const SeriesTable& table);
  void prefetch(const SampleBatch& batch, std::size_t i) const;
  std::size_t add_run(SampleBatch& batch, std::size_t i, const SeriesTable& table,
                      std::uint64_t offset, Timestamp arrived_at);
  SampleBlock& begin_block(SeriesSlot slot, State& state, Timestamp time, double value,
                           const SeriesTable& table);
  std::uint64_t new_block(const SeriesTable& table);
  bool note_change(SeriesSlot slot, std::uint64_t offset, Timestamp arrived_at);
  enum class Which : std::uint8_t { All, Unwritten };
  // Oldest first; the open one as if it were closed.
  std::vector<SampleBlock> collect(SeriesSlot slot, Which which) const;
  void keep_ready(const SampleBlock& block, const std::shared_ptr<const Series>& series);
  std::vector<SampleBlock> take_closed(SeriesSlot slot, std::uint64_t oldest);
  void take_chunks(std::uint64_t next_offset, const SeriesTable& table,
                   std::vector<MetricChunk>& out);
  StatePage make_page(std::uint64_t number, std::uint64_t end_offset,
                      const SeriesTable& table) const;
  Status load_slot(ByteReader& r, SeriesSlot first, std::uint64_t end_offset,
                   const SeriesTable& table);

  SampleBookOptions options_;
  std::uint64_t capacity_ = 0;  // Blocks.
  // Segments are never moved and never given back. The block of a number is number % capacity_.
  std::vector<std::unique_ptr<SampleBlock[]>> segments_;
  std::uint64_t next_number_ = 1;
  std::uint64_t first_number_ = 1;  // Blocks below it were never in these segments.

  std::vector<State> states_;  // By slot.
  std::vector<Page> pages_;
  std::deque<std::uint64_t> changed_pages_;  // In the order of their changed_from.
  bool is_draining_ = false;
  bool wants_commit_ = false;
  std::deque<std::uint64_t> closed_;  // Numbers of blocks that are to become chunks.
  std::vector<MetricChunk> ready_;    // Chunks of series that have left.
  Timestamp left_until_{};
  std::uint64_t replay_cost_ = 0;  // Of all frames that were added.
  bool has_counters_ = false;      // The batch in hand, up to where it is read.
  SampleBookStats stats_;
};

}  // namespace quell
