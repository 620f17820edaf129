#include "eval/nab_score.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/prng.h"
#include "base/result.h"

namespace quell {
namespace {

constexpr double kProbationShare = 0.15;
constexpr double kProbationRowsMax = 5000;
constexpr double kNever = std::numeric_limits<double>::infinity();

// 1 at the left edge of a window (position -1), 0 at its right edge, -1 far behind it.
double scaled_sigmoid(double position) {
  if (position >= 3) return -1;
  return 2 / (1 + std::exp(5 * position)) - 1;
}

}  // namespace

std::size_t nab_probation_rows(std::size_t rows) {
  const double share = std::floor(kProbationShare * static_cast<double>(rows));
  return static_cast<std::size_t>(std::min(share, kProbationShare * kProbationRowsMax));
}

std::vector<double> nab_row_values(std::size_t rows, std::span<const NabWindow> windows) {
  const double at_left_edge = scaled_sigmoid(-1);
  std::vector<double> values(rows, -1);
  for (std::size_t w = 0; w < windows.size(); ++w) {
    const auto [first, last] = windows[w];
    QUELL_ASSERT(first <= last && last < rows, "a window lies inside of its file");
    const double width = static_cast<double>(last - first + 1);
    for (std::size_t i = first; i <= last; ++i) {
      values[i] = scaled_sigmoid(-static_cast<double>(last - i + 1) / width) / at_left_edge;
    }
    const std::size_t end = w + 1 < windows.size() ? windows[w + 1].first : rows;
    for (std::size_t i = last + 1; i < end; ++i) {
      values[i] = scaled_sigmoid(static_cast<double>(i - last) / (width - 1));
    }
  }
  return values;
}

void NabCorpus::add(std::string name, std::vector<NabWindow> windows,
                    std::span<const double> scores) {
  File file{.name = std::move(name), .windows = std::move(windows)};
  file.first_window = window_count_;
  file.rows = scores.size();
  file.quiet_best.assign(file.windows.size(), -kNever);
  window_count_ += file.windows.size();
  const std::vector<double> values = nab_row_values(scores.size(), file.windows);
  std::size_t w = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    while (w < file.windows.size() && file.windows[w].last < i) ++w;
    if (i < nab_probation_rows(scores.size())) continue;
    const bool inside = w < file.windows.size() && file.windows[w].first <= i;
    if (scores[i] > 0) {
      points_.push_back({.score = scores[i],
                         .value = values[i],
                         .file = static_cast<std::uint32_t>(files_.size()),
                         .window = inside ? static_cast<std::int32_t>(file.first_window + w) : -1});
    } else if (inside) {
      file.quiet_best[w] = std::max(file.quiet_best[w], values[i]);
    } else {
      file.quiet_value += values[i];
      ++file.quiet_rows;
    }
  }
  files_.push_back(std::move(file));
  sorted_ = false;
}

void NabCorpus::sort_points() const {
  if (sorted_) return;
  std::ranges::stable_sort(points_,
                           [](const Point& a, const Point& b) { return a.score > b.score; });
  sorted_ = true;
}

// The raw score while detections are added one after another.
class NabCorpus::Sweep {
 public:
  Sweep(const NabCorpus& corpus, const NabProfile& profile, const std::vector<char>& chosen)
      : profile_(profile), window_values_(corpus.window_count_, -profile.fn) {
    for (std::size_t f = 0; f < corpus.files_.size(); ++f) {
      if (!chosen[f]) continue;
      total_ -= profile.fn * static_cast<double>(corpus.files_[f].windows.size());
    }
  }

  void detect(double value, std::int32_t window) {
    if (window < 0) {
      total_ += value * profile_.fp;
      ++false_rows_;
      return;
    }
    double& best = window_values_[static_cast<std::size_t>(window)];
    const double earned = value * profile_.tp;
    if (best == -profile_.fn) ++hit_;
    if (earned > best) {
      total_ += earned - best;
      best = earned;
    }
  }

  // Every row of the file whose score is 0: what a threshold of 0 adds.
  void detect_quiet_rows(const File& file) {
    total_ += file.quiet_value * profile_.fp;
    false_rows_ += file.quiet_rows;
    for (std::size_t w = 0; w < file.windows.size(); ++w) {
      if (file.quiet_best[w] == -kNever) continue;
      detect(file.quiet_best[w], static_cast<std::int32_t>(file.first_window + w));
    }
  }

  double total() const { return total_; }
  NabResult result(double threshold) const {
    return {
        .score = total_, .threshold = threshold, .windows_hit = hit_, .false_rows = false_rows_};
  }

 private:
  NabProfile profile_;
  std::vector<double> window_values_;
  double total_ = 0;
  std::size_t hit_ = 0;
  std::size_t false_rows_ = 0;
};

double NabCorpus::best_threshold(const NabProfile& profile, const std::vector<char>& chosen) const {
  sort_points();
  Sweep sweep(*this, profile, chosen);
  double best = sweep.total();
  double threshold = kNever;
  const auto offer = [&](double score) {
    if (sweep.total() <= best) return;
    best = sweep.total();
    threshold = score;
  };
  double last = kNever;
  for (const Point& p : points_) {
    if (!chosen[p.file]) continue;
    if (p.score != last && last != kNever) offer(last);
    last = p.score;
    sweep.detect(p.value, p.window);
  }
  if (last != kNever) offer(last);
  for (std::size_t f = 0; f < files_.size(); ++f) {
    if (chosen[f]) sweep.detect_quiet_rows(files_[f]);
  }
  offer(0);
  return threshold;
}

NabResult NabCorpus::raw_at(const NabProfile& profile, double threshold,
                            const std::vector<char>& chosen) const {
  sort_points();
  Sweep sweep(*this, profile, chosen);
  for (const Point& p : points_) {
    if (p.score < threshold) break;
    if (chosen[p.file]) sweep.detect(p.value, p.window);
  }
  for (std::size_t f = 0; threshold <= 0 && f < files_.size(); ++f) {
    if (chosen[f]) sweep.detect_quiet_rows(files_[f]);
  }
  return sweep.result(threshold);
}

NabResult NabCorpus::normalised(const NabProfile& profile, NabResult raw) const {
  const double windows = static_cast<double>(window_count_);
  const double nothing = -profile.fn * windows;
  const double perfect = profile.tp * windows;
  raw.score = window_count_ == 0 ? 0 : 100 * (raw.score - nothing) / (perfect - nothing);
  return raw;
}

NabResult NabCorpus::best(const NabProfile& profile) const {
  const std::vector<char> all(files_.size(), 1);
  return normalised(profile, raw_at(profile, best_threshold(profile, all), all));
}

NabResult NabCorpus::at(const NabProfile& profile, double threshold) const {
  return normalised(profile, raw_at(profile, threshold, std::vector<char>(files_.size(), 1)));
}

double NabCorpus::out_of_fold(const NabProfile& profile, std::size_t folds,
                              std::uint64_t seed) const {
  std::vector<std::size_t> order(files_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Prng prng(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[prng.below(i)]);
  NabResult sum;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::vector<char> others(files_.size(), 1);
    std::vector<char> held_out(files_.size(), 0);
    for (std::size_t i = fold; i < order.size(); i += folds) {
      others[order[i]] = 0;
      held_out[order[i]] = 1;
    }
    sum.score += raw_at(profile, best_threshold(profile, others), held_out).score;
  }
  return normalised(profile, sum).score;
}

}  // namespace quell
