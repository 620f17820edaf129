#include "detect/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace quell {
namespace {

struct Knot {
  double score = 0;
  double exponent = 0;  // -log10 of the share.
};

// Quantiles of 1.5 million scores, after the first 10,000 of each series. The flat stretch from
// 10 on are records, which lift several components at once.
constexpr std::array<Knot, 13> kKnots{{{0, 0},
                                       {1.55, 0.301},
                                       {2.07, 0.523},
                                       {3.07, 1},
                                       {4.09, 1.523},
                                       {5.04, 2},
                                       {6.08, 2.523},
                                       {7.06, 3},
                                       {8.34, 3.523},
                                       {10.5, 4},
                                       {16.6, 4.523},
                                       {23, 5},
                                       {100, 12}}};

}  // namespace

double score_to_p(double score) {
  if (!(score > 0)) return 1;
  const double s = std::min(score, kKnots.back().score);
  std::size_t i = 1;
  while (kKnots[i].score < s) ++i;
  const Knot& a = kKnots[i - 1];
  const Knot& b = kKnots[i];
  return std::pow(10,
                  -(a.exponent + (b.exponent - a.exponent) * (s - a.score) / (b.score - a.score)));
}

double p_to_score(double p) {
  const double exponent = std::clamp(-std::log10(p), 0.0, kKnots.back().exponent);
  std::size_t i = 1;
  while (kKnots[i].exponent < exponent) ++i;
  const Knot& a = kKnots[i - 1];
  const Knot& b = kKnots[i];
  return a.score + (b.score - a.score) * (exponent - a.exponent) / (b.exponent - a.exponent);
}

}  // namespace quell
