#include "wire/remote_write.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <snappy.h>

#include <bit>
#include <limits>

#include "base/prng.h"
#include "wire/test_event.h"
#include "wire/test_protobuf.h"

namespace quell {
namespace {

using test::bytes_field;
using test::double_field;
using test::number_field;

constexpr std::int64_t kNow = 1'795'248'600'000;  // 2026-11-21T08:10:00Z

std::string labels(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
  std::string bytes;
  for (const auto& [name, value] : pairs) append_series_label(bytes, name, value);
  return bytes;
}

std::string sample(double value, std::int64_t ms) {
  return bytes_field(2, double_field(1, value) + number_field(2, static_cast<std::uint64_t>(ms)));
}

std::string series(const std::string& content) {
  return bytes_field(1, content);
}

const std::string kUp = labels({{"__name__", "up"}, {"job", "a"}});

RemoteWriteDecoded decode(RemoteWriteVersion version, std::string body,
                          const WireLimits& limits = {}) {
  RemoteWriteDecoded out;
  out.samples.body = std::move(body);
  out.samples.tenants = {"default"};
  decode_write_request(version, test_time("2026-11-21T08:10:00Z"), limits, out);
  return out;
}

std::string text(const RemoteWriteDecoded& out) {
  std::string text;
  for (const WireSamples::Run& run : out.samples.series) {
    const auto parsed = SeriesLabels::parse(out.samples.key(run), {});
    text += parsed ? parsed->to_string() : parsed.error().to_string();
    if (run.kind != SeriesKind::Unknown) text += fmt::format(" ({})", series_kind_name(run.kind));
    for (std::size_t i = run.first; i < run.first + run.count; ++i) {
      const double value = out.samples.values.at(i);
      const auto age = test_time("2026-11-21T08:10:00Z") - out.samples.times.at(i);
      text += fmt::format(" {}@{}", is_stale_marker(value) ? "stale" : fmt::format("{:g}", value),
                          -age / std::chrono::milliseconds(1));
    }
    text += '\n';
  }
  for (const MetricMetadata& m : out.samples.metadata) {
    text += fmt::format("metadata {} {} '{}' '{}'\n", m.metric, series_kind_name(m.kind), m.unit,
                        m.help);
  }
  for (const Rejected& r : out.rejected) text += rejected_text(r);
  return text;
}

void check_one(const std::string& body, std::string_view want, const WireLimits& limits = {}) {
  EXPECT_EQ(text(decode(RemoteWriteVersion::One, body, limits)), want);
}

TEST(RemoteWriteOne, SeriesAndSamples) {
  check_one(series(kUp + sample(1, kNow) + sample(0.5, kNow - 15'000)) +
                series(labels({{"__name__", "down"}}) + sample(7, kNow)),
            "up{job=\"a\"} 1@0 0.5@-15000\ndown{} 7@0\n");
  check_one("", "");
  check_one(series(kUp), "");  // A series without samples.
  check_one(series(kUp + sample(stale_marker(), kNow)), "up{job=\"a\"} stale@0\n");
  check_one(series(kUp + sample(std::numeric_limits<double>::quiet_NaN(), kNow)),
            "up{job=\"a\"} nan@0\n");
}

TEST(RemoteWriteOne, WhatProtobufAllows) {
  // Zeros that are left out, fields in another order, fields that are new.
  check_one(series(kUp + bytes_field(2, number_field(2, kNow))), "up{job=\"a\"} 0@0\n");
  check_one(series(kUp + bytes_field(2, number_field(2, kNow) + double_field(1, 3))),
            "up{job=\"a\"} 3@0\n");
  check_one(series(kUp + number_field(9, 1) + sample(1, kNow) + bytes_field(10, "new")) +
                bytes_field(99, "new too"),
            "up{job=\"a\"} 1@0\n");
  // Labels behind the samples.
  check_one(series(labels({{"__name__", "up"}}) + sample(1, kNow) + labels({{"job", "a"}})),
            "up{job=\"a\"} 1@0\n");
  check_one(series(sample(1, kNow) + kUp), "up{job=\"a\"} 1@0\n");
}

TEST(RemoteWriteOne, KeysAreStretchesOfTheBody) {
  const auto out = decode(RemoteWriteVersion::One, series(kUp + sample(1, kNow)));
  ASSERT_EQ(out.samples.series.size(), 1u);
  EXPECT_FALSE(out.samples.series[0].is_made);
  EXPECT_EQ(out.samples.key(out.samples.series[0]), kUp);
  EXPECT_TRUE(out.samples.made.empty());
}

TEST(RemoteWriteOne, Times) {
  check_one(series(kUp + sample(1, kNow + 600'000) + sample(2, kNow + 600'001) + sample(3, kNow)),
            "up{job=\"a\"} 1@600000 3@0\n"
            "rejected timeseries 0, sample 1: the time 2026-11-21T08:20:00.001Z is more than 10m "
            "after the arrival: check the sender's clock\n");
  check_one(
      series(kUp + sample(1, 0)),
      "rejected timeseries 0, sample 0: the time 1970-01-01T00:00:00Z is more than 31d before "
      "the arrival\n");
  check_one(series(kUp + sample(1, INT64_MAX) + sample(1, INT64_MIN)),
            "rejected timeseries 0, sample 0: the time 2262-04-11T23:47:16.854775807Z is more than "
            "10m after the arrival: check the sender's clock\n"
            "rejected timeseries 0, sample 1: the time 1677-09-21T00:12:43.145224192Z is more than "
            "31d before the arrival\n");
}

TEST(RemoteWriteOne, Metadata) {
  const auto metadata = [](int type, std::string_view family) {
    return bytes_field(3, number_field(1, static_cast<std::uint64_t>(type)) +
                              bytes_field(2, family) + bytes_field(4, "Help.") +
                              bytes_field(5, "s"));
  };
  check_one(metadata(1, "requests") + metadata(2, "temperature") + metadata(3, "latency") +
                metadata(5, "size") + metadata(0, "odd") + metadata(77, "new"),
            "metadata requests counter 's' 'Help.'\n"
            "metadata requests_total counter 's' 'Help.'\n"
            "metadata temperature gauge 's' 'Help.'\n"
            "metadata latency unknown 's' 'Help.'\n"
            "metadata latency_bucket counter 's' 'Help.'\n"
            "metadata latency_count counter 's' 'Help.'\n"
            "metadata latency_sum counter 's' 'Help.'\n"
            "metadata size gauge 's' 'Help.'\n"
            "metadata size_bucket counter 's' 'Help.'\n"
            "metadata size_count counter 's' 'Help.'\n"
            "metadata size_sum counter 's' 'Help.'\n"
            "metadata odd unknown 's' 'Help.'\n"
            "metadata new unknown 's' 'Help.'\n");
}

std::string packed_numbers(std::initializer_list<std::uint64_t> numbers) {
  std::string bytes;
  for (const std::uint64_t n : numbers) test::append_varint(bytes, n);
  return bytes;
}
std::uint64_t zigzag(std::int64_t v) {
  return static_cast<std::uint64_t>(v) << 1 ^ static_cast<std::uint64_t>(v >> 63);
}

// Of scale 3: two buckets from `offset` on, of one observation and of `count` - 1.
std::string histogram(std::uint64_t count, double sum, std::int64_t ms, std::int64_t offset = 0) {
  return number_field(1, count) + double_field(3, sum) + number_field(4, zigzag(3)) +
         bytes_field(11, number_field(1, zigzag(offset)) + number_field(2, 2)) +
         bytes_field(12,
                     packed_numbers({zigzag(1), zigzag(static_cast<std::int64_t>(count) - 2)})) +
         number_field(15, static_cast<std::uint64_t>(ms));
}

const std::string kLatency = labels({{"__name__", "latency"}, {"job", "a"}, {"zone", "b"}});

void check_native(const std::string& histograms, std::string_view want) {
  check_one(series(kLatency + histograms), want);
}

TEST(RemoteWriteOne, NativeHistogramsBecomeClassicOnes) {
  // 0 is the bucket up to 1, and 1 that up to 2^(1/8): octaves 0 and 1.
  const auto out = decode(RemoteWriteVersion::One,
                          series(kLatency + bytes_field(4, histogram(3, 1.5, kNow - 1000)) +
                                 bytes_field(4, histogram(5, 2.5, kNow))));
  const std::string_view end = "job=\"a\", zone=\"b\"} (counter) ";
  std::string want =
      fmt::format("latency_count{{{}3@-1000 5@0\nlatency_sum{{{}1.5@-1000 2.5@0\n", end, end);
  want += "latency_bucket{job=\"a\", le=\"0\", zone=\"b\"} (counter) 0@-1000 0@0\n";
  for (const auto& [le, values] :
       std::vector<std::pair<std::string_view, std::string_view>>{{"0.0625", "0@-1000 0@0"},
                                                                  {"0.125", "0@-1000 0@0"},
                                                                  {"0.25", "0@-1000 0@0"},
                                                                  {"0.5", "0@-1000 0@0"},
                                                                  {"1", "1@-1000 1@0"},
                                                                  {"2", "3@-1000 5@0"},
                                                                  {"4", "3@-1000 5@0"},
                                                                  {"8", "3@-1000 5@0"},
                                                                  {"16", "3@-1000 5@0"},
                                                                  {"+Inf", "3@-1000 5@0"}}) {
    want += fmt::format("latency_bucket{{job=\"a\", le=\"{}\", zone=\"b\"}} (counter) {}\n", le,
                        values);
  }
  EXPECT_EQ(text(out), want);
  EXPECT_EQ(out.samples.histograms, 2u);
  ASSERT_EQ(out.samples.series.size(), 13u);
  EXPECT_EQ(out.samples.series[0].part, HistogramPart::Count);
  EXPECT_EQ(out.samples.series[1].part, HistogramPart::Sum);
  EXPECT_EQ(out.samples.series[12].part, HistogramPart::Bucket);
}

TEST(RemoteWriteOne, NativeHistogramsOfFloatsGaugesAndEnds) {
  const std::string name = labels({{"__name__", "latency"}});
  const std::string gauge =
      double_field(2, 4.5) + double_field(3, 7) + number_field(4, zigzag(-2)) +
      double_field(7, 0.5) + bytes_field(8, number_field(1, 2) + number_field(2, 1)) +
      double_field(10, 1) + bytes_field(11, number_field(1, 2) + number_field(2, 1)) +
      double_field(13, 3) + number_field(14, 3) + number_field(15, kNow);
  check_one(series(name + bytes_field(4, gauge)),
            "latency_count{} (gauge) 4.5@0\nlatency_sum{} (gauge) 7@0\n"
            "latency_bucket{le=\"0\"} (gauge) 1.5@0\n"
            "latency_bucket{le=\"1\"} (gauge) 1.5@0\n"
            "latency_bucket{le=\"16\"} (gauge) 4.5@0\n"
            "latency_bucket{le=\"+Inf\"} (gauge) 4.5@0\n");
  const std::string end = double_field(3, stale_marker()) + number_field(15, kNow);
  check_one(series(name + bytes_field(4, end)),
            "latency_count{} (counter) stale@0\nlatency_sum{} (counter) stale@0\n"
            "latency_bucket{le=\"+Inf\"} (counter) stale@0\n");
  const std::string none = number_field(15, kNow);  // Nothing was observed yet.
  check_one(series(name + bytes_field(4, none)),
            "latency_count{} (counter) 0@0\nlatency_sum{} (counter) 0@0\n"
            "latency_bucket{le=\"0\"} (counter) 0@0\n"
            "latency_bucket{le=\"+Inf\"} (counter) 0@0\n");
}

TEST(RemoteWriteOne, NativeHistogramsWithBoundsOfTheirOwn) {
  const std::string name = labels({{"__name__", "latency"}});
  const std::string own = number_field(1, 7) + double_field(3, 2) + number_field(4, zigzag(-53)) +
                          bytes_field(11, number_field(1, 0) + number_field(2, 1)) +
                          bytes_field(11, number_field(1, zigzag(1)) + number_field(2, 1)) +
                          bytes_field(12, packed_numbers({zigzag(3), zigzag(1)})) +
                          number_field(15, kNow) + double_field(16, 0.1) + double_field(16, 2.5);
  check_one(series(name + bytes_field(4, own)),
            "latency_count{} (counter) 7@0\nlatency_sum{} (counter) 2@0\n"
            "latency_bucket{le=\"0.1\"} (counter) 3@0\n"
            "latency_bucket{le=\"2.5\"} (counter) 3@0\n"
            "latency_bucket{le=\"+Inf\"} (counter) 7@0\n");
}

TEST(RemoteWriteOne, NativeHistogramsThatAreTooLarge) {
  std::string spans;
  for (int i = 0; i < 5000; ++i) spans += bytes_field(11, "");
  std::string deltas;
  for (int i = 0; i < 5000; ++i) deltas += '\0';
  std::string bounds;
  for (int i = 0; i < 5000; ++i) bounds += double_field(16, i);
  for (const std::string& parts : {spans, bytes_field(12, deltas), bounds}) {
    const auto out = decode(RemoteWriteVersion::One,
                            series(kLatency + bytes_field(4, parts + number_field(15, kNow))));
    EXPECT_EQ(out.samples.size(), 0u);
    ASSERT_EQ(out.rejected.size(), 1u);
    EXPECT_EQ(out.rejected[0].reason,
              "a native histogram has more than 4096 buckets, spans or bounds");
  }
  std::string empty_ones;
  for (int i = 0; i < 10'005; ++i) empty_ones += bytes_field(4, number_field(15, kNow + i));
  const auto out = decode(RemoteWriteVersion::One, series(kLatency + empty_ones));
  ASSERT_FALSE(out.rejected.empty());
  EXPECT_EQ(out.rejected[0].reason, "a series has more than 10000 histograms: send less at once");
}

// A number in the place of a message is passed over, and what came before it is not read again.
TEST(RemoteWriteOne, NumbersInThePlaceOfMessages) {
  const std::string before = bytes_field(100, number_field(1, 0) + number_field(2, 3));
  const auto out =
      decode(RemoteWriteVersion::One,
             series(kLatency + bytes_field(4, number_field(1, 3) + before + number_field(8, 0) +
                                                  number_field(8, 0) + number_field(15, kNow))));
  EXPECT_EQ(out.rejected.size(), 0u);
  EXPECT_EQ(out.samples.histograms, 1u);
}

TEST(RemoteWriteOne, NativeHistogramsThatMakeNoSense) {
  const auto check_wrong = [](const std::string& histogram, std::string_view why) {
    check_native(bytes_field(4, histogram + number_field(15, kNow)),
                 fmt::format("rejected timeseries 0: {}\n", why));
  };
  const auto span = [](std::int64_t offset, std::uint64_t length) {
    return bytes_field(11, number_field(1, zigzag(offset)) + number_field(2, length));
  };
  check_wrong(span(0, 3) + bytes_field(12, packed_numbers({2, 2})),
              "a native histogram has 2 positive buckets, its spans are of more");
  check_wrong(span(0, 1) + bytes_field(12, packed_numbers({2, 2})),
              "a native histogram has 2 positive buckets, its spans are of 1");
  check_wrong(span(0, UINT64_MAX) + span(0, UINT64_MAX),
              "a native histogram has 0 positive buckets, its spans are of more");
  check_wrong(span(0, 1) + span(-1, 1) + bytes_field(12, packed_numbers({2, 2})),
              "positive span 1 of a native histogram begins before the end of the last one");
  check_wrong(span(0, 1) + bytes_field(12, packed_numbers({zigzag(-1)})),
              "a bucket of a native histogram has a negative count");
  check_wrong(number_field(4, zigzag(99)),
              "the schema 99 of a native histogram is not known: -9 to 52, and -53");
  check_wrong(number_field(4, zigzag(-53)) + double_field(16, 2) + double_field(16, 1),
              "the bounds of a native histogram are not rising numbers");
  // One that is too old is refused once.
  check_native(bytes_field(4, histogram(3, 1.5, 0)),
               "rejected timeseries 0, sample 0: the time 1970-01-01T00:00:00Z is more than 31d "
               "before the arrival\n");
}

TEST(RemoteWriteOne, ExemplarsAreCounted) {
  const auto out = decode(RemoteWriteVersion::One,
                          series(kUp + sample(1, kNow) +
                                 bytes_field(3, labels({{"trace_id", "x"}}) + double_field(2, 1))));
  EXPECT_EQ(text(out), "up{job=\"a\"} 1@0\n");
  EXPECT_EQ(out.samples.exemplars_ignored, 1u);
}

TEST(RemoteWriteOne, WhatIsNoProtobuf) {
  const std::string good = series(kUp + sample(1, kNow));
  const auto broken = [](std::string_view place, std::string_view what) {
    return fmt::format(
        "rejected {}: the request is no protobuf message prometheus.WriteRequest: {}; nothing of "
        "it "
        "was taken\n",
        place, what);
  };
  check_one("\xff", broken("byte 0", "a field that is malformed or cut off"));
  check_one(good + "\x0a\x7f", broken(fmt::format("byte {}, timeseries 0", good.size()),
                                      "a field that is malformed or cut off"));
  check_one(
      good + bytes_field(1, "\x0a\x7f"),
      broken(fmt::format("byte {}, timeseries 1", good.size() + 2), "a label that is cut off"));
  check_one(bytes_field(1, "\x12\x05\x09"),
            broken("byte 2, timeseries 0", "a sample that is malformed"));
  check_one(bytes_field(1, "\x12\x02\x09\x01"),
            broken("byte 2, timeseries 0", "a sample that is malformed"));
  check_one(bytes_field(1, "\x1b"),
            broken("byte 2, timeseries 0", "a field of a series that is malformed or cut off"));
  check_one(bytes_field(1, bytes_field(4, "\xff")),
            broken("byte 4, timeseries 0", "a histogram that is malformed"));
  check_one(bytes_field(3, "\x08"), broken("byte 2", "metadata that is malformed"));
  // A bomb: a message that says it is as long as memory, and one inside of the other.
  check_one(std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10),
            broken("byte 0", "a field that is malformed or cut off"));
  std::string nested = "x";
  for (int i = 0; i < 10'000; ++i) nested = bytes_field(1, nested);
  EXPECT_EQ(decode(RemoteWriteVersion::One, nested).samples.size(), 0u);
}

TEST(RemoteWriteOne, Limits) {
  check_one(series(kUp + sample(1, kNow) + sample(2, kNow) + sample(3, kNow)),
            "up{job=\"a\"} 1@0 2@0\n"
            "rejected timeseries 0, sample 2: more than 2 samples in one request: the rest was "
            "refused\n",
            {.samples_max = 2});
  check_one(series(kUp + sample(1, kNow)) + series(kUp + sample(2, kNow)),
            "up{job=\"a\"} 1@0\n"
            "rejected timeseries 1: more than 1 series in one request: the rest was refused\n",
            {.series_max = 1});
  std::string many;
  for (int i = 0; i < 100; ++i) many += sample(1, 0);
  const auto out = decode(RemoteWriteVersion::One, series(kUp + many));
  ASSERT_EQ(out.rejected.size(), 21u);
  EXPECT_EQ(out.rejected.back().reason, "80 more were refused; only the first 20 are listed");
  EXPECT_EQ(out.samples_refused, 100u);
}

// Every prefix and many mutants of a request: no crash, and what comes out is whole.
// What is refused is counted to the last; reasons are made for the first of it only.
TEST(RemoteWriteOne, FloodsOfRefusals) {
  std::string many = kUp;
  for (int i = 0; i < 100; ++i) many += bytes_field(2, "");
  const auto out = decode(RemoteWriteVersion::One, series(many) + series(kUp + sample(1, kNow)));
  EXPECT_EQ(out.samples.size(), 1u);
  EXPECT_EQ(out.samples_refused, 100u);
  ASSERT_EQ(out.rejected.size(), 21u);
  EXPECT_EQ(out.rejected[19].place, "timeseries 0, sample 19");
  EXPECT_EQ(out.rejected[20].reason, "80 more were refused; only the first 20 are listed");
}

TEST(RemoteWriteOne, DamagedRequests) {
  const std::string good = series(kUp + sample(1, kNow) + sample(2, kNow + 1) +
                                  bytes_field(4, histogram(3, 1.5, kNow))) +
                           bytes_field(3, number_field(1, 1) + bytes_field(2, "m"));
  Prng prng(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good.substr(0, prng.chance(20) ? prng.below(good.size()) : good.size());
    for (auto n = prng.below(4); n > 0 && !bytes.empty(); --n) {
      bytes[prng.below(bytes.size())] = static_cast<char>(prng.next());
    }
    const auto out = decode(RemoteWriteVersion::One, bytes);
    std::size_t next = 0;
    for (const auto& run : out.samples.series) {
      ASSERT_EQ(run.first, next);
      next += run.count;
    }
    ASSERT_EQ(next, out.samples.size());
    (void)decode(RemoteWriteVersion::Two, bytes);
  }
}

std::string packed(std::initializer_list<std::uint64_t> numbers) {
  std::string bytes;
  for (const std::uint64_t n : numbers) test::append_varint(bytes, n);
  return bytes;
}

std::string symbols(std::initializer_list<std::string_view> texts) {
  std::string bytes;
  for (const std::string_view text : texts) bytes += bytes_field(4, text);
  return bytes;
}

void check_two(const std::string& body, std::string_view want, const WireLimits& limits = {}) {
  EXPECT_EQ(text(decode(RemoteWriteVersion::Two, body, limits)), want);
}

const std::string kSymbols =
    symbols({"", "__name__", "requests_total", "job", "a", "Requests.", "1", "latency", "s"});

TEST(RemoteWriteTwo, SeriesSamplesAndMetadata) {
  const std::string metadata =
      bytes_field(5, number_field(1, 1) + number_field(3, 5) + number_field(4, 6));
  check_two(kSymbols + bytes_field(5, bytes_field(1, packed({1, 2, 3, 4})) + sample(1, kNow) +
                                          sample(2, kNow + 1) + metadata),
            "requests_total{job=\"a\"} (counter) 1@0 2@1\n"
            "metadata requests_total counter '1' 'Requests.'\n");
  // References one by one, a start time, symbols behind the series, samples before the labels.
  check_two(bytes_field(5, bytes_field(2, double_field(1, 3) + number_field(2, kNow) +
                                              number_field(3, kNow - 5)) +
                               number_field(1, 1) + number_field(1, 2)) +
                kSymbols,
            "requests_total{} 3@0\n");
  check_two(kSymbols + bytes_field(5, bytes_field(1, packed({1, 7})) +
                                          bytes_field(3, histogram(4, 9, kNow))),
            "latency_count{} (counter) 4@0\nlatency_sum{} (counter) 9@0\n"
            "latency_bucket{le=\"0\"} (counter) 0@0\n"
            "latency_bucket{le=\"0.0625\"} (counter) 0@0\n"
            "latency_bucket{le=\"0.125\"} (counter) 0@0\n"
            "latency_bucket{le=\"0.25\"} (counter) 0@0\n"
            "latency_bucket{le=\"0.5\"} (counter) 0@0\n"
            "latency_bucket{le=\"1\"} (counter) 1@0\n"
            "latency_bucket{le=\"2\"} (counter) 4@0\n"
            "latency_bucket{le=\"4\"} (counter) 4@0\n"
            "latency_bucket{le=\"8\"} (counter) 4@0\n"
            "latency_bucket{le=\"16\"} (counter) 4@0\n"
            "latency_bucket{le=\"+Inf\"} (counter) 4@0\n");
}

TEST(RemoteWriteTwo, OneBadSeriesDoesNotCostTheOthers) {
  const auto one = [](std::string_view refs) {
    return bytes_field(5, bytes_field(1, refs) + sample(1, kNow));
  };
  check_two(kSymbols + one(packed({1, 2, 3})) + one(packed({1, 99})) + one(packed({1, 2})),
            "requests_total{} 1@0\n"
            "rejected timeseries 0: 3 references to symbols: names and values come in pairs\n"
            "rejected timeseries 1: a reference to symbol 99, there are 9\n");
}

TEST(RemoteWriteTwo, FloodsOfRefusals) {
  std::string body = kSymbols;
  for (int i = 0; i < 30; ++i) {
    body += bytes_field(5, bytes_field(1, packed({1})) + sample(1, kNow) + sample(2, kNow));
  }
  const auto out = decode(RemoteWriteVersion::Two, body);
  EXPECT_EQ(out.samples_refused, 60u);
  ASSERT_EQ(out.rejected.size(), 21u);
  EXPECT_EQ(out.rejected[19].reason, "1 references to symbols: names and values come in pairs");
  EXPECT_EQ(out.rejected[20].reason, "10 more were refused; only the first 20 are listed");
}

// Two metrics that take turns are described once each, and not where they have no samples.
TEST(RemoteWriteTwo, MetadataOfAMetricIsToldOnce) {
  const auto one = [](std::uint64_t metric, std::string_view samples) {
    return bytes_field(5, bytes_field(1, packed({1, metric})) + std::string(samples) +
                              bytes_field(5, number_field(1, 2) + number_field(3, 5)));
  };
  check_two(kSymbols + one(2, "") + one(7, "") + one(2, ""), "");
  check_two(kSymbols + one(2, sample(1, kNow)) + one(7, sample(2, kNow)) + one(2, sample(3, kNow)) +
                one(7, "") + one(7, sample(4, kNow)),
            "requests_total{} (gauge) 1@0\nlatency{} (gauge) 2@0\nrequests_total{} (gauge) 3@0\n"
            "latency{} (gauge) 4@0\n"
            "metadata requests_total gauge '' 'Requests.'\n"
            "metadata latency gauge '' 'Requests.'\n");
  // Without a name there is no metric to describe.
  check_two(kSymbols + bytes_field(5, bytes_field(1, packed({3, 4})) + sample(1, kNow) +
                                          bytes_field(5, number_field(3, 5))),
            "there is no metric name (the label '__name__') 1@0\n");
}

TEST(RemoteWriteTwo, TextsThatAreUsedAgainAndAgain) {
  const std::string text(100, 'x');
  std::string body = symbols({"", "__name__", text, "long", "l", std::string(9000, 'y')});
  for (int i = 0; i < 20; ++i)
    body += bytes_field(5, bytes_field(1, packed({1, 2})) + sample(1, kNow));
  const auto out = decode(RemoteWriteVersion::Two, body, {.unpacked_bytes_max = 1000});
  EXPECT_EQ(out.samples.series.size(), 8u);
  ASSERT_EQ(out.rejected.size(), 12u);
  EXPECT_EQ(rejected_text(out.rejected[0]),
            "rejected timeseries 8: the labels of the request take more than 1000 bytes together: "
            "the rest was refused\n");
  check_two(symbols({"", "__name__", "m", "pod", std::string(9000, 'y')}) +
                bytes_field(5, bytes_field(1, packed({1, 2, 3, 4})) + sample(1, kNow)),
            "rejected timeseries 0: label 'pod': 9000 bytes, the limit is 8192\n");
  std::string refs;
  for (int i = 0; i < 3000; ++i) refs += packed({1, 2});
  check_two(kSymbols + bytes_field(5, bytes_field(1, refs) + sample(1, kNow)),
            "rejected timeseries 0: 3000 labels, the limit is 1000\n");
  std::string wide;
  for (int i = 0; i < 10; ++i) wide += packed({1, 2});
  check_two(symbols({"", "l", std::string(8000, 'y')}) +
                bytes_field(5, bytes_field(1, wide) + sample(1, kNow)),
            "rejected timeseries 0: labels of 80010 bytes together, the limit is 65536\n");
}

TEST(RemoteWriteTwo, WhatIsNoProtobuf) {
  const auto broken = [](std::string_view place, std::string_view what) {
    return fmt::format(
        "rejected {}: the request is no protobuf message io.prometheus.write.v2.Request: {}; "
        "nothing "
        "of it was taken\n",
        place, what);
  };
  check_two("\xff", broken("byte 0", "a field that is malformed or cut off"));
  check_two(symbols({"x"}), broken("byte 2", "the first symbol is not the empty text"));
  check_two(symbols({"", "a", "b"}), broken("byte 5", "more symbols than the limit allows"),
            {.symbols_max = 2});
  check_two(bytes_field(5, "\x0a\x01\x80"),
            broken("byte 2, timeseries 0", "a field that is malformed"));
  check_two(bytes_field(5, bytes_field(2, "\x09")),
            broken("byte 2, timeseries 0", "a field that is malformed"));
}

Frame frame_of(std::string_view content_type, std::string_view encoding, std::string body) {
  Frame frame;
  frame.arrived_at = test_time("2026-11-21T08:10:00Z");
  frame.content_type = content_type;
  if (!encoding.empty()) frame.headers = {{"content-encoding", std::string(encoding)}};
  frame.body = std::move(body);
  return frame;
}

std::string pack(std::string_view body) {
  std::string out;
  snappy::Compress(body.data(), body.size(), &out);
  return out;
}

void check_frame(std::string_view content_type, std::string_view encoding, std::string body,
                 std::string_view want, const WireLimits& limits = {}) {
  RemoteWriteDecoded out;
  decode_remote_write(frame_of(content_type, encoding, std::move(body)), limits, out);
  EXPECT_EQ(text(out), want);
}

constexpr std::string_view kTypeOne = "application/x-protobuf";
constexpr std::string_view kTypeTwo = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

TEST(RemoteWriteFrames, VersionsAndPacking) {
  const std::string one = pack(series(kUp + sample(1, kNow)));
  check_frame(kTypeOne, "snappy", one, "up{job=\"a\"} 1@0\n");
  check_frame("Application/X-Protobuf; proto=prometheus.WriteRequest", "Snappy", one,
              "up{job=\"a\"} 1@0\n");
  check_frame(kTypeTwo, "snappy",
              pack(kSymbols + bytes_field(5, bytes_field(1, packed({1, 2})) + sample(1, kNow))),
              "requests_total{} 1@0\n");
  check_frame("application/json", "snappy", one,
              "rejected all: 'application/json' is not a type of remote write: send "
              "application/x-protobuf, or "
              "application/x-protobuf;proto=io.prometheus.write.v2.Request\n");
  check_frame(
      "application/x-protobuf;proto=io.prometheus.write.v3.Request", "snappy", one,
      "rejected all: 'application/x-protobuf;proto=io.prometheus.write.v3.Request' is not a type "
      "of remote write: send application/x-protobuf, or "
      "application/x-protobuf;proto=io.prometheus.write.v2.Request\n");
  check_frame(
      kTypeOne, "", one,
      "rejected all: remote write comes with 'Content-Encoding: snappy', a snappy block; this "
      "request has none, or one that was unpacked on the way\n");
  check_frame(
      kTypeOne, "zstd", one,
      "rejected all: remote write comes with 'Content-Encoding: snappy', a snappy block; this "
      "request has 'zstd'\n");
}

TEST(RemoteWriteFrames, BodiesOfAnySize) {
  for (std::size_t size = 2; size < 70; ++size) {
    const std::string body = bytes_field(9, std::string(size - 2, 'x'));
    RemoteWriteDecoded out;
    decode_remote_write(frame_of("application/x-protobuf", "snappy", pack(body)), {}, out);
    EXPECT_EQ(out.samples.body, body);
    EXPECT_EQ(out.rejected.size(), 0u);
  }
}

TEST(RemoteWriteFrames, DamagedSnappy) {
  std::string one = pack(series(kUp + sample(1, kNow)));
  check_frame(kTypeOne, "snappy", "", "rejected all: the body is empty, expected a snappy block\n");
  check_frame(kTypeOne, "snappy", "\xff\xff\xff\xff\xff\xff",
              "rejected all: byte 0: the body is no snappy block: its length is malformed\n");
  check_frame(kTypeOne, "snappy", one.substr(0, one.size() - 3),
              "rejected all: the body is no snappy block: it is damaged or cut off\n");
  check_frame(
      kTypeOne, "snappy", std::string("\xff\x06\x00\x00sNaPpY", 10) + one,
      "rejected all: the body is in snappy's framed format: remote write sends a plain block\n");
  check_frame(
      kTypeOne, "snappy", pack(std::string(5000, 'x')),
      "rejected all: the request unpacks to 5000 bytes, the limit is 4096: send less at once\n",
      {.unpacked_bytes_max = 4096});
  // A bomb: a few bytes that say they are four gigabytes.
  check_frame(
      kTypeOne, "snappy", std::string("\xff\xff\xff\xff\x0f\x00", 6),
      "rejected all: the request unpacks to 4294967295 bytes, the limit is 134217728: send less "
      "at once\n");
  Prng prng(13);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = one;
    damaged[prng.below(damaged.size())] = static_cast<char>(prng.next());
    RemoteWriteDecoded out;
    decode_remote_write(frame_of(kTypeOne, "snappy", damaged), {}, out);
  }
}

void check_reply(const WrittenCounts& written, std::uint64_t refused,
                 const std::vector<Rejected>& reasons, int status, std::string_view body) {
  const WireReply reply = remote_write_reply(written, refused, reasons);
  EXPECT_EQ(reply.status, status);
  EXPECT_EQ(reply.body, body);
  ASSERT_EQ(reply.headers.size(), 3u);
  EXPECT_EQ(reply.headers[0].first, "x-prometheus-remote-write-samples-written");
  EXPECT_EQ(reply.headers[0].second, std::to_string(written.samples));
  EXPECT_EQ(reply.headers[1].second, std::to_string(written.histograms));
  EXPECT_EQ(reply.headers[2].first, "x-prometheus-remote-write-exemplars-written");
}

TEST(RemoteWriteReply, SaysWhatWasWritten) {
  check_reply({.samples = 7, .histograms = 2}, 0, {}, 204, "");
  check_reply({.samples = 7}, 2, {{"why", "timeseries 1", "up{}"}, {"and so on", "", ""}}, 400,
              "2 samples were refused, 7 were taken\ntimeseries 1: why (up{})\nand so on\n");
  check_reply({}, 0, {{"not protobuf", "byte 0", ""}}, 400, "byte 0: not protobuf\n");
}

}  // namespace
}  // namespace quell
