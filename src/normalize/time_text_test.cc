#include "normalize/time_text.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace quell {
namespace {

void check_time(std::string_view text, std::string_view want, TimeStyle style = {}) {
  const auto got = parse_time_text(text, style);
  EXPECT_EQ(!got ? got.error().message : !*got ? "absent" : format_rfc3339(**got), want) << text;
}

TEST(TimeText, TheDialectsOfTools) {
  check_time("2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z");
  check_time("2026-11-21 08:00:00 UTC", "2026-11-21T08:00:00Z");                 // GitLab
  check_time("2026-11-21 09:05:02 +0100", "2026-11-21T08:05:02Z");               // GitLab
  check_time("2026-11-21T08:09:20.472+0000", "2026-11-21T08:09:20.472Z");        // CloudWatch
  check_time("2026-11-21T08:08:58.1234567Z", "2026-11-21T08:08:58.123456700Z");  // Azure
  check_time("2026.11.21 08:06:31", "2026-11-21T08:06:31Z");                     // Zabbix
  check_time("2026-11-21 08:09:00.417", "2026-11-21T08:09:00.417Z");             // Uptime Kuma
  check_time("2026-11-21T09:00:00", "2026-11-21T08:00:00Z", {.zone = std::chrono::hours(1)});
  check_time("2026-11-21T09:00:00Z", "2026-11-21T09:00:00Z", {.zone = std::chrono::hours(1)});
}

TEST(TimeText, NumbersOfAnyUnit) {
  check_time("1795248000", "2026-11-21T08:00:00Z");
  check_time("1795248000.25", "2026-11-21T08:00:00.250Z");
  check_time("1795248000123", "2026-11-21T08:00:00.123Z");
  check_time("1795248000123456", "2026-11-21T08:00:00.123456Z");
  check_time("1795248000123456789", "2026-11-21T08:00:00.123456789Z");
  check_time("1000", "1970-01-01T00:00:01Z", {.format = TimeFormat::EpochMs});
  check_time("1795248000.1234567891", "2026-11-21T08:00:00.123456789Z");
}

TEST(TimeText, WhatStandsForNone) {
  check_time("", "absent");
  check_time("0", "absent");
  check_time("0001-01-01T00:00:00Z", "absent");
  check_time("0001-01-01T00:00:00", "absent");
  check_time("9999-12-31T23:59:59Z", "absent");
}

TEST(TimeText, WhatIsNoTime) {
  check_time("yesterday", "'yesterday' is not a time that Quell knows");
  check_time("17", "'17' is not a time that Quell knows");
  check_time("99999999999999999999", "'99999999999999999999' is not a time that Quell knows");
  check_time("1795248000", "'1795248000' is not a time that Quell knows",
             {.format = TimeFormat::Text});
  check_time("2026-11-21T08:00:00Z", "'2026-11-21T08:00:00Z' is not a time that Quell knows",
             {.format = TimeFormat::EpochS});
  check_time("2026-02-30T08:00:00Z", "'2026-02-30T08:00:00Z' is not a time that Quell knows");
}

TEST(TimeText, Zones) {
  EXPECT_EQ(*parse_zone("+01:00"), std::chrono::hours(1));
  EXPECT_EQ(*parse_zone("-0530"), -std::chrono::minutes(330));
  EXPECT_EQ(*parse_zone("Z"), Duration(0));
  EXPECT_EQ(parse_zone("CET").error().message, "'CET' is not an offset such as +01:00");
}

}  // namespace
}  // namespace quell
