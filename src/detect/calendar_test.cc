#include "detect/calendar.h"

#include <gtest/gtest.h>

#include <chrono>

namespace quell::calendar_test {
namespace {

std::int64_t utc(int year, unsigned month, unsigned day, int hour, int minute = 0) {
  using namespace std::chrono;
  const sys_days date = std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{day};
  return date.time_since_epoch().count() * 86'400 + hour * 3'600 + minute * 60;
}

void check_offset(std::string_view zone, std::int64_t at, std::int64_t want_seconds) {
  const auto calendar = Calendar::parse(zone);
  ASSERT_TRUE(calendar) << calendar.error().to_string();
  EXPECT_EQ(calendar->offset_seconds(at), want_seconds) << zone << ' ' << at;
}

TEST(Calendar, KnowsSummerTime) {
  const char* berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
  check_offset(berlin, utc(2026, 3, 29, 0, 59), 3'600);
  check_offset(berlin, utc(2026, 3, 29, 1), 7'200);
  check_offset(berlin, utc(2026, 10, 25, 0, 59), 7'200);
  check_offset(berlin, utc(2026, 10, 25, 1), 3'600);
  check_offset("EST5EDT,M3.2.0,M11.1.0", utc(2026, 7, 1, 0), -4 * 3'600);
  check_offset("EST5EDT,M3.2.0,M11.1.0", utc(2026, 1, 1, 0), -5 * 3'600);
  // In the south summer is around the turn of the year.
  check_offset("AEST-10AEDT,M10.1.0,M4.1.0/3", utc(2026, 1, 1, 0), 11 * 3'600);
  check_offset("AEST-10AEDT,M10.1.0,M4.1.0/3", utc(2026, 7, 1, 0), 10 * 3'600);
}

TEST(Calendar, KnowsTheNamesOfZones) {
  check_offset("UTC", utc(2026, 7, 1, 0), 0);
  check_offset("Europe/Berlin", utc(2026, 7, 1, 0), 7'200);
  check_offset("Europe/Berlin", utc(2026, 1, 1, 0), 3'600);
  check_offset("America/New_York", utc(2026, 7, 1, 0), -4 * 3'600);
  check_offset("Asia/Kolkata", utc(2026, 7, 1, 0), 19'800);
  check_offset("Australia/Lord_Howe", utc(2026, 1, 1, 0), 11 * 3'600);
  check_offset("Europe/Dublin", utc(2026, 7, 1, 0), 3'600);  // Summer is its standard time.
  check_offset("Europe/Dublin", utc(2026, 1, 1, 0), 0);
  check_offset("CET", utc(2026, 7, 1, 0), 7'200);
  check_offset("Etc/GMT+5", 0, -5 * 3'600);
}

// Wherever one asks, the stretch is around it, and the offset is one within it.
TEST(Calendar, AnOffsetHoldsForAStretch) {
  for (const char* zone : {"UTC", "Europe/Berlin", "Australia/Sydney", "America/Santiago",
                           "Africa/Cairo", "Asia/Gaza", "Australia/Lord_Howe", "Asia/Kolkata"}) {
    const auto calendar = Calendar::parse(zone).value();
    for (std::int64_t at = utc(2025, 12, 1, 0); at < utc(2027, 2, 1, 0); at += 7'777) {
      const Calendar::Stretch stretch = calendar.stretch_at(at);
      ASSERT_LE(stretch.from, at) << zone;
      ASSERT_GT(stretch.until, at) << zone;
      const std::int64_t from = std::max(stretch.from, at - 400 * 86'400);
      const std::int64_t until = std::min(stretch.until, at + 400 * 86'400);
      for (const std::int64_t t :
           {from, from + (at - from) / 2, at + (until - at) / 2, until - 1}) {
        ASSERT_EQ(calendar.offset_seconds(t), stretch.offset) << zone << ' ' << at << ' ' << t;
      }
    }
  }
}

TEST(Calendar, EqualClocksHaveEqualTexts) {
  EXPECT_EQ(Calendar().posix(), Calendar::parse("UTC")->posix());
  EXPECT_EQ(Calendar::parse("Europe/Berlin")->posix(), "CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(Calendar::parse("Europe/Paris")->posix(), Calendar::parse("Europe/Berlin")->posix());
}

TEST(Calendar, KnowsZonesWithoutSummerTime) {
  check_offset("UTC0", 0, 0);
  check_offset("<+0330>-3:30", utc(2026, 7, 1, 0), 12'600);
  check_offset("<-03>3", -1, -10'800);
}

void check_error(std::string_view zone, std::string_view want) {
  const auto calendar = Calendar::parse(zone);
  EXPECT_EQ(calendar ? "good" : calendar.error().to_string(), want);
}

TEST(Calendar, SaysWhatItExpectsWhere) {
  check_error("", "column 1: time zone '': expected a name of three letters");
  check_error("CE-1", "column 1: time zone 'CE-1': expected a name of three letters");
  check_error("<+03", "column 5: time zone '<+03': expected '>'");
  check_error("UTC+2",
              "'UTC+2' is west of Greenwich to some and east to others; write a name such as "
              "Europe/Berlin, or <+02>-2 for two hours east");
  check_error("CXT+", "there is no time zone 'CXT+', did you mean 'CET'?");
  check_error("Europe/Berlim",
              "there is no time zone 'Europe/Berlim', did you mean 'Europe/Berlin'?");
  check_error("europe/vienna",
              "there is no time zone 'europe/vienna', did you mean 'Europe/Vienna'?");
  check_error("Middle-earth/Minas_Tirith",
              "there is no time zone 'Middle-earth/Minas_Tirith'; write a name such as "
              "Europe/Berlin, or the rules as POSIX does: CET-1CEST,M3.5.0,M10.5.0/3");
  check_error("ABC:1", "column 4: time zone 'ABC:1': expected a number up to 167");
  check_error("CET-1CEST", "column 10: time zone 'CET-1CEST': expected ',Mmonth.week.day'");
  check_error("CET-1CEST,M13.5.0,M10.5.0",
              "column 12: time zone 'CET-1CEST,M13.5.0,M10.5.0': expected a number up to 12");
  check_error("CET-1CEST,M3.5.0,M10.5.0x",
              "column 25: time zone 'CET-1CEST,M3.5.0,M10.5.0x': expected the end");
}

TEST(Calendar, KnowsHolidays) {
  Calendar calendar;
  calendar.add_holiday(2026, 12, 25);
  calendar.add_holiday(2026, 1, 1);
  calendar.add_holiday(2026, 12, 25);
  EXPECT_TRUE(calendar.is_holiday(utc(2026, 12, 25, 23, 59)));
  EXPECT_FALSE(calendar.is_holiday(utc(2026, 12, 26, 0)));
  EXPECT_TRUE(calendar.is_holiday(utc(2026, 1, 1, 0)));
}

}  // namespace
}  // namespace quell::calendar_test
