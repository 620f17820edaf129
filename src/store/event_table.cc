#include "store/event_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/records.h"

namespace quell {
namespace {

constexpr const char* kInsert =
    "INSERT OR REPLACE INTO events(position, segment, arrived_at, alert, incident, record) "
    "VALUES(?, ?, ?, ?, ?, ?)";
constexpr const char* kSelectAll =
    "SELECT position, arrived_at, alert, incident, record FROM events "
    "WHERE position >= ?1 AND position < ?2 ORDER BY position DESC";
constexpr const char* kSelectAlert =
    "SELECT position, arrived_at, alert, incident, record FROM events INDEXED BY events_alert "
    "WHERE segment = ?4 AND alert = ?3 AND position >= ?1 AND position < ?2 "
    "ORDER BY position DESC";
constexpr const char* kSelectIncident =
    "SELECT position, arrived_at, alert, incident, record FROM events INDEXED BY events_incident "
    "WHERE position >= ?1 AND position < ?2 AND incident = ?3 ORDER BY position DESC";
constexpr const char* kSelectOne =
    "SELECT position, arrived_at, alert, incident, record FROM events WHERE position = ?1";
constexpr const char* kFirst = "SELECT position, segment FROM events ORDER BY position LIMIT 1";
constexpr const char* kLast = "SELECT position, segment FROM events ORDER BY position DESC LIMIT 1";
constexpr const char* kBefore =
    "SELECT position, segment FROM events WHERE position <= ?1 ORDER BY position DESC LIMIT 1";
constexpr const char* kNextArrival =
    "SELECT position, arrived_at FROM events WHERE position >= ?1 ORDER BY position LIMIT 1";

Result<EventRow> read_row(const Statement& s) {
  EventRow row;
  const std::uint64_t position = s.offset(0);
  row.offset = position >> 23;
  row.index = static_cast<std::uint32_t>(position) & kEventIndexMax;
  row.arrived_at = s.time(1);
  if (!s.is_null(2)) row.alert = s.offset(2);
  row.incident = s.offset(3);
  if (const auto decoded = decode_event(s.bytes(4), row); !decoded) {
    return fail(decoded.error().code,
                fmt::format("event {}/{}: {}", row.offset, row.index, decoded.error().message));
  }
  return row;
}

// Positions [from, to) and segments [first, last] of a query.
struct Range {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::int64_t first_segment = 0;
  std::int64_t last_segment = -1;
};

// All rows of the table.
Result<Range> whole_range(SqliteConnection& connection) {
  Range range;
  TRY(Statement * first, connection.statement(kFirst));
  TRY(Statement * last, connection.statement(kLast));
  const ResetAtEnd reset_first(*first);
  const ResetAtEnd reset_last(*last);
  TRY(const bool any, first->step());
  TRY(const bool also, last->step());
  if (!any || !also) return range;
  range.from = first->integer(0);
  range.to = last->integer(0) + 1;
  range.first_segment = first->integer(1);
  range.last_segment = last->integer(1);
  return range;
}

// The position of the first event of `range` that arrived at or after `t`, or its end.
Result<std::int64_t> first_arrived_at(SqliteConnection& connection, const Range& range,
                                      Timestamp t) {
  TRY(Statement * next, connection.statement(kNextArrival));
  std::int64_t low = range.from;
  std::int64_t high = range.to;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    const ResetAtEnd reset(*next);
    TRY(const bool row, next->bind(1, middle).step());
    if (!row || next->time(1) >= t) {
      high = middle;
    } else {
      low = next->integer(0) + 1;
    }
  }
  return low;
}

Result<Range> range_of(SqliteConnection& connection, const EventQuery& query) {
  TRY(Range range, whole_range(connection));
  const Range whole = range;
  if (query.before_offset <= kEventOffsetMax) {
    range.to = std::min(range.to, event_position(query.before_offset, query.before_index));
  }
  if (query.since) {
    TRY(range.from, first_arrived_at(connection, whole, *query.since));
  }
  if (query.until) {
    TRY(const std::int64_t end, first_arrived_at(connection, whole, *query.until));
    range.to = std::min(range.to, end);
  }
  return range;
}

// Appends the rows that `select` gives and `query` wants.
Status take_rows(Statement& select, const EventQuery& query, std::vector<EventRow>& rows) {
  const ResetAtEnd reset(select);
  const EventFilter filter(query);
  while (rows.size() < query.limit) {
    TRY(const bool more, select.step());
    if (!more) break;
    if (query.incident != 0 && select.offset(3) != query.incident) continue;
    if (!filter.matches(select.bytes(4))) continue;
    TRY(EventRow row, read_row(select));
    rows.push_back(std::move(row));
  }
  return {};
}

}  // namespace

