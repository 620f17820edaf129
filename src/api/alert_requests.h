// Requests about alerts.
#pragma once

#include "api/call.h"

namespace quell {

// Thread: the core's. Cost: a page walks at most kListSteps alerts (api/incident_requests.h).
Result<Reply> list_alerts(const Call& call, LiveView& live);
// Without `tenant`, the default tenant's.
Result<Reply> get_alert(const Call& call, LiveView& live);
Result<Reply> get_alert_trace(const Call& call, LiveView& live);

}  // namespace quell
