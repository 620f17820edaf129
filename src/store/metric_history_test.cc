// Chunks and rollups: src/store/metric_history.cc.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/store.h"
#include "store/test_store.h"

namespace quell {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::at;
using test::batch_to;
using test::commit;
using test::make_chunk;

class MetricHistoryTest : public test::StoreFixture {};

TEST_F(MetricHistoryTest, KeepsMetricChunks) {
  const auto store = open();
  for (std::uint64_t n = 1; n <= 5; ++n) {
    StoreBatch batch = batch_to(n);
    const auto from = static_cast<std::int64_t>(n) * 60;
    batch.metric_chunks = {make_chunk("db-1", from, n), make_chunk("db-2", from, n)};
    commit(*store, batch);
  }
  const auto of_host =
      store->metric_history({.metric = "cpu_load", .tenant = "default", .host = "db-1"});
  ASSERT_TRUE(of_host) << of_host.error().to_string();
  ASSERT_EQ(of_host->chunks.size(), 5u);
  EXPECT_EQ(of_host->chunks.at(0).end_offset, 5u);
  EXPECT_EQ(*of_host->chunks.at(0).series, *make_chunk("db-1", 0, 0).series);
  const MetricQuery range{.metric = "cpu_load", .since = at(130), .until = at(185)};
  EXPECT_EQ(store->metric_history(range)->chunks.size(), 4u);
  EXPECT_EQ(store->metric_history({.metric = "cpu_load", .tenant = "acme"})->chunks.size(), 0u);
  EXPECT_EQ(store->metric_history({.metric = "memory"})->chunks.size(), 0u);
}

TEST_F(MetricHistoryTest, StopsReadingBeyondABytesLimit) {
  const auto store = open();
  StoreBatch batch = batch_to(1);
  for (std::int64_t n = 0; n < 5; ++n) batch.metric_chunks.push_back(make_chunk("db-1", n * 60, 1));
  commit(*store, batch);
  const auto all = store->metric_history({.metric = "cpu_load"});
  ASSERT_TRUE(all);
  EXPECT_FALSE(all->is_cut);
  EXPECT_GT(all->bytes, 5 * sizeof(MetricChunk));
  const auto fits = store->metric_history({.metric = "cpu_load", .bytes_max = all->bytes});
  EXPECT_FALSE(fits->is_cut);
  const auto cut = store->metric_history({.metric = "cpu_load", .bytes_max = all->bytes / 2});
  EXPECT_TRUE(cut->is_cut);
  EXPECT_EQ(cut->chunks.size(), 3u);  // The third one passes the limit.
}

// A downsampler that joins texts: `first` of each chunk's samples, by commas.
RolledUp join_samples(const std::vector<MetricChunk>& chunks,
                      const std::vector<MetricRollups>& kept) {
  MetricRollups row{.series = chunks.front().series,
                    .first_time = chunks.front().first_time,
                    .last_time = chunks.back().last_time,
                    .count = 1};
  for (const MetricRollups& old : kept) {
    row.first_time = std::min(row.first_time, old.first_time);
    row.points += old.points;
  }
  for (const MetricChunk& chunk : chunks) row.points += chunk.samples + ",";
  return {.rows = {row}};
}

std::string history_text(const Store& store) {
  const auto history = store.metric_history({.metric = "cpu_load"});
  EXPECT_TRUE(history);
  std::string text;
  for (const MetricChunk& c : history->chunks) {
    text += fmt::format("{}:{} ", c.series->host(), c.samples);
  }
  for (const MetricRollups& r : history->rollups) {
    text += fmt::format("{}:({}) ", r.series->host(), r.points);
  }
  return text;
}

// Two hosts, a chunk of each with each commit; one commit a minute.
void commit_chunks(Store& store, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t n = first; n <= last; ++n) {
    const auto from = static_cast<std::int64_t>(n) * 60;
    StoreBatch batch = batch_to(n);
    batch.now = at(from);
    for (const char* host : {"a", "b"}) {
      batch.metric_chunks.push_back(make_chunk(host, from, n));
      batch.metric_chunks.back().samples = std::to_string(n);
    }
    commit(store, batch);
  }
}

