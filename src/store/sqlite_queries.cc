// The queries and the retention of SqliteStore.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "store/event_table.h"
#include "store/records.h"
#include "store/sqlite_store.h"

namespace quell {
namespace {

// A cursor beyond what SQLite's integers hold means "from the newest".
std::int64_t cursor(std::uint64_t before) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(before, INT64_MAX));
}

Result<DeadLetter> read_dead_letter(const Statement& s) {
  DeadLetter letter;
  letter.offset = s.offset(0);
  letter.index = static_cast<std::uint32_t>(s.integer(1));
  TRY_STATUS(decode_dead_letter(s.bytes(2), letter));
  return letter;
}

}  // namespace

Result<std::vector<EventRow>> SqliteStore::events(const EventQuery& query) const {
  return with_reader([&](SqliteConnection& c) { return select_events(c, query); });
}

Result<std::optional<EventRow>> SqliteStore::event(std::uint64_t offset,
                                                   std::uint32_t index) const {
  return with_reader([&](SqliteConnection& c) { return select_event(c, offset, index); });
}

Result<std::optional<Incident>> SqliteStore::incident(IncidentId id) const {
  return with_reader([&](SqliteConnection& c) -> Result<std::optional<Incident>> {
    TRY(Statement * select, c.statement("SELECT record FROM incidents WHERE id = ?"));
    const ResetAtEnd reset(*select);
    TRY(const bool found, select->bind(1, id).step());
    if (!found) return std::optional<Incident>();
    TRY(Incident incident, decode_incident(select->bytes(0)));
    return std::optional<Incident>(std::move(incident));
  });
}

Result<std::optional<Alert>> SqliteStore::live_alert(SqliteConnection& c,
                                                     const AlertLog::Place& place) const {
  TRY(Statement * select, c.statement("SELECT records FROM alert_chunks WHERE id = ?"));
  const ResetAtEnd reset(*select);
  TRY(const bool found, select->bind(1, place.chunk).step());
  if (!found) return std::optional<Alert>();
  const std::string_view records = select->bytes(0);
  if (std::uint64_t{place.offset} + place.size > records.size()) {
    return fail(Errc::Corrupt, fmt::format("alert chunk {} does not decode", place.chunk));
  }
  TRY(Alert alert, decode_alert(records.substr(place.offset, place.size)));
  return std::optional<Alert>(std::move(alert));
}

Result<std::optional<Alert>> SqliteStore::alert(const AlertKey& key) const {
  // The place is asked for before the snapshot is taken: when the alert moves or is removed in
  // between, its chunk is gone or its place is another, and the question is put again.
  for (auto place = alerts_.find(key); place;) {
    TRY(auto live, with_reader([&](SqliteConnection& c) { return live_alert(c, *place); }));
    if (live) return live;
    place = alerts_.find(key);
  }
  return with_reader([&](SqliteConnection& c) -> Result<std::optional<Alert>> {
    TRY(Statement * select,
        c.statement("SELECT record FROM alert_history WHERE tenant = ? AND fingerprint = ?"));
    const ResetAtEnd reset(*select);
    TRY(const bool found, select->bind(1, key.tenant).bind(2, key.fingerprint).step());
    if (!found) return std::optional<Alert>();
    TRY(Alert alert, decode_alert(select->bytes(0)));
    return std::optional<Alert>(std::move(alert));
  });
}

Result<std::vector<Incident>> SqliteStore::closed_incidents(IncidentId before,
                                                            std::uint32_t limit) const {
  return with_reader([&](SqliteConnection& c) -> Result<std::vector<Incident>> {
    TRY(Statement * select, c.statement("SELECT record FROM incidents WHERE live = 0 AND id < ? "
                                        "ORDER BY id DESC LIMIT ?"));
    const ResetAtEnd reset(*select);
    select->bind(1, cursor(before)).bind(2, std::int64_t{limit});
    std::vector<Incident> incidents;
    while (true) {
      TRY(const bool row, select->step());
      if (!row) return incidents;
      TRY(Incident incident, decode_incident(select->bytes(0)));
      incidents.push_back(std::move(incident));
    }
  });
}

Result<std::vector<DeadLetter>> SqliteStore::dead_letters(const DeadLetterQuery& query) const {
  return with_reader([&](SqliteConnection& c) -> Result<std::vector<DeadLetter>> {
    TRY(Statement * select,
        c.statement(query.include_resolved
                        ? "SELECT frame_offset, frame_index, record FROM dead_letters "
                          "WHERE (frame_offset, frame_index) < (?, ?) "
                          "ORDER BY frame_offset DESC, frame_index DESC LIMIT ?"
                        : "SELECT frame_offset, frame_index, record FROM dead_letters "
                          "WHERE resolved = 0 AND (frame_offset, frame_index) < (?, ?) "
                          "ORDER BY frame_offset DESC, frame_index DESC LIMIT ?"));
    const ResetAtEnd reset(*select);
    select->bind(1, cursor(query.before_offset)).bind(2, std::int64_t{query.before_index});
    select->bind(3, std::int64_t{query.limit});
    std::vector<DeadLetter> letters;
    while (true) {
      TRY(const bool row, select->step());
      if (!row) return letters;
      TRY(DeadLetter letter, read_dead_letter(*select));
      letters.push_back(std::move(letter));
    }
  });
}

