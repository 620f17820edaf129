// EventTable: the rows of events, in the order of their frames.
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

// Within the caller's transaction. Cost: about 2 µs per event, most of it in the two indexes.
Status insert_events(SqliteConnection& connection, const std::vector<EventRow>& rows);

// By alert or incident through their indexes; else from the newest row down, testing each. The
// time range is found by bisection, because arrival times rise with the position.
//
// Cost: O(rows passed over). A word that occurs nowhere reads the whole range, at about 1 GB/s.
Result<std::vector<EventRow>> select_events(SqliteConnection& connection, const EventQuery& query);

Result<std::optional<EventRow>> select_event(SqliteConnection& connection, std::uint64_t offset,
                                             std::uint32_t index);

}  // namespace quell
