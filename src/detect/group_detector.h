// GroupDetector: how unusual all series of one entity are together.
//
// A fault of a machine moves many of its series, each perhaps too little to be told from noise.
// Each series is measured against its own long past; what the series usually do together is
// learned as a few directions, and what is left beside them counts fully, what lies in them half.
//
// Method: robust standardising (Huber), candid covariance-free incremental principal components
// (Weng, Zhang & Hwang, 2003), energy smoothed over a few samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace quell {

// Invariant: no number in the state is NaN or infinite, whatever was observed.
// Thread: one. Cost: about 8 ns per series and sample. Memory: 56 bytes per series.
class GroupDetector {
 public:
  explicit GroupDetector(std::size_t channels);

  // One sample of each series, in the same order each time; what is no finite number is missing.
  // Returns: the score; about 1 while all is usual.
  double observe(std::span<const double> values);

  // The share of earlier samples that had at least the last score, and never less than
  // 1 / (2 * samples): 1 until anything was observed.
  double p() const { return p_; }
  // How much a series added to the last sample's energy, before smoothing: a share of 1.
  double share(std::size_t channel) const;
  std::size_t channels() const { return mean_.size(); }
  std::uint64_t samples() const { return samples_; }

  // The whole state, and back. Errors: Corrupt; then nothing was changed.
  std::string save() const;
  Status load(std::string_view bytes);

 private:
  void standardise(std::span<const double> values);
  double remove_components();
  void rank();
  bool is_sound() const;

  std::uint64_t samples_ = 0;
  double energy_ = 0;  // Smoothed.
  double p_ = 1;
  std::vector<double> mean_, scale_, magnitude_;  // Of each series.
  std::vector<std::uint64_t> known_;              // Samples of each that were numbers.
  std::vector<std::vector<double>> components_;   // Directions, as long as they are important.
  std::vector<double> counts_;  // Scores by the size of their energy, in quarters of an octave.

  // Scratch: of the last sample.
  std::vector<double> z_, residual_;
};

}  // namespace quell
