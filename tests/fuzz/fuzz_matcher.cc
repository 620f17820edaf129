// Matchers: what was parsed prints as a text that parses to the same.
#include "base/matcher.h"
#include "fuzz.h"

namespace quell {

void fuzz_one(std::string_view input) {
  auto matchers = parse_matchers(input);
  if (!matchers) return;
  for (const Matcher& matcher : *matchers) {
    auto again = Matcher::parse(matcher.to_string());
    QUELL_ASSERT(again.has_value(), "a printed matcher parses");
    QUELL_ASSERT(again->to_string() == matcher.to_string(), "and prints the same");
    QUELL_ASSERT(again->matches(input) == matcher.matches(input), "and matches the same");
  }
}

}  // namespace quell
