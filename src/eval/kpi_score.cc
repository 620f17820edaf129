#include "eval/kpi_score.h"

#include <algorithm>

#include "base/result.h"

namespace quell {
namespace {

double share(std::uint64_t part, std::uint64_t rest) {
  return part == 0 ? 0 : static_cast<double>(part) / static_cast<double>(part + rest);
}

std::int64_t grid_interval(std::span<const std::int64_t> seconds) {
  std::int64_t interval = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 1; i < seconds.size(); ++i) {
    const std::int64_t step = seconds[i] - seconds[i - 1];
    if (step > 0) interval = std::min(interval, step);
  }
  return interval;
}

}  // namespace

double KpiCounts::precision() const {
  return share(found, false_points);
}
double KpiCounts::recall() const {
  return share(found, missed);
}
double KpiCounts::f1() const {
  return found == 0 ? 0
                    : 2 * static_cast<double>(found) /
                          static_cast<double>(2 * found + missed + false_points);
}

void KpiCounts::add(const KpiCounts& other) {
  found += other.found;
  missed += other.missed;
  false_points += other.false_points;
  segments += other.segments;
  segments_found += other.segments_found;
  delays.insert(delays.end(), other.delays.begin(), other.delays.end());
}

KpiCounts score_kpi(std::span<const std::int64_t> seconds, std::span<const std::uint8_t> labels,
                    std::span<const std::uint8_t> detected, std::size_t from, std::size_t delay) {
  QUELL_ASSERT(seconds.size() == labels.size() && labels.size() == detected.size(),
               "columns of one length");
  const std::int64_t interval = grid_interval(seconds);
  KpiCounts counts;
  for (std::size_t i = from; i < labels.size();) {
    if (labels[i] == 0) {
      counts.false_points += detected[i] != 0;
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    // Neighbours on the grid of the sampling interval, as the competition's script counts it.
    const auto cell = [&](std::size_t k) { return (seconds[k] - seconds[0]) / interval; };
    while (end < labels.size() && labels[end] != 0 && cell(end) - cell(end - 1) <= 1) {
      ++end;
    }
    const std::size_t in_time = std::min(end, i + delay + 1);
    std::size_t first = i;
    while (first < in_time && detected[first] == 0) ++first;
    ++counts.segments;
    if (first < in_time) {
      ++counts.segments_found;
      counts.found += end - i;
      counts.delays.push_back(static_cast<std::uint32_t>(first - i));
    } else {
      counts.missed += end - i;
    }
    i = end;
  }
  return counts;
}

}  // namespace quell
