// Lines that the reports share.
#pragma once

#include <span>
#include <string>

namespace quell {

// `10 % 0.02   25 % 0.10   50 % 0.31   75 % 0.52   90 % 0.80`. Requires: sorted.
std::string quantile_line(std::span<const double> sorted);

}  // namespace quell
