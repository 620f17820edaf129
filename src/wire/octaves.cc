#include "wire/octaves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace quell::wire {
namespace {

constexpr int kRound = 4;

int round_down(int exponent, int to) {
  const int rest = exponent % to;
  return exponent - (rest < 0 ? rest + to : rest);
}

}  // namespace

void Octaves::add(std::int64_t scale, std::int64_t index, double count) {
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  index = std::clamp(index, -kFar, kFar);
  scale = std::clamp<std::int64_t>(scale, -11, 40);
  std::int64_t exponent = 0;
  if (scale >= 0) {
    const std::int64_t part = std::int64_t{1} << scale;
    exponent = index > 0 ? (index + part - 1) / part : -(-index / part);
  } else {
    exponent = index * (std::int64_t{1} << -scale);
    grain_ = std::max(grain_, 1 << -scale);
  }
  total_ += count;
  if (exponent > kGreatest || !(count > 0)) return;
  const auto e = static_cast<int>(std::max<std::int64_t>(exponent, kLeast));
  auto at = counts_.end();
  while (at != counts_.begin() && std::prev(at)->first >= e) --at;
  if (at != counts_.end() && at->first == e) {
    at->second += count;
  } else {
    counts_.insert(at, {e, count});
  }
}

double Octaves::up_to(int exponent) const {
  double sum = 0;
  for (const auto& [e, count] : counts_) {
    if (e > exponent) break;
    sum += count;
  }
  return sum;
}

OctaveBounds octave_bounds(int first, int last, int grain) {
  OctaveBounds bounds{.step = grain};
  for (;; bounds.step *= 2) {
    const int to = std::max(kRound, bounds.step);
    bounds.first = std::max(round_down(first - 1, to), round_down(Octaves::kLeast, to));
    bounds.last = round_down(last + to - 1, to);
    if (bounds.last > Octaves::kGreatest) bounds.last = round_down(Octaves::kGreatest, to);
    if ((bounds.last - bounds.first) / bounds.step < kOctaveBoundsMax) return bounds;
  }
}

std::string bound_text(double bound) {
  return fmt::format("{}", bound);
}

std::string octave_text(int exponent) {
  return bound_text(std::ldexp(1.0, exponent));
}

}  // namespace quell::wire
