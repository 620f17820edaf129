#include "stream/histogram_quantiles.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "stream/test_samples.h"

namespace quell::histogram_quantiles_test {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

struct HistogramWorld {
  explicit HistogramWorld(const SeriesTableOptions& options = {}) : table(options) {}

  // What one request leads to: what nobody sent, as `latency:p50{…}@10=0.1 …`, in its order.
  std::string send(TestRequest request) {
    SampleBatch batch;
    SeriesRefusals refused;
    table.resolve(request.samples, "test", SeriesTable::Unknown::Make, batch, refused, offset);
    const std::size_t sent = batch.size();
    quantiles.on_samples(batch, table, SeriesTable::Unknown::Make, offset++);
    EXPECT_EQ(batch.size(), sent + batch.made);
    std::string text;
    const std::size_t first = batch.size() - batch.unwatched;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const bool is_bucket = table.is_bucket(batch.slots[i]);
      EXPECT_EQ(is_bucket, i >= first);
      const bool is_quantile =
          table.series(batch.slots[i])->metric().find(':') != std::string_view::npos;
      const bool is_inferred = is_bucket && i < first + (batch.made - quantiles_of(batch, first));
      if (!is_quantile && !is_inferred) continue;
      const double value = batch.values[i];
      text += fmt::format("{}@{}={} ", table.series(batch.slots[i])->labels.to_string(),
                          (batch.times[i] - test_at(0)) / std::chrono::seconds(1),
                          is_stale_marker(value) ? "stale" : fmt::format("{:.4g}", value));
    }
    return text;
  }

  std::size_t quantiles_of(const SampleBatch& batch, std::size_t until) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < until; ++i) {
      const auto metric = table.series(batch.slots[i])->metric();
      count += metric.find(':') != std::string_view::npos ? 1 : 0;
    }
    return count;
  }

  SeriesTable table;
  HistogramQuantiles quantiles;
  std::uint64_t offset = 1;
};

std::string bucket_of(std::string_view bound) {
  return fmt::format("latency_bucket{{pod=a,le=\"{}\"}}", bound);
}

// Counts up to 0.1, up to 0.5 and of all, at a time. NaN: not in this request.
TestRequest scrape(double time, double tenth, double half, double all,
                   SeriesKind kind = SeriesKind::Unknown) {
  TestRequest request;
  if (!std::isnan(tenth)) request.add(bucket_of("0.1"), time, {tenth}, kind);
  if (!std::isnan(half)) request.add(bucket_of("0.5"), time, {half}, kind);
  if (!std::isnan(all)) request.add(bucket_of("+Inf"), time, {all}, kind);
  return request;
}

std::string both(double time, double p50, double p99) {
  return fmt::format("latency:p50{{pod=\"a\"}}@{}={:.4g} latency:p99{{pod=\"a\"}}@{}={:.4g} ", time,
                     p50, time, p99);
}

TEST(HistogramQuantiles, OfWhatWasObservedBetweenTwoTimes) {
  HistogramWorld world;
  EXPECT_EQ(world.send(scrape(0, 1000, 1000, 1000)), "");
  EXPECT_EQ(world.send(scrape(10, 1050, 1090, 1100)), both(10, 0.1, 0.5));
  EXPECT_EQ(world.send(scrape(20, 1150, 1190, 1200)), both(20, 0.05, 0.099));
  EXPECT_EQ(world.send(scrape(30, 1150, 1390, 1400)), both(30, 0.3, 0.4960));
  EXPECT_EQ(world.table.size(), 5u);
  EXPECT_EQ(world.quantiles.histograms(), 1u);
  EXPECT_EQ(world.send(TestRequest().add("up", 40, {1})), "");
}

TEST(HistogramQuantiles, NoObservationsNoValue) {
  HistogramWorld world;
  EXPECT_EQ(world.send(scrape(0, 5, 10, 10)), "");
  EXPECT_EQ(world.send(scrape(10, 5, 10, 10)), "");
  EXPECT_EQ(world.send(scrape(20, 7, 12, 12)), both(20, 0.05, 0.099));
  EXPECT_EQ(world.send(scrape(20 + 901, 9, 14, 14)), "");  // What was in between nobody knows.
  EXPECT_EQ(world.send(scrape(20 + 911, 9, 16, 16)), both(931, 0.3, 0.496));
  EXPECT_EQ(world.send(scrape(941, 9, 18, std::numeric_limits<double>::infinity())), "");
}

