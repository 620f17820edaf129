// PagerDuty's Events API v2, received: programs that page PagerDuty only change the address.
//
// Method: PagerDuty/api-schema, reference/events-v2; the texts of errors are the ones that its
// clients show. docs/sources/pagerduty-events.md says which field goes where.
#pragma once

#include "model/event.h"
#include "model/frame.h"
#include "model/limits.h"
#include "wire/reply.h"
#include "wire/scratch.h"

namespace quell {

// Decodes `POST /v2/enqueue`: trigger, acknowledge or resolve. The identity of the alert is the
// routing key together with the dedup_key. A trigger without one gets a dedup_key made of the
// frame's offset and body: the same on every replay, another one for every request.
// The routing key is a secret and goes nowhere: only a hash of it is in the event's source.
Answered decode_pagerduty_event(const Frame& frame, const WireLimits& limits, WireScratch& scratch);

// Decodes `POST /v2/change/enqueue`: a change.
Answered decode_pagerduty_change(const Frame& frame, const WireLimits& limits,
                                 WireScratch& scratch);

}  // namespace quell
