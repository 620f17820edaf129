#include "detect/group_detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "base/hash.h"

namespace quell {
namespace {

constexpr std::uint8_t kGroupStateVersion = 2;
constexpr double kRateMin = 1.38629e-5;     // Half life of 50,000 samples.
constexpr double kComponentRateMin = 5e-5;  // The components remember 20,000 samples.
constexpr double kUpdateClip = 3;           // An outlier moves a mean by so many distances.
constexpr double kZClip = 10;               // No series counts more than this.
constexpr double kSmoothing = 0.0669670;    // Half life of 10 samples.
constexpr std::uint64_t kGroupWarm = 20;
constexpr double kGroupValueMax = 1e30;
constexpr std::size_t kComponentsMax = 2;
constexpr std::size_t kBins = 96;
constexpr double kCountsMax = 50'000;
constexpr std::size_t kSumBytes = sizeof(std::uint32_t);

// Quarters of an octave from 2^-12 on.
std::size_t bin_of(double energy) {
  const double place = 4 * (std::log2(std::max(energy, 1e-9)) + 12);
  return static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(kBins - 1)));
}

double length(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

}  // namespace

GroupDetector::GroupDetector(std::size_t channels)
    : mean_(channels, 0),
      scale_(channels, 0),
      magnitude_(channels, 0),
      known_(channels, 0),
      components_(std::min(kComponentsMax, channels / 4), std::vector<double>(channels, 0)),
      counts_(kBins, 0),
      z_(channels, 0),
      residual_(channels, 0) {}

void GroupDetector::standardise(std::span<const double> values) {
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    if (!std::isfinite(values[c])) {
      z_[c] = 0;
      continue;
    }
    const double x = std::clamp(values[c], -kGroupValueMax, kGroupValueMax);
    // The first number of a series, which may come late, is its own past.
    if (known_[c] == 0) mean_[c] = x;
    const double rate = std::max(kRateMin, 1 / static_cast<double>(known_[c] + 1));
    magnitude_[c] += rate * (std::abs(x) - magnitude_[c]);
    const double unit = 1.25 * scale_[c] + 0.01 * magnitude_[c] + 1e-9;
    const double distance = x - mean_[c];
    const bool is_warm = known_[c] > kGroupWarm;
    z_[c] = is_warm ? std::clamp(distance / unit, -kZClip, kZClip) : 0;
    const double limit = is_warm ? kUpdateClip * unit : 2 * kGroupValueMax;
    const double moved = std::clamp(distance, -limit, limit);
    mean_[c] += rate * moved;
    scale_[c] += rate * (std::abs(moved) - scale_[c]);
    ++known_[c];
  }
}

// Takes what the series usually do together out of `residual_`, and learns it. Returns: the energy
// that is left.
double GroupDetector::remove_components() {
  residual_ = z_;
  const double rate = std::max(kComponentRateMin, 1 / static_cast<double>(samples_ + 1));
  for (std::vector<double>& component : components_) {
    const double size = length(component);
    if (size < 1e-9) {
      component = residual_;  // The first direction that is left.
      break;
    }
    double along = 0;
    for (std::size_t c = 0; c < component.size(); ++c) along += residual_[c] * component[c] / size;
    for (std::size_t c = 0; c < component.size(); ++c) {
      const double direction = component[c] / size;
      component[c] += rate * (along * residual_[c] - component[c]);
      residual_[c] -= along * direction;
    }
  }
  double energy = 0;
  for (const double r : residual_) energy += r * r;
  return energy;
}

void GroupDetector::rank() {
  const std::size_t bin = bin_of(energy_);
  double total = 0;
  double above = 0;
  for (std::size_t q = 0; q < kBins; ++q) {
    total += counts_[q];
    if (q > bin) above += counts_[q];
  }
  p_ = std::min(1.0, (above + 0.5 * counts_[bin] + 0.5) / (total + 1));
  ++counts_[bin];
  if (total < kCountsMax) return;
  for (double& count : counts_) count *= 0.5;
}

