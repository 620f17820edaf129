// F1 of points over all thresholds: how well a score tells labelled rows from others.
#pragma once

#include <cstdint>
#include <span>

namespace quell {

struct BestF1 {
  double f1 = 0;
  double threshold = 0;
};

// Row by row, as it is: no row counts as found because a neighbour was.
BestF1 best_raw_f1(std::span<const double> scores, std::span<const std::uint8_t> labels);

// With point adjustment: one detected row makes all rows of its labelled run found. Random scores
// do well by it (Kim et al., "Towards a Rigorous Evaluation of Time-Series Anomaly Detection",
// AAAI 2022); it is for comparing with papers that used it, and for nothing else.
BestF1 best_adjusted_f1(std::span<const double> scores, std::span<const std::uint8_t> labels);

}  // namespace quell
