#include "detect/seasonal_detector.h"

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "detect/sample_order.h"

namespace quell {
namespace {

constexpr double kSeasonalMax = 1e30;
constexpr double kSeasonalMost = 1e34;     // What sums of such can be.
constexpr double kOffsetRate = 0.0023105;  // Half life of 300 samples.
constexpr double kScaleRateMin = 5e-4;
constexpr double kBinRateMin = 0.01;
constexpr double kDistancesMax = 20'000;
constexpr double kClip = 4;
constexpr std::uint64_t kSettled = 72;        // Samples before distances are counted,
constexpr std::uint64_t kDistancesMin = 100;  // and before they are enough for an interval.
constexpr std::int64_t kDaySeconds = 86'400;

// Quarters of an octave of distance / scale, from 2^-12 on.
constexpr double kFirstOctave = -12;

}  // namespace

SeasonalDetector::Place SeasonalDetector::place_of(Timestamp time) const {
  const std::int64_t utc =
      std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  const std::int64_t local = options_.calendar.local_seconds(utc);
  const std::int64_t second = ((local % kDaySeconds) + kDaySeconds) % kDaySeconds;
  const std::int64_t day = (local - second) / kDaySeconds;
  const std::int64_t weekday = ((day + 3) % 7 + 7) % 7;  // 0: Monday.
  const double at = static_cast<double>(second) * kHalfHours / kDaySeconds;
  Place place{.profile = weekday >= 5 ? 1u : 0u, .bin = static_cast<std::size_t>(at)};
  const double from_middle = at - static_cast<double>(place.bin) - 0.5;
  place.near = (place.bin + (from_middle < 0 ? kHalfHours - 1 : 1)) % kHalfHours;
  place.share = std::abs(from_middle);
  place.is_holiday = options_.calendar.is_holiday(local);
  return place;
}

// A bin that was never visited borrows from the other profile; where that is empty, too, nothing is
// known but the offset.
double SeasonalDetector::bin_mean(std::size_t profile, std::size_t bin) const {
  if (bins_[profile][bin].visits > 0) return bins_[profile][bin].mean;
  return bins_[1 - profile][bin].mean;
}

double SeasonalDetector::forecast(const Place& place) const {
  const auto is_known = [&](std::size_t bin) {
    return bins_[place.profile][bin].visits + bins_[1 - place.profile][bin].visits > 0;
  };
  const double own = bin_mean(place.profile, place.bin);
  if (!is_known(place.near)) return own + offset_;
  return own + place.share * (bin_mean(place.profile, place.near) - own) + offset_;
}

// The distance that the share `coverage` of the past ones did not exceed.
double SeasonalDetector::width() const {
  double total = 0;
  for (const double count : distances_) total += count;
  // One more than there were: the finite-sample correction of conformal intervals.
  const double want = options_.coverage * (total + 1);
  double below = 0;
  std::size_t last = 0;
  for (std::size_t q = 0; q < kBins; ++q) {
    if (distances_[q] == 0) continue;
    last = q;
    if (below + distances_[q] < want) {
      below += distances_[q];
      continue;
    }
    const double part = (want - below) / distances_[q];
    return std::exp2(kFirstOctave + (static_cast<double>(q) + part) / 4);
  }
  return std::exp2(kFirstOctave + (static_cast<double>(last) + 1) / 4);
}

void SeasonalDetector::learn(const Place& place, double value, double residual, bool is_counted) {
  const auto count = static_cast<double>(samples_ + 1);
  const double epsilon = magnitude_ * 1e-3 + 1e-9;
  const double limit = kClip * (scale_ + epsilon);
  const bool is_settled = samples_ > kSettled;
  const double moved = is_settled ? std::clamp(residual, -limit, limit) : residual;
  const double ratio = std::abs(residual) / (scale_ + epsilon);
  const double bin = 4 * (std::log2(std::max(ratio, 1e-9)) - kFirstOctave);
  if (is_settled && is_counted) {
    const double q = std::clamp(bin, 0.0, static_cast<double>(kBins - 1));
    ++distances_[static_cast<std::size_t>(q)];
    double total = 0;
    for (const double c : distances_) total += c;
    if (total > kDistancesMax) {
      for (double& c : distances_) c *= 0.5;
    }
  }
  scale_ += std::max(kScaleRateMin, 1 / count) * (std::abs(moved) - scale_);
  if (place.is_holiday) return;
  offset_ += is_settled ? kOffsetRate * moved : 0;
  Bin& own = bins_[place.profile][place.bin];
  if (own.visits == 0)
    own.mean = bins_[1 - place.profile][place.bin].visits > 0 ? bin_mean(place.profile, place.bin)
                                                              : value - offset_;
  own.mean += std::max(kBinRateMin, 1 / (own.visits + 1)) * moved;
  own.visits = std::min(own.visits + 1, 1'000.0);
}

Reading SeasonalDetector::observe(Timestamp time, std::span<const double> values) {
  Reading reading{.is_learning = samples_ < options_.warmup_samples, .value = values[0]};
  reading.is_used = std::isfinite(values[0]) && (samples_ == 0 || !is_late(time, last_));
  if (!reading.is_used) return reading;
  const double value = std::clamp(values[0], -kSeasonalMax, kSeasonalMax);
  const Place place = place_of(time);
  const bool is_known = bins_[0][place.bin].visits + bins_[1][place.bin].visits > 0;
  reading.expected = is_known ? forecast(place) : value;
  magnitude_ +=
      std::max(0.00034652, 1 / static_cast<double>(samples_ + 1)) * (std::abs(value) - magnitude_);
  const double residual = value - reading.expected;
  const double half = width() * (scale_ + magnitude_ * 1e-3 + 1e-9);
  reading.lower = reading.expected - half;
  reading.upper = reading.expected + half;
  // A half hour that was visited no more than twice is no experience.
  const bool is_experienced = bins_[place.profile][place.bin].visits > 2;
  const bool may_speak =
      samples_ >= kDistancesMin && (!reading.is_learning || options_.speaks_while_learning);
  if (may_speak && is_experienced && std::abs(residual) > half) {
    reading.is_unusual = true;
    reading.side = residual > 0 ? 1 : -1;
  }
  // One distance stands for all of an outage: the next one is to be found, too. None would be too
  // few: the share that the interval leaves out would be cut off again and again.
  learn(place, value, residual, !reading.is_unusual || unusual_run_ == 0);
  unusual_run_ = reading.is_unusual ? unusual_run_ + 1 : 0;
  last_ = time;
  ++samples_;
  return reading;
}

bool SeasonalDetector::is_sound() const {
  bool is_good = is_within(scale_, 0, kSeasonalMost) && is_within(magnitude_, 0, kSeasonalMost) &&
                 is_within(offset_, -kSeasonalMost, kSeasonalMost);
  for (const double count : distances_) is_good = is_good && is_within(count, 0, kDistancesMax + 1);
  for (const auto& profile : bins_) {
    for (const Bin& bin : profile) {
      is_good = is_good && is_within(bin.mean, -kSeasonalMost, kSeasonalMost) &&
                is_within(bin.visits, 0, 1'000);
    }
  }
  return is_good;
}

void SeasonalDetector::visit(StateVisitor& visitor) {
  for (auto& profile : bins_) {
    for (Bin& bin : profile) {
      visitor.number(bin.mean);
      visitor.number(bin.visits);
    }
  }
  for (double& count : distances_) visitor.number(count);
  visitor.count(samples_);
  visitor.count(unusual_run_);
  visitor.time(last_);
  for (double* v : {&offset_, &scale_, &magnitude_}) visitor.number(*v);
}

}  // namespace quell
