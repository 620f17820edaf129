// Times as the world's tools write them: RFC 3339 and its neighbours, and numbers since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace quell {

enum class TimeFormat : std::uint8_t { Auto, Text, EpochS, EpochMs, EpochUs, EpochNs };
// "auto", "text", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns".
std::optional<TimeFormat> parse_time_format(std::string_view word);

struct TimeStyle {
  TimeFormat format = TimeFormat::Auto;
  Duration zone{0};  // Of texts that name none, east of Greenwich.
};

// Understands `2026-11-21T08:00:00.1234567Z`, `2026-11-21 08:00:00 UTC`, `… +0100`,
// `2026.11.21 08:00:00` and `2026-11-21T08:00:00` (the last two in `style.zone`), and numbers of
// seconds (a fraction is allowed), milliseconds, microseconds or nanoseconds. `Auto` tells the unit
// of a number by its size. Empty result: the sender's way of saying "none" (empty text, 0, year 1).
//
// Errors: InvalidArgument, quoting the text; also for a number that is no time after 1973.
Result<std::optional<Timestamp>> parse_time_text(std::string_view text, TimeStyle style);

// `+01:00`, `-0530`, `Z`. Errors: InvalidArgument.
Result<Duration> parse_zone(std::string_view text);

}  // namespace quell
