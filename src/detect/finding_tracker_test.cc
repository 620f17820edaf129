#include "detect/finding_tracker.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <span>

#include "base/prng.h"
#include "stream/test_samples.h"

namespace quell {
namespace {

// Hosts with series of noise around a level, which a test moves; a sample every ten seconds.
class Estate {
 public:
  // The first series of each host are those that are named: `metric` or `metric{label="value"`.
  Estate(int hosts, int series, const FindingOptions& options = quick(),
         std::vector<std::string> named = {})
      : hosts_(hosts), series_(series) {
    TestRequest request;
    for (int h = 0; h < hosts; ++h) {
      for (int s = 0; s < series; ++s) {
        const auto number = static_cast<std::size_t>(s);
        const std::string name =
            number < named.size() ? named[number] : fmt::format("metric_{}", s);
        const char next = name.contains('{') ? ',' : '{';
        request.add(fmt::format("{}{}host=\"h{}\"}}", name, next, h), 0, {0});
      }
    }
    batch_ = resolved(table_, std::move(request));
    moved_.resize(batch_.size());
    detector_.set_settings({.finding_p = options.series_p, .warmup_samples = options.warmup});
    tracker.set_options(options);
    tracker.follow(table_);
  }

  static FindingOptions quick() {
    FindingOptions options;
    options.warmup = 60;
    options.incident_warmup = 60;
    return options;
  }

  void move(int host, int series, double by) {
    moved_[static_cast<std::size_t>(host) * static_cast<std::size_t>(series_) +
           static_cast<std::size_t>(series)] = by;
  }
  void move_all(int host, double by) {
    for (int s = 0; s < series_; ++s) move(host, s, by);
  }

  // Returns: what alerts were told.
  std::vector<FindingNews> run(int rounds) {
    std::vector<FindingNews> news;
    for (int r = 0; r < rounds; ++r) {
      now_ += std::chrono::seconds(10);
      for (std::size_t i = 0; i < batch_.size(); ++i) {
        const double noise = static_cast<double>(prng_.below(1000) + prng_.below(1000)) / 500;
        batch_.times[i] = now_;
        batch_.values[i] = 50 + noise + moved_[i];
      }
      tracker.on_time(now_, table_, news);
      const std::size_t count = frame_samples == 0 ? batch_.size() : frame_samples;
      for (std::size_t i = 0; i < batch_.size(); i += count) {
        const auto slots = std::span(batch_.slots).subspan(i, count);
        const auto times = std::span(batch_.times).subspan(i, count);
        const auto values = std::span(batch_.values).subspan(i, count);
        detector_.observe(slots, times, values, calendar_, seen_);
        tracker.on_samples({slots, times, values, seen_}, detector_, table_, now_, news);
      }
    }
    return news;
  }
  std::size_t frame_samples = 0;  // So many in a frame; 0: all of a round.

  // Time in which nothing comes.
  std::vector<FindingNews> pass(Duration time) {
    now_ += time;
    std::vector<FindingNews> news;
    tracker.on_time(now_, table_, news);
    return news;
  }

  // The same in one request at the end, with a host moved for some rounds.
  std::vector<FindingNews> run_in_one(int rounds, int host, int from, int until, double by,
                                      bool series_by_series = false) {
    SampleBatch all;
    for (int r = 0; r < rounds; ++r) {
      now_ += std::chrono::seconds(10);
      for (std::size_t i = 0; i < batch_.size(); ++i) {
        const double noise = static_cast<double>(prng_.below(1000) + prng_.below(1000)) / 500;
        const bool is_moved = r >= from && r < until && static_cast<int>(i) / series_ == host;
        all.slots.push_back(batch_.slots[i]);
        all.times.push_back(now_);
        all.values.push_back(50 + noise + (is_moved ? by : 0));
      }
    }
    if (series_by_series) {
      const SampleBatch by_time = all;
      const auto count = static_cast<std::size_t>(rounds);
      for (std::size_t i = 0; i < all.size(); ++i) {
        const std::size_t from_row = i % count * batch_.size() + i / count;
        all.slots[i] = by_time.slots[from_row];
        all.times[i] = by_time.times[from_row];
        all.values[i] = by_time.values[from_row];
      }
    }
    std::vector<FindingNews> news;
    tracker.on_time(now_, table_, news);
    detector_.observe(all.slots, all.times, all.values, calendar_, seen_);
    tracker.on_samples({all.slots, all.times, all.values, seen_}, detector_, table_, now_, news);
    return news;
  }

