// A recorded series as CSV: `timestamp,value[,label]`, in any order of columns, others ignored.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace quell {

struct RecordedSeries {
  std::vector<std::int64_t> seconds{};
  std::vector<double> values{};
  std::vector<std::uint8_t> labels{};  // 1: anomalous; empty when there is no such column.

  std::size_t size() const { return values.size(); }
};

// Times are seconds since 1970, or `2014-04-01 00:00:00` (UTC); a fraction is cut off. Quotes and a
// byte order mark, as spreadsheets write them, are passed over.
// Errors: InvalidArgument with `name:line`, also for a second `KPI ID`; NotFound without samples.
Result<RecordedSeries> parse_series_csv(std::string_view text, std::string_view name);

// Rows of one time keep their order.
void sort_by_time(RecordedSeries& series);

// One such time.
Result<std::int64_t> parse_recorded_time(std::string_view text);

}  // namespace quell
