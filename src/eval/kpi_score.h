// The score of the AIOps 2018 competition: F1 of segments that must be found within a delay.
//
// Points stand on the regular grid of their series; a place without a point is a normal one. A run
// of labelled points without a gap is a segment: all of its points count as found when one of its
// first `delay` + 1 points was detected, else all as missed. Each detected point outside of
// segments is a false one. Counts are summed over all series.
//
// Method: iopsai/iops, evaluation/evaluation.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace quell {

inline constexpr std::size_t kKpiDelay = 7;

struct KpiCounts {
  std::uint64_t found = 0;   // Labelled points in segments that were found,
  std::uint64_t missed = 0;  // and in others.
  std::uint64_t false_points = 0;
  std::uint64_t segments = 0;
  std::uint64_t segments_found = 0;
  std::vector<std::uint32_t> delays{};  // Of the segments found: points before the first detection.

  double precision() const;
  double recall() const;
  double f1() const;
  void add(const KpiCounts& other);
};

// One series: seconds (rising), labels and detections, one each per point. Only points from
// `from` on are counted; the interval of the grid is the smallest step of all.
KpiCounts score_kpi(std::span<const std::int64_t> seconds, std::span<const std::uint8_t> labels,
                    std::span<const std::uint8_t> detected, std::size_t from = 0,
                    std::size_t delay = kKpiDelay);

}  // namespace quell