TEST_F(MetricHistoryTest, OldChunksBecomeRollupsInOneTransaction) {
  const RetentionPolicy policy{.metrics = hours(1), .metrics_raw = seconds(360)};
  {
    const auto store = open();
    commit_chunks(*store, 1, 10);
    const std::string before = history_text(*store);
    EXPECT_EQ(store->downsample(policy, at(479), join_samples)->chunks, 0u);  // Not enough yet.
    EXPECT_EQ(history_text(*store), before);
    const auto done = store->downsample(policy, at(10 * 60), join_samples);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(done->chunks, 6u);
    EXPECT_TRUE(done->is_done);
    const std::string after = "b:10 a:10 b:9 a:9 b:8 a:8 b:7 a:7 b:6 a:6 b:5 a:5 b:4 a:4 ";
    EXPECT_EQ(history_text(*store), after + "a:(1,2,3,) b:(1,2,3,) ");
  }
  const auto store = open();  // What was there is counted, and goes on.
  commit_chunks(*store, 11, 14);
  EXPECT_EQ(store->downsample(policy, at(14 * 60), join_samples)->chunks, 8u);
  EXPECT_TRUE(history_text(*store).ends_with("a:(1,2,3,4,5,6,7,) b:(1,2,3,4,5,6,7,) "));
  EXPECT_EQ(*store->retain(policy, at(60 * 60 + 480)), 2u);  // The rollups end at 479.
  EXPECT_EQ(*store->retain(policy, at(99 * 60)), 14u);
  EXPECT_EQ(store->metric_bytes(), 0u);
}

TEST_F(MetricHistoryTest, TheOldestSamplesGoWhenThereAreTooManyBytes) {
  const auto store = open();
  commit_chunks(*store, 1, 10);
  const std::uint64_t bytes = store->metric_bytes();
  EXPECT_GT(bytes, 20u * 100);
  ASSERT_TRUE(store->downsample({.metrics_raw = seconds(360)}, at(600), join_samples));
  EXPECT_EQ(*store->shrink_metrics({}), 0u);
  EXPECT_EQ(*store->shrink_metrics({.metrics_bytes_max = bytes}), 0u);
  const std::uint64_t now = store->metric_bytes();
  EXPECT_LT(now, bytes);
  const std::uint64_t gone = *store->shrink_metrics({.metrics_bytes_max = now - 1});
  EXPECT_GT(gone, 0u);
  EXPECT_EQ(store->metric_bytes(), now - gone);
  EXPECT_EQ(history_text(*store).find('('), std::string::npos);  // All rollups, no chunk.
  EXPECT_EQ(*store->shrink_metrics({.metrics_bytes_max = 1}), now - gone);
  EXPECT_EQ(history_text(*store), "");
}

// Chunks that come with one step after the other, more than one step takes.
TEST_F(MetricHistoryTest, ManyChunksAreDownsampledStepByStep) {
  const auto store = open();
  StoreBatch batch = batch_to(1);
  for (int i = 0; i < 1500; ++i) {
    for (const char* host : {"a", "b", "c"}) {
      batch.metric_chunks.push_back(make_chunk(host, i * 60, 1));
      batch.metric_chunks.back().samples = "x";
    }
  }
  commit(*store, batch);
  const RetentionPolicy policy{.metrics_raw = seconds(60)};
  std::uint64_t chunks = 0;
  for (int step = 0; step < 3; ++step) {
    const auto done = store->downsample(policy, at(100'000), join_samples);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(done->is_done, step == 2);
    chunks += done->chunks;
  }
  EXPECT_EQ(chunks, 4500u);
  const auto history = store->metric_history({.metric = "cpu_load"});
  ASSERT_EQ(history->rollups.size(), 3u);
  for (const MetricRollups& row : history->rollups) EXPECT_EQ(row.points.size(), 3000u);
}

TEST_F(MetricHistoryTest, AFullDiskLeavesChunksAsTheyAre) {
  const std::string file = path("full.db");
  auto store = open_sqlite_store(file, {.pages_max = 60});
  ASSERT_TRUE(store) << store.error().to_string();
  commit_chunks(**store, 1, 10);
  const std::string before = history_text(**store);
  const auto grow = [](const std::vector<MetricChunk>& chunks, const std::vector<MetricRollups>&) {
    MetricRollups row{.series = chunks.front().series, .points = std::string(1 << 20, 'x')};
    return RolledUp{.rows = {row}};
  };
  const RetentionPolicy policy{.metrics_raw = seconds(60)};
  const std::uint64_t bytes = (*store)->metric_bytes();
  const auto failed = (*store)->downsample(policy, at(10'000), grow);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::Exhausted);
  EXPECT_EQ(history_text(**store), before);
  EXPECT_EQ((*store)->metric_bytes(), bytes);
  EXPECT_EQ((*store)->downsample(policy, at(10'000), join_samples)->chunks, 20u);
}

}  // namespace
}  // namespace quell
