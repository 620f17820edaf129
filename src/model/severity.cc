#include "model/severity.h"

#include <array>
#include <string>
#include <utility>

namespace quell {

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::Info: return "info";
    case Severity::Warning: return "warning";
    case Severity::Error: return "error";
    case Severity::Critical: return "critical";
  }
  return "info";
}

std::optional<Severity> parse_severity(std::string_view word) {
  using enum Severity;
  static constexpr std::array<std::pair<std::string_view, Severity>, 47> kWords{{
      {"critical", Critical},  {"crit", Critical},    {"page", Critical},   {"fatal", Critical},
      {"emergency", Critical}, {"emerg", Critical},   {"alert", Critical},  {"disaster", Critical},
      {"p1", Critical},        {"p0", Critical},      {"sev0", Critical},   {"sev1", Critical},
      {"blocker", Critical},   {"down", Critical},    {"urgent", Critical}, {"error", Error},
      {"err", Error},          {"high", Error},       {"major", Error},     {"p2", Error},
      {"sev2", Error},         {"severe", Error},     {"failure", Error},   {"failed", Error},
      {"warning", Warning},    {"warn", Warning},     {"medium", Warning},  {"minor", Warning},
      {"average", Warning},    {"moderate", Warning}, {"p3", Warning},      {"sev3", Warning},
      {"degraded", Warning},   {"ticket", Warning},   {"info", Info},       {"information", Info},
      {"informational", Info}, {"notice", Info},      {"debug", Info},      {"trace", Info},
      {"low", Info},           {"p4", Info},          {"p5", Info},         {"sev4", Info},
      {"none", Info},          {"ok", Info},          {"normal", Info},
  }};
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (const auto& [name, severity] : kWords) {
    if (name == lower) return severity;
  }
  return std::nullopt;
}

Severity severity_from_otel(int severity_number) {
  if (severity_number >= 21) return Severity::Critical;
  if (severity_number >= 17) return Severity::Error;
  if (severity_number >= 13) return Severity::Warning;
  return Severity::Info;
}

}  // namespace quell
