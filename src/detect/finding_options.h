// FindingOptions: what a user can say about findings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/matcher.h"
#include "detect/component.h"
#include "detect/detector.h"
#include "detect/direction.h"
#include "model/severity.h"

namespace quell {

// Which components a series is watched by.
enum class DetectorKind : std::uint8_t {
  Auto,         // All of them.
  Seasonal,     // Away from the usual for the time.
  ChangePoint,  // Elsewhere than before, and staying there.
  Extreme,      // Higher or lower than ever.
  Off,          // None: the series is not watched.
};
std::string_view detector_kind_name(DetectorKind kind);  // "auto", "seasonal", "change_point", …
std::optional<DetectorKind> parse_detector_kind(std::string_view word);
ComponentSet components_of(DetectorKind kind);

// What a series' deviation must be to count. Of the rules of a file, the first that matches holds.
struct DetectionRule {
  std::string metric{};             // Empty: any.
  std::vector<Matcher> matchers{};  // On tenant, metric and the labels.
  DetectorKind detector = DetectorKind::Auto;
  Direction direction = Direction::Both;
  double min_effect = 0;               // Share of what was expected.
  double min_change = 0;               // In the metric's own unit.
  Duration min_duration{};             // From the first unusual sample to the last.
  std::optional<Severity> severity{};  // Of a finding that it counts in, at least.
};

struct FindingOptions {
  bool enabled = true;
  double series_p =
      DetectSettings{}.finding_p;  // A series' episode begins with a sample as rare as this.
  double finding_p = 1e-3;         // A finding begins when an entity's series are together so rare;
  double incident_p = 1e-6;        // with this it is an error, which opens an incident alone.
  std::uint32_t warmup = DetectSettings{}.warmup_samples;  // Samples of a series before it counts,
  std::uint32_t incident_warmup = 1'500;                   // and before it helps to make an error.
  DetectionRule usual{.min_effect = 0.05};                 // For series that no rule matches.
  std::vector<DetectionRule> rules{};
};

}  // namespace quell
