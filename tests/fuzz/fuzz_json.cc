// parse_json: what it takes, JsonWriter's escaping gives back unchanged.
#include <string>

#include "base/json.h"
#include "fuzz.h"

namespace quell {

void fuzz_one(std::string_view input) {
  static simdjson::dom::parser parser;
  static simdjson::dom::parser again;
  std::string quoted;
  append_json_string(quoted, input);
  auto text = parse_json(again, quoted);
  QUELL_ASSERT(text.has_value(), "any bytes can be written as a JSON string");

  auto value = parse_json(parser, input);
  if (!value) {
    QUELL_ASSERT(!value.error().message.empty(), "an error has a message");
    return;
  }
  std::string minified = simdjson::to_string(*value);
  auto same = parse_json(again, minified);
  QUELL_ASSERT(same.has_value(), "what was read can be written and read");
  QUELL_ASSERT(simdjson::to_string(*same) == minified, "and is the same");
}

}  // namespace quell
