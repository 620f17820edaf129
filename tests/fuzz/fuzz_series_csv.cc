// Recorded series, packed files and time zones: a value or a sentence that says what is wrong.
#include "detect/calendar.h"
#include "eval/data_files.h"
#include "eval/series_csv.h"
#include "fuzz.h"

namespace quell {

void fuzz_one(std::string_view input) {
  if (const auto series = parse_series_csv(input, "input")) {
    QUELL_ASSERT(series->size() > 0, "no series without samples");
    QUELL_ASSERT(series->seconds.size() == series->size(), "columns of one length");
    QUELL_ASSERT(series->labels.empty() || series->labels.size() == series->size(),
                 "all are labelled or none");
  } else {
    QUELL_ASSERT(!series.error().message.empty(), "a refusal says why");
  }
  constexpr std::size_t kBytesMax = 1u << 20;
  if (const auto unpacked = unpack_xz(input, kBytesMax)) {
    QUELL_ASSERT(unpacked->size() <= kBytesMax, "no more than was allowed");
  }
  const auto calendar = Calendar::parse(input);
  if (!calendar) return;
  constexpr std::int64_t kWeek = 7 * 86'400;
  for (const std::int64_t second : {INT64_C(-9'000'000'000), INT64_C(0), INT64_C(1'800'000'000)}) {
    QUELL_ASSERT(std::abs(calendar->offset_seconds(second)) <= 2 * kWeek, "an offset of some days");
  }
}

}  // namespace quell
