#include "detect/standing.h"

#include <algorithm>
#include <cmath>

namespace quell {
namespace {

constexpr double kFar = 1.5;        // Bands.
constexpr double kShareMin = 0.05;  // As FindingOptions::usual has it.
constexpr std::uint32_t kSamplesMin = 5;
constexpr double kReachMin = 12;  // So two bands for twelve samples, or all of it for five.
constexpr Duration kLeast = std::chrono::seconds(5);
constexpr std::uint32_t kMissedMax = 3;
// About one series in a thousand stands at any time (a machine's own metrics, scraped twice a
// second while programs were built on it).
constexpr double kUsualShare = 1e-2;
constexpr double kDecades = 0.8;  // Of the chance, for an octave.
constexpr double kRarest = 3e-6;
// A quarter of a large value counts as much as six times the band.
constexpr double kOctavesOfAll = 10;
// What kRarest needs. Two spikes do not make up for samples that are hardly far.
constexpr double kOctavesMost = 4.4;

double most_octaves(double share) {
  return std::min(kOctavesOfAll * share, kOctavesMost);
}

}  // namespace

void Standing::observe(const FindingPoint& point) {
  const double distance = std::abs(point.value - point.expected);
  const double largest = std::max(std::abs(point.value), std::abs(point.expected));
  const double share = largest > 0 ? distance / largest : 0;
  const bool is_up = point.value > point.expected;
  const double band = std::max(band_, 1.0) * static_cast<double>(point.scale);
  is_far_ = distance >= kFar * band && share >= kShareMin && band > 0;
  if (is_far_ && (samples_ == 0 || is_up == is_up_)) {
    if (samples_ == 0) since_ = point.time;
    is_up_ = is_up;
    missed_ = 0;
    ++samples_;
    reach_ += std::min(std::log2(distance / band), most_octaves(share));
    last_ = point.time;
    const double p = std::max(kUsualShare * std::pow(10, -kDecades * octaves()), kRarest);
    if (stands()) p_ = std::min(p_, p);
    return;
  }
  if (samples_ == 0 || ++missed_ < kMissedMax) return;
  samples_ = missed_ = 0;
  reach_ = 0;
  p_ = 1;
}

double Standing::octaves() const {
  return reach_ / static_cast<double>(samples_);
}

bool Standing::stands() const {
  if (samples_ < kSamplesMin || last_ - since_ < kLeast) return false;
  return octaves() * static_cast<double>(samples_) >= kReachMin;
}

void Standing::write(ByteWriter& w) const {
  w.f64(band_);
  w.f64(reach_);
  w.f64(p_);
  w.u64(samples_);
  w.u64(missed_);
  w.boolean(is_far_);
  w.boolean(is_up_);
  w.time(since_);
  w.time(last_);
}

Standing Standing::read(ByteReader& r, bool had_share) {
  Standing s(r.f64());
  s.reach_ = r.f64();
  s.p_ = r.f64();
  const double share = had_share ? r.f64() : 0;
  s.samples_ = static_cast<std::uint32_t>(r.u64());
  s.missed_ = static_cast<std::uint32_t>(r.u64());
  s.is_far_ = r.boolean();
  s.is_up_ = r.boolean();
  s.since_ = r.time();
  s.last_ = r.time();
  if (had_share) s.reach_ = std::min(s.reach_, s.samples_ * most_octaves(share));
  return s;
}

}  // namespace quell
