// RuleSignal: what a detector that a rule chose says of a series, when it came through the gate.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "detect/detection_rule.h"
#include "model/finding.h"
#include "model/series.h"

namespace quell {

struct RuleSignal {
  SeriesSlot slot = kNoSlot;
  NamedDetectorKind kind = NamedDetectorKind::Auto;
  bool ended = false;       // It is as usual again; the rest says nothing.
  bool is_unusual = false;  // False: calm, though not for long enough to have ended.
  Timestamp onset{};
  FindingPoint point{};
  double score = 0;  // How far it is from the usual, in a unit of the detector's own.
  std::optional<Severity> severity{};
  std::shared_ptr<const SignalRule> rule{};
};

// A value that is not the reading's own: of isolation, the series that is furthest from its usual.
struct ReadOf {
  Timestamp time{};
  double value = 0;
  double expected = 0;
  double scale = 0;        // Usual distance; 0: not known.
  std::size_t series = 1;  // Isolation: so many series together,
  double p = 1;            // and how rare they are.
};

// The signal with its sentence. Isolation speaks of `of`, all others of the reading.
RuleSignal make_rule_signal(const DetectionRule& rule, const Reading& reading, const ReadOf& of);

}  // namespace quell
