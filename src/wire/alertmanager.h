// Alertmanager's two formats: the webhook (version 4, and Grafana's version 1), and the alerts that
// Prometheus posts to /api/v2/alerts.
//
// Method: prometheus/alertmanager api/v2/api.go, template/template.go; prometheus/common
// model/alert.go. docs/sources/alertmanager.md says which field goes where.
#pragma once

#include "model/event.h"
#include "model/frame.h"
#include "model/limits.h"
#include "wire/reply.h"
#include "wire/scratch.h"

namespace quell {

// Decodes a webhook notification. Events have no id, because a notification is repeated with the
// same content on purpose; the identity of an alert is the fingerprint of its labels. A firing
// alert has no lease: its endsAt is year 1.
Decoded decode_alertmanager_webhook(const Frame& frame, const WireLimits& limits,
                                    WireScratch& scratch);

// Decodes a POST to /api/v2/alerts and says what Alertmanager 0.25 and later answers.
//
// The endsAt of a firing alert is its lease. An alert is resolved when its endsAt is not after
// frame.arrived_at. Where Alertmanager refuses a whole batch (a wrong type, a generatorURL that is
// no URI) the answer is the same, but the other alerts of the batch are kept.
//
// Cost: below 1 µs per alert of 600 bytes (bench/wire_bench.cc).
Answered decode_alertmanager_alerts(const Frame& frame, const WireLimits& limits,
                                    WireScratch& scratch);

}  // namespace quell
