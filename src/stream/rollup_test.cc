#include "stream/rollup.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "model/sample.h"
#include "stream/test_samples.h"

namespace quell {
namespace {

// Of 300 s each; test_at(0) begins one at second 200 of it.
constexpr double kBegin = 100;

std::vector<Point> points(double time, const std::vector<double>& values, double step = 10) {
  std::vector<Point> all;
  for (const double v : values) {
    all.push_back({test_at(time), v});
    time += step;
  }
  return all;
}

std::string text(const std::vector<Rollup>& rollups) {
  std::string out;
  const auto second = [](Timestamp t) {
    return std::chrono::floor<std::chrono::seconds>(t - test_at(0)).count();
  };
  for (const Rollup& r : rollups) {
    if (!out.empty()) out += "; ";
    out += r.count == 0 ? "none"
                        : fmt::format("{}={}..{}={}", second(r.first_time), r.first,
                                      second(r.last_time), r.last);
    out += fmt::format(" n={} min={} max={} sum={} lost={} until={}", r.count, r.min, r.max, r.sum,
                       r.lost, second(r.until));
  }
  return out;
}

std::string rolled(const std::vector<std::vector<Point>>& parts) {
  std::vector<Rollup> rollups;
  for (const auto& part : parts) add_to_rollups(part, rollups);
  std::string bytes;
  encode_rollups(rollups, bytes);
  const auto decoded = decode_rollups(bytes);
  EXPECT_TRUE(decoded);
  EXPECT_EQ(text(*decoded), text(rollups));
  return text(rollups);
}

TEST(Rollup, KeepsEndsExtremesAndTheSum) {
  EXPECT_EQ(rolled({points(kBegin, {3, 1, 7, 4})}),
            "100=3..130=4 n=4 min=1 max=7 sum=15 lost=10 until=130");
}

TEST(Rollup, BeginsAtTheFullFiveMinutes) {
  EXPECT_EQ(rolled({points(kBegin - 10, {1, 2})}),
            "90=1..90=1 n=1 min=1 max=1 sum=1 lost=0 until=90; "
            "100=2..100=2 n=1 min=2 max=2 sum=2 lost=0 until=100");
}

TEST(Rollup, WhatComesAgainCountsOnce) {
  const auto all = points(kBegin, {1, 2, 3, 4});
  EXPECT_EQ(rolled({all, all}), rolled({all}));
  EXPECT_EQ(rolled({points(kBegin, {1, 2}), all}), rolled({all}));
}

TEST(Rollup, WhatIsLaterIsAdded) {
  EXPECT_EQ(rolled({points(kBegin, {5, 9}), points(kBegin + 20, {2})}),
            "100=5..120=2 n=3 min=2 max=9 sum=16 lost=9 until=120");
  EXPECT_EQ(rolled({points(kBegin + 300, {1}), points(kBegin, {2})}),
            "100=2..100=2 n=1 min=2 max=2 sum=2 lost=0 until=100; "
            "400=1..400=1 n=1 min=1 max=1 sum=1 lost=0 until=400");
}

TEST(Rollup, StaleMarkersEndIt) {
  EXPECT_EQ(rolled({points(kBegin, {1, stale_marker()})}),
            "100=1..100=1 n=1 min=1 max=1 sum=1 lost=0 until=110");
  EXPECT_EQ(rolled({points(kBegin, {stale_marker()})}),
            "none n=0 min=0 max=0 sum=0 lost=0 until=100");
}

TEST(Rollup, DoesNotDecodeWhatIsCut) {
  std::vector<Rollup> rollups;
  add_to_rollups(points(kBegin, {1.5, 2.25, 1e300, -4}, 100), rollups);
  std::string bytes;
  encode_rollups(rollups, bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_rollups(std::string_view(bytes).substr(0, size))) << size;
  }
}

// Whatever the parts, in which a crash may repeat some, the same points give the same rollups.
TEST(Rollup, DoesNotDependOnTheParts) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Prng prng(seed);
    std::vector<double> values;
    for (int i = 0; i < 200; ++i) values.push_back(static_cast<double>(prng.below(50)));
    const auto all = points(kBegin + static_cast<double>(prng.below(300)), values, 7);
    std::vector<std::vector<Point>> parts;
    for (std::size_t from = 0; from < all.size();) {
      const std::size_t begin = from - prng.below(std::min<std::size_t>(from, 20) + 1);
      const std::size_t end = std::min(all.size(), from + 1 + prng.below(40));
      parts.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(begin),
                         all.begin() + static_cast<std::ptrdiff_t>(end));
      from = end;
    }
    ASSERT_EQ(rolled(parts), rolled({all})) << seed;
  }
}

TEST(Rollup, SamplesThatAreAllThereAreFiner) {
  std::vector<Rollup> rollups;
  auto all = points(kBegin, {1, 2, 3, 4}, 100);  // Three, and one in the next five minutes.
  add_to_rollups(all, rollups);
  auto finer = rollups;
  auto rest = all;
  choose_finer(rest, finer);
  EXPECT_EQ(rest.size(), 4u);
  EXPECT_TRUE(finer.empty());

  finer = rollups;
  rest.erase(rest.begin());
  choose_finer(rest, finer);
  EXPECT_EQ(text(finer), "100=1..300=3 n=3 min=1 max=3 sum=6 lost=0 until=300");
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].value, 4);
}

TEST(Rollup, ChunksAndRowsOfASeriesBecomeRows) {
  const auto series = make_series("default", test_labels("cpu{host=a}"));
  const auto chunk_of = [&](const std::vector<Point>& some) {
    MetricChunk chunk{.series = series};
    encode_points(some, chunk.samples);
    return chunk;
  };
  std::vector<double> values(3000, 1.0);
  const RolledUp first = roll_up({chunk_of(points(kBegin, values))}, {});
  ASSERT_EQ(first.rows.size(), 2u);  // 100 times five minutes.
  EXPECT_EQ(first.rows[0].count, 96u);
  const RolledUp more =
      roll_up({chunk_of(points(kBegin + 29'990, {7, 8})), {.series = series, .samples = "?"}},
              {first.rows[1]});
  EXPECT_EQ(more.damaged, 1u);
  ASSERT_EQ(more.rows.size(), 1u);
  const auto last = decode_rollups(more.rows[0].points);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->size(), 5u);
  EXPECT_EQ(last->back().last, 8);
}

}  // namespace
}  // namespace quell
