// The score of the Numenta Anomaly Benchmark (NAB v1.1), computed anew.
//
// A detection inside of a labelled window earns up to 1, the earlier the more; further ones in the
// same window earn nothing. A window without a detection costs `fn`. Each detection outside costs
// `fp`, less shortly behind a window. The first 15 % of a file's rows (at most 750) do not count.
// One threshold holds for all files; NAB chooses it on the data that it scores, and so does
// best(); out_of_fold() chooses it on other files.
//
// Method: numenta/NAB, nab/sweeper.py and nab/optimizer.py; the test states NAB's own examples.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quell {

struct NabProfile {
  std::string_view name{};
  double tp = 1;  // What a window is worth,
  double fp = 0;  // what a detection outside of all windows costs,
  double fn = 0;  // and what a missed window costs.
};
inline constexpr std::array<NabProfile, 3> kNabProfiles{{
    {.name = "standard", .tp = 1, .fp = 0.11, .fn = 1},
    {.name = "reward_low_fp", .tp = 1, .fp = 0.22, .fn = 1},
    {.name = "reward_low_fn", .tp = 1, .fp = 0.11, .fn = 2},
}};

struct NabWindow {
  std::size_t first = 0;  // Rows of the file,
  std::size_t last = 0;   // both inclusive.
};

std::size_t nab_probation_rows(std::size_t rows);

// What a detection at each row is worth before it is weighted: 1 to 0 inside of windows, 0 to -1
// outside. Requires: windows are sorted, apart, and inside of the rows.
std::vector<double> nab_row_values(std::size_t rows, std::span<const NabWindow> windows);

struct NabResult {
  double score = 0;  // Normalised: 0 is a detector that says nothing, 100 a perfect one.
  double threshold = std::numeric_limits<double>::infinity();
  std::size_t windows_hit = 0;
  std::size_t false_rows = 0;  // Detections outside of windows.
};

// Files with their scores. Cost: O(n log n) once for n rows with a score above 0, then O(n) a call.
class NabCorpus {
 public:
  // `scores`: one for each row, >= 0; a row is a detection when its score reaches the threshold.
  void add(std::string name, std::vector<NabWindow> windows, std::span<const double> scores);

  // With the threshold that is best for these files and this profile.
  NabResult best(const NabProfile& profile) const;
  // With a threshold from elsewhere.
  NabResult at(const NabProfile& profile, double threshold) const;
  // The score when each file has the threshold that is best for the files of the other folds, which
  // are drawn from `seed`.
  double out_of_fold(const NabProfile& profile, std::size_t folds, std::uint64_t seed) const;

  struct File {
    std::string name{};
    std::vector<NabWindow> windows{};
    std::size_t first_window = 0;  // Number of its first window among those of all files.
    std::size_t rows = 0;
    double quiet_value = 0;  // Sum over the rows outside of windows whose score is 0.
    std::size_t quiet_rows = 0;
    std::vector<double> quiet_best{};  // For each window: the best value of rows with score 0.
  };
  std::size_t size() const { return files_.size(); }
  const File& file(std::size_t i) const { return files_[i]; }
  std::size_t window_count() const { return window_count_; }

 private:
  struct Point {
    double score = 0;
    double value = 0;
    std::uint32_t file = 0;
    std::int32_t window = -1;
  };
  class Sweep;

  double best_threshold(const NabProfile& profile, const std::vector<char>& chosen) const;
  NabResult raw_at(const NabProfile& profile, double threshold,
                   const std::vector<char>& chosen) const;
  NabResult normalised(const NabProfile& profile, NabResult raw) const;
  void sort_points() const;

  std::vector<File> files_;
  mutable std::vector<Point> points_;  // Those with a score above 0, the highest first.
  mutable bool sorted_ = true;
  std::size_t window_count_ = 0;
};

}  // namespace quell
