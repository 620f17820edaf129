// Calibration: what a score means.
//
// A score is a weighted sum of surprises, each of which is a rank among the series' own past. So
// its distribution over usual samples hardly depends on the series: noise of many shapes, with and
// without a cycle, at any interval, gives nearly the same up to 1 in 1,000. This is the mean of
// that distribution over generated series without anomalies, fitted before a series' gain was
// adjusted (series_block.h), which takes away what is left of the shape in the long run
// (`quell eval calibration` measures both anew).
#pragma once

namespace quell {

// The share of usual samples that have at least this score. 1 for scores <= 0. Never 0.
double score_to_p(double score);
// Its inverse. Requires: 0 < p <= 1.
double p_to_score(double p);

}  // namespace quell
