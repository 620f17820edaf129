// EventTable: the rows of events, in the order of their frames, with what finds them.
//
// The index by alert is cut into segments of kSegmentRows events: an index over all of them would
// have a page to write for nearly every event, because alerts come in no order. A query by alert
// asks segment after segment.
//
// Cost: 5.5 to 6.5 us of CPU per event in batches of 10,000; of these the index by alert takes 1.7
// and the one by incident 1.0 (bench/store_bench.cc).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/sqlite.h"
#include "store/store.h"

namespace quell {

// One key that sorts as (offset, index) does. Requires: index <= kEventIndexMax, offset < 2^40.
constexpr std::int64_t event_position(std::uint64_t offset, std::uint32_t index) {
  return static_cast<std::int64_t>((offset << 23) | index);
}
inline constexpr std::uint64_t kEventOffsetMax = (1ull << 40) - 1;

class EventTable {
 public:
  static constexpr std::int64_t kSegmentRows = 65'536;

  explicit EventTable(SqliteConnection& connection) : connection_(connection) {}
  Status load();

  // Writes within the open transaction. The caller then calls exactly one of the two below.
  Status write(const std::vector<EventRow>& rows);
  void committed() { end_ = staged_; }
  void rolled_back() { staged_ = end_; }

 private:
  // Where the table ends. Invariant: segments rise with positions.
  struct End {
    std::int64_t position = -1;
    std::int64_t segment = 0;
    std::int64_t rows = 0;  // In that segment.
  };
  Result<std::int64_t> segment_for(std::int64_t position);

  SqliteConnection& connection_;
  End end_;
  End staged_;
};

// By alert or incident through their indexes; else from the newest row down, testing each. The
// time range is found by bisection, because arrival times rise with the position.
//
// Cost: O(rows passed over). A word that occurs nowhere reads the whole range, at about 1 GB/s.
Result<std::vector<EventRow>> select_events(SqliteConnection& connection, const EventQuery& query);

Result<std::optional<EventRow>> select_event(SqliteConnection& connection, std::uint64_t offset,
                                             std::uint32_t index);

}  // namespace quell
