// JSON views: the shapes in which the API shows model values. docs: openapi.json, by the names of
// the functions (write_alert: AlertSummary, …).
//
// Thread: any; they read the values given and nothing else.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "model/alert.h"
#include "model/frame.h"
#include "model/incident.h"
#include "model/verdict.h"
#include "store/store.h"

namespace quell {

using AlertSnapshot = std::shared_ptr<const Alert>;
using IncidentSnapshot = std::shared_ptr<const Incident>;

// IncidentSummary. Names at most 16 entities, of the first 200 members. Cost: O(members).
void write_incident(JsonWriter& w, const Incident& incident);
// IncidentDetail. `alerts`: the snapshots of the first members; a null pointer is left out.
void write_incident_detail(JsonWriter& w, const Incident& incident,
                           std::span<const AlertSnapshot> alerts);
void write_timeline_entry(JsonWriter& w, const IncidentEvent& event);
void write_trace(JsonWriter& w, std::string_view subject, const Trace& trace);
void write_alert(JsonWriter& w, const Alert& alert);
void write_event(JsonWriter& w, const EventRow& row);
// EventDetail. `frame` is null when retention has removed it.
void write_event_detail(JsonWriter& w, const EventRow& row, const Frame* frame);
void write_dead_letter(JsonWriter& w, const DeadLetter& letter);
void write_dead_letter_detail(JsonWriter& w, const DeadLetter& letter, const Frame* frame);
void write_labels(JsonWriter& w, const LabelSet& labels);

// `"15"`: the version of an incident as an ETag.
std::string incident_etag(const Incident& incident);

// The text that one call of a writer makes.
template <class Write, class... Args>
std::string to_json(Write&& write, const Args&... args) {
  std::string out;
  JsonWriter w(out);
  write(w, args...);
  return out;
}

}  // namespace quell
