// The KPIs of the AIOps 2018 competition, run with the detector and the threshold as they ship.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "detect/calendar.h"
#include "eval/data_files.h"
#include "eval/kpi_score.h"

namespace quell {

struct KpiReport {
  KpiCounts counts{};
  struct Series {
    std::string name{};
    KpiCounts counts{};
  };
  std::vector<Series> series{};
  std::uint64_t points = 0;         // All that were streamed,
  std::uint64_t scored_points = 0;  // and those that count.
  std::size_t with_test = 0;  // Series whose Test part is scored; of the others, the second half.
  double finding_p = 0;
  double false_per_day = 0;     // False detections per series and day,
  double declared_per_day = 0;  // and as many as finding_p declares for samples without a label.
  std::uint64_t data_hash = 0;
};

// Streams `directory`/Train and then `directory`/Test, where there is one, of each series.
// The calendar is that of the days of the series.
// Errors: NotFound, InvalidArgument, Corrupt, with file and line.
Result<KpiReport> evaluate_kpi(const DataFiles& files, const std::string& directory,
                               const EvalProgress& progress, const Calendar& calendar = {});

std::string kpi_json(const KpiReport& report);
std::string kpi_table(const KpiReport& report);

}  // namespace quell