double GroupDetector::observe(std::span<const double> values) {
  QUELL_ASSERT(values.size() == channels(), "one value for each series of the group");
  if (values.empty()) return 0;
  standardise(values);
  double energy = remove_components();
  for (const double z : z_) energy += 0.5 * z * z;
  energy /= static_cast<double>(channels());
  energy_ += kSmoothing * (energy - energy_);
  ++samples_;
  if (samples_ > kGroupWarm) rank();
  return std::sqrt(energy_);
}

double GroupDetector::share(std::size_t channel) const {
  double total = 0;
  for (std::size_t c = 0; c < channels(); ++c) {
    total += residual_[c] * residual_[c] + 0.5 * z_[c] * z_[c];
  }
  const double own = residual_[channel] * residual_[channel] + 0.5 * z_[channel] * z_[channel];
  return total > 0 ? own / total : 0;
}

std::string GroupDetector::save() const {
  std::string bytes;
  ByteWriter w(bytes);
  w.u8(kGroupStateVersion);
  w.u64(channels());
  w.u64(samples_);
  w.f64(energy_);
  w.f64(p_);
  for (const auto* column : {&mean_, &scale_, &magnitude_, &counts_}) {
    for (const double v : *column) w.f64(v);
  }
  for (const std::uint64_t n : known_) w.u64(n);
  for (const auto& component : components_) {
    for (const double v : component) w.f64(v);
  }
  const std::uint32_t sum = crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return bytes;
}

// What observe() relies on, and what it never leaves.
bool GroupDetector::is_sound() const {
  const auto are = [](const std::vector<double>& all, double low, double high) {
    return std::ranges::all_of(all, [&](double v) { return v >= low && v <= high; });  // No NaN.
  };
  constexpr double kLarge = 4 * kGroupValueMax;
  const double longest = 2 * kZClip * kZClip * static_cast<double>(channels() + 1);
  bool is_good = energy_ >= 0 && energy_ <= longest && p_ > 0 && p_ <= 1;
  is_good = is_good && are(mean_, -kLarge, kLarge) && are(scale_, 0, kLarge);
  is_good = is_good && are(magnitude_, 0, kLarge) && are(counts_, 0, kCountsMax + 1);
  for (const auto& component : components_) is_good = is_good && are(component, -longest, longest);
  return is_good && std::ranges::all_of(known_, [&](std::uint64_t n) { return n <= samples_; });
}

Status GroupDetector::load(std::string_view bytes) {
  if (bytes.size() < 1 + kSumBytes) return fail(Errc::Corrupt, "model of a group: too short");
  const std::string_view body = bytes.substr(0, bytes.size() - kSumBytes);
  std::uint32_t sum = 0;
  std::memcpy(&sum, bytes.data() + body.size(), sizeof sum);
  ByteReader r(body);
  if (const auto version = r.u8(); version != kGroupStateVersion) {
    return fail(Errc::Corrupt, fmt::format("model of a group: unknown version {}", version));
  }
  if (sum != crc32c(body)) {
    return fail(Errc::Corrupt, "model of a group: the checksum does not fit");
  }
  if (const std::uint64_t n = r.u64(); n != channels()) {
    return fail(Errc::Corrupt, fmt::format("model of a group of {} series, not {}", n, channels()));
  }
  GroupDetector loaded(channels());
  loaded.samples_ = r.u64();
  loaded.energy_ = r.f64();
  loaded.p_ = r.f64();
  for (auto* column : {&loaded.mean_, &loaded.scale_, &loaded.magnitude_, &loaded.counts_}) {
    for (double& v : *column) v = r.f64();
  }
  for (std::uint64_t& n : loaded.known_) n = r.u64();
  for (auto& component : loaded.components_) {
    for (double& v : component) v = r.f64();
  }
  if (!r.ok() || !r.at_end() || !loaded.is_sound()) {
    return fail(Errc::Corrupt,
                fmt::format("model of a group of {} series: impossible numbers", channels()));
  }
  *this = std::move(loaded);
  return {};
}

}  // namespace quell
