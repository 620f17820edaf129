// The incident's state machine: which events may happen, and what each makes of the incident.
//
// An incident *is* its list of events; append() is the only way to change one, and fold() gives
// the same incident from the list alone.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/incident.h"

namespace quell {

// Adds `event` at the end of the timeline (its `seq` is set) and applies it.
// Requires: check_status_change() has allowed a StatusChanged.
// Cost: O(1), but O(members) for events of one member.
void append(Incident& incident, IncidentEvent event);

// The incident that `timeline` describes, but for what correlate/ keeps beside it (keys, templates,
// unlisted members) and the trace.
Incident fold(IncidentId id, std::string_view tenant, const std::vector<IncidentEvent>& timeline);

// Whether a person or rule may move the incident from one status to another:
// forward along open -> acknowledged -> investigating -> mitigated -> resolved -> closed, any
// number of steps; back to open from resolved or closed (re-open), or from mitigated to
// investigating. Errors: Conflict, with a sentence that says what is possible.
Status check_status_change(const Incident& incident, IncidentStatus to);

}  // namespace quell
