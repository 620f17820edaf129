// DetectionRule: by which detector some series are watched, and what must be true of what it reads
// before people hear of it. The same in the server's configuration and in a backtest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/matcher.h"
#include "detect/named_detector.h"
#include "detect/rule_gate.h"
#include "model/series.h"
#include "model/severity.h"

namespace quell {

struct DetectionRule {
  std::string name{};               // For people.
  std::string metric{};             // Empty: any.
  std::vector<Matcher> matchers{};  // On tenant, metric and the labels.
  std::string query{};              // Backtests: PromQL instead of the two above.
  std::string timezone{};           // What the calendars of the two below were made of.
  NamedDetectorOptions detector{};
  RuleGateOptions gate{};
  std::optional<Severity> severity{};  // Of a finding that a series of it counts in, at least.

  bool matches(const Series& series) const;
  // A detector of its own for each series (or entity), not Tier 0.
  bool is_named() const {
    return detector.kind != NamedDetectorKind::Auto && detector.kind != NamedDetectorKind::Off;
  }
};

}  // namespace quell
