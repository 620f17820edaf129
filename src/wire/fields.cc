#include "wire/fields.h"

#include <fmt/format.h>

#include <cstring>

#include "base/text.h"
#include "base/time.h"

namespace quell::wire {
namespace {

constexpr std::size_t kExcerptBytes = 256;

}  // namespace

std::string_view json_kind(const Json& value) {
  using simdjson::dom::element_type;
  switch (value.type()) {
    case element_type::ARRAY: return "an array";
    case element_type::OBJECT: return "an object";
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE: return "a number";
    case element_type::STRING: return "a string";
    case element_type::BOOL: return "a boolean";
    case element_type::NULL_VALUE: return "null";
  }
  return "nothing";
}

std::unexpected<Error> wrong_kind(std::string_view want, const Json& got, std::string place) {
  return fail(Errc::InvalidArgument, fmt::format("must be {}, got {}", want, json_kind(got)),
              std::move(place));
}

std::string pointer_step(std::string_view name) {
  std::string step = "/";
  for (const char c : utf8_prefix(name, kExcerptBytes)) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

std::string excerpt_of(const Json& value) {
  const std::string json = simdjson::minify(value);
  return std::string(utf8_prefix(json, kExcerptBytes));
}

Result<std::string_view> text_or_null(const Json& value, std::string_view name) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return text;
  if (value.is_null()) return std::string_view{};
  return wrong_kind("a string", value, pointer_step(name));
}

Status check_label_name(std::string_view name, const WireLimits& limits) {
  if (name.empty()) return fail(Errc::InvalidArgument, "invalid name \"\"", "/");
  if (name.size() <= limits.label_name_bytes_max) return {};
  return fail(
      Errc::InvalidArgument,
      fmt::format("a name of {} bytes, the limit is {}", name.size(), limits.label_name_bytes_max),
      pointer_step(name));
}

Status check_label_value(std::string_view name, std::string_view value, const WireLimits& limits) {
  if (value.size() <= limits.label_value_bytes_max) return {};
  return fail(Errc::InvalidArgument,
              fmt::format("a value of {} bytes, the limit is {}", value.size(),
                          limits.label_value_bytes_max),
              pointer_step(name));
}

LabelReader::LabelReader(std::string_view body, const WireLimits& limits,
                         LabelSet::Builder& builder)
    : limits_(limits), builder_(builder), may_hold_nul_(body.find("\\u0000") != body.npos) {}

Status LabelReader::check(std::string_view name, std::string_view value) const {
  TRY_STATUS(check_label_name(name, limits_));
  if (may_hold_nul_ && (name.find('\0') != name.npos || value.find('\0') != value.npos)) {
    return fail(Errc::InvalidArgument, "NUL is not allowed", pointer_step(name));
  }
  return {};
}

Result<LabelSet> LabelReader::labels(const Json& object) {
  JsonObject pairs;
  if (object.get(pairs) != simdjson::SUCCESS) return wrong_kind("an object", object, "");
  builder_.clear();
  std::size_t count = 0;
  for (const auto [name, value] : pairs) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS && !value.is_null()) {
      return wrong_kind("a string", value, pointer_step(name));
    }
    if (text.empty()) continue;
    if (!is_fine(name, text)) TRY_STATUS(check(name, text));
    TRY_STATUS(check_label_value(name, text, limits_));
    if (++count > limits_.labels_max) {
      return fail(Errc::InvalidArgument,
                  fmt::format("{} labels, the limit is {}", pairs.size(), limits_.labels_max));
    }
    builder_.add(name, text);
  }
  return builder_.build();
}

