#include "detect/calendar.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/text.h"

namespace quell {
namespace {

struct ZoneRule {
  std::string_view posix{};
  std::string_view names{};  // With spaces between them.
};
constexpr ZoneRule kZoneRules[] = {
#include "detect/time_zones.inc"
};
constexpr std::size_t kZoneNameMax = 40;

// Empty: no zone has this name.
std::string_view rule_of_zone(std::string_view name) {
  for (const ZoneRule& rule : kZoneRules) {
    for (const std::string_view known : split(rule.names, ' ')) {
      if (known == name) return rule.posix;
    }
  }
  return {};
}

std::unexpected<Error> no_such_zone(std::string_view name) {
  std::optional<std::string_view> near;
  std::vector<std::string_view> names;
  if (name.size() <= kZoneNameMax) {
    for (const ZoneRule& rule : kZoneRules) {
      for (const std::string_view known : split(rule.names, ' ')) names.push_back(known);
    }
    near = nearest_word(name, names);
  }
  return fail(Errc::InvalidArgument,
              fmt::format("there is no time zone '{}'{}", utf8_prefix(name, kZoneNameMax),
                          near ? fmt::format(", did you mean '{}'?", *near)
                               : std::string("; write a name such as Europe/Berlin, or the rules "
                                             "as POSIX does: CET-1CEST,M3.5.0,M10.5.0/3")));
}

// Not a name: these have neither numbers nor rules in them, but for those with a slash.
bool looks_like_rules(std::string_view text) {
  if (text.empty() || text.front() == '<' || text.find(',') != text.npos) return true;
  return text.find('/') == text.npos && text.find_first_of("0123456789") != text.npos;
}

constexpr std::int64_t kDay = 86'400;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

std::int64_t day_number(int year, unsigned month, unsigned day) {
  using namespace std::chrono;
  const sys_days date = std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{day};
  return date.time_since_epoch().count();
}

int year_of(std::int64_t seconds) {
  using namespace std::chrono;
  const sys_days day{days{floor_div(seconds, kDay)}};
  return static_cast<int>(year_month_day(day).year());
}

}  // namespace

// Reads `std offset [dst [offset] , start [/time] , end [/time]]`.
class ZoneReader {
 public:
  explicit ZoneReader(std::string_view text) : text_(text) {}

  Result<Calendar> read() {
    Calendar calendar;
    calendar.posix_ = text_;
    TRY_STATUS(name());
    TRY(const std::int64_t west, offset());
    calendar.standard_ = calendar.summer_ = -west;
    if (at_ == text_.size()) return calendar;
    TRY_STATUS(name());
    calendar.summer_ = calendar.standard_ + 3'600;
    if (at_ < text_.size() && text_[at_] != ',') {
      TRY(const std::int64_t summer_west, offset());
      calendar.summer_ = -summer_west;
    }
    TRY(const Calendar::Change to_summer, change());
    TRY(const Calendar::Change back, change());
    if (at_ != text_.size()) return expected("the end");
    calendar.changes_ = {to_summer, back};
    return calendar;
  }

 private:
  std::unexpected<Error> expected(std::string_view what) const {
    return fail(Errc::InvalidArgument, fmt::format("time zone '{}': expected {}", text_, what),
                fmt::format("column {}", at_ + 1));
  }

  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // Three letters or more, or anything in angle brackets.
  Status name() {
    const std::size_t start = at_;
    if (take('<')) {
      while (at_ < text_.size() && text_[at_] != '>') ++at_;
      if (!take('>')) return expected("'>'");
      return {};
    }
    while (at_ < text_.size() && ((text_[at_] | 32) >= 'a' && (text_[at_] | 32) <= 'z')) ++at_;
    if (at_ - start < 3) {
      at_ = start;
      return expected("a name of three letters");
    }
    return {};
  }

  Result<std::int64_t> number(std::int64_t max) {
    const std::size_t start = at_;
    std::int64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9' && at_ - start < 4) {
      value = value * 10 + (text_[at_++] - '0');
    }
    if (at_ > start && value <= max) return value;
    at_ = start;
    return expected(fmt::format("a number up to {}", max));
  }

