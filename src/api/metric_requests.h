// Requests about series and their samples.
#pragma once

#include "api/call.h"

namespace quell {

Result<Reply> list_metrics(const Call& call, LiveView& live);
// The samples in memory, completed from the chunks of the past.
Result<Reply> get_metric(const Call& call, LiveView& live);
// How many series there are, whose, and which metrics and labels make the most.
Result<Reply> list_series(const Call& call, LiveView& live);

}  // namespace quell
