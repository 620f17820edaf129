// ThresholdDetector: beyond a static limit. How long it must last is for RuleGate.
#pragma once

#include "detect/named_detector.h"

namespace quell {

class ThresholdDetector final : public NamedDetector {
 public:
  explicit ThresholdDetector(const NamedDetectorOptions& options)
      : above_(options.above), below_(options.below) {}

  using NamedDetector::observe;
  Reading observe(Timestamp time, std::span<const double> values) override;
  NamedDetectorKind kind() const override { return NamedDetectorKind::Threshold; }

 private:
  void visit(StateVisitor& visitor) override { visitor.time(last_); }

  std::optional<double> above_, below_;
  Timestamp last_ = Timestamp::min();
};

}  // namespace quell
