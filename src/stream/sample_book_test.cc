#include "stream/sample_book.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>

#include "base/prng.h"
#include "stream/counter_rate.h"
#include "stream/sample_query.h"
#include "stream/test_samples.h"

namespace quell::sample_book_test {
namespace {

using std::chrono::seconds;

std::vector<Point> odd_points(Prng& prng) {
  const double values[] = {
      0.0,          -0.0,          1.0,    42.5,
      1e300,        -1e-300,       5e-324, std::numeric_limits<double>::infinity(),
      std::nan(""), stale_marker()};
  std::vector<Point> points;
  for (const std::int64_t unit : {1'000'000'000, 1'000'000, 1}) {
    for (int i = 0; i < 500; ++i) {
      const auto time = static_cast<std::int64_t>(prng.below(9'000'000'000)) * unit;
      points.push_back(
          {Timestamp{Duration{prng.chance(10) ? -time : time}}, values[prng.below(10)]});
    }
  }
  points.push_back({Timestamp::max(), 1});
  points.push_back({Timestamp::min(), 2});
  return points;
}

void expect_equal(const std::vector<Point>& got, const std::vector<Point>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].time, want[i].time);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(got[i].value),
              std::bit_cast<std::uint64_t>(want[i].value));
  }
}

TEST(SampleCodec, RoundTrips) {
  Prng prng(3);
  const auto points = odd_points(prng);
  std::string bytes;
  encode_points(points, bytes);
  const auto decoded = decode_points(bytes);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  expect_equal(*decoded, points);
}

TEST(SampleCodec, IsSmallAndRefusesDamage) {
  std::vector<Point> points;
  for (int i = 0; i < 120; ++i) points.push_back({test_at(10 * i), 40.0 + i % 7});
  std::string bytes;
  encode_points(points, bytes);
  EXPECT_LT(bytes.size(), 120u * 4 + 16);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(decode_points(std::string_view(bytes).substr(0, size))) << size;
  }
}

// As many blocks as the points need.
std::vector<SampleBlock> blocks_for(const std::vector<Point>& points) {
  std::vector<SampleBlock> blocks;
  SampleCursor cursor;
  for (const Point& p : points) {
    if (!blocks.empty() && blocks.back().append(p.time, p.value, cursor)) continue;
    if (!blocks.empty()) blocks.back().close(cursor);
    blocks.emplace_back().begin(p.time, p.value, cursor);
  }
  if (!blocks.empty()) blocks.back().close(cursor);
  return blocks;
}

TEST(SampleBlock, RoundTripsInOrderOfArrival) {
  Prng prng(5);
  const auto points = odd_points(prng);
  std::vector<Point> decoded;
  for (const SampleBlock& block : blocks_for(points)) ASSERT_TRUE(decode_block(block, decoded));
  expect_equal(decoded, points);
}

TEST(SampleBlock, HoldsManyRegularSamples) {
  std::vector<Point> constant;
  std::vector<Point> counter;
  for (int i = 0; i < 90; ++i) {
    constant.push_back({test_at(15 * i), 1});
    counter.push_back({test_at(15 * i), 1000.0 * i});
  }
  EXPECT_EQ(blocks_for(constant).size(), 1u);
  EXPECT_LE(blocks_for(counter).size(), 4u);
}

TEST(SampleBlock, DamageIsSeen) {
  Prng prng(9);
  SampleBlock block = blocks_for({{test_at(1), 1.5}, {test_at(2), 2.5}, {test_at(3), 3}})[0];
  for (int i = 0; i < 10'000; ++i) {
    SampleBlock damaged = block;
    damaged.data[prng.below(damaged.used)] = static_cast<unsigned char>(prng.next());
    if (prng.chance(20)) damaged.count = static_cast<std::uint8_t>(prng.next());
    if (prng.chance(20)) damaged.used = static_cast<std::uint8_t>(prng.next());
    if (prng.chance(5)) damaged.unit = static_cast<std::uint8_t>(prng.next());
    std::vector<Point> points;
    if (!decode_block(damaged, points)) continue;
    EXPECT_EQ(points.size(), damaged.count);
  }
}

