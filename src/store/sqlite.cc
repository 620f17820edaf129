#include "store/sqlite.h"

#include <fmt/format.h>

#include <cerrno>

#include "store/write_behind.h"

namespace quell {
namespace {

constexpr int kBusyTimeoutMs = 5000;

bool disk_is_full(sqlite3* db) {
  const int system_error = sqlite3_system_errno(db);
  return system_error == ENOSPC || system_error == EDQUOT;
}

std::unexpected<Error> sqlite_error(sqlite3* db, int code) {
  const char* file = db != nullptr ? sqlite3_db_filename(db, "main") : nullptr;
  const std::string where = fmt::format("store {}", file != nullptr ? file : "(not open)");
  const char* text = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_FULL: return fail(Errc::Exhausted, where + ": the disk is full");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return fail(Errc::Corrupt, fmt::format("{} is damaged: {}", where, text));
    case SQLITE_TOOBIG: return fail(Errc::TooLarge, fmt::format("{}: {}", where, text));
    default: break;
  }
  if (db != nullptr && (code & 0xff) == SQLITE_IOERR && disk_is_full(db)) {
    return fail(Errc::Exhausted, where + ": the disk is full");
  }
  return fail(Errc::Unavailable, fmt::format("{}: {}", where, text));
}

std::unexpected<Error> statement_error(sqlite3_stmt* statement, int code) {
  return sqlite_error(sqlite3_db_handle(statement), code);
}

}  // namespace

Statement& Statement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  // A null pointer would bind NULL.
  sqlite3_bind_text64(statement_.get(), index, text.empty() ? "" : text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_null(int index) {
  sqlite3_bind_null(statement_.get(), index);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  const auto error = statement_error(statement_.get(), code);
  reset();
  return error;
}

Status Statement::run() {
  while (true) {
    TRY(const bool row, step());
    if (!row) return {};
  }
}

void Statement::reset() {
  sqlite3_reset(statement_.get());  // Its code repeats the error of the last step.
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::string& path,
                                                                 Mode mode) {
  (void)write_behind();
  sqlite3* database = nullptr;
  const int flags =
      mode == Mode::Write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  const int code = sqlite3_open_v2(path.c_str(), &database, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(database));
  if (code != SQLITE_OK) {
    return fail(Errc::Unavailable, fmt::format("opening store {}: {}", path, sqlite3_errstr(code)));
  }
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, kBusyTimeoutMs);
  return connection;
}

Status SqliteConnection::execute(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(database_.get(), code);
  return {};
}

Result<Statement*> SqliteConnection::statement(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return &found->second;
  sqlite3_stmt* prepared = nullptr;
  const int code =
      sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return sqlite_error(database_.get(), code);
  return &statements_.emplace(sql, Statement(prepared)).first->second;
}

}  // namespace quell
