#include "stream/sample_book.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/prng.h"

namespace quell::sample_book_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Timestamp at(std::int64_t s) {
  return Timestamp{seconds(1'790'000'000 + s)};
}

std::shared_ptr<const Series> make_series(std::string host, std::string metric = "cpu_load",
                                          std::string_view tags = "") {
  Series s{.tenant = "default",
           .host = std::move(host),
           .metric = std::move(metric),
           .tags = *LabelSet::parse(tags)};
  s.id = series_id(s.tenant, s.host, s.metric, s.tags);
  return std::make_shared<const Series>(std::move(s));
}

struct Sample {
  std::string host{};
  std::int64_t time = 0;
  double value = 0;
};

SampleBatch make_batch(const std::vector<Sample>& samples) {
  SampleBatch batch;
  std::map<std::string, std::uint32_t> hosts;
  for (const Sample& s : samples) {
    const auto [host, is_new] =
        hosts.try_emplace(s.host, static_cast<std::uint32_t>(batch.series.size()));
    if (is_new) batch.series.push_back(make_series(s.host));
    batch.series_index.push_back(host->second);
    batch.times.push_back(at(s.time));
    batch.values.push_back(s.value);
  }
  return batch;
}

// `host time=value …` of each series, times in seconds.
std::string to_text(const std::vector<SeriesSamples>& all) {
  std::string text;
  for (const SeriesSamples& s : all) {
    if (!text.empty()) text += "; ";
    text += s.series->host;
    for (const Point& p : s.points) {
      text += fmt::format(" {}={}", (p.time - at(0)) / seconds(1), p.value);
    }
  }
  return text;
}

TEST(SampleCodec, RoundTrips) {
  const double values[] = {0.0,         -0.0,    1.0,    42.5,
                           1e300,       -1e-300, 5e-324, std::numeric_limits<double>::infinity(),
                           std::nan("")};
  Prng prng(3);
  for (const std::int64_t unit : {1'000'000'000, 1'000'000, 1}) {
    std::vector<Point> points;
    for (int i = 0; i < 500; ++i) {
      const auto time = static_cast<std::int64_t>(prng.below(9'000'000'000)) * unit;
      points.push_back(
          {Timestamp{Duration{prng.chance(10) ? -time : time}}, values[prng.below(9)]});
    }
    points.push_back({Timestamp::max(), 1});
    points.push_back({Timestamp::min(), 2});
    std::string bytes;
    encode_points(points, bytes);
    const auto decoded = decode_points(bytes);
    ASSERT_TRUE(decoded) << decoded.error().to_string();
    ASSERT_EQ(decoded->size(), points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      EXPECT_EQ((*decoded)[i].time, points[i].time);
      EXPECT_EQ(std::memcmp(&(*decoded)[i].value, &points[i].value, 8), 0);
    }
  }
}

TEST(SampleCodec, IsSmallAndRefusesDamage) {
  std::vector<Point> points;
  for (int i = 0; i < 120; ++i) points.push_back({at(10 * i), 40.0 + i % 7});
  std::string bytes;
  encode_points(points, bytes);
  EXPECT_LT(bytes.size(), 120u * 4 + 16);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(decode_points(std::string_view(bytes).substr(0, size))) << size;
  }
}

TEST(SampleBook, KeepsTheNewestInOrderOfTime) {
  SampleBook book({.samples_per_series = 4});
  book.add(make_batch({{"a", 10, 1}, {"b", 10, 9}, {"a", 30, 3}, {"a", 20, 2}}), 1, at(30));
  EXPECT_EQ(to_text(book.query({.metric = "cpu_load"})), "a 10=1 20=2 30=3; b 10=9");
  book.add(make_batch({{"a", 20, 5}, {"a", 40, 4}, {"a", 5, 0}}), 2, at(40));
  EXPECT_EQ(to_text(book.query({.metric = "cpu_load", .host = "a"})), "a 10=1 20=5 30=3 40=4");
  book.add(make_batch({{"a", 35, 7}}), 3, at(40));
  EXPECT_EQ(to_text(book.query({.metric = "cpu_load", .host = "a"})), "a 20=5 30=3 35=7 40=4");
  EXPECT_EQ(book.stats().out_of_order, 2u);
  EXPECT_EQ(book.stats().replaced, 1u);
  EXPECT_EQ(book.stats().too_old, 1u);
  EXPECT_EQ(book.sample_count(), 5u);
}

TEST(SampleBook, Queries) {
  SampleBook book;
  book.add(make_batch({{"a", 10, 1}, {"a", 20, 2}, {"a", 30, 3}}), 1, at(30));
  const auto check = [&](const SampleQuery& query, std::string_view want) {
    EXPECT_EQ(to_text(book.query(query)), want);
  };
  check({.metric = "cpu_load", .since = at(20)}, "a 20=2 30=3");
  check({.metric = "cpu_load", .until = at(20)}, "a 10=1 20=2");
  check({.metric = "cpu_load", .limit = 1}, "a 30=3");
  check({.metric = "cpu_load", .tenant = "acme"}, "");
  check({.metric = "cpu_load", .host = "b"}, "");
  check({.metric = "memory"}, "");
  EXPECT_EQ(book.metrics(), (std::vector<std::string>{"cpu_load"}));
}

TEST(SampleBook, WritesWhatWaitedLongEnough) {
  SampleBook book({.chunk_samples = 3, .chunk_age = seconds(60)});
  book.add(make_batch({{"a", 1, 1}, {"a", 2, 2}, {"b", 1, 1}}), 100, at(2));
  auto taken = book.take_chunks(101, at(3));
  EXPECT_TRUE(taken.chunks.empty());
  EXPECT_EQ(taken.samples_offset, 100u);
  book.add(make_batch({{"a", 3, 3}}), 105, at(10));
  taken = book.take_chunks(106, at(11));
  ASSERT_EQ(taken.chunks.size(), 1u);
  EXPECT_EQ(taken.chunks[0].series->host, "a");
  EXPECT_EQ(taken.chunks[0].count, 3u);
  EXPECT_EQ(taken.chunks[0].end_offset, 106u);
  EXPECT_EQ(taken.samples_offset, 100u);  // Because of b.
  taken = book.take_chunks(120, at(62));
  ASSERT_EQ(taken.chunks.size(), 1u);
  EXPECT_EQ(taken.chunks[0].series->host, "b");
  EXPECT_EQ(taken.samples_offset, 120u);
}

TEST(SampleBook, ChunksArePacedOverCommits) {
  SampleBook book({.chunk_samples = 100, .chunk_age = seconds(1), .chunks_per_commit = 2});
  book.add(make_batch({{"a", 1, 1}, {"b", 1, 1}, {"c", 1, 1}}), 7, at(1));
  EXPECT_EQ(book.take_chunks(8, at(10)).samples_offset, 7u);
  const auto taken = book.take_chunks(8, at(10));
  EXPECT_EQ(taken.chunks.size(), 1u);
  EXPECT_EQ(taken.samples_offset, 8u);
}

TEST(SampleBook, ASeriesThatOverflowsBetweenCommitsLosesNothing) {
  SampleBook book({.samples_per_series = 4, .chunk_samples = 3});
  std::vector<Sample> samples;
  for (int i = 0; i < 11; ++i) samples.push_back({"a", i, static_cast<double>(i)});
  book.add(make_batch(samples), 5, at(0));
  const auto taken = book.take_chunks(6, at(0));
  std::vector<SeriesSamples> all;
  const SampleQuery query{.metric = "cpu_load"};
  ASSERT_TRUE(merge_chunks(all, taken.chunks, query));
  EXPECT_EQ(to_text(all), "a 0=0 1=1 2=2 3=3 4=4 5=5 6=6 7=7 8=8 9=9 10=10");
}

TEST(SampleBook, TheLongestSilentSeriesLeaveWhenTheRoomIsUsedUp) {
  SampleBook book({.samples_per_series = 8, .samples_max = 80});
  for (std::uint64_t i = 0; i < 12; ++i) {
    book.add(make_batch({{fmt::format("h{:02}", i), 1, 1}}), i, at(0));
  }
  EXPECT_EQ(book.series_count(), 10u);
  EXPECT_EQ(book.sample_count(), 10u);
  EXPECT_EQ(book.stats().evicted_series, 2u);
  EXPECT_TRUE(book.query({.metric = "cpu_load", .host = "h01"}).empty());
  EXPECT_FALSE(book.query({.metric = "cpu_load", .host = "h11"}).empty());
  const auto taken = book.take_chunks(12, at(0));  // What waited in them is written.
  ASSERT_EQ(taken.chunks.size(), 2u);
  EXPECT_EQ(taken.chunks[0].series->host, "h00");
}

// The store and the journal, as far as the book needs them.
struct World {
  std::vector<SampleBatch> journal{};
  std::vector<MetricChunk> chunks{};
  std::uint64_t next_offset = 0;
  std::uint64_t samples_offset = 0;

  // As Store::visit_metric_chunks.
  std::vector<MetricChunk> chunks_in_order() const {
    std::vector<MetricChunk> order(chunks.rbegin(), chunks.rend());
    std::ranges::stable_sort(order, std::greater<>(), &MetricChunk::end_offset);
    return order;
  }
};

void commit(World& world, SampleBook& book) {
  world.next_offset = world.journal.size();
  auto taken =
      book.take_chunks(world.next_offset, at(static_cast<std::int64_t>(world.next_offset)));
  world.samples_offset = taken.samples_offset;
  for (MetricChunk& c : taken.chunks) world.chunks.push_back(std::move(c));
}

SampleBook restart(const World& world, const SampleBookOptions& options) {
  SampleBook book(options);
  for (const MetricChunk& chunk : world.chunks_in_order()) {
    const auto more = book.load(chunk);
    EXPECT_TRUE(more);
    if (!*more) break;
  }
  for (std::uint64_t o = world.samples_offset; o < world.next_offset; ++o) {
    book.add(world.journal[o], o, at(static_cast<std::int64_t>(o)));
  }
  return book;
}

std::string everything(const SampleBook& book, const World& world) {
  const SampleQuery query{.metric = "cpu_load", .limit = 1'000'000};
  auto all = book.query(query);
  EXPECT_TRUE(merge_chunks(all, world.chunks_in_order(), query));
  return to_text(all);
}

void run_with_crashes(std::uint64_t seed) {
  Prng prng(seed);
  const SampleBookOptions options{.samples_per_series = 10 + prng.below(50),
                                  .samples_max = prng.chance(50) ? 100u : 100'000u,
                                  .chunk_samples = 1 + prng.below(30),
                                  .chunk_age = seconds(1 + prng.below(20)),
                                  .chunks_per_commit = 1 + prng.below(6)};
  World world;
  SampleBook book(options);
  std::map<std::string, std::map<std::int64_t, double>> want;
  std::uint64_t samples_offset = 0;
  for (int step = 0; step < 300; ++step) {
    const auto offset = static_cast<std::uint64_t>(world.journal.size());
    std::vector<Sample> samples;
    for (auto n = prng.below(12); n > 0; --n) {
      const auto time = static_cast<std::int64_t>(step + prng.below(8));
      samples.push_back({fmt::format("h{}", prng.below(9)), time, double(prng.below(100))});
      // Points that are older than all that a full series keeps are dropped: here none is.
      want[samples.back().host][time] = samples.back().value;
    }
    world.journal.push_back(make_batch(samples));
    book.add(world.journal.back(), offset, at(static_cast<std::int64_t>(offset)));
    if (prng.chance(60)) {
      commit(world, book);
      ASSERT_GE(world.samples_offset, samples_offset);
      samples_offset = world.samples_offset;
    }
    if (!prng.chance(5)) continue;
    // A crash: what was not committed is in the journal, and is worked on again.
    book = restart(world, options);
    for (std::uint64_t o = world.next_offset; o < world.journal.size(); ++o) {
      book.add(world.journal[o], o, at(static_cast<std::int64_t>(o)));
    }
  }
  commit(world, book);  // Chunks that were cut between commits are seen from here on.
  std::string text;
  for (const auto& [host, points] : want) {
    text += (text.empty() ? "" : "; ") + host;
    for (const auto& [time, value] : points) text += fmt::format(" {}={}", time, value);
  }
  EXPECT_TRUE(everything(book, world) == text) << "seed " << seed << "\n"
                                               << everything(book, world) << "\n"
                                               << text;
}

TEST(SampleBookProperty, ACrashLosesAndDoublesNothing) {
  for (std::uint64_t seed = 0; seed < 60 && !testing::Test::HasFailure(); ++seed) {
    run_with_crashes(seed);
  }
}

}  // namespace
}  // namespace quell::sample_book_test
