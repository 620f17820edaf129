#include "detect/change_point_detector.h"

#include <algorithm>
#include <cmath>

#include "detect/sample_order.h"

namespace quell {
namespace {

constexpr double kChangeValueMax = 1e30;
constexpr double kChangeMost = 1e34;  // What sums of such can be.
constexpr double kSlack = 0.5;        // Shifts below this many deviations are none.
constexpr double kDecision = 15;  // Of normal noise, one false change in some millions of samples.
constexpr double kZMax = 4;
constexpr double kLevelRateMin = 0.002;
constexpr double kMemoryRate = 0.005;
constexpr double kDeviationOfMeanDistance = 1.2533;  // Of normal noise.
constexpr std::int64_t kHourSeconds = 3'600;

}  // namespace

// The deviation in units of its own noise, without what the last one lets expect.
double ChangePointDetector::whiten(double distance) {
  const double deviation = kDeviationOfMeanDistance * scale_ + magnitude_ * 1e-3 + 1e-9;
  const double z = std::clamp(distance / deviation, -kZMax, kZMax);
  const double memory = variance_ > 0 ? std::clamp(covariance_ / variance_, 0.0, 0.98) : 0.0;
  const double innovation = (z - memory * last_z_) / std::sqrt(1 - memory * memory);
  variance_ += kMemoryRate * (z * z - variance_);
  covariance_ += kMemoryRate * (z * last_z_ - covariance_);
  last_z_ = z;
  return std::clamp(innovation, -kZMax, kZMax);
}

bool ChangePointDetector::add(Side& side, double surplus, Timestamp time, double value) const {
  if (side.sum <= 0) side = {.onset = time};
  side.sum = std::max(0.0, side.sum + surplus - kSlack);
  side.values += value;
  ++side.count;
  return side.sum >= kDecision;
}

void ChangePointDetector::learn(Hour& hour, double distance) {
  const double limit = kZMax * (scale_ + magnitude_ * 1e-3 + 1e-9);
  const double moved = level_samples_ > 20 ? std::clamp(distance, -limit, limit) : distance;
  const double rate = std::max(kLevelRateMin, 1 / (level_samples_ + 1));
  level_ += rate * moved;
  const double scale_rate = std::max(kLevelRateMin, 1 / static_cast<double>(samples_ + 1));
  scale_ += scale_rate * (std::abs(moved) - scale_);
  hour.mean += std::max(kLevelRateMin, 1 / (hour.visits + 1)) * moved;
  hour.visits = std::min(hour.visits + 1, 1e6);
  ++level_samples_;
}

// The level is the mean of what came since the onset; the hours keep their distances from it.
void ChangePointDetector::relearn(const Side& side) {
  level_ = side.values / side.count;
  level_samples_ = side.count;
  last_z_ = 0;
  up_ = down_ = {};
}

// The clock was set back: what was learned stays, and nothing began later than now.
void ChangePointDetector::set_back(Timestamp time) {
  first_ = std::min(first_, time);
  up_.onset = std::min(up_.onset, time);
  down_.onset = std::min(down_.onset, time);
}

Reading ChangePointDetector::observe(Timestamp time, std::span<const double> values) {
  Reading reading{.is_learning = true, .value = values[0]};
  reading.is_used = std::isfinite(values[0]) && (samples_ == 0 || !is_late(time, last_));
  if (!reading.is_used) return reading;
  const double value = std::clamp(values[0], -kChangeValueMax, kChangeValueMax);
  if (samples_ == 0) {
    first_ = time;
    level_ = value;
  }
  if (time < last_) set_back(time);
  last_ = time;
  const std::int64_t utc =
      std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  const std::int64_t local = options_.calendar.local_seconds(utc);
  Hour& hour = hours_[static_cast<std::size_t>(
      ((local / kHourSeconds) % std::int64_t{kHours} + std::int64_t{kHours}) %
      std::int64_t{kHours})];
  magnitude_ += std::max(kLevelRateMin, 1 / static_cast<double>(samples_ + 1)) *
                (std::abs(value) - magnitude_);
  reading.expected = level_ + hour.mean;
  const double distance = value - reading.expected;
  const double innovation = whiten(distance);
  const bool is_day_over = first_ <= Timestamp::max() - std::chrono::hours(24) &&
                           time >= first_ + std::chrono::hours(24);
  reading.is_learning = samples_ < options_.warmup_samples || !is_day_over;
  // Without a whole day the hours are not known, only the level.
  const bool may_speak = !reading.is_learning ||
                         (options_.speaks_while_learning && samples_ >= options_.warmup_samples);
  ++samples_;
  if (may_speak) {
    const bool is_up = add(up_, innovation, time, value - hour.mean);
    const bool is_down = add(down_, -innovation, time, value - hour.mean);
    if (is_up || is_down) {
      const Side side = is_up ? up_ : down_;
      reading.is_unusual = reading.is_event = true;
      reading.side = is_up ? 1 : -1;
      reading.onset = side.onset;
      relearn(side);
      return reading;
    }
  }
  learn(hour, distance);
  return reading;
}

bool ChangePointDetector::is_sound() const {
  bool is_good = is_within(scale_, 0, kChangeMost) && is_within(magnitude_, 0, kChangeMost) &&
                 is_within(level_, -kChangeMost, kChangeMost) && is_within(variance_, 0, 1e12) &&
                 is_within(covariance_, -1e12, 1e12) && is_within(last_z_, -1e6, 1e6) &&
                 is_within(level_samples_, 0, 1e18);
  for (const Hour& hour : hours_) {
    is_good = is_good && is_within(hour.mean, -kChangeMost, kChangeMost) &&
              is_within(hour.visits, 0, 1e6);
  }
  for (const Side& side : {up_, down_}) {
    is_good = is_good && is_within(side.sum, 0, 1e9) && is_within(side.count, 0, 1e18) &&
              is_within(side.values, -1e50, 1e50);
  }
  return is_good;
}

void ChangePointDetector::visit(StateVisitor& visitor) {
  for (Hour& hour : hours_) {
    visitor.number(hour.mean);
    visitor.number(hour.visits);
  }
  for (Side* side : {&up_, &down_}) {
    visitor.number(side->sum);
    visitor.time(side->onset);
    visitor.number(side->values);
    visitor.number(side->count);
  }
  visitor.count(samples_);
  visitor.number(level_samples_);
  visitor.time(first_);
  visitor.time(last_);
  for (double* v : {&level_, &scale_, &magnitude_, &last_z_, &variance_, &covariance_}) {
    visitor.number(*v);
  }
}

}  // namespace quell