  std::vector<Finding> findings() const {
    std::vector<Finding> found;
    tracker.findings().newest_first(UINT64_MAX, [&](std::uint64_t, const Finding& f) {
      found.push_back(f);
      return true;
    });
    std::ranges::sort(found, {}, &Finding::id);
    return found;
  }

  Timestamp now() const { return now_; }
  SeriesTable& table() { return table_; }
  FindingTracker tracker;

 private:
  int hosts_;
  int series_;
  SeriesTable table_;
  SampleBatch batch_;
  std::vector<double> moved_;
  Detector detector_;
  Calendar calendar_;
  Observations seen_;
  Prng prng_{5};
  Timestamp now_ = test_at(0);
};

TEST(FindingTracker, NothingIsFoundWhileAllIsUsual) {
  Estate estate(3, 20);
  EXPECT_TRUE(estate.run(2000).empty());
  EXPECT_TRUE(estate.findings().empty());
}

// As a sender does that catches up.
TEST(FindingTracker, WhatBeginsAndEndsInOneRequestIsFound) {
  Estate estate(3, 20);
  estate.run(1000);
  const auto news = estate.run_in_one(28, 1, 0, 8, 30);  // Not older than five minutes.
  const auto found = estate.findings();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].entity.to_string(), "host:h1");
  EXPECT_EQ(found[0].series_count, 20u);
  EXPECT_EQ(found[0].onset, estate.now() - std::chrono::seconds(10 * 27));
  EXPECT_FALSE(news.empty());
}

// As a sender does that has some samples of each series.
TEST(FindingTracker, ARequestSeriesBySeriesIsJudgedInTheOrderOfTime) {
  Estate by_time(12, 20);
  Estate by_series(12, 20);
  for (Estate* estate : {&by_time, &by_series}) {
    estate->run(300);
    for (int h = 0; h < 12; ++h) {
      estate->run_in_one(25, h, 0, 20, 6, estate == &by_series);
      estate->run(100);
    }
  }
  const auto expected = by_time.findings();
  const auto found = by_series.findings();
  EXPECT_GE(expected.size(), 12u);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].entity, expected[i].entity);
    EXPECT_EQ(found[i].onset, expected[i].onset);
    EXPECT_EQ(found[i].series_count, expected[i].series_count);
  }
}

TEST(FindingTracker, OneCauseIsOneFindingOfItsEntity) {
  Estate estate(3, 20);
  estate.run(1000);
  const Timestamp before = estate.now();
  estate.move_all(1, 30);
  const auto news = estate.run(20);
  const auto found = estate.findings();
  ASSERT_EQ(found.size(), 1u);
  const Finding& f = found[0];
  EXPECT_EQ(f.entity.to_string(), "host:h1");
  EXPECT_EQ(f.severity, Severity::Error);
  EXPECT_EQ(f.onset, before + std::chrono::seconds(10));
  EXPECT_EQ(f.series_count, 20u);
  EXPECT_EQ(f.metric_count, 20u);
  EXPECT_EQ(f.entity_series, 20u);
  EXPECT_EQ(f.signals.size(), 20u);
  EXPECT_TRUE(f.signals[0].is_up());
  EXPECT_NEAR(f.signals[0].peak.value, 82, 3);
  EXPECT_NEAR(f.signals[0].peak.expected, 52, 6);
  EXPECT_LT(f.p, 1e-6);
  EXPECT_FALSE(news.empty());
  // Told when it began, when it became worse, and now and then; not with every sample.
  EXPECT_LE(news.size(), 16u);
}

