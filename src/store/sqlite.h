// SqliteConnection and Statement: SQLite's C API with Results and owners, and nothing more.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace quell {

// One prepared statement. Text and blobs are bound without a copy: they must live until reset().
// A statement that failed to prepare is never handed out.
//
// Thread: the connection's.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::uint64_t value) {
    return bind(index, static_cast<std::int64_t>(value));
  }
  Statement& bind(int index, Timestamp value) {
    return bind(index, std::int64_t{value.time_since_epoch().count()});
  }
  Statement& bind(int index, std::string_view text);
  Statement& bind_blob(int index, std::string_view bytes);
  Statement& bind_null(int index);

  // Returns: true when there is a row to read. After false or an error the statement is reset.
  Result<bool> step();
  // Steps to the end and resets.
  Status run();
  void reset();

  std::int64_t integer(int column) const;
  std::uint64_t offset(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  Timestamp time(int column) const { return Timestamp{Duration{integer(column)}}; }
  bool is_null(int column) const;
  // Text or blob; valid until the next step() or reset().
  std::string_view bytes(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// Resets a statement when the scope ends, so that a query that stops early holds no snapshot.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Statement& statement) : statement_(statement) {}
  ~ResetAtEnd() { statement_.reset(); }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  Statement& statement_;
};

// One connection with the statements that were used on it.
//
// Thread: one at a time.
class SqliteConnection {
 public:
  enum class Mode { Write, Read };

  static Result<std::unique_ptr<SqliteConnection>> open(const std::string& path, Mode mode);

  Status execute(const char* sql);
  // The statement for `sql`, prepared at its first use and kept. Requires: a string literal.
  Result<Statement*> statement(const char* sql);
  std::int64_t changed_rows() const { return sqlite3_changes64(database_.get()); }
  void shrink() { sqlite3_db_release_memory(database_.get()); }

 private:
  struct Close {
    void operator()(sqlite3* d) const { sqlite3_close_v2(d); }
  };
  explicit SqliteConnection(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
  std::map<const char*, Statement> statements_;  // Finalized before the connection closes.
};

}  // namespace quell