Result<std::optional<DeadLetter>> SqliteStore::dead_letter(std::uint64_t offset,
                                                           std::uint32_t index) const {
  return with_reader([&](SqliteConnection& c) -> Result<std::optional<DeadLetter>> {
    TRY(Statement * select,
        c.statement("SELECT frame_offset, frame_index, record FROM dead_letters "
                    "WHERE frame_offset = ? AND frame_index = ?"));
    const ResetAtEnd reset(*select);
    TRY(const bool found, select->bind(1, offset).bind(2, std::int64_t{index}).step());
    if (!found) return std::optional<DeadLetter>();
    TRY(DeadLetter letter, read_dead_letter(*select));
    return std::optional<DeadLetter>(std::move(letter));
  });
}

Result<std::vector<WindowRow>> SqliteStore::windows(std::string_view tenant, std::string_view scope,
                                                    Timestamp since, std::uint32_t limit) const {
  return with_reader([&](SqliteConnection& c) -> Result<std::vector<WindowRow>> {
    TRY(Statement * select,
        c.statement("SELECT starts_at, record FROM windows WHERE tenant = ? AND scope = ? "
                    "AND starts_at >= ? ORDER BY starts_at DESC LIMIT ?"));
    const ResetAtEnd reset(*select);
    select->bind(1, tenant).bind(2, scope).bind(3, since).bind(4, std::int64_t{limit});
    std::vector<WindowRow> windows;
    while (true) {
      TRY(const bool row, select->step());
      if (!row) return windows;
      windows.push_back({std::string(tenant), std::string(scope), select->time(0),
                         std::string(select->bytes(1))});
    }
  });
}

Status SqliteStore::visit_state_pages(const std::function<Status(StatePage)>& visit) const {
  return with_reader([&](SqliteConnection& c) -> Status {
    TRY(Statement * select, c.statement("SELECT id, data FROM state_pages ORDER BY id"));
    const ResetAtEnd reset(*select);
    while (true) {
      TRY(const bool row, select->step());
      if (!row) return {};
      const auto id = select->offset(0);
      TRY_STATUS(visit({.kind = static_cast<StatePageKind>(id >> kPageNumberBits),
                        .number = id & ((1ull << kPageNumberBits) - 1),
                        .data = std::string(select->bytes(1))}));
    }
  });
}

Result<std::uint64_t> SqliteStore::retain(const RetentionPolicy& policy, Timestamp now) {
  // Rows lie in the order of their age wherever the first condition is on the key alone: then the
  // oldest kRetainRows rows are looked at, and no index on the time is needed.
  struct Step {
    Duration keep;
    const char* sql;
  };
  const std::array steps{
      Step{policy.events,
           "DELETE FROM events WHERE position IN "
           "(SELECT position FROM events ORDER BY position LIMIT ?2) AND arrived_at < ?1"},
      Step{policy.resolved_alerts,
           "DELETE FROM alert_history WHERE id IN "
           "(SELECT id FROM alert_history ORDER BY id LIMIT ?2) AND removed_at < ?1"},
      Step{policy.closed_incidents,
           "DELETE FROM incidents WHERE id IN (SELECT id FROM incidents "
           "WHERE live = 0 AND updated_at < ?1 ORDER BY updated_at LIMIT ?2)"},
      Step{policy.dead_letters,
           "DELETE FROM dead_letters WHERE (frame_offset, frame_index) IN "
           "(SELECT frame_offset, frame_index FROM dead_letters "
           "ORDER BY frame_offset, frame_index LIMIT ?2) AND arrived_at < ?1"},
      Step{policy.windows,
           "DELETE FROM windows WHERE (tenant, scope, starts_at) IN "
           "(SELECT tenant, scope, starts_at FROM windows WHERE starts_at < ?1 "
           "ORDER BY starts_at LIMIT ?2)"},
      Step{policy.seen_ids,
           "DELETE FROM seen_ids WHERE id IN "
           "(SELECT id FROM seen_ids ORDER BY id LIMIT ?2) AND written_at < ?1"},
  };
  std::uint64_t removed = 0;
  for (const Step& step : steps) {
    if (step.keep <= Duration::zero()) continue;
    TRY(Statement * remove, writer_->statement(step.sql));
    TRY_STATUS(remove->bind(1, now - step.keep).bind(2, std::int64_t{kRetainRows}).run());
    removed += static_cast<std::uint64_t>(writer_->changed_rows());
  }
  if (removed > 0) TRY_STATUS(count_dead_letters());
  TRY(const std::uint64_t frames, retain_frames());
  TRY(const std::uint64_t metric_rows, retain_metrics(policy.metrics, now));
  return removed + frames + metric_rows;
}

}  // namespace quell
