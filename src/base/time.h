// Times and durations as text: RFC 3339 and Prometheus-style durations.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace quell {

// Nanoseconds since 1970 reach from 1678 to 2261; text outside of that saturates to these.
inline constexpr Timestamp kMinTime{Duration::min()};
inline constexpr Timestamp kMaxTime{Duration::max()};

// Parses `2026-11-21T08:00:00.123456789+01:00`: any fraction length, `Z` or an offset with or
// without a colon, `T`, `t` or a space between date and time, and a trailing ` UTC`.
// Years outside 1678..2261 saturate. Errors: InvalidArgument, quoting the text.
Result<Timestamp> parse_rfc3339(std::string_view text);

// Like parse_rfc3339, but year 1 (how Go prints an unset time) and the empty text are "absent".
Result<std::optional<Timestamp>> parse_optional_time(std::string_view text);

// `2026-11-21T08:00:00Z`, with as many fraction digits as needed in steps of three (0, 3, 6, 9).
std::string format_rfc3339(Timestamp t);

// Parses `90s`, `5m`, `1h30m`, `250ms`, `7d`, `2w`, `0`. Errors: InvalidArgument.
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration d);  // `1h30m`, `250ms`, `0s`.
// The same for reading: whole seconds, from an hour on whole minutes, below a second milliseconds.
std::string format_length(Duration d);

// Milliseconds since 1970, rounded down, as many protocols have them.
inline std::int64_t to_unix_ms(Timestamp t) {
  return std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
}
inline std::int64_t to_ns(Timestamp t) {
  return t.time_since_epoch().count();
}
// Times may be centuries apart, which no Duration can hold: `to` less `from`, in nanoseconds.
inline double ns_between(Timestamp from, Timestamp to) {
  return static_cast<double>(to_ns(to)) - static_cast<double>(to_ns(from));
}
inline Timestamp from_ns(std::int64_t ns) {
  return Timestamp{Duration{ns}};
}
inline double to_seconds(Duration d) {
  return static_cast<double>(d.count()) / 1e9;
}

}  // namespace quell
