#include "base/log.h"

#include <array>

#include "base/json.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warning", "error"};

void append_logfmt(std::string& line, std::string_view name, std::string_view value) {
  if (!line.empty()) line += ' ';
  line.append(name).append("=");
  const bool plain = !value.empty() && value.find_first_of(" \"=\t\r\n\\") == value.npos;
  if (plain) {
    line.append(value);
  } else {
    append_json_string(line, value);
  }
}

}  // namespace

void Log::write(LogLevel level, std::string_view message, Fields fields) const {
  if (level < least_) return;
  const std::string at =
      format_rfc3339(std::chrono::floor<std::chrono::milliseconds>(clock_.now()));
  const std::string_view name = kLevelNames[static_cast<std::size_t>(level)];
  std::string line;
  if (format_ == LogFormat::Json) {
    JsonWriter w(line);
    w.begin_object().field("ts", at).field("level", name).field("msg", message);
    for (const auto& [key, value] : fields) w.field(key, value);
    w.end_object();
  } else {
    append_logfmt(line, "ts", at);
    append_logfmt(line, "level", name);
    append_logfmt(line, "msg", message);
    for (const auto& [key, value] : fields) append_logfmt(line, key, value);
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), out_);
}

}  // namespace quell
