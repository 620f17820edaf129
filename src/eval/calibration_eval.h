// Calibration: how often the detector finds something where nothing is wrong.
//
// Series are generated without anomalies: noise of several shapes, with and without a daily cycle
// and memory, at several intervals. What is found in them is false by construction, so the share of
// samples that open an episode should be the declared one, DetectSettings::finding_p.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/data_files.h"

namespace quell {

struct CalibrationReport {
  struct Kind {
    std::string name{};
    std::int64_t interval_seconds = 60;
    std::uint64_t samples = 0;  // Behind the first 10,000 of each series.
    std::uint64_t rare = 0;     // Samples whose p is at most the declared one,
    std::uint64_t opened = 0;   // and findings: episodes that began.
    // The same findings of a series that is young: from its kYoungFrom-th sample to its
    // kYoungTo-th.
    std::uint64_t young_samples = 0;
    std::uint64_t young_opened = 0;
  };
  std::vector<Kind> kinds{};
  std::uint64_t series_of_each = 0;
  double declared = 0;            // Share of samples: DetectSettings::finding_p.
  double seldom = 0;              // A second one, much rarer,
  std::uint64_t seldom_rare = 0;  // and how many samples of all kinds reach it.

  static constexpr std::size_t kYoungFrom = 150;
  static constexpr std::size_t kYoungTo = 1'500;

  double measured() const;  // Findings per sample: the mean of all kinds.
};

// Deterministic: seeds 1 to `series_of_each` of each kind.
CalibrationReport evaluate_calibration(const EvalProgress& progress,
                                       std::uint64_t series_of_each = 10);

std::string calibration_json(const CalibrationReport& report);  // {"declared", "measured"}
std::string calibration_table(const CalibrationReport& report);

}  // namespace quell