TEST(HistogramQuantiles, AFallOfAnyCountIsANewBeginning) {
  HistogramWorld world;
  EXPECT_EQ(world.send(scrape(0, 50, 60, 60)), "");
  // Of all buckets, though 70 is more than 60.
  EXPECT_EQ(world.send(scrape(10, 0, 70, 70)), both(10, 0.3, 0.496));
}

TEST(HistogramQuantiles, BucketsOfATimeComeInAnyOrderAndRequest) {
  HistogramWorld world;
  EXPECT_EQ(world.send(scrape(0, 0, 0, 0)), "");
  EXPECT_EQ(world.send(scrape(10, kNoNumber, 10, kNoNumber)), "");
  EXPECT_EQ(world.send(scrape(20, 0, 20, kNoNumber)), "");
  EXPECT_EQ(world.send(scrape(10, kNoNumber, kNoNumber, 10)), "");
  EXPECT_EQ(world.send(scrape(20, kNoNumber, kNoNumber, 20)), "");
  EXPECT_EQ(world.send(scrape(10, 0, kNoNumber, kNoNumber)),
            both(10, 0.3, 0.496) + both(20, 0.3, 0.496));
  EXPECT_EQ(world.send(scrape(10, 1, 10, 10)), "");  // A second time.
  // What was sent after an outage: all times of a series, then those of the next one.
  TestRequest late;
  late.add(bucket_of("0.1"), 30, {0, 10, 10});
  late.add(bucket_of("0.5"), 30, {30, 40, 50});
  late.add(bucket_of("+Inf"), 30, {30, 40, 50});
  EXPECT_EQ(world.send(std::move(late)),
            both(30, 0.3, 0.496) + both(31, 0.05, 0.099) + both(32, 0.3, 0.496));
}

TEST(HistogramQuantiles, ABucketThatComesNoMoreIsNotWaitedForForever) {
  HistogramWorld world;
  EXPECT_EQ(world.send(scrape(0, 0, 0, 0)), "");
  for (const double time : {10., 20., 30., 40.}) {
    EXPECT_EQ(world.send(scrape(time, kNoNumber, time, time)), "");
  }
  // Of the others the last times are known; the first of all buckets was ten seconds after none.
  const auto half = [](double time) { return both(time, 0.25, 0.495); };
  EXPECT_EQ(world.send(scrape(50, kNoNumber, 50, 50)), half(20) + half(30) + half(40) + half(50));
  EXPECT_EQ(world.send(scrape(60, kNoNumber, 60, 60)), half(60));
  // It comes again: from its second time on it counts.
  EXPECT_EQ(world.send(scrape(70, 0, 70, 70)), "");
  EXPECT_EQ(world.send(scrape(80, 0, 80, 80)), both(80, 0.3, 0.496));
}

TEST(HistogramQuantiles, NewBucketsAndEnds) {
  HistogramWorld world;
  EXPECT_EQ(world.send(scrape(0, 0, 0, 0)), "");
  EXPECT_EQ(world.send(scrape(10, 0, 10, 10)), both(10, 0.3, 0.496));
  TestRequest wider = scrape(20, 0, 10, 20);
  wider.add(bucket_of("2.5"), 20, {20});
  EXPECT_EQ(world.send(wider), "");
  wider = scrape(30, 0, 10, 30);
  wider.add(bucket_of("2.5"), 30, {30});
  EXPECT_EQ(world.send(wider), both(30, 1.5, 2.48));
  TestRequest end;
  for (const std::string_view bound : {"0.1", "0.5", "+Inf"}) {
    end.add(bucket_of(bound), 40, {stale_marker()});
  }
  EXPECT_EQ(world.send(end), "");  // One goes on.
  EXPECT_EQ(world.send(TestRequest().add(bucket_of("2.5"), 40, {stale_marker()})),
            "latency:p50{pod=\"a\"}@40=stale latency:p99{pod=\"a\"}@40=stale ");
  EXPECT_EQ(world.send(scrape(50, 0, 10, 40)), "");
  EXPECT_EQ(world.send(scrape(60, 0, 20, 50)), both(60, 0.3, 0.496));
}

