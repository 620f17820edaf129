#include "api/request_body.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "wire/fields.h"

namespace quell {
namespace {

std::unexpected<Error> bad_member(std::string_view name, std::string message) {
  return fail(Errc::InvalidArgument, std::move(message), fmt::format("/{}", name));
}

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r') ||
           c == 0x7f;
  });
}

}  // namespace

Status RequestBody::parse(std::string_view json, std::span<const std::string_view> known) {
  json_ = json;
  empty_ = trim(json).empty();
  if (empty_) return {};
  TRY(root_, parse_json(parser_, json));
  simdjson::dom::object object;
  if (root_.get(object) != simdjson::SUCCESS) {
    return fail(Errc::InvalidArgument, "the body must be a JSON object", "/");
  }
  for (const auto [key, value] : object) {
    if (std::ranges::find(known, key) != known.end()) continue;
    const std::string_view quoted = utf8_prefix(key, 64);
    const auto near = nearest_word(quoted, known);
    return bad_member(
        quoted, near ? fmt::format("there is no member '{}', did you mean '{}'?", quoted, *near)
                     : fmt::format("there is no member '{}' here", quoted));
  }
  return {};
}

std::optional<simdjson::dom::element> RequestBody::member(std::string_view name) const {
  if (empty_) return std::nullopt;
  simdjson::dom::element element;
  if (root_[name].get(element) != simdjson::SUCCESS || element.is_null()) return std::nullopt;
  return element;
}

Result<std::string> RequestBody::text(std::string_view name, std::size_t bytes_max) const {
  const auto element = member(name);
  if (!element) return std::string();
  std::string_view value;
  if (element->get(value) != simdjson::SUCCESS) return bad_member(name, "must be a text");
  if (value.size() > bytes_max) {
    return bad_member(name, fmt::format("{} bytes long, the limit is {}", value.size(), bytes_max));
  }
  if (!is_plain(value)) return bad_member(name, "must not have control characters");
  return std::string(value);
}

Result<std::string> RequestBody::required_text(std::string_view name, std::size_t bytes_max) const {
  TRY(auto value, text(name, bytes_max));
  if (trim(value).empty()) return bad_member(name, "is needed and must not be empty");
  return value;
}

Result<std::optional<std::int64_t>> RequestBody::integer(std::string_view name) const {
  const auto element = member(name);
  if (!element) return std::optional<std::int64_t>{};
  std::int64_t value = 0;
  if (element->get(value) != simdjson::SUCCESS) return bad_member(name, "must be a whole number");
  return std::optional<std::int64_t>{value};
}

Result<LabelSet> RequestBody::labels(std::string_view name) const {
  const auto element = member(name);
  if (!element) return LabelSet{};
  const WireLimits limits;
  LabelSet::Builder builder;
  wire::LabelReader reader(json_, limits, builder);
  auto labels = reader.labels(*element);
  if (!labels) {
    return bad_member(fmt::format("{}{}", name, labels.error().place), labels.error().message);
  }
  return labels;
}

Result<std::vector<std::string>> RequestBody::texts(std::string_view name,
                                                    std::size_t count_max) const {
  std::vector<std::string> values;
  const auto element = member(name);
  simdjson::dom::array array;
  if (!element || element->get(array) != simdjson::SUCCESS || array.size() == 0 ||
      array.size() > count_max) {
    return bad_member(name, fmt::format("must be a list of 1 to {} texts", count_max));
  }
  for (const simdjson::dom::element item : array) {
    std::string_view value;
    if (item.get(value) != simdjson::SUCCESS) {
      return bad_member(fmt::format("{}/{}", name, values.size()), "must be a text");
    }
    values.emplace_back(value);
  }
  return values;
}

}  // namespace quell
