#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/stream_parser.hpp>
#include <cmath>

#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr std::size_t kDepthMax = 256;

// simdjson does not say where it stopped; a second, slower parser does.
struct Place {
  std::size_t byte = 0;
  std::string message;
};

Place find_error(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::stream_parser parser({}, options);
  boost::json::error_code error;
  const std::size_t consumed = parser.write_some(text.data(), text.size(), error);
  if (!error && consumed == text.size()) parser.finish(error);
  if (error) return {consumed, error.message()};
  if (consumed < text.size()) return {consumed, "extra characters after the document"};
  return {text.size(), ""};
}

std::string describe(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte);
  const auto line = 1 + std::ranges::count(before, '\n');
  const auto newline = before.rfind('\n');
  const auto column = newline == before.npos ? byte + 1 : byte - newline;
  return fmt::format("byte {} (line {}, column {})", byte, line, column);
}

}  // namespace

Result<simdjson::dom::element> parse_json(simdjson::dom::parser& parser, std::string_view text) {
  simdjson::dom::element element;
  if (parser.max_depth() != kDepthMax) {
    if (parser.allocate(std::max<std::size_t>(text.size(), 4096), kDepthMax) != simdjson::SUCCESS) {
      return fail(Errc::TooLarge,
                  fmt::format("no memory for a JSON text of {} bytes", text.size()));
    }
  }
  const auto error = parser.parse(text.data(), text.size(), true).get(element);
  if (error == simdjson::SUCCESS) return element;
  if (text.find_first_not_of(" \t\r\n") == text.npos) {
    return fail(Errc::InvalidArgument, "the body is empty, expected JSON", "byte 0");
  }
  if (error == simdjson::CAPACITY) {
    return fail(Errc::TooLarge, fmt::format("JSON text of {} bytes is too large", text.size()));
  }
  if (const auto bad = invalid_utf8_at(text)) {
    return fail(Errc::InvalidArgument, "not valid JSON: invalid UTF-8", describe(text, *bad));
  }
  const Place place = find_error(text);
  if (place.message == "too deep") {
    return fail(Errc::InvalidArgument,
                fmt::format("not valid JSON: nested deeper than {} levels", kDepthMax),
                describe(text, place.byte));
  }
  const std::string why = place.message.empty() ? simdjson::error_message(error) : place.message;
  return fail(Errc::InvalidArgument, "not valid JSON: " + why, describe(text, place.byte));
}

std::string_view json_text(const simdjson::dom::element& object, std::string_view key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return {};
  return text;
}

std::optional<double> json_number(const simdjson::dom::element& object, std::string_view key) {
  double number = 0;
  if (object[key].get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

std::optional<std::int64_t> json_integer(const simdjson::dom::element& object,
                                         std::string_view key) {
  std::int64_t number = 0;
  if (object[key].get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr std::string_view kReplacement = "\\ufffd";
  out += '"';
  std::size_t start = 0;
  const auto flush = [&](std::size_t end) { out.append(text.substr(start, end - start)); };
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    const std::size_t length = c < 0x80 ? 1 : utf8_sequence_length(text.substr(i));
    if (c >= 0x80 && length > 0) {
      i += length;
      continue;
    }
    flush(i);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (c < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
        } else {
          out += kReplacement;
        }
    }
    start = ++i;
  }
  flush(text.size());
  out += '"';
}

JsonWriter& JsonWriter::value(double v) {
  if (!std::isfinite(v)) return null();
  return raw(fmt::format("{}", v));
}

JsonWriter& JsonWriter::value(Timestamp t) {
  return value(format_rfc3339(t));
}

}  // namespace quell
