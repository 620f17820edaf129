// The Numenta Anomaly Benchmark, run with the detector as it ships.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "detect/calendar.h"
#include "eval/data_files.h"
#include "eval/nab_score.h"

namespace quell {

struct NabReport {
  std::array<NabResult, 3> best{};      // In the order of kNabProfiles; threshold by NAB's rule.
  std::array<double, 3> shipped{};      // Scores with the threshold that ships,
  std::array<double, 3> out_of_fold{};  // and with those of other files: means over kNabSeeds.
  std::array<double, 3> fold_spread{};  // Standard deviation over the seeds.
  std::size_t files = 0;
  std::size_t absent = 0;  // Files that are labelled, but not there.
  std::uint64_t rows = 0;
  std::size_t windows = 0;
  std::uint64_t data_hash = 0;
  // From the beginning of a window to the first detection in it, as a share of the window, sorted:
  // with the threshold of the standard profile.
  std::vector<double> delays{};
  // By folder of the data: windows, windows hit, false rows.
  struct Category {
    std::string name{};
    std::size_t windows = 0;
    std::size_t hit = 0;
    std::size_t false_rows = 0;
  };
  std::vector<Category> categories{};
};

inline constexpr std::size_t kNabFolds = 10;
inline constexpr std::uint64_t kNabSeeds = 20;  // Seeds 1 to 20.

// `directory` is the root of NAB: `data/` and `labels/combined_windows.json`. A labelled file that
// is absent is left out. The calendar is that of the days of the series.
// Errors: NotFound, InvalidArgument, Corrupt, with file and line.
Result<NabReport> evaluate_nab(const DataFiles& files, const std::string& directory,
                               const EvalProgress& progress, const Calendar& calendar = {});

std::string nab_json(const NabReport& report);
std::string nab_table(const NabReport& report);

}  // namespace quell
