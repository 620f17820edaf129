// The state of a pipeline as text, for people (scenarios, replay) and for comparing.
#pragma once

#include <string>

#include "app/pipeline.h"

namespace quell {

// The incidents that were not merged away, by their beginning, without ids: what must be the same
// in every order of arrival.
//
//   SEV1 open 08:00:10 "Pool exhausted" 2 alerts
//     firing   service:checkout "Pool exhausted"
//     change   07:58:00 service:checkout "Deploy 4.17.2"
std::string render_incidents(const Pipeline& pipeline);

// Everything, ids, timelines and traces included: equal for equal frames.
std::string render_state(const Pipeline& pipeline);

// The live incidents as one JSON array, in order of id, with their timelines.
std::string render_incidents_json(const Pipeline& pipeline);

}  // namespace quell
