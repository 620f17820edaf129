// Trying a pack on a sample: what `quell check --pack FILE --sample FILE` prints.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace quell {

struct PackSample {
  std::string pack_text{};
  std::string pack_file{};  // For places.
  std::string body{};
  // As of a request; names in any case. `content-type` decides whether the body is a form.
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string query{};     // Of the URL, for schemes that read a token there.
  std::string secret{};    // Not empty: the signature is checked as well.
  Timestamp arrived_at{};  // The time of events that have none, and of the signature check.
};

// Returns: a text for people: the signature's verdict, the events as JSON, what was refused and
// where, what was ignored, and the pointers that found nothing.
// Errors: InvalidArgument with file:line:column when the pack does not compile.
Result<std::string> check_pack(const PackSample& sample);

// Reads `Name: value` lines; blank lines and lines that begin with '#' are skipped.
// Errors: InvalidArgument with `file:line`.
Result<std::vector<std::pair<std::string, std::string>>> parse_header_lines(std::string_view text,
                                                                            std::string_view file);

}  // namespace quell
