// Detection rules in YAML, the same in `detection: rules:` and in the file of `quell backtest`.
//
//   name: outbox-fills
//   metric: queue_depth                # and, or instead, match: 'queue="outbox"'
//   detector: forecast                 # auto, threshold, absence, seasonal, change_point, …
//   above: 100000
//   horizon: 4h
//   min_duration: 5m
//   direction: up
//   hours: 09:00-18:00
//   weekdays: mon-fri
//   timezone: Europe/Berlin
//   suppress_during_deploys: 15m
//   severity: error
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"
#include "detect/detection_rule.h"

namespace quell {

// All errors are InvalidArgument with file:line:column.

// Reads `detection: rules:`. They have no queries.
Result<std::vector<DetectionRule>> read_detection_rules(const YamlNode& node);

// A file with one rule. Without a metric or a match it looks at all there is. `timezone` is what a
// server has as `detection.timezone`; an error of it has no place.
Result<DetectionRule> read_backtest_rule(std::string_view yaml, std::string_view file,
                                         std::string_view timezone = "UTC");

// A rule that names no time zone takes this one.
void take_timezone(DetectionRule& rule, std::string_view timezone, const Calendar& calendar);

}  // namespace quell
