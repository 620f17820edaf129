// The command line of a simulation, `PROGRAM [FIRST_SEED [COUNT]]` or `PROGRAM canary`.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace quell {

// Calls check(seed, is_canary) -> bool for each seed; a canary breaks a promise on purpose, and looks
// at `canary_seeds`. Returns: the exit code, 1 when one failed.
template <class Check>
int run_simulation(int argc, char** argv, std::uint64_t canary_seeds, Check&& check) {
  const bool canary = argc > 1 && std::string_view(argv[1]) == "canary";
  const std::uint64_t first = argc > 1 && !canary ? std::strtoull(argv[1], nullptr, 10) : 0;
  const std::uint64_t count = canary     ? canary_seeds
                              : argc > 2 ? std::strtoull(argv[2], nullptr, 10)
                                         : 1;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    if (!check(seed, canary)) ++failed;
  }
  fmt::print("{} seeds, {} failed\n", count, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace quell
