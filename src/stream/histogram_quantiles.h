// HistogramQuantiles: samples of the buckets of histograms -> samples of their quantiles, which are
// series of their own.
//
//   latency_bucket{pod="a", le="0.1"}   ─┐                       ┌─> latency:p50{pod="a"}
//   latency_bucket{pod="a", le="0.5"}   ─┼─> histogram, per time ┤
//   latency_bucket{pod="a", le="+Inf"}  ─┘                       └─> latency:p99{pod="a"}
//
// A bucket alone says nothing that a person would ask for, so nobody watches it; the quantiles are
// watched, drawn and queried as what is sent. They are of the observations between two samples of
// all buckets: with rates as histogram_quantile has them, a fall of any count a beginning from
// zero, and no value where nothing was observed, a bucket is missing or too much time lies between.
//
// The buckets of one time need not come in one request: senders spread series over connections.
// They wait for each other, up to kWaiting times; a bucket that does not come for so long is not
// waited for any more. Of a native histogram all buckets of a time are in one request, those that
// were empty perhaps not: these get samples here, so that none has gaps.
//
// How it survives a crash: as SampleBook does. A page has the histograms whose quantiles are among
// its 1024 slots, and goes with the page of their samples; of two pages with one histogram the
// older one counts, and what comes of it a second time the other pages pass over.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/histogram.h"
#include "model/sample.h"
#include "model/state_page.h"
#include "stream/series_table.h"

namespace quell {

// Results depend on the frames alone. Thread: one.
// Cost: a walk over the buckets of a histogram for each of its times; a few lookups and a copy of
// the labels when the series of a bucket is new.
// Memory: 8 bytes per slot as soon as there is a bucket, 56 more per bucket, about 120 per
// histogram; the two series of the quantiles are counted where series are.
class HistogramQuantiles {
 public:
  struct Quantile {
    double quantile = 0;
    std::string_view ending{};  // Of the metric's name.
  };
  static constexpr std::array<Quantile, 2> kQuantiles{{{0.5, ":p50"}, {0.99, ":p99"}}};
  static constexpr std::size_t kBucketsMax = 512;  // Of one histogram; more of it do not count.
  static constexpr std::size_t kWaiting = 4;
  static constexpr std::size_t kSlotsPerPage = 1024;  // As SampleBook's.
  // Samples that are further apart have no observations between them.
  static constexpr Duration kGapMax = std::chrono::minutes(15);

  HistogramQuantiles() = default;
  HistogramQuantiles(const HistogramQuantiles&) = delete;
  HistogramQuantiles& operator=(const HistogramQuantiles&) = delete;

  // The samples of the frame at `offset`, as SeriesTable::resolve() gave them, before SampleBook
  // sees them. Adds those of quantiles, and those that native histograms left out; brings buckets
  // to the end (SampleBatch::unwatched). With Unknown::Make, series of quantiles are made as the
  // limits allow: a histogram for which there is no room has none.
  void on_samples(SampleBatch& batch, SeriesTable& table, SeriesTable::Unknown unknown,
                  std::uint64_t offset);
  // The series of quantiles that are alive because their buckets had samples in that frame.
  const std::vector<SeriesSlot>& touched() const { return touched_; }

  // The series leaves. Call it before SeriesTable::remove().
  void forget(SeriesSlot slot);

  // The page with this number, with all frames below `next_offset`; appended when there is
  // something, or was.
  void take_page(std::uint64_t number, std::uint64_t next_offset, const SeriesTable& table,
                 std::vector<StatePage>& out);
  // Restart, after the table was loaded. Errors: Corrupt.
  Status load(const StatePage& page, const SeriesTable& table);

  std::size_t histograms() const { return groups_.size() - free_.size(); }
  std::uint64_t bytes() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::uint32_t kOutput = 1u << 31;  // In Membership::index.

