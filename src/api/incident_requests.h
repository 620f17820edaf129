// Requests about incidents: lists, details, and changes as commands.
#pragma once

#include "api/call.h"

namespace quell {

// Thread: the core's. Cost: a list page walks at most kListSteps incidents or members; when that
// is not enough to fill it, the page is shorter than `limit` and `next` goes on.
inline constexpr std::size_t kListSteps = 10'000;

Result<Reply> list_incidents(const Call& call, LiveView& live);
Result<Reply> get_incident(const Call& call, LiveView& live);
Result<Reply> get_incident_trace(const Call& call, LiveView& live);
Result<Reply> list_incident_alerts(const Call& call, LiveView& live);

// POST /api/v1/incidents/{id}/<verb>: checks what can be checked now and submits a Command. What
// already is as it is asked to be (acknowledging twice) is answered at once, without a command.
// Errors: InvalidArgument with a JSON pointer, NotFound, Conflict, Outdated (If-Match).
Result<Reply> change_incident(const Call& call, LiveView& live);

}  // namespace quell
