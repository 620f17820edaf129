#include "detect/forecast_detector.h"

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "detect/sample_order.h"

namespace quell {
namespace {

constexpr double kForecastValueMax = 1e30;
constexpr double kLineSamplesMin = 20;
constexpr double kBeside = 8;     // Deviations from the line that are far,
constexpr double kBesideMax = 3;  // and how many such samples begin a new line.
constexpr double kSlopeErrors = 4;
constexpr double kQuantile = 1.645;  // Of 90 %.
constexpr double kResidualRate = 0.02;
constexpr double kSecondsMax = 3e9;  // A hundred years.

Timestamp later(Timestamp time, double seconds) {
  const double ns = static_cast<double>(to_ns(time)) + std::min(seconds, kSecondsMax) * 1e9;
  return ns < 9.2e18 ? from_ns(static_cast<std::int64_t>(ns)) : Timestamp::max();
}

}  // namespace

void ForecastDetector::move_to(double seconds) {
  sums_.ty -= seconds * sums_.y;
  sums_.tt += seconds * (seconds * sums_.w - 2 * sums_.t);
  sums_.t -= seconds * sums_.w;
  const double share = std::exp2(-2 * seconds / to_seconds(options_.horizon));
  for (double* v : {&sums_.w, &sums_.t, &sums_.tt, &sums_.y, &sums_.ty, &sums_.yy}) *v *= share;
  sums_.ww *= share * share;
}

void ForecastDetector::add(double y) {
  sums_.w += 1;
  sums_.ww += 1;
  sums_.y += y;
  sums_.yy += y * y;
  ++line_samples_;
}

ForecastDetector::Line ForecastDetector::fit() const {
  const Sums& s = sums_;
  Line line;
  const double spread = s.tt / s.w - (s.t / s.w) * (s.t / s.w);
  if (s.w <= 0 || spread <= 0) {
    line.level = s.w > 0 ? s.y / s.w : 0;
    return line;
  }
  line.slope = (s.ty / s.w - s.t / s.w * (s.y / s.w)) / spread;
  line.level = s.y / s.w - line.slope * (s.t / s.w);
  const double memory = variance_ > 0 ? std::clamp(covariance_ / variance_, 0.0, 0.99) : 0.0;
  const double independent = std::max(3.0, s.w * s.w / s.ww * (1 - memory) / (1 + memory));
  const double squares = (s.yy - line.level * s.y - line.slope * s.ty) / s.w;
  const double least = 1e-5 * magnitude_ + 1e-12;
  line.noise = std::sqrt(std::max(squares, least * least) * independent / (independent - 2));
  line.slope_error = line.noise / std::sqrt(independent * spread);
  return line;
}

// Whether the line does not hold any more.
bool ForecastDetector::is_beside(const Line& line, double y) {
  const double residual = y - line.level;
  // A line through a curve is never quite right: what it moves in a fiftieth of its past is no
  // break.
  const double tolerance = std::abs(line.slope) * to_seconds(options_.horizon) / 100;
  const bool is_far =
      line_samples_ >= kLineSamplesMin && std::abs(residual) > kBeside * line.noise + tolerance;
  beside_ = is_far ? beside_ + 1 : 0;
  if (!is_far) {
    variance_ += kResidualRate * (residual * residual - variance_);
    covariance_ += kResidualRate * (residual * last_residual_ - covariance_);
    last_residual_ = residual;
  }
  return beside_ >= kBesideMax;
}

void ForecastDetector::foresee(const Line& line, double to_limit, Timestamp time,
                               Reading& reading) const {
  const double towards = options_.above ? line.slope : -line.slope;
  if (line_samples_ < kLineSamplesMin || towards <= 0) return;
  const double seconds = to_limit / towards;
  if (seconds > to_seconds(options_.horizon) || towards < kSlopeErrors * line.slope_error) return;
  const double margin = kQuantile * line.slope_error;
  // How far the line itself may be off now.
  const double offset = kQuantile * line.noise / std::sqrt(std::max(3.0, sums_.w));
  reading.is_unusual = true;
  reading.side = options_.above ? 1 : -1;
  reading.crosses_at = later(time, seconds);
  reading.earliest = later(time, std::max(0.0, to_limit - offset) / (towards + margin));
  if (towards > margin) reading.latest = later(time, (to_limit + offset) / (towards - margin));
}

Reading ForecastDetector::observe(Timestamp time, std::span<const double> values) {
  Reading reading{.is_learning = samples_ < options_.warmup_samples, .value = values[0]};
  reading.is_used = std::isfinite(values[0]) && (samples_ == 0 || !is_late(time, last_));
  if (!reading.is_used) return reading;
  const double value = std::clamp(values[0], -kForecastValueMax, kForecastValueMax);
  if (samples_ == 0) base_ = value;
  const double y = value - base_;
  magnitude_ +=
      std::max(0.01, 1 / static_cast<double>(samples_ + 1)) * (std::abs(value) - magnitude_);
  if (samples_ > 0) {
    const bool is_back = time < last_;  // A line does not run backwards in time.
    if (!is_back) move_to(ns_between(last_, time) * 1e-9);
    // So much silence that nothing of the past counts any more.
    if (is_back || sums_.w < 1e-3 || is_beside(fit(), y)) {
      sums_ = {};
      line_samples_ = variance_ = covariance_ = last_residual_ = beside_ = 0;
    }
  }
  if (beside_ == 0) add(y);
  last_ = time;
  ++samples_;
  const Line line = fit();
  reading.expected = line.level + base_;
  if (options_.above) reading.upper = *options_.above;
  if (options_.below) reading.lower = *options_.below;
  if (reading.is_learning && !options_.speaks_while_learning) return reading;
  const double beyond = options_.above ? value - *options_.above : *options_.below - value;
  if (beyond > 0) {
    reading.is_unusual = true;
    reading.side = options_.above ? 1 : -1;
    reading.crosses_at = reading.earliest = reading.latest = time;
    return reading;
  }
  const double to_limit =
      options_.above ? *options_.above - reading.expected : reading.expected - *options_.below;
  foresee(line, std::max(0.0, to_limit), time, reading);
  return reading;
}

void ForecastDetector::visit(StateVisitor& visitor) {
  for (double* v : {&sums_.w, &sums_.ww, &sums_.t, &sums_.tt, &sums_.y, &sums_.ty, &sums_.yy}) {
    visitor.number(*v);
  }
  visitor.count(samples_);
  visitor.number(line_samples_);
  visitor.time(last_);
  for (double* v : {&base_, &magnitude_, &last_residual_, &variance_, &covariance_, &beside_}) {
    visitor.number(*v);
  }
}

}  // namespace quell
