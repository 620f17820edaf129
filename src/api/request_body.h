// RequestBody: the JSON object that a request brings, read member by member with clear errors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "model/labels.h"

namespace quell {

// All errors are InvalidArgument with a JSON pointer (`/severity`), or a byte for bad JSON. A null
// member counts as absent.
class RequestBody {
 public:
  // The empty body is the empty object. Refuses members that are not `known`, naming the nearest.
  // Requires: `json` lives as long as this.
  Status parse(std::string_view json, std::span<const std::string_view> known);

  // Empty when absent. At most `bytes_max`, no control characters but line ends and tabs.
  Result<std::string> text(std::string_view name, std::size_t bytes_max) const;
  // The same, and neither absent nor blank.
  Result<std::string> required_text(std::string_view name, std::size_t bytes_max) const;
  Result<std::optional<std::int64_t>> integer(std::string_view name) const;
  // An object of texts, as many and as long as WireLimits allow.
  Result<LabelSet> labels(std::string_view name) const;
  // An array of texts, 1 to `count_max`.
  Result<std::vector<std::string>> texts(std::string_view name, std::size_t count_max) const;

 private:
  std::optional<simdjson::dom::element> member(std::string_view name) const;

  std::string_view json_{};
  simdjson::dom::parser parser_;
  simdjson::dom::element root_{};
  bool empty_ = true;
};

}  // namespace quell
