#include "detect/isolation_detector.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/prng.h"
#include "base/result.h"
#include "detect/sample_order.h"

namespace quell {
namespace {

constexpr double kIsolationValueMax = 1e30;
constexpr double kChannelRateMin = 2e-4;
constexpr double kReach = 8;  // Projections beyond count as there.
constexpr double kScoreMax = 20;
constexpr double kCellsMax = 20'000;  // Samples after which counts are halved.
constexpr std::uint64_t kChannelWarm = 20;

// Roughly normal.
double random_weight(Prng& prng) {
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(prng.below(1u << 20)) / (1u << 20);
  return sum - 6;
}

std::size_t cell_of(double value, double low, double high, std::size_t cells) {
  const double place = (value - low) / (high - low) * static_cast<double>(cells);
  return static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(cells - 1)));
}

}  // namespace

IsolationDetector::IsolationDetector(const NamedDetectorOptions& options)
    : options_(options),
      channels_(options.series),
      cells_(kProjections * kCells, 0),
      scores_(kScores, 0),
      z_(options.series, 0) {
  Prng prng(options.series);
  const auto root = static_cast<std::size_t>(std::ceil(std::sqrt(options.series)));
  const std::size_t terms = std::min(options.series, std::max<std::size_t>(2, root));
  for (std::size_t p = 0; p < kProjections; ++p) {
    std::vector<Term> projection;
    double sum = 0;
    while (projection.size() < terms) {
      const Term term{.series = prng.below(options.series), .weight = random_weight(prng)};
      if (std::ranges::find(projection, term.series, &Term::series) != projection.end()) continue;
      sum += term.weight;
      projection.push_back(term);
    }
    // Every second one is a contrast: its weights add up to nothing, so what all series do together
    // is not seen in it, and a series that leaves the others is.
    const bool is_contrast = p % 2 == 1 && terms > 1;
    double squares = 0;
    for (Term& term : projection) {
      if (is_contrast) term.weight -= sum / static_cast<double>(terms);
      squares += term.weight * term.weight;
    }
    for (Term& term : projection) term.weight /= std::sqrt(squares) + 1e-12;
    projections_.push_back(std::move(projection));
  }
}

void IsolationDetector::standardise(std::span<const double> values) {
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    z_[c] = std::numeric_limits<double>::quiet_NaN();
    if (!std::isfinite(values[c])) continue;
    Channel& channel = channels_[c];
    const double x = std::clamp(values[c], -kIsolationValueMax, kIsolationValueMax);
    const double rate = std::max(kChannelRateMin, 1 / static_cast<double>(channel.samples + 1));
    if (channel.samples == 0) channel.mean = x;
    channel.magnitude += rate * (std::abs(x) - channel.magnitude);
    const double unit = 1.25 * channel.scale + 1e-3 * channel.magnitude + 1e-9;
    const double distance = x - channel.mean;
    const bool is_warm = channel.samples > kChannelWarm;
    if (is_warm) z_[c] = std::clamp(distance / unit, -kReach, kReach);
    const double moved = is_warm ? std::clamp(distance, -4 * unit, 4 * unit) : distance;
    channel.mean += rate * moved;
    channel.scale += rate * (std::abs(moved) - channel.scale);
    ++channel.samples;
  }
}

// The mean of -log(share of the past in the sample's cell) over the projections; learns the cells.
// Returns: -1 when no projection has all that it needs.
double IsolationDetector::measure() {
  double sum = 0;
  double used = 0;
  for (std::size_t p = 0; p < kProjections; ++p) {
    double along = 0;
    for (const Term& term : projections_[p]) along += term.weight * z_[term.series];
    if (std::isnan(along)) continue;
    const auto cells = std::span(cells_).subspan(p * kCells, kCells);
    double total = 0;
    for (const double count : cells) total += count;
    const std::size_t at = cell_of(along, -kReach, kReach, kCells);
    // Neighbours lend half, so that the edge of a cell is no cliff.
    const double below = at > 0 ? cells[at - 1] : cells[at];
    const double above = at + 1 < kCells ? cells[at + 1] : cells[at];
    const double near = 0.5 * cells[at] + 0.25 * (below + above);
    sum -= std::log((near + 0.5) / (total + 0.5 * kCells));
    ++used;
    ++cells[at];
    if (total < kCellsMax) continue;
    for (double& count : cells) count *= 0.5;
  }
  return used > 0 ? sum / used : -1;
}

std::size_t IsolationDetector::furthest() const {
  std::size_t best = 0;
  for (std::size_t c = 1; c < z_.size(); ++c) {
    const bool is_further = std::abs(z_[c]) > std::abs(z_[best]) || std::isnan(z_[best]);
    if (is_further && !std::isnan(z_[c])) best = c;
  }
  return best;
}

void IsolationDetector::rank(double score) {
  const std::size_t at = cell_of(score, 0, kScoreMax, kScores);
  double total = 0;
  double above = 0;
  for (std::size_t q = 0; q < kScores; ++q) {
    total += scores_[q];
    if (q > at) above += scores_[q];
  }
  p_ = std::min(1.0, (above + 0.5 * scores_[at] + 0.5) / (total + 1));
  ++scores_[at];
  if (total < kCellsMax) return;
  for (double& count : scores_) count *= 0.5;
}

Reading IsolationDetector::observe(Timestamp time, std::span<const double> values) {
  QUELL_ASSERT(values.size() == channels_.size(), "one value for each series of the entity");
  const double ranked = std::accumulate(scores_.begin(), scores_.end(), 0.0);
  // The least p that the past allows is 0.5 / (ranked + 1).
  const bool is_short = 0.5 > options_.p * (ranked + 1);
  Reading reading{.is_learning = samples_ < options_.warmup_samples || is_short};
  reading.is_used = samples_ == 0 || !is_late(time, last_);
  if (!reading.is_used) return reading;
  last_ = time;
  ++samples_;
  standardise(values);
  const double score = measure();
  reading.is_used = score >= 0;
  if (!reading.is_used) return reading;
  // Scores of the first samples tell nothing: the cells are empty.
  if (samples_ > options_.warmup_samples / 2) rank(score);
  reading.value = score;
  const bool may_speak = !reading.is_learning || options_.speaks_while_learning;
  reading.is_unusual = may_speak && p_ <= options_.p;
  return reading;
}

bool IsolationDetector::is_sound() const {
  constexpr double kMost = 4 * kIsolationValueMax;
  bool is_good = is_within(p_, 0, 1);
  for (const Channel& channel : channels_) {
    is_good = is_good && is_within(channel.mean, -kMost, kMost) &&
              is_within(channel.scale, 0, kMost) && is_within(channel.magnitude, 0, kMost);
  }
  for (const auto* counts : {&cells_, &scores_}) {
    for (const double count : *counts) is_good = is_good && is_within(count, 0, kCellsMax + 1);
  }
  return is_good;
}

void IsolationDetector::visit(StateVisitor& visitor) {
  for (Channel& channel : channels_) {
    for (double* v : {&channel.mean, &channel.scale, &channel.magnitude}) visitor.number(*v);
    visitor.count(channel.samples);
  }
  for (double& count : cells_) visitor.number(count);
  for (double& count : scores_) visitor.number(count);
  visitor.count(samples_);
  visitor.time(last_);
  visitor.number(p_);
}

}  // namespace quell
