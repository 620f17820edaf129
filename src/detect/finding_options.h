// FindingOptions: what a user can say about findings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "detect/detection_rule.h"
#include "detect/detector.h"

namespace quell {

struct FindingOptions {
  bool enabled = true;
  std::string timezone = "UTC";  // As the user wrote it,
  Calendar calendar{};           // by which series have days, and rules that name none hours.
  // A series' episode begins with a sample as rare as this.
  double series_p = DetectSettings{}.finding_p;
  double finding_p = 1e-3;   // A finding begins when an entity's series are together so rare;
  double incident_p = 1e-6;  // with this it is an error, which opens an incident alone.
  std::uint32_t warmup = DetectSettings{}.warmup_samples;  // Samples of a series before it counts,
  std::uint32_t incident_warmup = 1'500;                   // and before it helps to make an error.
  // For series that no rule matches.
  DetectionRule usual{.detector = {.warmup_samples = 0}, .gate = {.min_effect = 0.05}};
  std::vector<DetectionRule> rules{};       // The first that matches holds.
  std::uint64_t named_series_max = 10'000;  // Series that may have a detector of their own.
};

}  // namespace quell