void check_rate(double passed, double last, double value, std::string_view want) {
  EXPECT_EQ(fmt::format("{:g}", counter_rate(test_at(0), last, test_at(passed), value,
                                             std::chrono::minutes(15))),
            want)
      << passed << "s " << last << " -> " << value;
}

TEST(CounterRate, ResetsGapsAndWhatIsNoNumber) {
  check_rate(10, 100, 150, "5");
  check_rate(10, 100, 100, "0");
  check_rate(10, 100, 30, "3");  // It began anew and has counted 30 since.
  check_rate(0, 100, 150, "nan");
  check_rate(-5, 100, 150, "nan");
  check_rate(901, 100, 150, "nan");
  check_rate(10, std::nan(""), 150, "nan");
  check_rate(10, 100, std::numeric_limits<double>::infinity(), "nan");
  EXPECT_TRUE(is_stale_marker(
      counter_rate(test_at(0), 1, test_at(1), stale_marker(), std::chrono::minutes(15))));
}

// A table, a book and what the store would have of them.
struct World {
  explicit World(const SampleBookOptions& options = {}) : book_options(options) { restart(); }

  void restart() {
    table = std::make_unique<SeriesTable>();
    book = std::make_unique<SampleBook>(book_options);
    for (const auto& [key, data] : pages) {
      const StatePage page{key.first, key.second, data};
      const bool samples = page.kind == StatePageKind::Samples;
      const auto loaded = samples ? book->load(page, *table) : table->load(page);
      QUELL_ASSERT(loaded.has_value(), "what was stored can be read");
    }
    table->finish_load();
    for (std::uint64_t o = samples_offset; o < next_offset; ++o) replay(o, true);
    for (std::uint64_t o = next_offset; o < journal.size(); ++o) replay(o, false);
  }

  SampleBatch replay(std::uint64_t offset, bool is_old) {
    TestRequest copy = journal[offset];
    SampleBatch batch;
    SeriesRefusals refused;
    const auto unknown = is_old ? SeriesTable::Unknown::Skip : SeriesTable::Unknown::Make;
    table->resolve(copy.samples, "test", unknown, batch, refused, offset);
    book->add(batch, *table, offset, arrivals[offset]);
    return batch;
  }

  SampleBatch add(TestRequest request, double arrived_at) {
    journal.push_back(std::move(request));
    arrivals.push_back(test_at(arrived_at));
    return replay(journal.size() - 1, false);
  }

  // Returns the number of chunks.
  std::size_t commit(double now) {
    std::vector<StatePage> taken_pages;
    table->take_pages(taken_pages);
    auto taken = book->take(journal.size(), test_at(now), *table, taken_pages);
    for (StatePage& page : taken_pages) {
      if (page.data.empty()) {
        pages.erase({page.kind, page.number});
      } else {
        pages[{page.kind, page.number}] = std::move(page.data);
      }
    }
    next_offset = journal.size();
    samples_offset = taken.samples_offset;
    const std::size_t count = taken.chunks.size();
    for (MetricChunk& c : taken.chunks) chunks.push_back(std::move(c));
    return count;
  }

  // As Store::metric_history.
  MetricHistory chunks_in_order() const {
    std::vector<MetricChunk> order(chunks.rbegin(), chunks.rend());
    std::ranges::stable_sort(order, std::greater<>(), &MetricChunk::end_offset);
    return {.chunks = std::move(order)};
  }

  // `labels time=value …` of each series, times in seconds.
  std::string read(const SampleQuery& query, bool with_store = true) const {
    const FoundBlocks found = find_blocks(*table, *book, query);
    const auto all =
        merge_samples(found.series, with_store ? chunks_in_order() : MetricHistory(), query);
    if (!all) return all.error().to_string();
    std::string text;
    for (const SeriesSamples& s : *all) {
      if (!text.empty()) text += "; ";
      text += s.series->host();
      for (const Point& p : s.points) {
        text += fmt::format(" {}={}", (p.time - test_at(0)) / seconds(1), p.value);
      }
    }
    return text;
  }

