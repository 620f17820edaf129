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

// Quantiles of millions of scores of generated series (eval/calibration_eval.cc), after the first
// 10,000 of each. The flat stretch from 10 on are records, which lift several components at once.
constexpr std::array<Knot, 16> kKnots{{{0, 0},
                                       {1.52, 0.301},
                                       {2.03, 0.523},
                                       {3.01, 1},
                                       {4.03, 1.523},
                                       {4.94, 2},
                                       {5.92, 2.523},
                                       {6.70, 2.903},
                                       {7.41, 3.25},
                                       {8.08, 3.523},
                                       {8.98, 3.75},
                                       {10.6, 4},
                                       {12.6, 4.25},
                                       {17.3, 4.523},
                                       {22.6, 5},
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
