#include "store/schema.h"

#include <fmt/format.h>

#include <array>

namespace quell {
namespace {

// Version n is the state after the first n steps. A step is never changed once it was released.
constexpr std::array kMigrations{
    R"sql(
CREATE TABLE state(
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE alert_chunks(
  id INTEGER PRIMARY KEY,
  entries BLOB NOT NULL,
  records BLOB NOT NULL);
CREATE TABLE alert_history(
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  fingerprint INTEGER NOT NULL,
  removed_at INTEGER NOT NULL,
  record BLOB NOT NULL,
  UNIQUE(tenant, fingerprint));
CREATE TABLE incidents(
  id INTEGER PRIMARY KEY,
  live INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  record BLOB NOT NULL);
CREATE INDEX incidents_live ON incidents(id) WHERE live = 1;
CREATE INDEX incidents_history ON incidents(updated_at) WHERE live = 0;
CREATE TABLE events(
  position INTEGER PRIMARY KEY,
  segment INTEGER NOT NULL,
  arrived_at INTEGER NOT NULL,
  alert INTEGER,
  incident INTEGER,
  record BLOB NOT NULL);
CREATE INDEX events_alert ON events(segment, alert, position) WHERE alert IS NOT NULL;
CREATE INDEX events_incident ON events(incident, position) WHERE incident IS NOT NULL;
CREATE TABLE dead_letters(
  frame_offset INTEGER NOT NULL,
  frame_index INTEGER NOT NULL,
  arrived_at INTEGER NOT NULL,
  resolved INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY(frame_offset, frame_index)) WITHOUT ROWID;
CREATE INDEX dead_letters_open ON dead_letters(frame_offset, frame_index) WHERE resolved = 0;
CREATE TABLE windows(
  tenant TEXT NOT NULL,
  scope TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY(tenant, scope, starts_at)) WITHOUT ROWID;
CREATE INDEX windows_age ON windows(starts_at);
CREATE TABLE seen_ids(
  id INTEGER PRIMARY KEY,
  written_at INTEGER NOT NULL,
  record BLOB NOT NULL);
CREATE TABLE metric_chunks(
  id INTEGER PRIMARY KEY,
  written_at INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  metric TEXT NOT NULL,
  host TEXT NOT NULL,
  first_time INTEGER NOT NULL,
  last_time INTEGER NOT NULL,
  end_offset INTEGER NOT NULL,
  count INTEGER NOT NULL,
  series BLOB NOT NULL,
  samples BLOB NOT NULL);
CREATE INDEX metric_chunks_series ON metric_chunks(metric, tenant, host, end_offset);
CREATE INDEX metric_chunks_order ON metric_chunks(end_offset);
)sql",
    // Chunks carry the labels of their series from here on, and are not read at a start any more.
    R"sql(
DROP INDEX metric_chunks_order;
DELETE FROM metric_chunks;
CREATE TABLE state_pages(
  id INTEGER PRIMARY KEY,
  data BLOB NOT NULL);
)sql",
    // Old samples are kept as points of five minutes; what all of them take is counted.
    R"sql(
CREATE TABLE metric_rollups(
  id INTEGER PRIMARY KEY,
  series_id INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  metric TEXT NOT NULL,
  host TEXT NOT NULL,
  first_time INTEGER NOT NULL,
  last_time INTEGER NOT NULL,
  count INTEGER NOT NULL,
  series BLOB NOT NULL,
  points BLOB NOT NULL);
CREATE INDEX metric_rollups_metric ON metric_rollups(metric, tenant, host, last_time);
CREATE INDEX metric_rollups_series ON metric_rollups(series_id, last_time);
CREATE INDEX metric_rollups_age ON metric_rollups(last_time);
INSERT OR REPLACE INTO state(name, value) SELECT 'metric_bytes',
  coalesce(sum(length(series) + length(samples) + 2 * (length(CAST(metric AS BLOB)) +
    length(CAST(tenant AS BLOB)) + length(CAST(host AS BLOB))) + 80), 0) FROM metric_chunks;
)sql",
    // Frames of dead letters that the journal has let go of.
    R"sql(
CREATE TABLE kept_frames(
  frame_offset INTEGER PRIMARY KEY,
  frame BLOB NOT NULL);
)sql",
};

Status run_step(SqliteConnection& connection, std::size_t version) {
  TRY_STATUS(connection.execute("BEGIN IMMEDIATE"));
  Status done = connection.execute(kMigrations[version]);
  if (done) {
    const auto record = fmt::format("INSERT INTO migrations(version) VALUES({})", version + 1);
    done = connection.execute(record.c_str());
  }
  if (done) done = connection.execute("COMMIT");
  if (!done) (void)connection.execute("ROLLBACK");
  return done;
}

constexpr std::int64_t kApplicationId = 0x5155454c;  // "QUEL", in the file's header.

Result<std::int64_t> read_integer(SqliteConnection& connection, const char* sql) {
  TRY(Statement * select, connection.statement(sql));
  const ResetAtEnd reset(*select);
  TRY(const bool row, select->step());
  return row ? select->integer(0) : 0;
}

// Keeps us from adding tables to a database of somebody else.
Status claim(SqliteConnection& connection) {
  TRY(const auto owner, read_integer(connection, "PRAGMA application_id"));
  if (owner == kApplicationId) return {};
  TRY(const auto tables, read_integer(connection, "SELECT count(*) FROM sqlite_master"));
  if (tables > 0) return fail(Errc::Corrupt, "it is a database, but not a store of Quell");
  return connection.execute(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str());
}

}  // namespace

Status migrate(SqliteConnection& connection) {
  TRY_STATUS(claim(connection));
  TRY_STATUS(connection.execute(
      "CREATE TABLE IF NOT EXISTS migrations(version INTEGER PRIMARY KEY) WITHOUT ROWID"));
  TRY(const auto newest, read_integer(connection, "SELECT max(version) FROM migrations"));
  auto version = static_cast<std::size_t>(newest);
  if (version > kMigrations.size()) {
    return fail(Errc::Unavailable, fmt::format("the store has schema version {}, this Quell knows "
                                               "up to {}: a newer one wrote it",
                                               version, kMigrations.size()));
  }
  for (; version < kMigrations.size(); ++version) TRY_STATUS(run_step(connection, version));
  return {};
}

}  // namespace quell
