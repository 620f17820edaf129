// AnyValue of OTLP as the text of a label.
#pragma once

#include <string>
#include <string_view>

#include "model/sample.h"
#include "wire/otlp_points.h"

namespace quell::wire {

// KeyValue {1 key, 2 value}. Texts stay as they are, numbers and booleans are written out, bytes
// become base64, lists and maps JSON. Returns: false when it is malformed, or nested too deeply.
bool read_key_value(std::string_view message, OtlpAttribute& out);

// Appends a number so that reading it gives the same one.
void append_number(std::string& out, double value);

// What the values of a metric mean, from what OTLP says of it.
SeriesKind otlp_kind(bool is_gauge, bool is_sum, OtlpTemporality temporality, bool is_monotonic);

// Why such a metric cannot be taken. Empty: it can.
std::string_view otlp_wrong_kind(bool is_sum, OtlpTemporality temporality, bool is_monotonic);

}  // namespace quell::wire
