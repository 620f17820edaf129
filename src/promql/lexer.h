// Tokens of PromQL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace quell::promql {

struct Token {
  enum class Kind : std::uint8_t { End, Name, Number, Duration, String, Symbol };
  Kind kind = Kind::End;
  std::size_t at = 0;       // Byte of the query.
  std::string_view text{};  // As it was written.
  std::string content{};    // Of a String.
  double number = 0;
  quell::Duration duration{};

  bool is(std::string_view symbol) const { return kind == Kind::Symbol && text == symbol; }
};

// The last one is End. Errors: InvalidArgument, as parse_query().
Result<std::vector<Token>> tokenize(std::string_view text);

// `1:5: parse error: …`, for the byte `at` of `text`.
std::unexpected<Error> parse_error(std::string_view text, std::size_t at, std::string_view what);

// All of `text`: `1h30m`. Returns: false when it is none, or longer than 146 years.
bool parse_promql_duration(std::string_view text, Duration& out);

}  // namespace quell::promql
