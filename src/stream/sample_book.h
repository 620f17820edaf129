// SampleBook: the recent samples of every series, in memory.
//
// How samples survive a crash, without being written one by one: the journal has them. At each
// commit take_chunks() hands out the series whose samples waited long enough, as chunks for the
// store, and `samples_offset`, below which no sample waits. All three, chunks, samples_offset and
// the batch's next_offset, belong into one commit. A restart loads chunks and adds the frames from
// samples_offset to next_offset again; a series skips what its own chunks hold already.
//
//   journal   … | 700 ........ 743 | 744 …
//                 ^samples_offset    ^next_offset
//   series a: chunks up to 744: skips 700..743     series b: chunks up to 700: takes them
//
// A sample is known by its series and its time; the one that arrived last counts. So a sample that
// is added twice, or lies in two chunks, changes nothing. Of two chunks the one with the greater
// end_offset knows better: a series that was evicted while a restart read old frames again may
// write an older value after a newer one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/flat_index.h"
#include "base/hash.h"
#include "base/result.h"
#include "model/metric_chunk.h"
#include "model/sample.h"
#include "stream/sample_codec.h"

namespace quell {

struct SampleBookOptions {
  std::size_t samples_per_series =
      720;                              // The newest ones by time; two hours at one in ten seconds.
  std::size_t samples_max = 4'000'000;  // Room for all series: 16 bytes each.
  std::size_t chunk_samples = 120;      // So many that wait are written at the next commit,
  Duration chunk_age = std::chrono::seconds(60);  // or when the first one waited so long,
  std::size_t chunks_per_commit = 2000;           // but no more than so many at once.
};

struct SampleBookStats {
  std::uint64_t added = 0;
  std::uint64_t out_of_order = 0;  // Earlier than the newest of their series; kept.
  std::uint64_t replaced = 0;      // The same time again.
  std::uint64_t too_old = 0;       // Earlier than all that a full series keeps; not kept.
  std::uint64_t evicted_series = 0;
};

struct SampleQuery {
  std::string metric{};
  std::string tenant{};  // Empty: all.
  std::string host{};    // Empty: all.
  Timestamp since = Timestamp::min();
  Timestamp until = Timestamp::max();  // Inclusive, as is `since`.
  std::size_t limit = 720;             // Per series: the newest.
};

struct SeriesSamples {
  std::shared_ptr<const Series> series{};
  std::vector<Point> points{};  // By time, each once.
};

// Adds the points of stored chunks that `query` wants to what the book answered. What is in `into`
// already counts, then the chunk that comes first (in the order of Store::metric_chunks).
Status merge_chunks(std::vector<SeriesSamples>& into, const std::vector<MetricChunk>& chunks,
                    const SampleQuery& query);

// Thread: one. Cost: 45 to 150 ns per sample in order, by how many series a batch holds; one that
// is k places late, k moves.
// Memory: 16 bytes * samples_max, and about 200 bytes per series. When the room is used up, the
// tenth of the series that were not heard of for longest leaves; what waits in them becomes chunks.
class SampleBook {
 public:
  explicit SampleBook(const SampleBookOptions& options = {}) : options_(options) {}

  // The samples of the frame at `offset`. Requires: offsets and arrivals do not fall.
  void add(const SampleBatch& batch, std::uint64_t offset, Timestamp arrived_at);

  struct Chunks {
    std::vector<MetricChunk> chunks{};
    std::uint64_t samples_offset = 0;
  };
  // What is to be written with a commit that ends at `next_offset` (all frames below were added).
  // `now` is the arrival of the newest frame. After a failed commit, the same values must be
  // committed before the next call, or the process must restart.
  Chunks take_chunks(std::uint64_t next_offset, Timestamp now);

  // Restart: takes chunks in the order of Store::visit_metric_chunks. Returns: false when the room
  // is used up. Errors: Corrupt. Requires: nothing was added yet.
  Result<bool> load(const MetricChunk& chunk);

  // By tenant, host and tags. Samples that had to leave between two commits are seen again after
  // the next one, in its chunks.
  std::vector<SeriesSamples> query(const SampleQuery& query) const;
  std::vector<std::string> metrics() const;  // All names, sorted.

  std::size_t series_count() const { return by_id_.size(); }
  std::size_t sample_count() const { return sample_count_; }
  const SampleBookStats& stats() const { return stats_; }

 private:
  // The newest points by time, in a circle that grows up to samples_per_series.
  class Ring {
   public:
    std::size_t size() const { return size_; }
    std::size_t capacity() const { return points_.size(); }
    Point& at(std::size_t i) { return points_[wrap(head_ + i)]; }
    const Point& at(std::size_t i) const { return points_[wrap(head_ + i)]; }
    void grow(std::size_t capacity);
    void push_back(const Point& p);  // Requires: size() < capacity().
    void pop_front();
    void insert(std::size_t i, const Point& p);  // Requires: size() < capacity().
    std::size_t lower_bound(Timestamp t) const;

   private:
    std::size_t wrap(std::size_t i) const { return i < points_.size() ? i : i - points_.size(); }
    std::vector<Point> points_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
  };

  struct Entry {
    std::shared_ptr<const Series> series{};  // Null: the place is free.
    std::uint32_t index = 0;                 // Its place in entries_.
    Ring ring{};
    std::uint64_t last_offset = 0;
    std::uint64_t stored_until = 0;    // Frames below it are in chunks.
    std::size_t waiting = 0;           // Samples that are in no chunk yet (or in an older one too),
    Timestamp waiting_from{};          // the earliest of them by time,
    std::uint64_t waiting_offset = 0;  // the frame of the first that came,
    Timestamp waiting_since{};         // and its arrival.
  };
  struct Waiting {
    std::uint32_t entry = 0;
    std::uint64_t offset = 0;
  };

  std::uint32_t entry_for(const std::shared_ptr<const Series>& series);
  void insert(std::uint32_t index, const Point& point, std::uint64_t offset, Timestamp arrived_at);
  bool place(Entry& entry, const Point& point, std::uint64_t offset);
  void make_room(Entry& entry, std::uint64_t offset);
  void write_chunk(Entry& entry, std::uint64_t end_offset, std::vector<MetricChunk>& out);
  void evict(std::uint64_t offset, const Entry* keep);
  bool still_waits(const Waiting& w) const;

  SampleBookOptions options_;
  std::deque<Entry> entries_;  // They stay where they are: by_id_ points to them.
  std::vector<std::uint32_t> free_entries_;
  FlatIndex<Entry> by_id_;
  std::map<std::string, std::vector<std::uint32_t>, std::less<>> by_metric_;
  std::deque<Waiting> waiting_;      // In the order of their offsets; some are out of date.
  std::vector<std::uint32_t> full_;  // Have chunk_samples waiting, or had.
  std::vector<MetricChunk> ready_;   // Had to be cut between commits.
  std::size_t capacity_ = 0;         // Of all rings together.
  std::size_t sample_count_ = 0;
  SampleBookStats stats_;
  std::vector<std::uint32_t> batch_entries_;  // Of the batch in hand, by its series.
};

}  // namespace quell
