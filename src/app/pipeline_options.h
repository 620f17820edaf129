// PipelineOptions: the part of the configuration that decides about incidents. It is journaled as a
// Config frame, so that a replay decides the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/metric_stage.h"
#include "base/result.h"
#include "base/yaml.h"
#include "correlate/alert_tracker.h"
#include "correlate/correlator.h"
#include "detect/finding_options.h"
#include "normalize/pack_library.h"
#include "stream/threshold_rules.h"
#include "topology/topology.h"

namespace quell {

struct PipelineOptions {
  AlertTrackerOptions alerts{};
  CorrelatorOptions correlation{};
  Topology topology{};
  std::vector<ThresholdRule> thresholds{};
  std::vector<PackFile> packs{};  // The user's, as texts.
  MetricOptions metrics{};
  FindingOptions detection{};
};

// Reads `hold:`, a list of {match, for}.
Result<std::vector<HoldRule>> read_holds(const YamlNode& node);
// Reads `correlation: rules:`, a list of {name, match, group_by, window, threshold, title}.
Result<std::vector<CorrelationRule>> read_rules(const YamlNode& node);

// Reads `thresholds:`, a list of {name, metric, match, warning, critical, comparison, for}.
Result<std::vector<ThresholdRule>> read_thresholds(const YamlNode& node);

// One rule that groups a storm of one alert name in one cluster; holds unless the file has rules.
std::vector<CorrelationRule> default_rules();

}  // namespace quell
