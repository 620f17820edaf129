// ChangePointDetector: the level is another one for good. Said once, then the new level is learned.
//
// Deviations from the usual level of the hour are summed to each side (CUSUM), after what the last
// sample already explains of them is taken out, so that a series with memory does not alarm. A
// single spike counts little; a shift by one deviation is found within about thirty samples, by two
// within ten. Nothing is said in the first day, in which the hours are learned.
//
// Method: Page (1954); whitening by the first autocorrelation; as Luminaire, it learns again behind
// the change instead of alarming for ever.
#pragma once

#include <array>

#include "detect/named_detector.h"

namespace quell {

class ChangePointDetector final : public NamedDetector {
 public:
  explicit ChangePointDetector(const NamedDetectorOptions& options) : options_(options) {}

  using NamedDetector::observe;
  Reading observe(Timestamp time, std::span<const double> values) override;
  NamedDetectorKind kind() const override { return NamedDetectorKind::ChangePoint; }

 private:
  static constexpr std::size_t kHours = 24;
  // One side's sum, and what has come since it left zero.
  struct Side {
    double sum = 0;
    Timestamp onset{};
    double values = 0;  // Sum of the values less their hours,
    double count = 0;
  };
  struct Hour {
    double mean = 0;  // Relative to the level.
    double visits = 0;
  };

  void visit(StateVisitor& visitor) override;
  bool is_sound() const override;
  double whiten(double distance);
  bool add(Side& side, double surplus, Timestamp time, double value) const;
  void learn(Hour& hour, double distance);
  void relearn(const Side& side);
  void set_back(Timestamp time);

  NamedDetectorOptions options_;
  std::array<Hour, kHours> hours_{};
  Side up_{}, down_{};
  std::uint64_t samples_ = 0;
  double level_samples_ = 0;  // Since the last change.
  Timestamp first_{}, last_{};
  double level_ = 0;
  double scale_ = 0;  // Mean distance.
  double magnitude_ = 0;
  double last_z_ = 0;
  double variance_ = 0, covariance_ = 0;  // Of z, with the one before.
};

}  // namespace quell
