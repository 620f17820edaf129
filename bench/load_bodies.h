// Request bodies for loadgen, as real senders write them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace quell::bench {

struct BodyOptions {
  std::string mode = "am-batch";  // am-batch, am-single, agent.
  int batch = 100;                // Items of one request; 1 for am-single.
  int identities = 30'000;        // Different alerts, or series.
  Timestamp now{};                // Alerts fire since an hour before, and end ten minutes after.
};

// Bodies that together hold every identity once (the last may repeat some to be full).
// Errors: InvalidArgument for an unknown mode, counts below 1, or more than 2 GB.
Result<std::vector<std::string>> make_bodies(const BodyOptions& options);
std::string_view content_type_of(std::string_view mode);

}  // namespace quell::bench
