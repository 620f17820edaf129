#include "store/sqlite_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/event_table.h"
#include "store/records.h"
#include "store/schema.h"
#include "store/write_behind.h"

namespace quell {
namespace {

constexpr std::uint32_t kWindowsRestored = 13;

}  // namespace

SqliteStore::SqliteStore(std::string path, FileLock lock, std::unique_ptr<SqliteConnection> writer)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      writer_(std::move(writer)),
      alerts_(*writer_),
      events_(*writer_) {}

Status SqliteStore::load() {
  TRY_STATUS(alerts_.load());
  TRY_STATUS(count_dead_letters());
  TRY_STATUS(load_metric_bytes());
  return events_.load();
}

Status SqliteStore::commit(const StoreBatch& batch) {
  letters_opened_ = 0;
  begin_to_write_behind();
  if (Status written = in_transaction([&] { return write(batch); }); !written) {
    alerts_.rolled_back();
    events_.rolled_back();
    return written;
  }
  open_letters_ += static_cast<std::uint64_t>(letters_opened_);
  alerts_.committed();
  events_.committed();
  return {};
}

Status SqliteStore::write(const StoreBatch& batch) {
  TRY_STATUS(alerts_.write(batch));
  TRY_STATUS(write_incidents(batch));
  TRY_STATUS(events_.write(batch.events));
  TRY_STATUS(write_dead_letters(batch.dead_letters));
  TRY_STATUS(write_windows(batch.windows));
  TRY_STATUS(write_seen_ids(batch));
  TRY_STATUS(write_metric_chunks(batch));
  TRY_STATUS(write_state_pages(batch.state_pages));
  return write_state(batch);
}

Status SqliteStore::write_state(const StoreBatch& batch) {
  TRY(Statement * put,
      writer_->statement("INSERT OR REPLACE INTO state(name, value) VALUES(?, ?)"));
  TRY_STATUS(put->bind(1, std::string_view("next_offset")).bind(2, batch.next_offset).run());
  TRY_STATUS(put->bind(1, std::string_view("samples_offset"))
                 .bind(2, batch.samples_offset.value_or(batch.next_offset))
                 .run());
  return put->bind(1, std::string_view("engine")).bind_blob(2, batch.engine).run();
}

Status SqliteStore::write_incidents(const StoreBatch& batch) {
  TRY(Statement * put,
      writer_->statement("INSERT OR REPLACE INTO incidents(id, live, updated_at, record) "
                         "VALUES(?, 1, ?, ?)"));
  std::string record;
  for (const auto& incident : batch.incidents) {
    record.clear();
    encode_incident(*incident, record);
    put->bind(1, incident->id).bind(2, incident->updated_at).bind_blob(3, record);
    TRY_STATUS(put->run());
  }
  TRY(Statement * remove, writer_->statement("UPDATE incidents SET live = 0 WHERE id = ?"));
  for (const IncidentId id : batch.removed_incidents) TRY_STATUS(remove->bind(1, id).run());
  return {};
}

Status SqliteStore::write_dead_letters(const std::vector<DeadLetter>& letters) {
  TRY(Statement * put,
      writer_->statement("INSERT OR REPLACE INTO dead_letters(frame_offset, frame_index, "
                         "arrived_at, resolved, record) VALUES(?, ?, ?, ?, ?)"));
  TRY(Statement * known, writer_->statement("SELECT resolved FROM dead_letters "
                                            "WHERE frame_offset = ? AND frame_index = ?"));
  std::string record;
  for (const DeadLetter& letter : letters) {
    known->bind(1, letter.offset).bind(2, std::int64_t{letter.index});
    {
      const ResetAtEnd reset(*known);
      TRY(const bool found, known->step());
      if (found && known->integer(0) == 0) --letters_opened_;
    }
    if (!letter.resolved) ++letters_opened_;
    record.clear();
    encode_dead_letter(letter, record);
    put->bind(1, letter.offset).bind(2, std::int64_t{letter.index}).bind(3, letter.arrived_at);
    put->bind(4, std::int64_t{letter.resolved}).bind_blob(5, record);
    TRY_STATUS(put->run());
  }
  return {};
}

Status SqliteStore::count_dead_letters() {
  TRY(Statement * count,
      writer_->statement("SELECT count(*) FROM dead_letters WHERE resolved = 0"));
  const ResetAtEnd reset(*count);
  TRY(const bool found, count->step());
  open_letters_ = found ? count->offset(0) : 0;
  return {};
}

Status SqliteStore::write_windows(const std::vector<WindowRow>& windows) {
  TRY(Statement * put,
      writer_->statement("INSERT OR REPLACE INTO windows(tenant, scope, starts_at, record) "
                         "VALUES(?, ?, ?, ?)"));
  for (const WindowRow& window : windows) {
    put->bind(1, window.tenant).bind(2, window.scope).bind(3, window.starts_at);
    TRY_STATUS(put->bind_blob(4, window.record).run());
  }
  return {};
}

Status SqliteStore::write_seen_ids(const StoreBatch& batch) {
  if (batch.seen_ids.empty()) return {};
  std::string record;
  encode_seen_ids(batch.seen_ids, record);
  TRY(Statement * put, writer_->statement("INSERT INTO seen_ids(written_at, record) VALUES(?, ?)"));
  return put->bind(1, batch.now).bind_blob(2, record).run();
}

Status SqliteStore::write_state_pages(const std::vector<StatePage>& pages) {
  TRY(Statement * put,
      writer_->statement("INSERT OR REPLACE INTO state_pages(id, data) VALUES(?, ?)"));
  TRY(Statement * remove, writer_->statement("DELETE FROM state_pages WHERE id = ?"));
  for (const StatePage& page : pages) {
    const std::uint64_t id = static_cast<std::uint64_t>(page.kind) << kPageNumberBits | page.number;
    if (page.data.empty()) {
      TRY_STATUS(remove->bind(1, id).run());
    } else {
      TRY_STATUS(put->bind(1, id).bind_blob(2, page.data).run());
    }
  }
  return {};
}

Result<StoredState> SqliteStore::restore() {
  StoredState state;
  TRY_STATUS(restore_state(state));
  TRY_STATUS(alerts_.read_all(state.alerts));
  TRY_STATUS(restore_incidents(state.incidents));
  TRY_STATUS(restore_seen_ids(state.seen_ids));
  TRY_STATUS(restore_windows(state.windows));
  writer_->shrink();  // What was read once is not needed in the cache.
  return state;
}

Status SqliteStore::restore_state(StoredState& state) {
  TRY(Statement * rows, writer_->statement("SELECT name, value FROM state"));
  const ResetAtEnd reset(*rows);
  while (true) {
    TRY(const bool row, rows->step());
    if (!row) return {};
    const std::string_view name = rows->bytes(0);
    if (name == "next_offset") state.next_offset = rows->offset(1);
    if (name == "samples_offset") state.samples_offset = rows->offset(1);
    if (name == "engine") state.engine = rows->bytes(1);
  }
}

Status SqliteStore::restore_incidents(std::vector<Incident>& incidents) {
  TRY(Statement * rows,
      writer_->statement("SELECT record FROM incidents WHERE live = 1 ORDER BY id"));
  const ResetAtEnd reset(*rows);
  while (true) {
    TRY(const bool row, rows->step());
    if (!row) return {};
    TRY(Incident incident, decode_incident(rows->bytes(0)));
    incidents.push_back(std::move(incident));
  }
}

Status SqliteStore::restore_seen_ids(std::vector<SeenId>& ids) {
  TRY(Statement * rows, writer_->statement("SELECT record FROM seen_ids ORDER BY id"));
  const ResetAtEnd reset(*rows);
  while (true) {
    TRY(const bool row, rows->step());
    if (!row) return {};
    TRY_STATUS(decode_seen_ids(rows->bytes(0), ids));
  }
}

// Jumps from scope to scope, so that the cost is that of the scopes and not of all windows.
Status SqliteStore::restore_windows(std::vector<WindowRow>& windows) {
  TRY(Statement * next,
      writer_->statement("SELECT tenant, scope FROM windows WHERE (tenant, scope) > (?, ?) "
                         "ORDER BY tenant, scope LIMIT 1"));
  TRY(Statement * first, writer_->statement("SELECT tenant, scope FROM windows "
                                            "ORDER BY tenant, scope LIMIT 1"));
  TRY(Statement * latest,
      writer_->statement("SELECT starts_at, record FROM windows WHERE tenant = ? AND scope = ? "
                         "ORDER BY starts_at DESC LIMIT ?"));
  std::string tenant;
  std::string scope;
  Statement* scopes = first;
  while (true) {
    {
      const ResetAtEnd reset(*scopes);
      if (scopes == next) next->bind(1, tenant).bind(2, scope);
      TRY(const bool found, scopes->step());
      if (!found) return {};
      std::string next_tenant(scopes->bytes(0));
      scope = scopes->bytes(1);
      tenant = std::move(next_tenant);
    }
    const ResetAtEnd reset(*latest);
    latest->bind(1, tenant).bind(2, scope).bind(3, std::int64_t{kWindowsRestored});
    while (true) {
      TRY(const bool row, latest->step());
      if (!row) break;
      windows.push_back({tenant, scope, latest->time(0), std::string(latest->bytes(1))});
    }
    scopes = next;
  }
}

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const SqliteStoreOptions& options) {
  TRY(FileLock lock, FileLock::take(path + ".lock"));
  TRY(auto writer, SqliteConnection::open(path, SqliteConnection::Mode::Write));
  // Pages of 8 KiB: chunks of alerts cost a seventh less CPU than with 4 KiB, and a commit of one
  // row still writes little. 2000 pages (16 MB) between checkpoints: fewer, larger ones write pages
  // that change often once.
  const std::string pragmas = fmt::format(
      "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
      "PRAGMA wal_autocheckpoint=2000; "
      "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY; "
      "{}",
      options.pages_max > 0 ? fmt::format("PRAGMA max_page_count={};", options.pages_max) : "");
  TRY_STATUS(writer->execute(pragmas.c_str()));
  if (Status migrated = migrate(*writer); !migrated) {
    return std::unexpected(std::move(migrated).error().context("opening store " + path));
  }
  auto store = std::make_unique<SqliteStore>(path, std::move(lock), std::move(writer));
  TRY_STATUS(store->load());
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace quell
