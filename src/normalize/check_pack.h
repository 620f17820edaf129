// Trying a pack on a sample: what `quell check --pack FILE --sample FILE` prints.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/event.h"
#include "normalize/expression.h"

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

struct PackReport {
  std::string name{};  // Of the pack, and its title.
  std::string title{};
  bool signature_checked = false;
  std::string signature_refused{};  // Why; empty: it is valid, or was not checked.
  Decoded decoded{};
  std::vector<Scope::Miss> misses{};  // Pointers that found nothing, each once.

  // Nothing of the sample was refused.
  bool good() const { return signature_refused.empty() && decoded.rejected.empty(); }
};

// Errors: InvalidArgument with file:line:column when the pack does not compile.
Result<PackReport> check_pack(const PackSample& sample);

// For people: the signature's verdict, the events as JSON, what was refused and where, what was
// ignored, and the pointers that found nothing.
std::string render_text(const PackReport& report);
std::string render_json(const PackReport& report);

// Reads `Name: value` lines; blank lines and lines that begin with '#' are skipped.
// Errors: InvalidArgument with `file:line`.
Result<std::vector<std::pair<std::string, std::string>>> parse_header_lines(std::string_view text,
                                                                            std::string_view file);

}  // namespace quell
