// The measuring sticks against the examples of those who made them.
#include <gtest/gtest.h>

#include <array>

#include "base/prng.h"
#include "eval/kpi_score.h"
#include "eval/nab_score.h"
#include "eval/point_score.h"

namespace quell::score_test {
namespace {

constexpr NabProfile kOnes{.name = "ones", .tp = 1, .fp = 1, .fn = 1};

// NAB's values of the scaled sigmoid, as its own tests state them.
constexpr double kHalfWay = 0.8482836399575131;
constexpr double kLeftEdge = 0.9866142981514305;

// Rows of `length` with detections at `at`; what the corpus scores without normalising.
double raw(std::size_t length, std::vector<NabWindow> windows, const std::vector<std::size_t>& at,
           const NabProfile& profile) {
  std::vector<double> scores(length, 0);
  for (const std::size_t i : at) scores[i] = 1;
  NabCorpus corpus;
  const double count = static_cast<double>(windows.size());
  corpus.add("x", std::move(windows), scores);
  const double nothing = -profile.fn * count;
  const double perfect = profile.tp * count;
  return nothing + corpus.at(profile, 0.5).score / 100 * (perfect - nothing);
}

TEST(NabScore, ProbationIsASixthAndEndsAt750Rows) {
  EXPECT_EQ(nab_probation_rows(100), 15u);
  EXPECT_EQ(nab_probation_rows(1243), 186u);
  EXPECT_EQ(nab_probation_rows(22695), 750u);
}

// numenta/NAB, tests/unit/scorer_test.py and tests/integration/.
TEST(NabScore, ValuesOfRows) {
  const std::array<NabWindow, 1> one{{{1, 2}}};
  const std::vector<double> values = nab_row_values(7, one);
  EXPECT_DOUBLE_EQ(values[0], -1);
  EXPECT_DOUBLE_EQ(values[1], 1);
  EXPECT_DOUBLE_EQ(values[2], kHalfWay / kLeftEdge);
  EXPECT_DOUBLE_EQ(values[3], -kLeftEdge);  // One window behind the window.
  EXPECT_DOUBLE_EQ(values[6], -1);
}

TEST(NabScore, NabsOwnExamples) {
  // testScoringAllMetrics: windows of 5 in 100 rows; hits, a second one in the window, a false row.
  // Moved behind the probation, which NAB's test switches off.
  const std::vector<NabWindow> two{{40, 44}, {80, 84}};
  EXPECT_NEAR(raw(100, two, {40, 41, 47}, kOnes), -0.9540, 5e-5);
  // testTruePositiveAtRightEdgeOfWindow: nearly nothing is earned there, nearly nothing lost
  // behind.
  const std::vector<NabWindow> wide{{400, 499}};
  EXPECT_NEAR(raw(1000, wide, {499}, kOnes) + raw(1000, wide, {500}, kOnes) + 1, 0, 1e-3);
  // testRewardLowFalseNegatives: a missed window costs what the profile says.
  EXPECT_DOUBLE_EQ(raw(100, {{50, 59}}, {}, kNabProfiles[2]), -2);
  // testFirstTruePositiveWithinWindow, testTwoFalsePositivesIsWorseThanOne.
  EXPECT_DOUBLE_EQ(raw(100, {{50, 59}}, {50}, kOnes), 1);
  EXPECT_DOUBLE_EQ(raw(100, {{50, 59}}, {20, 21}, kNabProfiles[0]), -1 - 2 * 0.11);
  // testFalsePositivesInProbationary.
  EXPECT_DOUBLE_EQ(raw(100, {{50, 59}}, {3}, kOnes), -1);
}

// config/thresholds.json: the null detector has -116, -116 and -232; a perfect one has 116.
TEST(NabScore, NothingIsZeroAndAllIsAHundred) {
  NabCorpus nothing;
  NabCorpus perfect;
  std::vector<double> scores(1000, 0);
  nothing.add("x", {{300, 399}, {600, 649}}, scores);
  scores[300] = scores[600] = 0.7;
  perfect.add("x", {{300, 399}, {600, 649}}, scores);
  for (const NabProfile& profile : kNabProfiles) {
    EXPECT_DOUBLE_EQ(nothing.at(profile, 0.5).score, 0) << profile.name;
    EXPECT_DOUBLE_EQ(perfect.best(profile).score, 100) << profile.name;
  }
  EXPECT_EQ(perfect.best(kNabProfiles[0]).windows_hit, 2u);
}

// numenta/NAB, tests/integration/sweeper_test.py, testCalcScoreByThresholdReturnsExpectedScores:
// scores fall in the order of thresholds, a better row of a window replaces a worse one.
TEST(NabScore, TheBestThresholdIsTheOneWhoseRowsPay) {
  std::vector<double> scores(100, 0);
  scores[45] = 0.3;  // In the first window, late;
  scores[41] = 0.2;  // earlier, but only with a lower threshold.
  scores[80] = 0.5;  // The second window.
  scores[20] = 0.5;  // A false row of the same height.
  scores[70] = 0.1;  // Another: the lowest threshold does not pay.
  NabCorpus corpus;
  corpus.add("x", {{40, 49}, {80, 89}}, scores);
  const NabResult best = corpus.best(kOnes);
  EXPECT_DOUBLE_EQ(best.threshold, 0.2);
  EXPECT_EQ(best.windows_hit, 2u);
  EXPECT_EQ(best.false_rows, 1u);
  EXPECT_LT(corpus.at(kOnes, 0.1).score, best.score);
  EXPECT_LT(corpus.at(kOnes, 0.3).score, best.score);
}

TEST(NabScore, AThresholdOfZeroDetectsEveryRow) {
  NabCorpus corpus;
  std::vector<double> scores(100, 0);
  corpus.add("x", {{20, 99}}, scores);
  // Rows 15 to 19 are false, all others lie in the window: 1 - 5 * 0.11.
  const NabResult all = corpus.best(kNabProfiles[0]);
  EXPECT_DOUBLE_EQ(all.threshold, 0);
  EXPECT_NEAR(all.score, 100 * (1 - 0.55 + 1) / 2, 1e-9);
  EXPECT_EQ(all.false_rows, 5u);
}

TEST(NabScore, OutOfFoldUsesThresholdsOfOtherFiles) {
  NabCorpus corpus;
  std::vector<double> scores(1000, 0);
  scores[500] = 0.9;
  for (int i = 0; i < 9; ++i) corpus.add("same", {{500, 549}}, scores);
  scores[500] = 0.2;  // Only its own threshold would find it.
  corpus.add("odd", {{500, 549}}, scores);
  EXPECT_DOUBLE_EQ(corpus.best(kNabProfiles[0]).score, 100);
  EXPECT_DOUBLE_EQ(corpus.out_of_fold(kNabProfiles[0], 10, 1), 90);
}

KpiCounts kpi(std::vector<std::int64_t> seconds, std::vector<std::uint8_t> labels,
              std::vector<std::uint8_t> detected, std::size_t from = 0) {
  return score_kpi(seconds, labels, detected, from, 1);
}

TEST(KpiScore, ASegmentIsFoundAsAWholeOrNotAtAll) {
  // Delay 1: the detection may be at the first or the second point.
  EXPECT_EQ(kpi({0, 60, 120, 180}, {0, 1, 1, 1}, {0, 0, 1, 0}).found, 3u);
  EXPECT_EQ(kpi({0, 60, 120, 180}, {0, 1, 1, 1}, {0, 0, 0, 1}).missed, 3u);
  EXPECT_EQ(kpi({0, 60, 120, 180}, {0, 1, 1, 1}, {0, 0, 0, 1}).false_points, 0u);
  EXPECT_EQ(kpi({0, 60, 120, 180}, {0, 1, 1, 1}, {1, 1, 0, 0}).false_points, 1u);
  EXPECT_EQ(kpi({0, 60, 120, 180}, {0, 1, 1, 1}, {0, 0, 1, 0}).delays,
            (std::vector<std::uint32_t>{1}));
}

// Missing points are normal ones on the grid, so a gap ends a segment.
TEST(KpiScore, AGapCutsASegment) {
  const KpiCounts counts = kpi({0, 60, 120, 240, 300, 360}, {1, 1, 1, 1, 1, 1}, {1, 0, 0, 0, 0, 1});
  EXPECT_EQ(counts.segments, 2u);
  EXPECT_EQ(counts.found, 3u);
  EXPECT_EQ(counts.missed, 3u);
}

TEST(KpiScore, TimesBesideTheGridCutNothing) {
  const KpiCounts counts = kpi({0, 60, 121, 180, 241}, {0, 1, 1, 1, 1}, {0, 1, 0, 0, 0});
  EXPECT_EQ(counts.segments, 1u);
}

TEST(KpiScore, CountsFromAPointOn) {
  const KpiCounts counts = kpi({0, 60, 120, 180}, {1, 0, 1, 1}, {1, 1, 1, 0}, 2);
  EXPECT_EQ(counts.found, 2u);
  EXPECT_EQ(counts.false_points, 0u);
  EXPECT_DOUBLE_EQ(counts.f1(), 1);
}

TEST(KpiScore, RatiosOfSums) {
  KpiCounts counts{.found = 30, .missed = 10, .false_points = 20};
  EXPECT_DOUBLE_EQ(counts.precision(), 0.6);
  EXPECT_DOUBLE_EQ(counts.recall(), 0.75);
  EXPECT_DOUBLE_EQ(counts.f1(), 2 * 0.6 * 0.75 / (0.6 + 0.75));
  counts.add({.found = 30});
  EXPECT_EQ(counts.found, 60u);
  EXPECT_DOUBLE_EQ(KpiCounts{}.f1(), 0);
}

TEST(PointScore, TheBestThresholdOfRows) {
  const std::vector<double> scores{0.1, 0.9, 0.8, 0.3, 0.7};
  const std::vector<std::uint8_t> labels{0, 1, 1, 1, 0};
  const BestF1 raw_best = best_raw_f1(scores, labels);
  EXPECT_DOUBLE_EQ(raw_best.f1, 2.0 * 3 / (4 + 3));
  EXPECT_DOUBLE_EQ(raw_best.threshold, 0.3);
  EXPECT_DOUBLE_EQ(best_adjusted_f1(scores, labels).f1, 1);
  EXPECT_DOUBLE_EQ(best_raw_f1({}, {}).f1, 0);
}

// Why the adjusted value is a footnote only.
TEST(PointScore, PointAdjustmentFlattersRandomScores) {
  Prng prng(1);
  std::vector<double> scores(20'000);
  std::vector<std::uint8_t> labels(scores.size(), 0);
  for (double& s : scores) s = static_cast<double>(prng.below(1'000'000));
  for (std::size_t i = 5'000; i < 5'800; ++i) labels[i] = 1;
  EXPECT_LT(best_raw_f1(scores, labels).f1, 0.1);
  EXPECT_GT(best_adjusted_f1(scores, labels).f1, 0.7);
}

}  // namespace
}  // namespace quell::score_test
