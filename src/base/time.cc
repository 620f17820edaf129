#include "base/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace quell {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int kYearMin = 1678;
constexpr int kYearMax = 2261;

std::unexpected<Error> bad_time(std::string_view text) {
  return fail(
      Errc::InvalidArgument,
      fmt::format("'{}' is not an RFC 3339 time such as 2026-11-21T08:00:00Z", text.substr(0, 64)));
}

// Reads exactly `width` digits at the front of `text`.
bool take_digits(std::string_view& text, std::size_t width, int& value) {
  if (text.size() < width) return false;
  value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return true;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == any_of.npos) return false;
  text.remove_prefix(1);
  return true;
}

// Reads `.digits`, keeping nine; no fraction is zero.
bool take_fraction(std::string_view& text, int& nanos) {
  nanos = 0;
  if (!take(text, ".,")) return true;
  std::size_t n = 0;
  int scale = 100'000'000;
  for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n) {
    nanos += (text[n] - '0') * scale;
    scale /= 10;
  }
  text.remove_prefix(n);
  return n > 0;
}

// Reads `Z`, `UTC`, `+hh:mm`, `+hhmm` or `+hh`, up to the end of the text.
bool take_zone(std::string_view text, minutes& offset) {
  offset = minutes{0};
  while (take(text, " ")) {
  }
  if (text == "Z" || text == "z" || text == "UTC" || text == "GMT") return true;
  if (text.empty()) return false;
  const bool west = text[0] == '-';
  int h = 0;
  int m = 0;
  if (!take(text, "+-") || !take_digits(text, 2, h)) return false;
  take(text, ":");
  if (!text.empty() && !take_digits(text, 2, m)) return false;
  if (!text.empty() || h > 23 || m > 59) return false;
  offset = hours{h} + minutes{m};
  if (west) offset = -offset;
  return true;
}

// Two digits at `p`, or something above 99.
constexpr unsigned two_digits(const char* p) {
  const auto high = static_cast<unsigned>(p[0] - '0');
  const auto low = static_cast<unsigned>(p[1] - '0');
  return high > 9 || low > 9 ? 100 : high * 10 + low;
}

// The form that nearly every program writes, `2026-11-21T08:00:00[.fraction]Z` with at most nine
// digits, without the detours. Returns: false for everything else, which may still be a time.
bool parse_common_form(std::string_view text, Timestamp& time) {
  constexpr std::size_t kSecondsEnd = 19;
  if (text.size() <= kSecondsEnd || text.size() > 30 || text.back() != 'Z') return false;
  const char* p = text.data();
  if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':') return false;
  const unsigned century = two_digits(p), years = two_digits(p + 2), month = two_digits(p + 5);
  const unsigned day = two_digits(p + 8), hour = two_digits(p + 11), minute = two_digits(p + 14);
  const unsigned second = two_digits(p + 17);
  if (century != 20 || years > 99 || month - 1 > 11 || day - 1 > 27) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  std::int64_t nanos = 0;
  if (text.size() > kSecondsEnd + 1) {
    if (p[kSecondsEnd] != '.' || text.size() < kSecondsEnd + 3) return false;
    std::int64_t scale = 1'000'000'000;
    for (std::size_t i = kSecondsEnd + 1; i + 1 < text.size(); ++i) {
      const auto digit = static_cast<unsigned>(p[i] - '0');
      if (digit > 9) return false;
      nanos = nanos * 10 + digit;
      scale /= 10;
    }
    nanos *= scale;
  }
  const std::chrono::sys_days date =
      std::chrono::year_month_day{std::chrono::year{static_cast<int>(2000 + years)},
                                  std::chrono::month{month}, std::chrono::day{day}};
  time = Timestamp{date} + hours{hour} + minutes{minute} + seconds{second} + Duration{nanos};
  return true;
}

}  // namespace

