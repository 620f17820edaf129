// Severity: the four steps that every wire format's own scale is mapped onto.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace quell {

enum class Severity : std::uint8_t { Info, Warning, Error, Critical };  // Ascending.

std::string_view severity_name(Severity severity);  // "info", "warning", "error", "critical".

// Understands the words of common tools (`page`, `P1`, `fatal`, `sev2`, `major`, `high`, …), in
// any case. Empty result: not a known word.
std::optional<Severity> parse_severity(std::string_view word);

// OpenTelemetry SeverityNumber 1–24 (TRACE 1, DEBUG 5, INFO 9, WARN 13, ERROR 17, FATAL 21).
Severity severity_from_otel(int severity_number);

}  // namespace quell
