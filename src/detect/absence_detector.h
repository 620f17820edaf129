// AbsenceDetector: no sample where one was expected.
//
// Without a fixed limit the series' own rhythm is learned: the mean time between samples and its
// mean deviation. A silence is unusual when it is longer than four means and than the mean and ten
// deviations, so that one or two lost scrapes are not.
#pragma once

#include "detect/named_detector.h"

namespace quell {

class AbsenceDetector final : public NamedDetector {
 public:
  explicit AbsenceDetector(const NamedDetectorOptions& options) : silence_(options.silence) {}

  using NamedDetector::observe;
  Reading observe(Timestamp time, std::span<const double> values) override;
  // `value` of the reading: seconds without a sample; `upper`: how many are usual.
  Reading pass(Timestamp now) override;
  NamedDetectorKind kind() const override { return NamedDetectorKind::Absence; }

 private:
  void visit(StateVisitor& visitor) override;
  double limit_seconds() const;

  Duration silence_;
  std::uint64_t samples_ = 0;
  Timestamp last_{};
  double mean_ = 0;  // Seconds between samples,
  double deviation_ = 0;
};

}  // namespace quell
