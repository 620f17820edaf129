// Checks that the tests of requests share.
#pragma once

#include <string>
#include <string_view>

#include "api/api_world.h"
#include "api/schema_check.h"
#include "base/embedded.h"

namespace quell {

EmbeddedFiles embedded_api();

// A problem document as `status place: detail`.
inline std::string detail_of(const http::Response& response) {
  simdjson::dom::parser parser;
  const auto document = parse_json(parser, response.body);
  const auto place = json_text(*document, "place");
  return std::to_string(response.status) + ' ' + (place.empty() ? "" : std::string(place) + ": ") +
         std::string(json_text(*document, "detail"));
}

// Empty when the answer is 200 and has the shape that openapi.json names.
inline std::string shape_error(ApiWorld& world, std::string_view target, std::string_view schema) {
  SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
  const auto response = world.get(target);
  if (response.status != 200) return detail_of(response);
  return check(response.body, schema);
}

}  // namespace quell
