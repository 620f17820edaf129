// OTLP's JSON for metrics.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "wire/otlp_points.h"

namespace quell::wire {

// Fields that it does not know are passed over. 64-bit integers may be numbers or texts.
// Errors: InvalidArgument with a JSON pointer, or with byte, line and column, for what is not JSON
// or of another kind; what was read until then has reached `points`.
Status read_otlp_json(simdjson::dom::parser& parser, const std::string& body, OtlpPoints& points,
                      std::uint64_t& exemplars);

}  // namespace quell::wire
