// What holds for the events and rejections of every decoder, whatever the bytes were.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/text.h"
#include "fuzz.h"
#include "model/event.h"
#include "model/frame.h"
#include "model/limits.h"
#include "wire/test_event.h"

namespace quell {

inline Frame fuzz_frame(std::string_view source, std::string_view body) {
  Frame frame;
  frame.arrived_at = Timestamp{std::chrono::hours(24 * 365 * 50)};
  frame.source = source;
  frame.content_type = "application/json";
  frame.body = body;
  return frame;
}

// Small ones, so that a fuzzer reaches them.
inline constexpr WireLimits kFuzzLimits{.events_max = 8,
                                        .samples_max = 16,
                                        .rejected_max = 4,
                                        .labels_max = 6,
                                        .label_name_bytes_max = 24,
                                        .label_value_bytes_max = 48,
                                        .attribute_bytes_max = 64,
                                        .annotations_bytes_max = 64,
                                        .title_bytes_max = 16,
                                        .links_max = 2,
                                        .link_bytes_max = 64,
                                        .series_cached_max = 32};

inline void check_text(std::string_view text) {
  QUELL_ASSERT(!invalid_utf8_at(text), "what comes out is UTF-8");
}

inline void check_labels(const LabelSet& labels) {
  QUELL_ASSERT(LabelSet::from_bytes(labels.bytes()).has_value(), "a label set is sorted");
  for (const Label label : labels) {
    check_text(label.name);
    check_text(label.value);
    QUELL_ASSERT(label.name.find('\0') == label.name.npos, "no NUL in a name");
    QUELL_ASSERT(label.value.find('\0') == label.value.npos, "no NUL in a value");
  }
}

inline void check_event(const Event& event, const WireLimits& limits) {
  QUELL_ASSERT(event.labels.size() <= limits.labels_max, "labels are limited");
  QUELL_ASSERT(event.title.size() <= std::max(limits.title_bytes_max + 4, 128u),
               "titles are limited");
  QUELL_ASSERT(event.title.find('\n') == event.title.npos, "a title is one line");
  QUELL_ASSERT(event.links.size() <= limits.links_max, "links are limited");
  for (const Link& link : event.links) {
    QUELL_ASSERT(link.href.starts_with("http") || link.href.starts_with("HTTP") ||
                     equals_ignore_case(link.href.substr(0, 4), "http"),
                 "links lead to the web");
  }
  QUELL_ASSERT(event.id.size() <= limits.attribute_bytes_max, "attributes are limited");
  QUELL_ASSERT(event.time <= Timestamp{std::chrono::hours(24 * 365 * 50)} + limits.future_max,
               "no event is in the future");
  for (const std::string* text :
       {&event.id, &event.source, &event.type, &event.subject, &event.title, &event.data,
        &event.correlation_id, &event.severity_text, &event.dedup_key, &event.entity.name}) {
    check_text(*text);
  }
  check_labels(event.labels);
  check_labels(event.annotations);
  QUELL_ASSERT(!event.source.empty() && !event.type.empty(), "an event says where it comes from");
  const bool alert = event.kind == EventKind::Alert;
  QUELL_ASSERT(alert == (event.status != EventStatus::None), "alerts have a status, others none");
  QUELL_ASSERT(!alert || !event.labels.empty() || !event.dedup_key.empty(),
               "an alert has an identity");
}

// One event more than the limit: the note that Alertmanager left alerts out. One rejection more:
// the count of those that are not listed.
inline void check_decoded(const Decoded& decoded, const WireLimits& limits) {
  QUELL_ASSERT(decoded.events.size() <= limits.events_max + 1, "events are limited");
  QUELL_ASSERT(decoded.rejected.size() <= std::max(limits.rejected_max + 1, 16u),
               "rejections are limited");
  for (const Event& event : decoded.events) check_event(event, limits);
  for (const Rejected& rejected : decoded.rejected) {
    QUELL_ASSERT(!rejected.reason.empty(), "a rejection has a reason");
    QUELL_ASSERT(rejected.excerpt.size() <= 256, "an excerpt is short");
  }
}

}  // namespace quell
