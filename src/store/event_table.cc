#include "store/event_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/records.h"

namespace quell {
namespace {

constexpr const char* kInsert =
    "INSERT OR REPLACE INTO events(position, arrived_at, alert, incident, record) "
    "VALUES(?, ?, ?, ?, ?)";
constexpr const char* kSelectAll =
    "SELECT position, arrived_at, alert, incident, record FROM events "
    "WHERE position >= ?1 AND position < ?2 ORDER BY position DESC";
constexpr const char* kSelectAlert =
    "SELECT position, arrived_at, alert, incident, record FROM events INDEXED BY events_alert "
    "WHERE position >= ?1 AND position < ?2 AND alert = ?3 ORDER BY position DESC";
constexpr const char* kSelectIncident =
    "SELECT position, arrived_at, alert, incident, record FROM events INDEXED BY events_incident "
    "WHERE position >= ?1 AND position < ?2 AND incident = ?3 ORDER BY position DESC";
constexpr const char* kSelectOne =
    "SELECT position, arrived_at, alert, incident, record FROM events WHERE position = ?1";
constexpr const char* kEnds =
    "SELECT (SELECT min(position) FROM events), (SELECT max(position) FROM events)";
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

// The position of the first event that arrived at or after `t`; past the last one if there is none.
Result<std::int64_t> first_arrived_at(SqliteConnection& connection, Timestamp t) {
  TRY(Statement * ends, connection.statement(kEnds));
  TRY(Statement * next, connection.statement(kNextArrival));
  const ResetAtEnd reset_ends(*ends);
  TRY(const bool any, ends->step());
  std::int64_t low = any ? ends->integer(0) : 0;
  std::int64_t high = any ? ends->integer(1) + 1 : 0;
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

}  // namespace

Status insert_events(SqliteConnection& connection, const std::vector<EventRow>& rows) {
  TRY(Statement * insert, connection.statement(kInsert));
  std::string record;
  for (const EventRow& row : rows) {
    if (row.index > kEventIndexMax || row.offset > kEventOffsetMax) {
      return fail(Errc::TooLarge, fmt::format("event {}/{} is beyond {}/{}", row.offset, row.index,
                                              kEventOffsetMax, kEventIndexMax));
    }
    record.clear();
    encode_event(row, record);
    insert->bind(1, event_position(row.offset, row.index)).bind(2, row.arrived_at);
    row.alert ? insert->bind(3, *row.alert) : insert->bind_null(3);
    row.incident != 0 ? insert->bind(4, row.incident) : insert->bind_null(4);
    TRY_STATUS(insert->bind_blob(5, record).run());
  }
  return {};
}

Result<std::vector<EventRow>> select_events(SqliteConnection& connection, const EventQuery& query) {
  std::int64_t from = 0;
  std::int64_t to = query.before_offset > kEventOffsetMax
                        ? INT64_MAX
                        : event_position(query.before_offset, query.before_index);
  if (query.since) {
    TRY(from, first_arrived_at(connection, *query.since));
  }
  if (query.until) {
    TRY(const std::int64_t end, first_arrived_at(connection, *query.until));
    to = std::min(to, end);
  }
  const char* sql = query.alert ? kSelectAlert : query.incident != 0 ? kSelectIncident : kSelectAll;
  TRY(Statement * select, connection.statement(sql));
  const ResetAtEnd reset(*select);
  select->bind(1, from).bind(2, to);
  if (sql != kSelectAll) select->bind(3, query.alert ? *query.alert : query.incident);

  std::vector<EventRow> rows;
  const EventFilter filter(query);
  while (rows.size() < query.limit) {
    TRY(const bool more, select->step());
    if (!more) break;
    if (query.alert && query.incident != 0 && select->offset(3) != query.incident) continue;
    if (!filter.matches(select->bytes(4))) continue;
    TRY(EventRow row, read_row(*select));
    rows.push_back(std::move(row));
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
