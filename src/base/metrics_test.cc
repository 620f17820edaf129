#include "base/metrics.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

TEST(Metrics, AreCollectedInOrderOfDeclaration) {
  MetricList list;
  Counter events(list, "quell_test_events_total", "Events.");
  Gauge depth(list, "quell_test_depth", "Depth.");
  events.add();
  events.add(41);
  depth.set(3);
  depth.add(-0.5);
  const auto families = list.collect();
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].name, "quell_test_events_total");
  EXPECT_EQ(families[0].help, "Events.");
  EXPECT_EQ(families[0].samples[0].value, 42);
  EXPECT_EQ(families[1].kind, MetricKind::Gauge);
  EXPECT_EQ(families[1].samples[0].value, 2.5);
}

TEST(Metrics, HistogramPutsAValueOnABoundIntoItsBucket) {
  static constexpr double kBounds[] = {1, 2};
  MetricList list;
  Histogram h(list, "quell_test_seconds", "Time.", kBounds);
  for (const double v : {0.5, 1.0, 1.5, 2.0, 99.0}) h.observe(v);
  const MetricFamily family = list.collect()[0];
  EXPECT_EQ(family.bounds, (std::vector<double>{1, 2}));
  EXPECT_EQ(family.samples[0].buckets, (std::vector<std::uint64_t>{2, 2, 1}));
  EXPECT_EQ(family.samples[0].value, 104);
}

TEST(Metrics, FamilyIsBounded) {
  MetricList list;
  CounterFamily family(list, "quell_test_sources_total", "By source.", "source");
  auto& first = family.at("s0");
  for (std::size_t i = 0; i < CounterFamily::kValuesMax + 50; ++i) {
    family.at("s" + std::to_string(i)).add();
  }
  EXPECT_EQ(&first, &family.at("s0"));
  EXPECT_EQ(family.at("other").value(), 50u);
  const auto samples = list.collect()[0].samples;
  EXPECT_EQ(samples.size(), CounterFamily::kValuesMax + 1);
  EXPECT_EQ(samples[0].labels[0], (std::pair<std::string, std::string>{"source", "other"}));
}

TEST(MetricsDeathTest, WrongNamesAreRefused) {
  EXPECT_DEATH(
      {
        MetricList list;
        Counter c(list, "quell_test_events", "");
      },
      "end in _total");
  EXPECT_DEATH(
      {
        MetricList list;
        Gauge a(list, "quell_test_depth", "");
        Gauge b(list, "quell_test_depth", "");
      },
      "declared once");
}

}  // namespace
}  // namespace quell
