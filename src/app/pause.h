// Waiting for time to pass: the one place that does it, for back-off and for the ticker.
#pragma once

#include <stop_token>

#include "base/clock.h"

namespace quell {

void pause_for(Duration length);

// Returns when the time has passed, or at once when `stop` is requested.
void pause_for(Duration length, std::stop_token stop);

}  // namespace quell
