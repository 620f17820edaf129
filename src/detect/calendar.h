// Calendar: the local time by which people live, for cycles of a day and a week.
//
// Machines report UTC; the load that they report follows clocks on walls. Without it, a series'
// day would be an hour off for half of the year after each change of the clocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace quell {

// Thread: any; a value.
class Calendar {
 public:
  Calendar() = default;  // UTC, no holidays.

  // A name of the IANA database, with the rules that hold there today (time_zones.inc):
  // `Europe/Berlin`, `UTC`. Or a time zone as POSIX writes it (TZ, and the last line of every
  // zoneinfo file): `CET-1CEST,M3.5.0,M10.5.0/3`, `<+0330>-3:30`, `EST5EDT,M3.2.0,M11.1.0`. Days
  // are Mm.w.d.
  // Errors: InvalidArgument, with what was expected where, or the nearest name.
  static Result<Calendar> parse(std::string_view zone);

  // The time zone as POSIX writes it; equal texts are equal clocks.
  const std::string& posix() const { return posix_; }

  // Days (local) that are not like others: nothing is learned about the usual day on them.
  void add_holiday(int year, unsigned month, unsigned day);

  // Seconds east of Greenwich, and between which times (UTC) they are so, at least.
  struct Stretch {
    std::int64_t from = 0;
    std::int64_t until = 0;  // Exclusive.
    std::int64_t offset = 0;
  };
  Stretch stretch_at(std::int64_t utc_seconds) const;
  std::int64_t offset_seconds(std::int64_t utc_seconds) const {
    return stretch_at(utc_seconds).offset;
  }
  bool is_holiday(std::int64_t local_seconds) const;

  // Seconds since 1970 as a clock on the wall shows them.
  std::int64_t local_seconds(std::int64_t utc_seconds) const {
    return utc_seconds + offset_seconds(utc_seconds);
  }

 private:
  // The `week`-th (5: last) `weekday` (0: Sunday) of a month, at a local time of the day.
  struct Change {
    unsigned month = 0;
    unsigned week = 0;
    unsigned weekday = 0;
    std::int64_t second = 7'200;
  };
  static std::int64_t local_second_of(const Change& change, int year);
  friend class ZoneReader;

  std::string posix_{"UTC0"};
  std::int64_t standard_ = 0;  // Seconds east of Greenwich.
  std::int64_t summer_ = 0;
  std::optional<std::pair<Change, Change>> changes_{};  // To summer time and back.
  std::vector<std::int64_t> holidays_{};                // Days since 1970, sorted.
};

}  // namespace quell
