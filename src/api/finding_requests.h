// Requests about findings, and about the models that make them.
#pragma once

#include <functional>

#include "api/call.h"
#include "base/json.h"
#include "model/finding.h"

namespace quell {

// FindingSummary. `alerts` knows the incident.
void write_finding(JsonWriter& w, const Finding& finding, const AlertBook& alerts);

// Thread: the core's. Cost: a page walks at most kListSteps findings.
Result<Reply> list_findings(const Call& call, LiveView& live);
// With the samples around the finding, of its most telling series.
Result<Reply> get_finding(const Call& call, LiveView& live);
Result<Reply> give_finding_feedback(const Call& call, LiveView& live);

// What is known of series that a selector names.
Result<Reply> list_models(const Call& call, LiveView& live);
// What each rule watches, and holds back.
Result<Reply> list_detection_rules(const Call& call, LiveView& live);
Result<Reply> reset_models(const Call& call, LiveView& live);

}  // namespace quell
