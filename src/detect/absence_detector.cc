#include "detect/absence_detector.h"

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "detect/sample_order.h"

namespace quell {
namespace {

constexpr std::uint64_t kRhythmSamples = 10;
constexpr double kRhythmRate = 0.05;

double seconds_between(Timestamp from, Timestamp to) {
  return ns_between(from, to) * 1e-9;
}

}  // namespace

double AbsenceDetector::limit_seconds() const {
  if (silence_ > Duration::zero()) return to_seconds(silence_);
  return std::max(4 * mean_, mean_ + 10 * deviation_);
}

Reading AbsenceDetector::observe(Timestamp time, std::span<const double> values) {
  // That a number is not finite does not matter: somebody sent it. A stale marker is a NaN, too,
  // but says that the series has ended, and is not shown to detectors.
  if (samples_ > 0 && is_late(time, last_)) return {.is_used = false, .value = values[0]};
  if (samples_ > 0 && time > last_) {
    // A silence that was found is no rhythm: it counts as the longest usual one.
    double seconds = seconds_between(last_, time);
    if (samples_ > kRhythmSamples) seconds = std::min(seconds, limit_seconds());
    const double rate = std::max(kRhythmRate, 1 / static_cast<double>(samples_));
    const double distance = seconds - mean_;
    mean_ += rate * distance;
    deviation_ += rate * (std::abs(samples_ > 1 ? distance : 0) - deviation_);
  }
  last_ = time;
  ++samples_;
  return {.value = 0, .upper = limit_seconds()};
}

Reading AbsenceDetector::pass(Timestamp now) {
  Reading reading{.is_learning = silence_ <= Duration::zero() && samples_ < kRhythmSamples};
  if (samples_ > 0 && is_set_back(now, last_)) last_ = now;
  reading.is_used = samples_ > 0 && now > last_;
  if (!reading.is_used) return reading;
  reading.value = seconds_between(last_, now);
  reading.expected = mean_;
  reading.upper = limit_seconds();
  if (reading.is_learning || reading.value <= reading.upper) return reading;
  reading.is_unusual = true;
  reading.side = 1;
  return reading;
}

void AbsenceDetector::visit(StateVisitor& visitor) {
  visitor.count(samples_);
  visitor.time(last_);
  visitor.number(mean_);
  visitor.number(deviation_);
}

}  // namespace quell