  SampleBookOptions book_options;
  std::unique_ptr<SeriesTable> table;
  std::unique_ptr<SampleBook> book;
  std::vector<TestRequest> journal{};
  std::vector<Timestamp> arrivals{};
  std::map<std::pair<StatePageKind, std::uint64_t>, std::string> pages{};
  std::vector<MetricChunk> chunks{};
  std::uint64_t next_offset = 0;
  std::uint64_t samples_offset = 0;
};

TEST(SampleBook, KeepsSamplesInOrderOfTime) {
  World world;
  world.add(TestRequest().add("cpu{host=a}", 10, {1}).add("cpu{host=b}", 10, {9}), 10);
  world.add(TestRequest().add("cpu{host=a}", 30, {3}).add("cpu{host=a}", 20, {2}), 30);
  EXPECT_EQ(world.read({.metric = "cpu"}), "a 10=1 20=2 30=3; b 10=9");
  world.add(TestRequest().add("cpu{host=a}", 20, {5}).add("cpu{host=a}", 40, {4}), 40);
  EXPECT_EQ(world.read({.metric = "cpu"}), "a 10=1 20=5 30=3 40=4; b 10=9");
  EXPECT_EQ(world.book->stats().added, 6u);
}

TEST(SampleBook, Queries) {
  World world;
  world.add(TestRequest().add("cpu{host=a,core=0}", 10, {1, 2, 3}), 12);
  world.add(TestRequest("acme").add("cpu{host=a,core=1}", 10, {7}), 12);
  const auto check = [&](const SampleQuery& query, std::string_view want) {
    EXPECT_EQ(world.read(query), want);
  };
  check({.metric = "cpu", .tenant = "default", .since = test_at(11)}, "a 11=2 12=3");
  check({.metric = "cpu", .tenant = "default", .until = test_at(11)}, "a 10=1 11=2");
  check({.metric = "cpu", .tenant = "default", .limit = 1}, "a 12=3");
  check({.metric = "cpu", .matchers = *parse_matchers(R"(core=~"[1-9]")")}, "a 10=7");
  check({.metric = "cpu", .matchers = *parse_matchers(R"(zone="")")}, "a 10=7; a 10=1 11=2 12=3");
  check({.metric = "cpu", .matchers = *parse_matchers(R"(host="b")")}, "");
  check({.metric = "memory"}, "");
  check({.metric = "cpu", .series_max = 1}, "a 10=1 11=2 12=3");
  EXPECT_EQ(find_blocks(*world.table, *world.book, {.metric = "cpu", .series_max = 1}).matched, 2u);
}

std::string rates_text(const SampleBatch& batch) {
  std::string text;
  for (const double rate : batch.watched()) text += fmt::format("{:g} ", rate);
  return text;
}

TEST(SampleBook, CountersHaveRatesAndGaugesTheirValues) {
  World world;
  const auto at = [&](double time, double counter, double gauge) {
    return rates_text(world.add(
        TestRequest().add("free", time, {gauge}).add("requests_total", time, {counter}), time));
  };
  EXPECT_EQ(at(0, 100, 5), "5 nan ");
  EXPECT_EQ(at(10, 150, 6), "6 5 ");
  EXPECT_EQ(at(20, 20, 7), "7 2 ");
  EXPECT_EQ(at(20, 30, 7), "7 nan ");  // The same time again.
  EXPECT_EQ(at(30, stale_marker(), 7), "7 nan ");
  EXPECT_EQ(at(40, 50, 7), "7 nan ");
  EXPECT_EQ(rates_text(world.add(TestRequest().add("requests_total", 50, {60, 62, 65}), 52)),
            "1 2 3 ");
  EXPECT_EQ(rates_text(world.add(TestRequest().add("free", 50, {1, 2}), 52)), "1 2 ");
}