// A bucket that has ended counts at the times before, of which others come late.
TEST(HistogramQuantiles, TheEndOfABucketLeavesWhatItHadBefore) {
  HistogramWorld world;
  EXPECT_EQ(world.send(scrape(0, 0, 0, 0)), "");
  EXPECT_EQ(world.send(scrape(10, 50, kNoNumber, kNoNumber)), "");
  EXPECT_EQ(world.send(TestRequest().add(bucket_of("0.1"), 20, {stale_marker()})), "");
  EXPECT_EQ(world.send(scrape(10, kNoNumber, 90, 100)), both(10, 0.1, 0.5));
  EXPECT_EQ(world.send(scrape(20, kNoNumber, 190, 200)), both(20, 0.25, 0.495));
  // It comes again: what it counted before it ended is nothing to go by.
  EXPECT_EQ(world.send(scrape(30, 150, 290, 300)), "");
  EXPECT_EQ(world.send(scrape(40, 250, 390, 400)), both(40, 0.05, 0.099));
}

TEST(HistogramQuantiles, AnEndOfAllLeavesWhatCameBefore) {
  HistogramWorld world;
  EXPECT_EQ(world.send(scrape(0, 0, 0, 0)), "");
  EXPECT_EQ(world.send(scrape(10, 50, 90, kNoNumber)), "");
  TestRequest end;
  for (const std::string_view bound : {"0.1", "0.5"}) {
    end.add(bucket_of(bound), 20, {stale_marker()});
  }
  EXPECT_EQ(world.send(std::move(end)), "");
  EXPECT_EQ(world.send(scrape(10, kNoNumber, kNoNumber, 100)), both(10, 0.1, 0.5));
}

TEST(HistogramQuantiles, DeltasAndGaugesAreTakenAsTheyAre) {
  for (const SeriesKind kind : {SeriesKind::Delta, SeriesKind::Gauge}) {
    HistogramWorld world;
    EXPECT_EQ(world.send(scrape(0, 10, 10, 10, kind)), both(0, 0.05, 0.099));
    EXPECT_EQ(world.send(scrape(10, 0, 4, 4, kind)), both(10, 0.3, 0.496));
    EXPECT_EQ(world.send(scrape(20, 0, 0, 0, kind)), "");
  }
}

TestRequest native(double time, const std::vector<std::pair<std::string, double>>& counts) {
  TestRequest request;
  for (const auto& [bound, count] : counts) {
    request.add(bucket_of(bound), time, {count}, SeriesKind::Counter);
    request.samples.series.back().part = HistogramPart::Bucket;
  }
  return request;
}

TEST(HistogramQuantiles, WhatANativeHistogramLeavesOutFollows) {
  HistogramWorld world;
  EXPECT_EQ(world.send(native(0, {{"0", 0}, {"0.25", 0}, {"0.5", 100}, {"+Inf", 100}})), "");
  // New bounds above: what they counted before is known, too.
  EXPECT_EQ(world.send(native(
                10, {{"0", 0}, {"0.25", 0}, {"0.5", 110}, {"1", 110}, {"2", 120}, {"+Inf", 120}})),
            both(10, 0.5, 1.98));
  // The sender began anew, and has seen little.
  EXPECT_EQ(world.send(native(20, {{"0", 0}, {"0.25", 0}, {"0.5", 8}, {"+Inf", 8}})),
            both(20, 0.375, 0.4975) +
                "latency_bucket{le=\"1\", pod=\"a\"}@20=8 "
                "latency_bucket{le=\"2\", pod=\"a\"}@20=8 ");
  // Every second bound: the others lie in between, which for once does not fit what was exact.
  EXPECT_EQ(world.send(native(30, {{"0", 0}, {"0.5", 8}, {"2", 16}, {"+Inf", 16}})),
            both(30, 0.25, 1.98) +
                "latency_bucket{le=\"0.25\", pod=\"a\"}@30=4 "
                "latency_bucket{le=\"1\", pod=\"a\"}@30=10.67 ");
  EXPECT_EQ(world.send(native(40, {{"+Inf", stale_marker()}})),
            "latency:p50{pod=\"a\"}@40=stale latency:p99{pod=\"a\"}@40=stale "
            "latency_bucket{le=\"0\", pod=\"a\"}@40=stale "
            "latency_bucket{le=\"0.25\", pod=\"a\"}@40=stale "
            "latency_bucket{le=\"0.5\", pod=\"a\"}@40=stale "
            "latency_bucket{le=\"1\", pod=\"a\"}@40=stale "
            "latency_bucket{le=\"2\", pod=\"a\"}@40=stale ");
}

