#include "wire/otlp_value.h"

#include <fmt/format.h>

#include <cmath>

#include "base/crypto.h"
#include "base/json.h"
#include "wire/protobuf.h"

namespace quell::wire {
namespace {

constexpr int kValueDepthMax = 8;

bool read_value(std::string_view message, int depth, bool as_json, std::string& out);

// ArrayValue {1 values} and KeyValueList {1 values}.
bool read_list(std::string_view message, int depth, bool is_map, std::string& out) {
  out += is_map ? '{' : '[';
  bool first = true;
  ProtoReader fields(message);
  for (ProtoField field; fields.next(field);) {
    if (!field.is(1, WireType::Bytes)) continue;
    if (!first) out += ',';
    first = false;
    if (!is_map) {
      if (!read_value(field.bytes, depth + 1, true, out)) return false;
      continue;
    }
    std::string_view key;
    std::string_view value;
    ProtoReader pair(field.bytes);
    for (ProtoField f; pair.next(f);) {
      if (f.is(1, WireType::Bytes)) key = f.bytes;
      if (f.is(2, WireType::Bytes)) value = f.bytes;
    }
    if (!pair.ok()) return false;
    append_json_string(out, key);
    out += ':';
    if (!read_value(value, depth + 1, true, out)) return false;
  }
  out += is_map ? '}' : ']';
  return fields.ok();
}

void append_text(std::string& out, std::string_view text, bool as_json) {
  if (as_json) {
    append_json_string(out, text);
  } else {
    out += text;
  }
}

// AnyValue {1 string, 2 bool, 3 int, 4 double, 5 array, 6 kvlist, 7 bytes}; the last one counts.
bool read_value(std::string_view message, int depth, bool as_json, std::string& out) {
  if (depth > kValueDepthMax) return false;
  const std::size_t begin = out.size();
  bool has_value = false;
  ProtoReader fields(message);
  for (ProtoField field; fields.next(field);) {
    out.resize(begin);
    has_value = true;
    if (field.is(1, WireType::Bytes)) {
      append_text(out, field.bytes, as_json);
    } else if (field.is(2, WireType::Varint)) {
      out += field.value != 0 ? "true" : "false";
    } else if (field.is(3, WireType::Varint)) {
      out += std::to_string(field.integer());
    } else if (field.is(4, WireType::Fixed64)) {
      append_number(out, field.number_value());
    } else if (field.is(5, WireType::Bytes) || field.is(6, WireType::Bytes)) {
      if (!read_list(field.bytes, depth, field.number == 6, out)) return false;
    } else if (field.is(7, WireType::Bytes)) {
      append_text(out, base64_encode(field.bytes), as_json);
    } else {
      has_value = false;
    }
  }
  if (!has_value && as_json) out += "null";
  return fields.ok();
}

}  // namespace

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
  } else {
    out += fmt::format("{}", value);
  }
}

bool read_key_value(std::string_view message, OtlpAttribute& out) {
  out.value.clear();
  ProtoReader fields(message);
  for (ProtoField field; fields.next(field);) {
    if (field.is(1, WireType::Bytes)) out.name = field.bytes;
    if (field.is(2, WireType::Bytes)) {
      out.value.clear();
      if (!read_value(field.bytes, 0, false, out.value)) return false;
    }
  }
  return fields.ok();
}

SeriesKind otlp_kind(bool is_gauge, bool is_sum, OtlpTemporality temporality, bool is_monotonic) {
  if (is_gauge) return SeriesKind::Gauge;
  if (!is_sum) return SeriesKind::Unknown;  // Of a histogram: its parts say it.
  if (!is_monotonic) return SeriesKind::Gauge;
  return temporality == OtlpTemporality::Delta ? SeriesKind::Delta : SeriesKind::Counter;
}

// Kept as they come, the changes would look like the value.
std::string_view otlp_wrong_kind(bool is_sum, OtlpTemporality temporality, bool is_monotonic) {
  if (!is_sum || is_monotonic || temporality != OtlpTemporality::Delta) return {};
  return "a sum that may fall, of delta temporality: send it as a cumulative one";
}

}  // namespace quell::wire