Status EventTable::load() {
  TRY(Statement * last, connection_.statement(kLast));
  const ResetAtEnd reset_last(*last);
  TRY(const bool any, last->step());
  if (!any) return {};
  TRY(Statement * count,
      connection_.statement(
          "SELECT count(*) FROM events WHERE segment = ?1 AND alert IS NOT NULL"));
  const ResetAtEnd reset_count(*count);
  TRY(const bool counted, count->bind(1, last->integer(1)).step());
  end_ = {last->integer(0), last->integer(1), counted ? count->integer(0) : 0};
  staged_ = end_;
  return {};
}

Status EventTable::write(const std::vector<EventRow>& rows) {
  TRY(Statement * insert, connection_.statement(kInsert));
  std::string record;
  for (const EventRow& row : rows) {
    if (row.index > kEventIndexMax || row.offset > kEventOffsetMax) {
      return fail(Errc::TooLarge, fmt::format("event {}/{} is beyond {}/{}", row.offset, row.index,
                                              kEventOffsetMax, kEventIndexMax));
    }
    record.clear();
    encode_event(row, record);
    const std::int64_t position = event_position(row.offset, row.index);
    TRY(const std::int64_t segment, segment_for(position));
    insert->bind(1, position).bind(2, segment).bind(3, row.arrived_at);
    row.alert ? insert->bind(4, *row.alert) : insert->bind_null(4);
    row.incident != 0 ? insert->bind(5, row.incident) : insert->bind_null(5);
    TRY_STATUS(insert->bind_blob(6, record).run());
  }
  return {};
}

// A row behind the end (a dead letter that was processed again) goes into the segment around it.
Result<std::int64_t> EventTable::segment_for(std::int64_t position) {
  if (position <= staged_.position) {
    TRY(Statement * before, connection_.statement(kBefore));
    const ResetAtEnd reset(*before);
    TRY(const bool found, before->bind(1, position).step());
    if (found) return before->integer(1);
    TRY(const Range whole, whole_range(connection_));
    return whole.first_segment;
  }
  staged_.position = position;
  if (++staged_.rows > kSegmentRows) {
    ++staged_.segment;
    staged_.rows = 1;
  }
  return staged_.segment;
}

Result<std::vector<EventRow>> select_events(SqliteConnection& connection, const EventQuery& query) {
  TRY(const Range range, range_of(connection, query));
  std::vector<EventRow> rows;
  if (!query.alert) {
    TRY(Statement * select,
        connection.statement(query.incident != 0 ? kSelectIncident : kSelectAll));
    select->bind(1, range.from).bind(2, range.to);
    if (query.incident != 0) select->bind(3, query.incident);
    TRY_STATUS(take_rows(*select, query, rows));
    return rows;
  }
  TRY(Statement * select, connection.statement(kSelectAlert));
  select->bind(1, range.from).bind(2, range.to).bind(3, *query.alert);
  for (auto s = range.last_segment; s >= range.first_segment && rows.size() < query.limit; --s) {
    select->bind(4, s);
    TRY_STATUS(take_rows(*select, query, rows));
  }
  return rows;
}

Result<std::optional<EventRow>> select_event(SqliteConnection& connection, std::uint64_t offset,
                                             std::uint32_t index) {
  if (offset > kEventOffsetMax || index > kEventIndexMax) return std::optional<EventRow>();
  TRY(Statement * select, connection.statement(kSelectOne));
  const ResetAtEnd reset(*select);
  TRY(const bool found, select->bind(1, event_position(offset, index)).step());
  if (!found) return std::optional<EventRow>();
  TRY(EventRow row, read_row(*select));
  return std::optional<EventRow>(std::move(row));
}

}  // namespace quell
