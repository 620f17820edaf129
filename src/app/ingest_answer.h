// What a source's sender is told once its frame was applied.
#pragma once

#include <string>
#include <string_view>

#include "app/pipeline.h"
#include "http/server.h"
#include "model/frame.h"

namespace quell {

// The reply that the protocol demands when there is one. Else: 202 and counts when anything was
// accepted or nothing was wrong; 400 and what was wrong, with places, when nothing was accepted.
// Packs answer 202 to well-formed JSON even when it was no event for them, because senders switch
// webhooks off that answer with errors; it is then among the dead letters.
// `external_url` begins the links to the alerts' pages (Alertmanager's webhook).
http::Response ingest_answer(const Frame& frame, const FrameOutcome& outcome,
                             std::string_view external_url);

}  // namespace quell