TEST(SampleBook, WhatWasAddedBecomesATotal) {
  World world;
  const auto add = [&](double time, double value) {
    return rates_text(
        world.add(TestRequest().add("d{host=a}", time, {value}, SeriesKind::Delta), time));
  };
  EXPECT_EQ(add(10, 5), "nan ");
  EXPECT_EQ(add(20, 30), "3 ");
  EXPECT_EQ(add(20, 30), "nan ");  // Sent twice: counts once.
  EXPECT_EQ(add(30, 10), "1 ");
  EXPECT_EQ(world.read({.metric = "d"}), "a 10=5 20=35 30=45");
}

TEST(SampleBook, ACrashBetweenPagesLosesNothing) {
  World world({.page_age = seconds(60)});
  world.add(TestRequest().add("cpu{host=a}", 1, {1, 2}), 2);
  world.commit(3);
  EXPECT_EQ(world.samples_offset, 0u);  // The page is too young.
  world.add(TestRequest().add("cpu{host=a}", 50, {3}), 50);
  world.commit(62);
  EXPECT_EQ(world.samples_offset, 2u);
  world.add(TestRequest().add("cpu{host=a}", 70, {4}), 70);
  world.commit(71);
  EXPECT_EQ(world.samples_offset, 2u);
  world.restart();
  EXPECT_EQ(world.read({.metric = "cpu"}, false), "a 1=1 2=2 50=3 70=4");
}

TEST(SampleBook, ManySamplesAreWrittenSooner) {
  World world({.page_age = seconds(60), .replay_cost_max = 120});
  for (int i = 0; i < 39; ++i) world.add(TestRequest().add("cpu{host=a}", i, {1}), i);
  world.commit(39);
  EXPECT_EQ(world.samples_offset, 0u);
  world.add(TestRequest().add("cpu{host=a}", 40, {2}), 40);
  world.commit(41);
  EXPECT_EQ(world.samples_offset, 40u);
}

TEST(SampleBook, AFewDuePagesAreToBeWrittenAtOnce) {
  for (const std::size_t few : {2u, 1u}) {
    World world({.page_bytes_per_commit = 1, .replay_cost_max = 1'000, .pages_few = few});
    for (int i = 0; i < 3'000; ++i) {
      world.add(TestRequest().add(fmt::format("cpu{{host={}}}", i), 0, {1}), 1);
    }
    world.commit(2);
    EXPECT_EQ(world.book->wants_commit(), few == 2) << few;
    world.commit(2);
    EXPECT_TRUE(world.book->wants_commit()) << few;
    world.commit(2);
    EXPECT_FALSE(world.book->wants_commit()) << few;
  }
}

TEST(SampleBook, FullBlocksBecomeChunks) {
  World world;
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(i * 1.1);
  world.add(TestRequest().add("cpu{host=a}", 0, values), 100);
  EXPECT_EQ(world.commit(101), 1u);
  EXPECT_EQ(world.commit(102), 0u);
  SampleBook memory_is_gone;
  const auto from_store = merge_samples({}, world.chunks_in_order(), {.metric = "cpu"});
  ASSERT_TRUE(from_store);
  EXPECT_GE(from_store->at(0).points.size(), 80u);
  EXPECT_EQ(world.chunks[0].end_offset, 1u);
}

TEST(SampleBook, ChunksArePacedAndTooManyAreDropped) {
  World world({.chunks_per_commit = 2, .blocks_waiting_max = 20});
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) values.push_back(i * 1.1);
  for (const char* host : {"a", "b", "c", "d"}) {
    world.add(TestRequest().add(fmt::format("cpu{{host={}}}", host), 0, values), 100);
  }
  EXPECT_EQ(world.commit(101), 2u);
  EXPECT_GT(world.book->stats().blocks_dropped, 0u);
  EXPECT_EQ(world.commit(102), 2u);
  EXPECT_FALSE(world.book->has_waiting());
  EXPECT_EQ(world.commit(103), 0u);
}

TEST(SampleBook, AtTheEndNothingIsLeftToAddAgain) {
  World world({.page_bytes_per_commit = 1});
  for (int i = 0; i < 3'000; ++i) {
    world.add(TestRequest().add(fmt::format("cpu{{host={}}}", i), 0, {1}), 1);
  }
  world.commit(2);
  EXPECT_FALSE(world.book->has_waiting());
  world.book->drain();
  int commits = 0;
  for (; world.book->has_waiting(); ++commits) world.commit(2);
  EXPECT_EQ(commits, 3);  // A page of 1,024 slots each.
}

TEST(SampleBook, WaitingBlocksOfASeriesBecomeOneChunk) {
  World world;
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) values.push_back(i * 1.1);
  world.add(TestRequest().add("cpu{host=a}", 0, values), 100);
  world.add(TestRequest().add("cpu{host=b}", 0, values), 100);
  EXPECT_EQ(world.commit(101), 2u);
  const auto all = merge_samples({}, world.chunks_in_order(), {.metric = "cpu"});
  ASSERT_TRUE(all);
  EXPECT_GE(all->at(0).points.size(), 180u);
  EXPECT_GE(all->at(1).points.size(), 180u);
  EXPECT_EQ(world.book->stats().blocks_dropped, 0u);
}

