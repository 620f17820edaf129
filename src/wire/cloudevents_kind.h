// What the type, status and subject of a CloudEvent say: alert, change or note, and about what.
#pragma once

#include <string>
#include <string_view>

#include "model/entity.h"
#include "model/event.h"

namespace quell::wire {

struct EventMeaning {
  EventKind kind = EventKind::Note;
  EventStatus status = EventStatus::None;
};

// The first of these that holds:
//   1. the extension `status` is firing, resolved or acknowledged (any case)      -> alert
//   2. the type ends in `.alert`, or in `.alert.` and a word such as `resolved`;
//      a version such as `.v1` may follow. Firing, unless that word or
//      `data.status` says otherwise                                               -> alert
//   3. a word of the type speaks of a deployment, push, merge, configuration,
//      scaling, release, rollout, rollback, migration or feature flag             -> change
//   4. `data.status` is firing, resolved or acknowledged                          -> alert
//   5. otherwise                                                                  -> note
EventMeaning kind_of(std::string_view type, std::string_view status_extension,
                     std::string_view data_status);

// The type without its version and status words, so that firing and resolved have one name:
// `io.example.alert.resolved.v1` -> `io.example.alert`.
std::string_view alert_name_of_type(std::string_view type);

// `node:db-1` -> that; `checkout/prod` (a name and an environment) -> service:checkout; another
// text without blanks -> a service of that name; else none.
Entity entity_of_subject(std::string_view subject);

}  // namespace quell::wire