Result<Timestamp> parse_rfc3339(std::string_view text) {
  if (Timestamp time; parse_common_form(text, time)) return time;
  std::string_view rest = text;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, nanos = 0;
  minutes offset{};
  const bool ok = take_digits(rest, 4, year) && take(rest, "-") && take_digits(rest, 2, month) &&
                  take(rest, "-") && take_digits(rest, 2, day) && take(rest, "Tt ") &&
                  take_digits(rest, 2, hour) && take(rest, ":") && take_digits(rest, 2, minute) &&
                  take(rest, ":") && take_digits(rest, 2, second) && take_fraction(rest, nanos) &&
                  take_zone(rest, offset);
  if (!ok || hour > 23 || minute > 59 || second > 60) return bad_time(text);
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return bad_time(text);
  if (year < kYearMin) return kMinTime;
  if (year > kYearMax) return kMaxTime;
  return Timestamp{std::chrono::sys_days{date}} + hours{hour} + minutes{minute} + seconds{second} +
         Duration{nanos} - offset;
}

Result<std::optional<Timestamp>> parse_optional_time(std::string_view text) {
  if (text.empty()) return std::optional<Timestamp>{};
  TRY(const Timestamp t, parse_rfc3339(text));
  if (t == kMinTime) return std::optional<Timestamp>{};
  return std::optional<Timestamp>{t};
}

std::string format_rfc3339(Timestamp t) {
  // In whole seconds first: midnight before kMinTime is no Timestamp.
  const auto second = std::chrono::floor<seconds>(t.time_since_epoch());
  const auto day = std::chrono::floor<days>(second);
  const std::chrono::year_month_day date{std::chrono::sys_days{day}};
  const std::chrono::hh_mm_ss<seconds> time{second - day};
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  time.hours().count(), time.minutes().count(), time.seconds().count());
  constexpr std::int64_t kSecond = 1'000'000'000;
  const auto nanos = (to_ns(t) % kSecond + kSecond) % kSecond;
  if (nanos % 1000 != 0) {
    fmt::format_to(std::back_inserter(text), ".{:09}", nanos);
  } else if (nanos % 1'000'000 != 0) {
    fmt::format_to(std::back_inserter(text), ".{:06}", nanos / 1000);
  } else if (nanos != 0) {
    fmt::format_to(std::back_inserter(text), ".{:03}", nanos / 1'000'000);
  }
  return text + 'Z';
}

namespace {

struct Unit {
  std::string_view name;
  Duration length;
};

constexpr std::array kUnits{Unit{"w", days{7}},
                            Unit{"d", days{1}},
                            Unit{"h", hours{1}},
                            Unit{"m", minutes{1}},
                            Unit{"s", seconds{1}},
                            Unit{"ms", std::chrono::milliseconds{1}},
                            Unit{"us", std::chrono::microseconds{1}},
                            Unit{"ns", Duration{1}}};

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto bad = [&] {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not a duration such as 30s, 5m or 1h30m", text.substr(0, 64)));
  };
  if (text == "0") return Duration{0};
  if (text.empty()) return bad();
  Duration total{0};
  for (std::string_view rest = text; !rest.empty();) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (error != std::errc{} || count < 0) return bad();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto letters = std::min(rest.find_first_of("0123456789-"), rest.size());
    const auto unit = std::ranges::find(kUnits, rest.substr(0, letters), &Unit::name);
    if (unit == kUnits.end() || count > (Duration::max() - total) / unit->length) return bad();
    total += count * unit->length;
    rest.remove_prefix(letters);
  }
  return total;
}

std::string format_duration(Duration d) {
  if (d == Duration{0}) return "0s";
  if (d < Duration{0}) return "-" + format_duration(-d);
  std::string text;
  for (const Unit& unit : kUnits) {
    if (unit.name == "w" || d < unit.length) continue;
    fmt::format_to(std::back_inserter(text), "{}{}", d / unit.length, unit.name);
    d %= unit.length;
  }
  return text;
}

std::string format_length(Duration d) {
  if (std::chrono::abs(d) >= std::chrono::hours(1)) {
    return format_duration(std::chrono::round<std::chrono::minutes>(d));
  }
  if (std::chrono::abs(d) >= std::chrono::seconds(1)) {
    return format_duration(std::chrono::round<std::chrono::seconds>(d));
  }
  return format_duration(std::chrono::round<std::chrono::milliseconds>(d));
}

}  // namespace quell