TEST(SampleBook, ASeriesThatLeftBeginsAnew) {
  World world;
  world.add(TestRequest().add("cpu{host=a}", 1, {1}), 1);
  world.add(TestRequest().add("cpu{host=b}", 100, {2}), 100);
  const auto silent = world.book->silent_since(test_at(50), *world.table);
  ASSERT_EQ(silent, (std::vector<SeriesSlot>{0}));
  world.book->forget(0, *world.table);
  EXPECT_TRUE(world.book->has_waiting());
  world.table->remove(0);
  world.add(TestRequest().add("cpu{host=c}", 101, {3}), 101);
  EXPECT_EQ(world.read({.metric = "cpu"}, false), "b 100=2; c 101=3");
  EXPECT_EQ(world.commit(102), 1u);  // What a had is written.
  EXPECT_EQ(world.read({.metric = "cpu"}), "a 1=1; b 100=2; c 101=3");
}

// Its page is not written again yet (60 s), or never was (1 h): then its old frames are read again.
void check_came_again(Duration page_age) {
  World world({.page_age = page_age});
  world.add(TestRequest().add("n_total{host=a}", 1, {100}), 1);
  world.commit(100);
  world.book->forget(0, *world.table);
  world.table->remove(0);
  world.add(TestRequest().add("n_total{host=a}", 200, {7}), 200);
  world.commit(201);
  world.restart();
  EXPECT_EQ(world.read({.metric = "n_total"}, false), "a 200=7");
  world.add(TestRequest().add("n_total{host=a}", 210, {27}), 210);
  EXPECT_EQ(world.read({.metric = "n_total"}), "a 1=100 200=7 210=27");
}

TEST(SampleBook, ASeriesThatCameAgainHasNothingOfBefore) {
  check_came_again(seconds(60));
  check_came_again(std::chrono::hours(1));
}

