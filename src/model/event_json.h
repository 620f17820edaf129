// Event as JSON for people and for golden files: `quell check`, `quell replay --json`.
#pragma once

#include <string>
#include <string_view>

#include "model/event.h"

namespace quell {

// Indented, in a fixed order, ends with a newline; what is empty is left out, `id`, `source`,
// `type`, `time`, `kind` and `severity` never are. `data` stands as JSON.
std::string render_event_json(const Event& event);

// {"events": […], "rejected": […], "ignored": n}
std::string render_decoded_json(const Decoded& decoded);

// `compact` must be valid JSON. Two spaces per level; empty lists and maps stay on one line.
std::string indent_json(std::string_view compact);

}  // namespace quell
