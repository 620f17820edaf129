// A number that nobody can guess, for secrets of this process. Results never depend on it.
#pragma once

#include <cstdint>

namespace quell {

std::uint64_t random_seed();

}  // namespace quell