TEST(SampleBook, MemoryIsFixedAndSlowSeriesGoToTheStore) {
  constexpr std::uint64_t kMiB = 1 << 20;
  World world({.bytes_max = kMiB, .chunks_per_commit = 100'000, .blocks_waiting_max = 100'000});
  world.add(TestRequest().add("slow{host=a}", 0, {42}), 0);
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(i * 1.1);
  for (int i = 0; i < 200; ++i) {
    world.add(TestRequest().add("fast{host=b}", i * 1000, values), i * 1000);
  }
  EXPECT_EQ(world.book->bytes(), kMiB);
  EXPECT_EQ(world.read({.metric = "slow"}, false), "");
  world.commit(200'000);
  EXPECT_EQ(world.read({.metric = "slow"}), "a 0=42");
  world.book->set_bytes_max(2 * kMiB, *world.table);
  world.book->set_bytes_max(kMiB, *world.table);
  const std::string newest = world.read({.metric = "fast", .limit = 2}, false);
  EXPECT_EQ(newest, fmt::format("b 199998={} 199999={}", 998 * 1.1, 999 * 1.1));
}

TEST(SampleBook, WithLessMemoryWhatIsNotWrittenGoesToTheStore) {
  constexpr std::uint64_t kMiB = 1 << 20;
  World world({.bytes_max = 2 * kMiB, .chunks_per_commit = 1});
  world.add(TestRequest().add("slow{host=a}", 0, {42}), 0);
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(i * 1.1);
  for (int i = 0; i < 150; ++i) {
    world.add(TestRequest().add("fast{host=b}", i * 1000, values), i * 1000);
  }
  ASSERT_GT(world.book->bytes(), kMiB);
  world.book->set_bytes_max(kMiB, *world.table);
  EXPECT_EQ(world.book->stats().blocks_dropped, 0u);
  world.commit(150'000);
  EXPECT_EQ(world.read({.metric = "slow"}), "a 0=42");
  EXPECT_EQ(world.read({.metric = "fast", .until = test_at(2)}), "b 0=0 1=1.1 2=2.2");
  world.add(TestRequest().add("slow{host=a}", 150'001, {43}), 150'001);
  EXPECT_EQ(world.read({.metric = "slow"}), "a 0=42 150001=43");
}

void run_with_crashes(std::uint64_t seed) {
  Prng prng(seed);
  World world({.page_age = seconds(1 + prng.below(20)),
               .page_bytes_per_commit = prng.chance(50) ? 1u : 100'000u,
               .replay_cost_max = prng.below(200),
               .chunks_per_commit = 1 + prng.below(6)});
  std::map<std::string, std::map<std::int64_t, double>> want;
  std::uint64_t samples_offset = 0;
  for (int step = 0; step < 300; ++step) {
    TestRequest request;
    for (auto n = prng.below(12); n > 0; --n) {
      const auto time = static_cast<std::int64_t>(static_cast<unsigned>(step) + prng.below(8));
      const std::string host = fmt::format("h{}", prng.below(9));
      const double value = prng.chance(50) ? double(prng.below(100)) : double(prng.next()) / 7;
      request.add(fmt::format("cpu{{host={}}}", host), double(time), {value});
      want[host][time] = value;
    }
    world.add(std::move(request), step);
    if (prng.chance(60)) {
      world.commit(step);
      ASSERT_GE(world.samples_offset, samples_offset);
      samples_offset = world.samples_offset;
    }
    // A crash: what was not committed is in the journal, and is worked on again.
    if (prng.chance(5)) world.restart();
  }
  std::string text;
  for (const auto& [host, points] : want) {
    text += (text.empty() ? "" : "; ") + host;
    for (const auto& [time, value] : points) text += fmt::format(" {}={}", time, value);
  }
  const std::string got = world.read({.metric = "cpu", .limit = 1'000'000});
  EXPECT_TRUE(got == text) << "seed " << seed << "\n" << got << "\n" << text;
}

TEST(SampleBookProperty, ACrashLosesAndDoublesNothing) {
  for (std::uint64_t seed = 0; seed < 60 && !testing::Test::HasFailure(); ++seed) {
    run_with_crashes(seed);
  }
}

// Rates after a crash are those of a book that never crashed.
TEST(SampleBookProperty, ACrashChangesNoRate) {
  for (std::uint64_t seed = 0; seed < 40 && !testing::Test::HasFailure(); ++seed) {
    Prng prng(seed);
    World straight;
    World crashing({.page_age = seconds(prng.below(30))});
    for (int step = 0; step < 200; ++step) {
      TestRequest request;
      for (auto n = prng.below(6); n > 0; --n) {
        request.add(fmt::format("c_total{{host=h{}}}", prng.below(4)), step,
                    {double(prng.below(1000))});
        request.add(fmt::format("d{{host=h{}}}", prng.below(4)), step, {double(prng.below(10))},
                    SeriesKind::Delta);
      }
      ASSERT_EQ(rates_text(straight.add(request, step)), rates_text(crashing.add(request, step)))
          << "seed " << seed << " step " << step;
      if (prng.chance(30)) crashing.commit(step);
      if (prng.chance(10)) crashing.restart();
    }
  }
}

}  // namespace
}  // namespace quell::sample_book_test
