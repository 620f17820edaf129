// Histograms in the whole pipeline: buckets by remote write in, findings about quantiles out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/pipeline.h"
#include "app/settings.h"
#include "base/prng.h"
#include "base/time.h"
#include "stream/sample_query.h"
#include "tests/support/kills.h"
#include "wire/write_request.h"

namespace quell {
namespace {

using std::chrono::seconds;

constexpr std::array kBounds{0.05, 0.1, 0.25, 0.5, 1.0, 2.5};

// A shop whose requests Prometheus counts, once in 15 seconds.
class Shop {
 public:
  explicit Shop(std::uint64_t seed) : prng_(seed) {
    auto settings = parse_settings("detection: {warmup: 200}", "config", {}, no_files());
    QUELL_ASSERT(settings.has_value(), "good settings");
    feed({.kind = FrameKind::Config, .source = "config", .body = settings->pipeline_text});
  }

  // About a thousand requests, half of them below 50 ms and twenty of 0.2 s, and `slower` of 0.9 s.
  // What is a bit slower or faster within its bucket moves the sum by up to a fifth.
  void pass(int rounds, double slower) {
    for (int i = 0; i < rounds; ++i) {
      now_ += seconds(15);
      const double pace = 0.8 + 0.4 * share();
      observe(0.03, 500 + 50 * share(), pace);
      observe(0.075, 450 + 50 * share(), pace);
      observe(0.2, 16 + 8 * share(), pace);
      if (slower > 0) observe(0.9, slower * (0.9 + 0.2 * share()), 1);
      write();
    }
  }

  std::vector<std::string> titles() const {
    std::vector<std::string> found;
    for (const Finding& f : findings_of(pipeline_)) found.push_back(f.title);
    return found;
  }
  const Pipeline& pipeline() const { return pipeline_; }
  std::string state() const { return detection_state(pipeline_); }

  // The same when the process was killed every few frames.
  std::string state_with_kills(std::uint64_t seed) const {
    Prng prng(seed);
    return detection_state_with_kills(packs_, journal_, {.commit_after = 4, .kill_after = 100},
                                      prng);
  }

 private:
  // From 0 to 1, mostly near the middle.
  double share() {
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>(prng_.below(1000)) / 4000;
    return sum;
  }

  void observe(double value, double times, double pace) {
    times = std::floor(times);
    for (std::size_t b = 0; b < kBounds.size(); ++b) {
      if (value <= kBounds[b]) counts_[b] += times;
    }
    count_ += times;
    sum_ += value * times * pace;
  }

  void write() {
    WriteRequestBuilder request;
    const std::int64_t ms = to_ns(now_) / 1'000'000;
    const auto add = [&](std::string_view ending, std::string_view bound, double value) {
      const std::string metric = "http_request_duration_seconds" + std::string(ending);
      std::vector<Label> labels{{kMetricLabel, metric}, {"instance", "api-1"}};
      if (!bound.empty()) labels.push_back({"le", bound});
      request.add_sample(SeriesLabels::from(labels).value(), ms, value);
    };
    for (std::size_t b = 0; b < kBounds.size(); ++b) {
      add("_bucket", fmt::format("{}", kBounds[b]), counts_[b]);
    }
    add("_bucket", "+Inf", count_);
    add("_count", "", count_);
    add("_sum", "", sum_);
    feed(request.frame("prometheus", "default"));
  }

  void feed(Frame frame) {
    frame.offset = pipeline_.next_offset();
    frame.arrived_at = std::max(now_, pipeline_.now());
    pipeline_.on_frame(frame);
    journal_.push_back(std::move(frame));
  }

  PackLibrary packs_;
  Pipeline pipeline_{packs_};
  std::vector<Frame> journal_;
  Timestamp now_ = *parse_rfc3339("2026-11-21T08:00:00Z");
  Prng prng_;
  std::array<double, kBounds.size()> counts_{};
  double count_ = 0;
  double sum_ = 0;
};

// Twelve hours each. Chance makes a finding now and then, but no incident.
TEST(Histograms, SteadyTrafficIsNoIncident) {
  std::size_t found = 0;
  for (const std::uint64_t seed : {1, 2, 3}) {
    Shop shop(seed);
    shop.pass(3000, 0);
    EXPECT_EQ(shop.pipeline().counters().incidents_opened, 0u);
    found += shop.titles().size();
  }
  EXPECT_LE(found, 2u);
}

// A hundredth of the requests becomes slow: the count stays, and of the sum a seventh more is
// within what is usual.
TEST(Histograms, AShiftOfTheHighestPercentileIsFound) {
  Shop shop(1);
  shop.pass(2000, 0);
  ASSERT_EQ(shop.titles(), std::vector<std::string>{});
  shop.pass(40, 13);
  const auto titles = shop.titles();
  ASSERT_EQ(titles.size(), 1u);
  EXPECT_TRUE(titles[0].starts_with("p99 of http_request_duration_seconds on api-1 is 0."))
      << titles[0];
  // What it shows are the samples of the series.
  std::vector<FindingPoint> points;
  const_cast<Pipeline&>(shop.pipeline())
      .detection()
      .findings()
      .newest_first(UINT64_MAX, [&](std::uint64_t, const Finding& f) {
        EXPECT_EQ(f.signals.at(0).series->metric(), "http_request_duration_seconds:p99");
        points = f.signals.at(0).points;
        return true;
      });
  EXPECT_GE(points.size(), 10u);
}

TEST(Histograms, BucketsAreNotWatched) {
  Shop shop(1);
  shop.pass(300, 0);
  const SeriesTable& table = shop.pipeline().metrics().table();
  std::size_t watched = 0;
  for (SeriesSlot slot = 0; slot < table.slot_count(); ++slot) {
    const bool is_watched = shop.pipeline().detection().detector().model(slot).samples > 0;
    EXPECT_EQ(is_watched, !table.is_bucket(slot)) << table.series(slot)->labels.to_string();
    watched += is_watched ? 1 : 0;
  }
  EXPECT_EQ(table.size(), 11u);
  EXPECT_EQ(watched, 4u);  // Both quantiles, the count and the sum.
}

TEST(Histograms, KillsChangeNothing) {
  Shop shop(5);
  shop.pass(600, 0);
  shop.pass(40, 13);
  const std::string want = shop.state();
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_TRUE(shop.state_with_kills(seed) == want) << seed;
  }
}

}  // namespace
}  // namespace quell
