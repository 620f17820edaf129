// Scenario files: a scenario whose steps are in order, or an error that names its line.
#include <algorithm>
#include <string>

#include "app/scenario.h"
#include "fuzz.h"

namespace quell {
namespace {

// As many alerts as it says are made.
bool tells_a_long_storm(std::string_view input) {
  constexpr std::size_t kDigitsMax = 3;
  for (auto at = input.find("storm"); at != input.npos; at = input.find("storm", at + 1)) {
    const auto first = std::min(input.find_first_not_of(' ', at + 5), input.size());
    const auto last = std::min(input.find_first_not_of("0123456789", first), input.size());
    if (last - first > kDigitsMax) return true;
  }
  return false;
}

}  // namespace

void fuzz_one(std::string_view input) {
  if (tells_a_long_storm(input)) return;
  for (const double speed : {1.0, 0.1, 1000.0}) {
    const auto scenario = parse_scenario(input, "a/fuzz.scn", {kScenarioStart, speed});
    if (!scenario) {
      QUELL_ASSERT(scenario.error().place.starts_with("a/fuzz.scn:"), "an error names its line");
      QUELL_ASSERT(!scenario.error().message.empty(), "and says what is wrong");
      continue;
    }
    QUELL_ASSERT(scenario->name == "fuzz", "its name is the file's");
    Timestamp last = Timestamp::min();
    for (const ScenarioStep& step : scenario->steps) {
      QUELL_ASSERT(step.at >= last && step.line > 0, "steps are in order, with their lines");
      last = step.at;
    }
  }
}

}  // namespace quell
