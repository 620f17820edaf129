// Octaves: the buckets of a native (exponential) histogram, brought down to powers of two, so that
// its counts become a few cumulative buckets with bounds that stay from sample to sample.
//
// Method: native histograms of Prometheus and exponential ones of OpenTelemetry have bounds at
// powers of 2^(2^-scale). All scales from 0 on have the powers of two among their bounds, so counts
// up to these are exact, whatever the scale is and whenever the sender changes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quell::wire {

// Buckets, spans or bounds of one histogram; one that has more is refused. Those of the field have
// at most 160 buckets.
inline constexpr std::size_t kHistogramPartsMax = 4096;

// Counts by octave: (2^(e-1), 2^e] is octave e. Cost: some ns per bucket, given in rising order.
class Octaves {
 public:
  static constexpr int kLeast = -1072;  // Of a double; greater than the greatest is no bound.
  static constexpr int kGreatest = 1020;

  // The bucket (b^(index-1), b^index] with b = 2^(2^-scale).
  void add(std::int64_t scale, std::int64_t index, double count);
  bool empty() const { return counts_.empty(); }
  int first() const { return counts_.front().first; }
  int last() const { return counts_.back().first; }
  int grain() const { return grain_; }  // Octaves that its own buckets span, at least one.
  double up_to(int exponent) const;     // Counts of all octaves up to this one.
  double total() const { return total_; }

 private:
  std::vector<std::pair<int, double>> counts_;  // Rising.
  int grain_ = 1;
  double total_ = 0;
};

// The exponents of the bounds that samples get whose octaves lie between these: multiples of
// `step`.
struct OctaveBounds {
  int first = 0;
  int last = -1;
  int step = 1;
};

// At most kOctaveBoundsMax of them. The range is rounded outwards to multiples of four octaves, so
// that it seldom grows; where it is too wide, each second power of two is a bound, or each fourth.
inline constexpr int kOctaveBoundsMax = 24;
OctaveBounds octave_bounds(int first, int last, int grain);

// `le` as Prometheus writes it: "0.25".
std::string bound_text(double bound);
std::string octave_text(int exponent);

}  // namespace quell::wire
