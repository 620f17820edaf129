#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/shared_text.h"
#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

void check_time(std::string_view text, std::string_view want) {
  const auto got = parse_rfc3339(text);
  EXPECT_EQ(got ? format_rfc3339(*got) : "error: " + got.error().message, want) << "for " << text;
}

TEST(Time, ParsesWhatSendersWrite) {
  check_time("2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z");
  check_time("2028-02-29T23:59:59.000000001Z", "2028-02-29T23:59:59.000000001Z");
  check_time("2026-12-31T23:59:60.5Z", "2027-01-01T00:00:00.500Z");  // A leap second.
  check_time("2026-11-21T08:00:00.Z",
             "error: '2026-11-21T08:00:00.Z' is not an RFC 3339 time such as 2026-11-21T08:00:00Z");
  check_time("2026-11-21T08:00:00.1x3Z",
             "error: '2026-11-21T08:00:00.1x3Z' is not an RFC 3339 "
             "time such as 2026-11-21T08:00:00Z");
  check_time("2026-13-21T08:00:00Z",
             "error: '2026-13-21T08:00:00Z' is not an RFC 3339 time such as 2026-11-21T08:00:00Z");
  check_time("2026-11-21t08:00:00.5+01:00", "2026-11-21T07:00:00.500Z");
  check_time("2026-11-21 08:00:00 UTC", "2026-11-21T08:00:00Z");
  check_time("2026-11-21T08:00:00.123+0000", "2026-11-21T08:00:00.123Z");
  check_time("2026-11-21T08:00:00.1234567Z", "2026-11-21T08:00:00.123456700Z");
  check_time("2026-11-21T08:00:00",
             "error: '2026-11-21T08:00:00' is not an RFC 3339 time such as 2026-11-21T08:00:00Z");
  check_time("2026-02-30T08:00:00Z",
             "error: '2026-02-30T08:00:00Z' is not an RFC 3339 time such as 2026-11-21T08:00:00Z");
}

TEST(Time, YearsOutsideOfNanosecondsSaturate) {
  EXPECT_EQ(parse_rfc3339("0001-01-01T00:00:00Z").value(), kMinTime);
  EXPECT_EQ(parse_rfc3339("9999-12-31T23:59:59Z").value(), kMaxTime);
  EXPECT_FALSE(parse_optional_time("0001-01-01T00:00:00.000Z")->has_value());
  EXPECT_FALSE(parse_optional_time("")->has_value());
  EXPECT_EQ(format_rfc3339(kMinTime), "1677-09-21T00:12:43.145224192Z");
  EXPECT_EQ(format_rfc3339(kMaxTime), "2262-04-11T23:47:16.854775807Z");
  EXPECT_EQ(format_rfc3339(from_ns(-1)), "1969-12-31T23:59:59.999999999Z");
}

void check_duration(std::string_view text, std::string_view want) {
  const auto got = parse_duration(text);
  EXPECT_EQ(got ? format_duration(*got) : "error", want) << "for " << text;
}

TEST(Time, LengthsAreRoundedForReading) {
  using namespace std::chrono_literals;
  EXPECT_EQ(format_length(22s + 666'912'056ns), "23s");
  EXPECT_EQ(format_length(-1500us), "-2ms");
  EXPECT_EQ(format_length(25h + 29s), "1d1h");
  EXPECT_EQ(format_length(300ns), "0s");
}

TEST(Duration, RoundTrips) {
  check_duration("90s", "1m30s");
  check_duration("1h30m", "1h30m");
  check_duration("250ms", "250ms");
  check_duration("2w", "14d");
  check_duration("0", "0s");
  check_duration("", "error");
  check_duration("5", "error");
  check_duration("5x", "error");
  check_duration("-5m", "error");
  check_duration("99999999999w", "error");
}

TEST(Text, EncodesForAddresses) {
  EXPECT_EQ(percent_encode("a-z.0_~"), "a-z.0_~");
  EXPECT_EQ(percent_encode("a b/ä%"), "a%20b%2F%C3%A4%25");
}

TEST(SharedText, CommonOnesShareTheirBlock) {
  const SharedText once = SharedText::common("same content");
  EXPECT_EQ(SharedText::common("same content").data(), once.data());
  EXPECT_NE(SharedText("same content").data(), once.data());
  EXPECT_EQ(SharedText::common("").data(), nullptr);
  for (int i = 0; i < 5'000; ++i) {  // Pushes every other one out, and is itself itself.
    const std::string other = std::to_string(i);
    ASSERT_EQ(SharedText::common(other), other);
  }
  EXPECT_EQ(once, "same content");
}

TEST(Hash, Crc32cMatchesThePublishedVector) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);  // RFC 3720, appendix B.4 (check value).
  EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xe3069283u);
}

}  // namespace
}  // namespace quell
