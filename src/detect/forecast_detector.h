// ForecastDetector: will cross a limit within the horizon if it goes on like this.
//
// A straight line is fitted to the recent past, in which a sample counts half after half of the
// horizon. The interval of the crossing comes from the error of the slope, widened for noise with
// memory. Three samples far beside the line begin it anew: a disk that was cleaned up is no trend.
//
// Method: weighted least squares by sums that are moved along in time; effective sample size by the
// first autocorrelation of the residuals.
#pragma once

#include "detect/named_detector.h"

namespace quell {

class ForecastDetector final : public NamedDetector {
 public:
  explicit ForecastDetector(const NamedDetectorOptions& options) : options_(options) {}

  using NamedDetector::observe;
  // Unusual when the limit is crossed, or will be within the horizon and the trend is no chance
  // (slope of at least four of its errors).
  Reading observe(Timestamp time, std::span<const double> values) override;
  NamedDetectorKind kind() const override { return NamedDetectorKind::Forecast; }

 private:
  // Sums over the samples with their weights; times are seconds before the last sample.
  struct Sums {
    double w = 0, ww = 0, t = 0, tt = 0, y = 0, ty = 0, yy = 0;
  };
  struct Line {
    double level = 0;  // Now.
    double slope = 0;  // Per second.
    double slope_error = 0;
    double noise = 0;  // Standard deviation of the residuals.
  };

  void visit(StateVisitor& visitor) override;
  void move_to(double seconds);
  void add(double y);
  bool is_beside(const Line& line, double y);
  Line fit() const;
  void foresee(const Line& line, double to_limit, Timestamp time, Reading& reading) const;

  NamedDetectorOptions options_;
  Sums sums_{};
  std::uint64_t samples_ = 0;
  double line_samples_ = 0;  // Since the line was begun.
  Timestamp last_{};
  double base_ = 0;  // The first value; the sums hold values less it.
  double magnitude_ = 0;
  double last_residual_ = 0;
  double variance_ = 0, covariance_ = 0;  // Of the residuals, with the one before.
  double beside_ = 0;                     // Samples far beside the line in a row.
};

}  // namespace quell