TEST(FindingTracker, WhatOnlyLastsIsToldSeldomerAndWhatGrowsAtOnce) {
  Estate estate(1, 20);
  estate.run(1000);
  for (int s = 0; s < 4; ++s) estate.move(0, s, 3000);
  EXPECT_FALSE(estate.run(20).empty());
  // After 15, 30, 60, 120 and 240 seconds, then each five minutes.
  EXPECT_LE(estate.run(60).size(), 4u);
  EXPECT_LE(estate.run(60).size(), 3u);
  ASSERT_EQ(estate.findings().size(), 1u);
  EXPECT_EQ(estate.findings()[0].status, FindingStatus::Open);
  EXPECT_LE(estate.now() - estate.findings()[0].updated_at, std::chrono::seconds(20));
  estate.move(0, 7, 30'000);
  EXPECT_FALSE(estate.run(6).empty());
  EXPECT_EQ(estate.findings()[0].series_count, 5u);
}

TEST(FindingTracker, ItEndsWhenItsSeriesAreAsUsual) {
  Estate estate(1, 20);
  estate.run(1000);
  estate.move_all(0, 30);
  estate.run(10);
  const Timestamp last = estate.now();
  estate.move_all(0, 0);
  const auto news = estate.run(60);
  const auto found = estate.findings();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].status, FindingStatus::Ended);
  ASSERT_TRUE(found[0].ended_at.has_value());
  EXPECT_GE(*found[0].ended_at, last);
  EXPECT_LE(*found[0].ended_at, last + std::chrono::minutes(8));
  EXPECT_TRUE(news.back().ended);
  EXPECT_EQ(estate.tracker.open_count(), 0u);
}

TEST(FindingTracker, NothingIsSaidWhileSeriesLearn) {
  FindingOptions options = Estate::quick();
  options.warmup = 300;
  Estate estate(1, 20, options);
  estate.run(100);
  estate.move_all(0, 30);
  EXPECT_TRUE(estate.run(30).empty());
}

TEST(FindingTracker, WhatIsYoungIsAWarningAtMost) {
  FindingOptions options = Estate::quick();
  options.incident_warmup = 3000;
  Estate estate(1, 20, options);
  estate.run(1000);
  for (int s = 0; s < 4; ++s) estate.move(0, s, 30);
  estate.run(30);
  ASSERT_EQ(estate.findings().size(), 1u);
  EXPECT_EQ(estate.findings()[0].severity, Severity::Warning);
}

TEST(FindingTracker, FiveMetricsThatStandFarAwayAtOnceAreAnErrorAlsoWhenYoung) {
  FindingOptions options = Estate::quick();
  options.incident_warmup = 3000;
  Estate estate(1, 20, options);
  estate.run(1000);
  for (int s = 0; s < 5; ++s) estate.move(0, s, 30);
  estate.run(30);
  ASSERT_EQ(estate.findings().size(), 1u);
  EXPECT_EQ(estate.findings()[0].severity, Severity::Error);
}

TEST(FindingTracker, AStepInFewOfManyYoungSeriesIsFoundAndLastsWhileItDoes) {
  Estate estate(1, 500);
  estate.run(100);
  EXPECT_TRUE(estate.findings().empty());
  for (int s = 0; s < 4; ++s) estate.move(0, s, 300);
  estate.run(15);
  ASSERT_EQ(estate.findings().size(), 1u);
  EXPECT_EQ(estate.findings()[0].metric_count, 4u);
  estate.run(40);
  ASSERT_EQ(estate.findings().size(), 1u);
  EXPECT_EQ(estate.findings()[0].status, FindingStatus::Open);
}

TEST(FindingTracker, OneSeriesThatIsFarOffIsEnough) {
  Estate estate(1, 20);
  estate.run(1000);
  estate.move(0, 7, 500);
  estate.run(10);
  const auto found = estate.findings();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].signals.at(0).series->metric(), "metric_7");
  EXPECT_EQ(found[0].severity, Severity::Warning);
}

TEST(FindingTracker, ManyProcessorsDoNotHideAFullDisk) {
  std::vector<std::string> named{"node_filesystem_avail_bytes"};
  for (int i = 0; i < 256; ++i) {
    named.push_back(fmt::format("node_cpu_seconds_total{{cpu=\"{}\"", i));
  }
  Estate estate(1, 500, Estate::quick(), std::move(named));
  estate.run(340);
  EXPECT_TRUE(estate.findings().empty());
  estate.move(0, 0, 500);
  estate.run(15);
  ASSERT_EQ(estate.findings().size(), 1u);
  EXPECT_TRUE(estate.findings()[0].title.starts_with("node_filesystem_avail_bytes"));
}

