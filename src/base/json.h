// JSON: writing with JsonWriter, reading with simdjson through parse_json().
#pragma once

#include <simdjson.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace quell {

// Parses one document. The element lives as long as `parser` is not used again; the parser keeps
// its buffers, so reuse it. Duplicate keys: the first one counts.
//
// Errors: InvalidArgument with the place as `byte N (line L, column C)`, for syntax errors, invalid
// UTF-8, nesting deeper than 256, numbers that no double or 64-bit integer holds, empty input.
// Cost: about 0.4 ns per byte, and a copy of the input for padding.
Result<simdjson::dom::element> parse_json(simdjson::dom::parser& parser, std::string_view text);

// Reads with a default, for optional fields: what is absent or of another type is empty.
std::string_view json_text(const simdjson::dom::element& object, std::string_view key);
std::optional<double> json_number(const simdjson::dom::element& object, std::string_view key);
std::optional<std::int64_t> json_integer(const simdjson::dom::element& object,
                                         std::string_view key);

// Appends `text` with quotes, escaped. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Writes compact JSON into a string, in the order of the calls; equal calls give equal bytes.
//
//   JsonWriter w(out);
//   w.begin_object().field("id", 7).key("tags").begin_array().value("a").end_array().end_object();
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  JsonWriter& key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    first_ = true;
    return *this;
  }

  JsonWriter& value(std::string_view text) {
    separate();
    append_json_string(out_, text);
    return *this;
  }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool v) { return raw(v ? "true" : "false"); }
  JsonWriter& value(double v);  // NaN and infinities become null.
  JsonWriter& value(Timestamp t);
  template <std::integral T>
  JsonWriter& value(T v) {
    return raw(std::to_string(v));
  }
  template <class T>
  JsonWriter& value(const std::optional<T>& v) {
    return v ? value(*v) : null();
  }
  JsonWriter& null() { return raw("null"); }
  // `json` must be a valid JSON value.
  JsonWriter& raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
  }

  template <class T>
  JsonWriter& field(std::string_view name, const T& v) {
    return key(name).value(v);
  }
  JsonWriter& field_raw(std::string_view name, std::string_view json) {
    return key(name).raw(json);
  }
  JsonWriter& field_or_null(std::string_view name, std::string_view text) {
    return text.empty() ? key(name).null() : key(name).value(text);
  }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  JsonWriter& open(char c) {
    separate();
    out_ += c;
    first_ = true;
    return *this;
  }
  JsonWriter& close(char c) {
    out_ += c;
    first_ = false;
    return *this;
  }

  std::string& out_;
  bool first_ = true;
};

}  // namespace quell
