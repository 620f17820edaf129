#include "eval/run_series.h"

namespace quell {

Observations run_series(const RecordedSeries& series, const DetectSettings& settings,
                        const Calendar& calendar) {
  const std::vector<SeriesSlot> slots(series.size(), 0);
  std::vector<Timestamp> times;
  times.reserve(series.size());
  for (const std::int64_t s : series.seconds) times.emplace_back(std::chrono::seconds(s));
  Detector detector(settings);
  Observations out;
  detector.observe(slots, times, series.values, calendar, out);
  return out;
}

}  // namespace quell