TEST(FindingTracker, GoldenSignalsLeaveRoomForOthers) {
  std::vector<std::string> named;
  for (int i = 0; i < 64; ++i) {
    named.push_back(fmt::format("node_cpu_seconds_total{{cpu=\"{}\"", i));
  }
  Estate estate(1, 100, Estate::quick(), std::move(named));
  estate.run(340);
  estate.move_all(0, 500);
  estate.run(30);
  const auto found = estate.findings();
  ASSERT_EQ(found.size(), 1u);
  const auto& signals = found[0].signals;
  ASSERT_EQ(signals.size(), Finding::kSignalsListed);
  const auto is_golden = [](const FindingSignal& s) {
    return s.series->metric() == "node_cpu_seconds_total";
  };
  EXPECT_TRUE(is_golden(signals[0]));
  EXPECT_LT(std::ranges::count_if(signals, is_golden), 45);
}

TEST(FindingTracker, AGoldenSignalIsJudgedAmongItsKindAndToldFirst) {
  const auto moved = [](std::vector<std::string> named, int series) {
    Estate estate(1, 500, Estate::quick(), std::move(named));
    estate.run(340);
    for (int s = 0; s < series; ++s) estate.move(0, s, 15);
    estate.run(15);
    return estate.findings();
  };
  EXPECT_TRUE(moved({}, 1).empty());
  const auto found = moved({"system.cpu.utilization"}, 1);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].severity, Severity::Warning);
  EXPECT_TRUE(found[0].signals[0].is_golden);
  EXPECT_TRUE(found[0].why.starts_with("golden signals, which")) << found[0].why;

  const auto among_others = moved({"metric_a", "metric_b", "up", "metric_c"}, 20);
  ASSERT_EQ(among_others.size(), 1u);
  EXPECT_TRUE(among_others[0].title.starts_with("up on h0")) << among_others[0].title;
}

TEST(FindingTracker, RulesSayWhatCounts) {
  FindingOptions options = Estate::quick();
  options.rules = {{.metric = "metric_0", .gate = {.direction = Direction::Down}},
                   {.metric = "metric_1", .detector = {.kind = NamedDetectorKind::Off}},
                   {.metric = "metric_2", .gate = {.min_change = 1000}},
                   {.metric = "metric_3", .severity = Severity::Critical}};
  Estate estate(1, 5, options);
  estate.run(400);
  const std::size_t before = estate.findings().size();
  for (const int s : {0, 1, 2}) estate.move(0, s, 500);
  EXPECT_TRUE(estate.run(10).empty());
  estate.move(0, 3, 500);
  estate.run(10);
  const auto found = estate.findings();
  ASSERT_EQ(found.size(), before + 1);
  EXPECT_EQ(found.back().signals.size(), 1u);
  EXPECT_EQ(found.back().signals.at(0).series->metric(), "metric_3");
  EXPECT_EQ(found.back().severity, Severity::Critical);
}

TEST(FindingTracker, AStormIsAFewFindings) {
  Estate estate(300, 20);
  estate.run(1000);
  for (int h = 0; h < 300; ++h) estate.move_all(h, 30);
  estate.run(6);
  const auto found = estate.findings();
  ASSERT_EQ(found.size(), FindingTracker::kStormFindings + 1);
  EXPECT_TRUE(found.back().is_storm);
  EXPECT_EQ(found.back().entities, 300 - FindingTracker::kStormFindings);
  EXPECT_EQ(found.back().series_count, 20 * found.back().entities);
  EXPECT_EQ(found.back().signals.size(), Finding::kSignalsListed);
}

