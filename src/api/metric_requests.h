// Requests about the samples that agents sent.
#pragma once

#include "api/call.h"

namespace quell {

Result<Reply> list_metrics(const Call& call, LiveView& live);
// The samples in memory, completed from the chunks of the past.
Result<Reply> get_metric(const Call& call, LiveView& live);

}  // namespace quell