TEST(HistogramQuantiles, WithoutRoomThereAreNone) {
  HistogramWorld world({.series_max = 4});
  EXPECT_EQ(world.send(scrape(0, 0, 0, 0)), "");
  EXPECT_EQ(world.send(scrape(10, 0, 10, 10)), "");
  EXPECT_EQ(world.quantiles.histograms(), 0u);
  EXPECT_EQ(world.table.size(), 3u) << "one quantile without the other";
  world.table.set_options({.series_max = 5});
  EXPECT_EQ(world.send(scrape(20, 0, 20, 20)), "");
  EXPECT_EQ(world.send(scrape(30, 0, 30, 30)), both(30, 0.3, 0.496));
  EXPECT_EQ(world.table.size(), 5u);
  EXPECT_EQ(world.table.owners()[0].series, 5u);
}

TEST(HistogramQuantiles, SeriesThatLeave) {
  HistogramWorld world;
  EXPECT_EQ(world.send(scrape(0, 0, 0, 0)), "");
  const SeriesSlot tenth = world.table.find("default", test_labels(bucket_of("0.1")));
  world.quantiles.forget(tenth);
  world.table.remove(tenth);
  // The others wait for it as if it were there.
  for (const double time : {10., 20., 30., 40.}) {
    EXPECT_EQ(world.send(scrape(time, kNoNumber, time, time)), "");
  }
  EXPECT_NE(world.send(scrape(50, kNoNumber, 50, 50)), "");
  const SeriesSlot p50 = world.table.find("default", test_labels("latency:p50{pod=a}"));
  world.quantiles.forget(p50);
  world.table.remove(p50);
  EXPECT_EQ(world.quantiles.histograms(), 0u);
  EXPECT_EQ(world.send(scrape(60, kNoNumber, 60, 60)), "");
  EXPECT_EQ(world.quantiles.histograms(), 1u);
}

// What has no bound, or no infinite bucket, is no histogram.
TEST(HistogramQuantiles, TheNumberOfBucketsIsLimited) {
  HistogramWorld world;
  const auto scrape_many = [](double time, double count) {
    TestRequest request;
    for (int i = 0; i < 2000; ++i) {
      request.add(bucket_of(fmt::format("{}", i + 1)), time, {i < 10 ? 0 : count});
    }
    return request.add(bucket_of("+Inf"), time, {count});
  };
  EXPECT_EQ(world.send(scrape_many(0, 0)), "");
  EXPECT_EQ(world.quantiles.histograms(), 1u);
  EXPECT_LT(world.quantiles.bytes(), (HistogramQuantiles::kBucketsMax + 3000) * 100);
  EXPECT_EQ(world.send(scrape_many(10, 100)), both(10, 10.5, 10.99));
}

TEST(HistogramQuantiles, WhatIsNoHistogram) {
  HistogramWorld world;
  for (const double time : {0., 10., 20.}) {
    EXPECT_EQ(world.send(TestRequest()
                             .add("fill_bucket{pod=a}", time, {time})
                             .add("fill_bucket{le=much}", time, {time})
                             .add("latency_bucket{le=\"1\"}", time, {time})
                             .add("le{le=\"+Inf\"}", time, {time})),
              "");
  }
  EXPECT_EQ(world.quantiles.histograms(), 0u);
}

}  // namespace
}  // namespace quell::histogram_quantiles_test