  // [+-]hh[:mm[:ss]]
  Result<std::int64_t> offset() {
    const bool is_negative = take('-');
    if (!is_negative) take('+');
    TRY(std::int64_t seconds, number(167));
    seconds *= 3'600;
    for (const std::int64_t unit : {60, 1}) {
      if (!take(':')) break;
      TRY(const std::int64_t part, number(59));
      seconds += part * unit;
    }
    return is_negative ? -seconds : seconds;
  }

  // ,Mm.w.d[/time]
  Result<Calendar::Change> change() {
    Calendar::Change result;
    if (!take(',') || !take('M')) return expected("',Mmonth.week.day'");
    TRY(const std::int64_t month, number(12));
    if (month == 0 || !take('.')) return expected("a month and '.'");
    TRY(const std::int64_t week, number(5));
    if (week == 0 || !take('.')) return expected("a week and '.'");
    TRY(const std::int64_t weekday, number(6));
    result.month = static_cast<unsigned>(month);
    result.week = static_cast<unsigned>(week);
    result.weekday = static_cast<unsigned>(weekday);
    if (take('/')) {
      TRY(result.second, offset());
    }
    return result;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Result<Calendar> Calendar::parse(std::string_view zone) {
  const std::string_view known = rule_of_zone(zone);
  if (!known.empty()) return ZoneReader(known).read();
  // By POSIX `UTC+2` lies two hours *west* of Greenwich; hardly anybody who writes it means that.
  if (zone.starts_with("UTC+") || zone.starts_with("UTC-") || zone.starts_with("GMT+") ||
      zone.starts_with("GMT-")) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is west of Greenwich to some and east to others; write a name "
                            "such as Europe/Berlin, or <+02>-2 for two hours east",
                            utf8_prefix(zone, kZoneNameMax)));
  }
  if (!looks_like_rules(zone)) return no_such_zone(zone);
  return ZoneReader(zone).read();
}

std::int64_t Calendar::local_second_of(const Change& change, int year) {
  using namespace std::chrono;
  const std::chrono::weekday weekday{change.weekday};
  const std::chrono::month month{change.month};
  const sys_days day = change.week == 5
                           ? sys_days{std::chrono::year{year} / month / weekday[last]}
                           : sys_days{std::chrono::year{year} / month / weekday[change.week]};
  return day.time_since_epoch().count() * kDay + change.second;
}

Calendar::Stretch Calendar::stretch_at(std::int64_t utc_seconds) const {
  Stretch stretch{.from = std::numeric_limits<std::int64_t>::min(),
                  .until = std::numeric_limits<std::int64_t>::max(),
                  .offset = standard_};
  if (!changes_) return stretch;
  const int year = year_of(utc_seconds + standard_);
  const std::int64_t to_summer = local_second_of(changes_->first, year) - standard_;
  const std::int64_t back = local_second_of(changes_->second, year) - summer_;
  const bool is_summer = to_summer < back
                             ? utc_seconds >= to_summer && utc_seconds < back
                             : utc_seconds >= to_summer || utc_seconds < back;  // In the south.
  stretch.offset = is_summer ? summer_ : standard_;
  // The changes are those of the year, so the stretch ends with it.
  for (const std::int64_t edge : {day_number(year, 1, 1) * kDay - standard_,
                                  day_number(year + 1, 1, 1) * kDay - standard_, to_summer, back}) {
    if (edge <= utc_seconds) {
      stretch.from = std::max(stretch.from, edge);
    } else {
      stretch.until = std::min(stretch.until, edge);
    }
  }
  return stretch;
}

void Calendar::add_holiday(int year, unsigned month, unsigned day) {
  const std::int64_t number = day_number(year, month, day);
  const auto at = std::ranges::lower_bound(holidays_, number);
  if (at == holidays_.end() || *at != number) holidays_.insert(at, number);
}

bool Calendar::is_holiday(std::int64_t local_seconds) const {
  if (holidays_.empty()) return false;
  return std::ranges::binary_search(holidays_, floor_div(local_seconds, kDay));
}

}  // namespace quell
