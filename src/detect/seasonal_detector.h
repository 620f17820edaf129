// SeasonalDetector: outside of the interval around what is usual at this time.
//
// The forecast is a profile of the local day, one for work days and one for weekends, read between
// the middles of its half hours, plus an offset that follows slowly. The interval is as wide as the
// share `coverage` of the past distances, so it holds what it says whatever the noise looks like.
//
// Method: Prophet's additive season and trend (Taylor & Letham, 2018), learned sample by sample;
// the interval is a split-conformal one (Vovk; Lei et al., 2018).
#pragma once

#include <array>

#include "detect/named_detector.h"

namespace quell {

class SeasonalDetector final : public NamedDetector {
 public:
  explicit SeasonalDetector(const NamedDetectorOptions& options) : options_(options) {}

  using NamedDetector::observe;
  Reading observe(Timestamp time, std::span<const double> values) override;
  NamedDetectorKind kind() const override { return NamedDetectorKind::Seasonal; }

 private:
  static constexpr std::size_t kHalfHours = 48;
  static constexpr std::size_t kProfiles = 2;  // Work days, weekends.
  static constexpr std::size_t kBins = 96;     // Of distances, in quarters of an octave.
  struct Place {
    std::size_t profile = 0;
    std::size_t bin = 0;   // The half hour that the time lies in,
    std::size_t near = 0;  // the other one whose middle is nearest,
    double share = 0;      // and how much that one counts.
    bool is_holiday = false;
  };
  struct Bin {
    double mean = 0;
    double visits = 0;
  };

  void visit(StateVisitor& visitor) override;
  bool is_sound() const override;
  Place place_of(Timestamp time) const;
  double bin_mean(std::size_t profile, std::size_t bin) const;
  double forecast(const Place& place) const;
  double width() const;
  void learn(const Place& place, double value, double residual, bool is_counted);

  NamedDetectorOptions options_;
  std::array<std::array<Bin, kHalfHours>, kProfiles> bins_{};
  std::array<double, kBins> distances_{};
  std::uint64_t samples_ = 0;
  std::uint64_t unusual_run_ = 0;  // Samples, up to the last one.
  Timestamp last_{};
  double offset_ = 0;
  double scale_ = 0;  // Mean distance, by which outliers are clipped.
  double magnitude_ = 0;
};

}  // namespace quell