  // What a slot is to a histogram: one of its buckets, or one of its quantiles.
  struct Membership {
    std::uint32_t group = kNone;
    std::uint32_t index = 0;
  };
  struct Bucket {
    double bound = 0;
    SeriesSlot slot = kNoSlot;  // kNoSlot: its series has left.
    std::uint8_t arrived = 0;   // Bit n: it has a sample of the n-th waiting time.
    bool is_absent = false;     // Nobody waits for it, where it has no sample.
    double last = 0;            // At Group::last_time; NaN: not known.
    std::array<double, kWaiting> waiting{};
  };
  struct Group {
    std::array<SeriesSlot, kQuantiles.size()> outputs{};
    std::uint64_t stored_until = 0;           // It has all frames below.
    std::uint64_t born = 0;                   // The offset from which it could be.
    Timestamp last_time = Timestamp::min();   // min(): none.
    Timestamp done_until = Timestamp::min();  // Earlier samples come too late.
    std::array<Timestamp, kWaiting> times{};  // Rising.
    std::uint32_t waiting = 0;
    std::uint32_t turn = kNone;     // In the batch in hand.
    std::vector<Bucket> buckets{};  // By bound.
  };
  struct Row {  // Of a bucket, in the batch in hand.
    std::uint32_t turn = 0;
    std::uint32_t group = 0;
    std::uint32_t bucket = 0;
    std::uint32_t at = 0;
    Timestamp time{};
    bool is_native = false;
  };
  struct Columns {
    std::vector<SeriesSlot> slots{};
    std::vector<Timestamp> times{};
    std::vector<double> values{};
    void add(SeriesSlot slot, Timestamp time, double value);
    void clear();
  };
  struct Frame {  // The one in hand.
    SeriesTable& table;
    SeriesTable::Unknown unknown{};
    std::uint64_t offset = 0;
  };

  // histogram_quantiles.cc
  void join_new(const SampleBatch& batch, const Frame& frame);
  bool join(SeriesSlot slot, bool is_native, const Frame& frame);
  std::uint32_t find_group(SeriesSlot bucket, double bound, const Frame& frame);
  std::uint32_t make_group(std::span<const SeriesSlot> outputs, const SeriesTable& table);
  void drop_left(std::uint32_t number);
  void insert(std::uint32_t group, const Bucket& bucket);
  void number_members(std::uint32_t group);
  void dissolve(std::uint32_t group);
  void gather(const SampleBatch& batch);
  void work(std::span<const Row> rows, const SampleBatch& batch, const Frame& frame);
  void complete_native(const Group& group, std::span<const Row> rows, const SampleBatch& batch,
                       const Frame& frame);
  void arrange(SampleBatch& batch);

  // histogram_group.cc: one histogram.
  void take(Group& group, Bucket& bucket, Timestamp time, double value);
  double infer(const Group& group, std::size_t i) const;
  static void end_bucket(const Group& group, Bucket& bucket, Timestamp time);
  bool find_time(Group& group, Timestamp time, std::uint32_t& at);
  static void drop_first(Group& group);
  void give_up_first(Group& group);
  void settle(Group& group, const SeriesTable& table);
  void evaluate(Group& group, SeriesKind kind);
  void end_if_over(Group& group, Timestamp time);

  // histogram_pages.cc
  void write_group(std::string& out, const Group& group, const SeriesTable& table) const;
  Status put_group(Group group, const SeriesTable& table);

  std::vector<Membership> memberships_;  // By slot.
  std::vector<Group> groups_;
  std::vector<std::uint32_t> free_;
  std::size_t bucket_count_ = 0;
  std::vector<bool> is_written_;  // By page: the store has one.

  // Scratch.
  std::vector<Row> rows_;
  std::vector<std::uint32_t> turns_;  // Groups.
  std::vector<SeriesSlot> touched_;
  Columns made_;      // Samples of quantiles,
  Columns inferred_;  // and of buckets that were left out.
  SampleBatch arranged_;
  std::vector<HistogramBucket> increases_;
  std::vector<double> counts_;  // Of the buckets of a histogram; NaN: not known.
  std::vector<bool> has_come_;  // By bucket.
};

}  // namespace quell
