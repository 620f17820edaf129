#include "wire/agent.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/prng.h"
#include "wire/test_event.h"

namespace quell {
namespace {

Frame make_frame(std::string_view body, std::string_view tenant = "default") {
  Frame frame;
  frame.arrived_at = test_time("2026-11-21T08:10:00Z");
  frame.tenant = tenant;
  frame.body = body;
  return frame;
}

std::string samples_text(const DecodedSamples& decoded) {
  std::string out;
  const WireSamples& samples = decoded.samples;
  for (const WireSamples::Run& run : samples.series) {
    const auto labels = SeriesLabels::parse(samples.key(run), {}).value();
    for (std::size_t i = run.first; i < run.first + run.count; ++i) {
      out += fmt::format("{} {} {}{} {}{} at {}\n", samples.tenants.at(run.tenant),
                         labels.get("host"), labels.get(kMetricLabel),
                         labels.to_label_set().without("host").to_string(), samples.values.at(i),
                         samples.units.at(run.unit), format_rfc3339(samples.times.at(i)));
    }
  }
  for (const Rejected& rejected : decoded.rejected) out += rejected_text(rejected);
  return out;
}

void check(std::string_view body, std::string_view want, std::string_view tenant = "default") {
  AgentDecoder decoder;
  const Frame frame = make_frame(body, tenant);
  EXPECT_EQ(samples_text(decoder.decode(frame)), want) << "for " << body;
  EXPECT_EQ(samples_text(decoder.decode(frame)), want) << "again, now known, for " << body;
  EXPECT_EQ(samples_text(decoder.decode_slowly(frame)), want) << "slowly, for " << body;
}

constexpr std::string_view kLine =
    R"({"tenant_id":"acme","host":"db-1","metric":"cpu_load","value":93.5,)"
    R"("ts_event":"2026-11-21T08:09:14.250Z","unit":"%","tags":{"core":"3"}})";
constexpr std::string_view kText =
    "acme db-1 cpu_load{core=\"3\"} 93.5% at "
    "2026-11-21T08:09:14.250Z\n";

TEST(Agent, ObjectArrayAndLines) {
  const std::string line(kLine);
  const std::string text(kText);
  check(line, text);
  check(line + "\n" + line + "\r\n\n" + line, text + text + text);
  check("[" + line + "," + line + "]", text + text);
  check("[]", "");
  check("{\n \"host\": \"h\",\n \"metric\": \"m\",\n \"value\": 1\n}",
        "default h m{} 1 at 2026-11-21T08:10:00Z\n");
  check("", "rejected byte 0: the body is empty, expected JSON\n");
}

void check_time(std::string_view ts_event, std::string_view want) {
  const auto body = fmt::format(R"({{"host":"h","metric":"m","value":1,"ts_event":{}}})", ts_event);
  AgentDecoder decoder;
  for (int i = 0; i < 2; ++i) {
    const DecodedSamples got = decoder.decode(make_frame(body));
    EXPECT_EQ(got.rejected.empty() ? format_rfc3339(got.samples.times.at(0))
                                   : rejected_text(got.rejected[0]),
              want)
        << ts_event;
  }
}

TEST(Agent, Times) {
  check_time("\"2026-11-21T08:09:00+01:00\"", "2026-11-21T07:09:00Z");
  check_time("1795248000", "2026-11-21T08:00:00Z");
  check_time("1795248000.25", "2026-11-21T08:00:00.250Z");
  check_time("1795248000123", "2026-11-21T08:00:00.123Z");
  check_time("1795248000123456", "2026-11-21T08:00:00.123456Z");
  check_time("1795248000123456789", "2026-11-21T08:00:00.123456789Z");
  check_time("0", "1970-01-01T00:00:00Z");
  check_time("-1", "1969-12-31T23:59:59Z");
  check_time("null", "2026-11-21T08:10:00Z");
  check_time("\"\"", "2026-11-21T08:10:00Z");
  check_time("\"\"", "2026-11-21T08:10:00Z");
  check_time("\"0001-01-01T00:00:00Z\"",
             "rejected line 1: /ts_event: \"0001-01-01T00:00:00Z\" is before the year 1678: leave "
             "ts_event out for the time of arrival\n");
  check_time("-99999999999",
             "rejected line 1: /ts_event: -99999999999 is before the year 1678: leave ts_event out "
             "for the time of arrival\n");
  check_time("\"2026-11-21T08:19:59Z\"", "2026-11-21T08:19:59Z");
  check_time("\"2026-11-21T08:20:01Z\"", "2026-11-21T08:10:00Z");  // Too far ahead.
  check_time("\"9999-12-31T00:00:00Z\"", "2026-11-21T08:10:00Z");
  check_time("18446744073709551615",
             "rejected line 1: /ts_event: 1.8446744073709552e+19 is not a time: send whole "
             "milliseconds or nanoseconds, or seconds\n");
  check_time("1e300",
             "rejected line 1: /ts_event: 1e+300 is not a time: send whole milliseconds or "
             "nanoseconds, or seconds\n");
  check_time("true",
             "rejected line 1: /ts_event: must be an RFC 3339 text or a number since 1970, got a "
             "boolean\n");
  check_time("\"yesterday\"",
             "rejected line 1: /ts_event: 'yesterday' is not an RFC 3339 time such as "
             "2026-11-21T08:00:00Z\n");
}

void check_value(std::string_view value, std::string_view want) {
  const auto body = fmt::format(R"({{"host":"h","metric":"m","value":1,"ts_event":1}}
{{"host":"h","metric":"m","value":{},"ts_event":1}})",
                                value);
  AgentDecoder decoder;
  const DecodedSamples got = decoder.decode(make_frame(body));
  EXPECT_EQ(got.rejected.empty() ? fmt::format("{}", got.samples.values.at(1))
                                 : rejected_text(got.rejected[0]),
            want)
      << value;
}

TEST(Agent, Values) {
  check_value("-12.5", "-12.5");
  check_value("0.1", "0.1");
  check_value("-0", "0");
  check_value("-0.0", "-0");
  check_value("1e3", "1000");
  check_value("123456789012345678", "1.2345678901234568e+17");
  check_value("0.30000000000000004", "0.30000000000000004");
  check_value("NaN", "rejected line 2, column 34: not valid JSON: syntax error\n");
  check_value("\"NaN\"", "rejected line 2: /value: must be a number, got a string\n");
  check_value("null", "rejected line 2: /value: value is missing\n");
  check_value("true", "rejected line 2: /value: must be a number, got a boolean\n");
  check_value("1e999",
              "rejected line 2, column 53: not valid JSON: Problem while parsing a number\n");
  check_value("01", "rejected line 2, column 35: not valid JSON: syntax error\n");
  check_value("1.", "rejected line 2, column 36: not valid JSON: syntax error\n");
}

TEST(Agent, ABadLineDoesNotCostTheOthers) {
  const std::string line(kLine);
  const std::string text(kText);
  check(line + "\nnope\n" + line,
        text + text + "rejected line 2, column 1: not valid JSON: syntax error\n");
  check(line + "\n{\"host\":\"\",\"metric\":\"m\",\"value\":1}",
        text + "rejected line 2: /host: host is missing\n");
  check(line + "\n\n{\"host\":\"h\",\"value\":1}",
        text + "rejected line 3: /metric: metric is missing\n");
  check(line + "\n7", text + "rejected line 2: must be an object, got a number\n");
  check("[" + line + ",{\"host\":1}]", text + "rejected /1/host: must be a string, got a number\n");
  check("{\"host\":\"h\",\"metric\":\"m\xff\",\"value\":1}",
        "rejected line 1, column 24: not valid JSON: invalid UTF-8\n");
  check(R"({"host":"h\u0000","metric":"m","value":1})",
        "rejected line 1: /host: NUL is not allowed\n");
  check(R"({"host":"h","metric":"m","value":1,"value":2})",
        "rejected line 1: /value: 'value' appears twice\n");
  check(R"({"host":"h","metric":"m","value":1,"tags":{"a":[1]}})",
        "rejected line 1: /tags/a: must be a string, number or boolean, got an array\n");
  check(R"({"host":"h","metric":"m","value":1,"tags":{"a":"1","a":"2"}})",
        "rejected line 1: /tags: label 'a' appears twice\n");
  check(R"({"host":"h","metric":"m","value":1,"tags":"x"})",
        "rejected line 1: /tags: must be an object, got a string\n");
}

TEST(Agent, TagsAndOptionalFields) {
  check(R"({"host":"h","metric":"m","value":1,"tags":{"n":3,"b":true,"e":"","z":null}})",
        "default h m{b=\"true\", n=\"3\"} 1 at 2026-11-21T08:10:00Z\n");
  check(R"({"host":"h","metric":"m","value":1,"extra":{"a":1},"tags":null,"unit":null})",
        "default h m{} 1 at 2026-11-21T08:10:00Z\n");
}

TEST(Agent, ASourceWithATenantCannotWriteToAnother) {
  constexpr std::string_view kPlain = R"({"host":"h","metric":"m","value":1,"ts_event":1})";
  check(kPlain, "acme h m{} 1 at 1970-01-01T00:00:01Z\n", "acme");
  check(kLine, kText, "acme");
  check(kLine,
        "rejected line 1: /tenant_id: tenant_id 'acme' is not the tenant of this source, "
        "'other'\n",
        "other");
  // What was learned from one tenant's line must not speak for another's.
  AgentDecoder decoder;
  EXPECT_EQ(decoder.decode(make_frame(kPlain, "a")).samples.tenants.at(0), "a");
  EXPECT_EQ(decoder.decode(make_frame(kPlain, "b")).samples.tenants.at(0), "b");
}

TEST(Agent, SeriesAppearOnceAndKeepTheirIdentity) {
  AgentDecoder decoder;
  const std::string line(kLine);
  const auto got = decoder.decode(
      make_frame(line + "\n" + R"({"host":"h","metric":"m","value":1})" + "\n" + line + "\n" +
                 // The same series in another order of keys.
                 R"({"tags":{"core":"3"},"unit":"%","value":1,"metric":"cpu_load","host":"db-1",)" +
                 R"("ts_event":1795248000,"tenant_id":"acme"})"));
  ASSERT_EQ(got.samples.series.size(), 3u);  // Runs: the last has two samples.
  EXPECT_EQ(got.samples.series[2].count, 2u);
  EXPECT_EQ(got.samples.series[2].key_at, got.samples.series[0].key_at);
  EXPECT_EQ(SeriesLabels::parse(got.samples.key(got.samples.series[0]), {})->to_string(),
            R"(cpu_load{core="3", host="db-1"})");
  EXPECT_EQ(decoder.series_cached(), 2u);
}

TEST(Agent, Limits) {
  AgentDecoder decoder({.samples_max = 1, .labels_max = 1, .label_value_bytes_max = 3});
  const std::string line = R"({"host":"h","metric":"m","value":1,"ts_event":1})";
  EXPECT_EQ(samples_text(decoder.decode(make_frame(line + "\n" + line))),
            "default h m{} 1 at 1970-01-01T00:00:01Z\n"
            "rejected line 2: more than 1 samples in one request: the rest was refused\n");
  EXPECT_EQ(samples_text(decoder.decode(make_frame("[" + line + "," + line + "]"))),
            "default h m{} 1 at 1970-01-01T00:00:01Z\n"
            "rejected /1: more than 1 samples in one request: the rest was refused\n");
  EXPECT_EQ(samples_text(decoder.decode(make_frame(R"({"host":"hhhh"})"))),
            "rejected line 1: /host: 4 bytes, the limit is 3\n");
  EXPECT_EQ(samples_text(decoder.decode(make_frame(R"({"tags":{"a":"1","b":"2"}})"))),
            "rejected line 1: /tags: 2 tags, the limit is 1\n");
}

TEST(Agent, TheCacheIsBounded) {
  AgentDecoder decoder({.series_cached_max = 10});
  for (int i = 0; i < 100; ++i) {
    const auto got = decoder.decode(
        make_frame(fmt::format(R"({{"host":"h{}","metric":"m","value":1,"ts_event":1}})", i)));
    EXPECT_EQ(SeriesLabels::parse(got.samples.made, {})->get("host"), fmt::format("h{}", i));
    EXPECT_LE(decoder.series_cached(), 11u);
  }
}

TEST(Agent, TagsThatWouldHideHostOrMetricGetOtherNames) {
  AgentDecoder decoder;
  const auto got = decoder.decode(make_frame(
      R"({"host":"h","metric":"m","value":1,"tags":{"host":"x","__name__":"y","a":"b"}})"));
  EXPECT_EQ(SeriesLabels::parse(got.samples.made, {})->to_string(),
            R"(m{a="b", exported___name__="y", exported_host="x", host="h"})");
}

TEST(Agent, TooManyTenantsOrUnits) {
  AgentDecoder decoder;
  std::string body;
  for (int i = 0; i < 300; ++i) {
    body += fmt::format(R"({{"tenant_id":"t{}","host":"h","metric":"m","value":1}})", i) + "\n";
  }
  const auto got = decoder.decode(make_frame(body));
  EXPECT_EQ(got.samples.size(), 256u);
  ASSERT_EQ(got.rejected.size(), 44u);
  EXPECT_EQ(rejected_text(got.rejected[0]),
            "rejected line 257: more than 256 tenants in one request: send them in several\n");
}

// Lines that are made to mislead a decoder that looks for keys in raw bytes: none may read other
// than it does when parsed.
TEST(Agent, WhatLooksLikeAKeyIsNone) {
  const std::string_view lines[] = {
      R"({"host":"h","metric":"m","tags":{"value":"7"},"value":1,"ts_event":1})",
      R"({"host":"\"value\":3","metric":"m","value":1,"ts_event":1})",
      R"({"host":"h","metric":"\\","value":1,"ts_event":1})",
      R"({"ts_event":1795248000,"value":1,"host":"h","metric":"m"})",
      R"({"ts_event": "2026-11-21T08:00:00Z", "value": 1, "host": "h", "metric": "m"})",
      R"({"value":1,"host":"h","metric":"m","ts_event":"2026-11-21T08:00:00Z" })",
      R"({"value":1,"x":{"value":2,"ts_event":3},"host":"h","metric":"m","ts_event":2})",
      R"({"value" :5,"host":"h","metric":"m","value":1,"ts_event":2})",
      R"({"host":"h,\"value\":9","metric":"m","ts_event":2,"value":1})",
  };
  AgentDecoder decoder;
  for (int round = 0; round < 3; ++round) {
    for (const std::string_view line : lines) {
      const Frame frame = make_frame(line);
      EXPECT_EQ(samples_text(decoder.decode(frame)), samples_text(decoder.decode_slowly(frame)))
          << line;
    }
  }
}

// Small changes to a known line: the fast way and the slow way must agree on every one.
TEST(Agent, MutatedLinesReadTheSameBothWays) {
  Prng prng(4711);
  constexpr std::string_view kAlphabet = "0123456789.eE-+\"\\{}[],: \ttvnN\x01\xc3";
  AgentDecoder decoder;
  for (int i = 0; i < 20'000; ++i) {
    std::string line(kLine);
    for (std::uint64_t n = prng.below(3); n-- > 0;) {
      const std::size_t at = prng.below(line.size());
      const char c = kAlphabet[prng.below(kAlphabet.size())];
      switch (prng.below(3)) {
        case 0: line[at] = c; break;
        case 1: line.insert(at, 1, c); break;
        default: line.erase(at, 1);
      }
    }
    const Frame frame = make_frame(std::string(kLine) + "\n" + line);
    ASSERT_EQ(samples_text(decoder.decode(frame)), samples_text(decoder.decode_slowly(frame)))
        << line;
  }
}

}  // namespace
}  // namespace quell