TEST(FindingTracker, ALateSeriesOfAStormIsShownWithinASecond) {
  Estate estate(100, 20);
  estate.run(1000);
  estate.frame_samples = 400;  // The storm doubles with some of the frames only.
  for (int h = 0; h < 100; ++h) estate.move_all(h, 30);
  int shown = 0;
  for (int round = 0; round < 10; ++round) {
    estate.run(1);
    const std::uint32_t before =
        estate.findings().empty() ? 0 : estate.findings().back().series_count;
    if (estate.tracker.next_deadline() != estate.now() + FindingTracker::kGrowthShown) continue;
    EXPECT_EQ(estate.pass(FindingTracker::kGrowthShown).size(), 1u);
    EXPECT_GT(estate.findings().back().series_count, before);
    ++shown;
  }
  EXPECT_GE(shown, 1);
  EXPECT_EQ(estate.findings().back().series_count, 20 * (100 - FindingTracker::kStormFindings));
}

TEST(FindingTracker, AFrameHasOneNewsOfAStorm) {
  Estate estate(100, 20);
  estate.run(1000);
  for (int h = 0; h < 100; ++h) estate.move_all(h, 30);
  for (int round = 0; round < 6; ++round) {
    estate.pass(std::chrono::seconds(1));  // What has grown is told then.
    std::map<FindingId, int> told;
    for (const FindingNews& one : estate.run(1)) ++told[one.id];
    for (const auto& [id, count] : told) EXPECT_EQ(count, 1) << id;
  }
  EXPECT_TRUE(estate.findings().back().is_storm);
}

TEST(FindingTracker, ASeriesThatIsUnusualTwiceCountsOnce) {
  Estate estate(1, 20);
  estate.run(1000);
  estate.move_all(0, 30);
  estate.run(20);
  estate.move(0, 7, 0);
  estate.run(40);
  estate.move(0, 7, 3000);
  estate.run(20);
  const auto found = estate.findings();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].series_count, 20u);
}

TEST(FindingTracker, WhatCannotBecomeWorseIsNotWeighedAtEveryFrame) {
  Estate estate(1, 40);
  estate.run(1000);
  estate.move_all(0, 30);
  estate.run(20);
  ASSERT_EQ(estate.findings().size(), 1u);
  ASSERT_EQ(estate.findings()[0].severity, Severity::Error);
  const std::uint64_t before = estate.tracker.weighed();
  estate.frame_samples = 1;
  estate.run(10);                                          // 400 frames in 100 s,
  EXPECT_LE(estate.tracker.weighed() - before, 10u * 40);  // with a refresh each 15 s.
}

TEST(FindingTracker, FollowsSeriesThatTakeThePlacesOfOthers) {
  SeriesTable table;
  FindingTracker tracker;
  const auto follow = [&] {
    const auto fresh = tracker.follow(table);
    return std::vector<SeriesSlot>(fresh.begin(), fresh.end());
  };
  (void)resolved(table, TestRequest().add("a", 0, {1}).add("b", 0, {1}).add("c", 0, {1}));
  EXPECT_EQ(follow(), (std::vector<SeriesSlot>{0, 1, 2}));
  EXPECT_TRUE(follow().empty());
  tracker.forget(1);
  table.remove(1);
  EXPECT_TRUE(follow().empty());
  (void)resolved(table, TestRequest().add("d", 0, {1}).add("e", 0, {1}));
  EXPECT_EQ(follow(), (std::vector<SeriesSlot>{1, 3}));
  EXPECT_TRUE(follow().empty());
}

TEST(FindingTracker, NoiseMustBeExceededToCountAgain) {
  Estate estate(1, 20);
  estate.run(400);
  const auto fault = [&](double by) {
    estate.move(0, 7, by);
    estate.run(10);
    estate.move(0, 7, 0);
    estate.run(400);
    return estate.findings().size();
  };
  EXPECT_EQ(fault(500), 1u);
  EXPECT_EQ(fault(50'000), 2u);
  const auto effect = estate.tracker.give_feedback(2, Feedback::Noise, "ann", estate.now());
  ASSERT_TRUE(effect.has_value());
  EXPECT_TRUE(effect->starts_with("1 metric must deviate a quarter more")) << *effect;
  EXPECT_EQ(fault(60'000), 2u);
  EXPECT_TRUE(estate.tracker.give_feedback(2, Feedback::Useful, "ann", estate.now()).has_value());
  EXPECT_EQ(fault(1e9), 3u);
  EXPECT_FALSE(estate.tracker.give_feedback(99, Feedback::Useful, "ann", estate.now()));
}

}  // namespace
}  // namespace quell
