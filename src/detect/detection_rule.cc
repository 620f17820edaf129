#include "detect/detection_rule.h"

namespace quell {

bool DetectionRule::matches(const Series& series) const {
  if (!metric.empty() && metric != series.metric()) return false;
  return matches_all(matchers, [&](std::string_view label) -> std::string_view {
    if (label == "tenant") return series.tenant;
    if (label == "metric") return series.metric();
    return series.labels.get(label);
  });
}

}  // namespace quell
