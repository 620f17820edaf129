#include "eval/point_score.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/result.h"

namespace quell {
namespace {

// A row, or a labelled run that is found as a whole.
struct Unit {
  double score = 0;
  std::uint64_t rows = 1;
  bool is_anomaly = false;
};

BestF1 sweep(std::vector<Unit> units) {
  std::ranges::stable_sort(units, [](const Unit& a, const Unit& b) { return a.score > b.score; });
  std::uint64_t positives = 0;
  for (const Unit& u : units) positives += u.is_anomaly ? u.rows : 0;
  BestF1 best;
  std::uint64_t found = 0;
  std::uint64_t detected = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    detected += units[i].rows;
    found += units[i].is_anomaly ? units[i].rows : 0;
    if (i + 1 < units.size() && units[i + 1].score == units[i].score) continue;
    const double f1 = 2 * static_cast<double>(found) / static_cast<double>(detected + positives);
    if (f1 > best.f1) best = {.f1 = f1, .threshold = units[i].score};
  }
  return best;
}

}  // namespace

BestF1 best_raw_f1(std::span<const double> scores, std::span<const std::uint8_t> labels) {
  QUELL_ASSERT(scores.size() == labels.size(), "columns of one length");
  std::vector<Unit> units;
  units.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    units.push_back({.score = scores[i], .is_anomaly = labels[i] != 0});
  }
  return sweep(std::move(units));
}

BestF1 best_adjusted_f1(std::span<const double> scores, std::span<const std::uint8_t> labels) {
  QUELL_ASSERT(scores.size() == labels.size(), "columns of one length");
  std::vector<Unit> units;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const bool is_anomaly = labels[i] != 0;
    if (is_anomaly && i > 0 && labels[i - 1] != 0) {
      units.back().score = std::max(units.back().score, scores[i]);
      ++units.back().rows;
    } else {
      units.push_back({.score = scores[i], .is_anomaly = is_anomaly});
    }
  }
  return sweep(std::move(units));
}

}  // namespace quell
