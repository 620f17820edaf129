#include "base/clock.h"

namespace quell {

Timestamp SystemClock::now() const {
  return std::chrono::system_clock::now();
}

}  // namespace quell