Status LabelReader::add_annotations(const Json& object) {
  JsonObject pairs;
  if (object.get(pairs) != simdjson::SUCCESS) return wrong_kind("an object", object, "");
  std::size_t left = limits_.annotations_bytes_max;
  bool cut = false;
  for (const auto [name, value] : pairs) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS && !value.is_null()) {
      return wrong_kind("a string", value, pointer_step(name));
    }
    if (text.empty() || name.starts_with("quell.")) continue;
    if (!is_fine(name, text)) TRY_STATUS(check(name, text));
    const std::size_t room = left > name.size() ? left - name.size() : 0;
    const std::string_view kept = utf8_prefix(text, room);
    cut |= kept.size() < text.size();
    if (kept.empty()) continue;
    left = room - kept.size();
    builder_.add(name, kept);
  }
  if (cut) builder_.add(kTruncated, "longer than the limit for annotations, and cut");
  return {};
}

namespace {

// Whether a byte of `text` is a control character or, when `blank` is 1, a space. Eight at once:
// in each byte, x < n  <=>  the high bit of (x - n) & ~x, and x == 0x7f likewise by x ^ 0x7f.
bool has_control(std::string_view text, std::uint64_t blank) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const auto any = [&](std::uint64_t word) {
    const std::uint64_t below = (word - kOnes * (0x20 + blank)) & ~word;
    const std::uint64_t no_delete = word ^ (kOnes * 0x7f);
    return ((below | ((no_delete - kOnes) & ~no_delete)) & kHighs) != 0;
  };
  std::uint64_t word = 0;
  while (text.size() >= sizeof word) {
    std::memcpy(&word, text.data(), sizeof word);
    if (any(word)) return true;
    text.remove_prefix(sizeof word);
  }
  if (text.empty()) return false;  // Its data may be null, which memcpy() may not be given.
  word = kOnes * 'x';
  std::memcpy(&word, text.data(), text.size());
  return any(word);
}

}  // namespace

bool has_control_character(std::string_view text) {
  return has_control(text, 0);
}

bool is_web_link(std::string_view text) {
  const auto scheme = text.substr(0, 9).find("://");
  if (scheme == text.npos || scheme + 3 >= text.size() || text[scheme + 3] == '/') return false;
  const std::string_view name = text.substr(0, scheme);
  if (!equals_ignore_case(name, "http") && !equals_ignore_case(name, "https")) return false;
  return !has_control(text, 1);
}

void add_link(Event& event, std::string_view text, std::string_view href,
              const WireLimits& limits) {
  if (event.links.size() >= limits.links_max || href.size() > limits.link_bytes_max) return;
  if (!is_web_link(href)) return;
  for (const Link& link : event.links) {
    if (link.href == href) return;
  }
  event.links.push_back({std::string(text), std::string(href)});
}

void believe_time(Event& event, Timestamp arrived_at, const WireLimits& limits) {
  const bool time_is_far = is_far_future(event.time, arrived_at, limits);
  const bool start_is_far = event.starts_at && is_far_future(*event.starts_at, arrived_at, limits);
  if (!time_is_far && !start_is_far) return;
  const Timestamp said = time_is_far ? event.time : *event.starts_at;
  event.annotations = event.annotations.with(kTimeAdjusted, format_rfc3339(said));
  if (time_is_far) event.time = arrived_at;
  if (start_is_far) event.starts_at = arrived_at;
}

std::string media_type(std::string_view content_type) {
  return to_lower(trim(content_type.substr(0, content_type.find(';'))));
}

void Rejects::add(Error error, std::string_view prefix, const Json& value) {
  // Making an excerpt costs as much as the value is long, so only for what is listed.
  add(std::move(error), prefix, out_.size() < max_ ? excerpt_of(value) : std::string());
}

void Rejects::add(Error error, std::string_view prefix, std::string_view excerpt) {
  if (out_.size() >= max_) {
    ++unlisted_;
    return;
  }
  out_.push_back({std::move(error.message), std::string(prefix) + error.place,
                  std::string(utf8_prefix(excerpt, kExcerptBytes))});
}

void Rejects::finish() {
  if (unlisted_ == 0) return;
  out_.push_back(
      {fmt::format("{} more were refused; only the first {} are listed", unlisted_, max_), "", ""});
}

}  // namespace quell::wire
