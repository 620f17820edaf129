// Log: structured lines for people and machines, on standard error.
//
//   log.info("listening", {{"address", "127.0.0.1:8420"}});
//   ts=2026-11-21T08:00:00.123Z level=info msg=listening address=127.0.0.1:8420
//
// Secrets are never given to it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace quell {

enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };
enum class LogFormat : std::uint8_t { Logfmt, Json };

// Thread: any; a line is written with one call.
class Log {
 public:
  using Field = std::pair<std::string_view, std::string>;
  using Fields = std::initializer_list<Field>;

  Log(const Clock& clock, LogLevel least, LogFormat format, std::FILE* out = stderr)
      : clock_(clock), least_(least), format_(format), out_(out) {}

  void debug(std::string_view message, Fields fields = {}) const {
    write(LogLevel::Debug, message, fields);
  }
  void info(std::string_view message, Fields fields = {}) const {
    write(LogLevel::Info, message, fields);
  }
  void warning(std::string_view message, Fields fields = {}) const {
    write(LogLevel::Warning, message, fields);
  }
  void error(std::string_view message, Fields fields = {}) const {
    write(LogLevel::Error, message, fields);
  }

 private:
  void write(LogLevel level, std::string_view message, Fields fields) const;

  const Clock& clock_;
  LogLevel least_;
  LogFormat format_;
  std::FILE* out_;
};

}  // namespace quell
