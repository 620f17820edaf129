// What holds for the events and rejections of every decoder, whatever the bytes were.
#pragma once

#include <string>
#include <string_view>

#include "fuzz.h"
#include "model/event.h"
#include "model/frame.h"
#include "wire/limits.h"

namespace quell {

inline Frame fuzz_frame(std::string_view source, std::string_view body) {
  Frame frame;
  frame.arrived_at = Timestamp{std::chrono::hours(24 * 365 * 50)};
  frame.source = source;
  frame.content_type = "application/json";
  frame.body = body;
  return frame;
}

inline void check_event(const Event& event, const WireLimits& limits) {
  QUELL_ASSERT(event.labels.size() <= limits.labels_max, "labels are limited");
  QUELL_ASSERT(event.title.size() <= limits.title_bytes_max + 4, "titles are limited");
  QUELL_ASSERT(event.links.size() <= limits.links_max, "links are limited");
  QUELL_ASSERT(event.id.size() <= limits.attribute_bytes_max, "attributes are limited");
  QUELL_ASSERT(event.time <= Timestamp{std::chrono::hours(24 * 365 * 50)} + limits.future_max,
               "no event is in the future");
}

inline void check_decoded(const Decoded& decoded, const WireLimits& limits) {
  QUELL_ASSERT(decoded.events.size() <= limits.events_max, "events are limited");
  QUELL_ASSERT(decoded.rejected.size() <= limits.rejected_max + 1, "rejections are limited");
  for (const Event& event : decoded.events) check_event(event, limits);
  for (const Rejected& rejected : decoded.rejected) {
    QUELL_ASSERT(!rejected.reason.empty(), "a rejection has a reason");
    QUELL_ASSERT(rejected.excerpt.size() <= 256, "an excerpt is short");
  }
}

}  // namespace quell
