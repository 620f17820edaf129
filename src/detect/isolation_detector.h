// IsolationDetector: several series of an entity together are where they have hardly been before,
// though each alone may be usual.
//
// Each series is measured in units of its own distances; 24 fixed random projections of a few
// series each keep a histogram; a sample is the rarer the fewer were near it in the mean of the
// projections. Its p is its rank among the past.
//
// Method: LODA (Pevny, "Loda: Lightweight on-line detector of anomalies", 2016).
#pragma once

#include <vector>

#include "detect/named_detector.h"

namespace quell {

class IsolationDetector final : public NamedDetector {
 public:
  explicit IsolationDetector(const NamedDetectorOptions& options);

  using NamedDetector::observe;
  // Requires: as many values as `options.series`; what is no finite number is missing, and
  // projections that need it have no say. Cost: about 24 sqrt(series) multiplications.
  Reading observe(Timestamp time, std::span<const double> values) override;
  NamedDetectorKind kind() const override { return NamedDetectorKind::Isolation; }

  double p() const { return p_; }  // Of the last sample that was used; 1 before.
  // Right after observe(): the series that is furthest from its own usual, in its own units.
  std::size_t furthest() const;
  // What is usual for one series, and how far it usually is from that.
  double expected(std::size_t series) const { return channels_[series].mean; }
  double scale(std::size_t series) const { return 1.25 * channels_[series].scale; }

 private:
  static constexpr std::size_t kProjections = 24;
  static constexpr std::size_t kCells = 64;    // Of a projection, from -8 to 8.
  static constexpr std::size_t kScores = 160;  // Of the score, from 0 to 20.
  struct Term {
    std::size_t series = 0;
    double weight = 0;
  };
  struct Channel {
    double mean = 0, scale = 0, magnitude = 0;
    std::uint64_t samples = 0;
  };

  void visit(StateVisitor& visitor) override;
  bool is_sound() const override;
  void standardise(std::span<const double> values);
  double measure();
  void rank(double score);

  NamedDetectorOptions options_;
  std::vector<std::vector<Term>> projections_;  // Fixed by the number of series.
  std::vector<Channel> channels_;
  std::vector<double> cells_;   // kProjections * kCells counts.
  std::vector<double> scores_;  // Counts of past scores.
  std::uint64_t samples_ = 0;
  Timestamp last_{};
  double p_ = 1;

  std::vector<double> z_;  // Scratch; NaN: missing.
};

}  // namespace quell
