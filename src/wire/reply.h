// WireReply: the answer that a protocol demands, when it depends on what was decoded.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/event.h"

namespace quell {

struct WireReply {
  int status = 200;
  std::string content_type{};  // Empty: no body, no header.
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};  // Beside the content type.
  bool operator==(const WireReply&) const = default;
};

// What was decoded, and what its sender is told.
struct Answered {
  Decoded decoded{};
  WireReply reply{};
};

}  // namespace quell
