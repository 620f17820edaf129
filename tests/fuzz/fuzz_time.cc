// Times and durations: what was parsed prints as a text that parses to the same.
#include "base/time.h"
#include "fuzz.h"

namespace quell {

void fuzz_one(std::string_view input) {
  if (auto time = parse_rfc3339(input)) {
    auto again = parse_rfc3339(format_rfc3339(*time));
    QUELL_ASSERT(again.has_value() && *again == *time, "a printed time is the same time");
  }
  if (auto duration = parse_duration(input)) {
    auto again = parse_duration(format_duration(*duration));
    QUELL_ASSERT(again.has_value() && *again == *duration, "a printed duration is the same");
  }
  (void)parse_optional_time(input);
}

}  // namespace quell
