// Runs a recorded series through a detector of its own, as production would see it: in order, once.
#pragma once

#include "detect/detector.h"
#include "eval/series_csv.h"

namespace quell {

Observations run_series(const RecordedSeries& series, const DetectSettings& settings = {},
                        const Calendar& calendar = {});

}  // namespace quell
