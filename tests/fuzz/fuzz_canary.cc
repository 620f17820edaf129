// This target must fail: it proves that the fuzzers can find something. What it asserts breaks on
// an input that is no seed, but not far from one.
#include "fuzz.h"

namespace quell {

void fuzz_one(std::string_view input) {
  if (input.size() < 3 || input[0] != '{') return;
  if (input[1] == '}') QUELL_ASSERT(input[2] != '!', "the canary sings");
}

}  // namespace quell
