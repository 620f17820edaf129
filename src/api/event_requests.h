// Requests about events and dead letters: the past, and what a person adds to it.
#pragma once

#include "api/call.h"
#include "model/event.h"

namespace quell {

// Thread: any; they read the past only.
Result<http::Response> list_events(const Call& call, const History& history);
Result<http::Response> get_event(const Call& call, const History& history);
Result<http::Response> list_dead_letters(const Call& call, const History& history);
Result<http::Response> get_dead_letter(const Call& call, const History& history);

// POST /api/v1/events: a frame of the source kPostedEventSource.
Result<Reply> post_event(const Call& call, LiveView& live);

inline constexpr std::string_view kPostedEventSource = "note";
// Decodes such a frame. The API has checked the body; a replay checks it again.
Decoded decode_posted_event(const Frame& frame);

// POST …/retry: one, or all.
Result<Reply> retry_dead_letters(const Call& call, LiveView& live);

}  // namespace quell
