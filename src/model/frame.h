// Frame: one input as it arrived: an HTTP request, a command of a person, a tick, a configuration.
//
// The journal is a sequence of frames and nothing else. Replaying it gives the same state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace quell {

enum class FrameKind : std::uint8_t {
  Ingest = 1,   // A request to a source; `source` names the decoder or pack.
  Tick = 2,     // Time passed: the body is empty.
  Command = 3,  // What a person or a client asked to change; JSON body (see docs/api).
  Config = 4,   // The configuration that holds from here on; YAML body.
};

inline constexpr std::string_view kDefaultTenant = "default";
// A header that Quell adds: the configured source that a frame came by, where that is not `source`.
inline constexpr std::string_view kSourceNameHeader = "quell-source";

struct Frame {
  std::uint64_t offset = 0;  // Position in the journal, dense, from 0.
  Timestamp arrived_at{};    // Never before that of the previous frame.
  FrameKind kind = FrameKind::Ingest;
  std::string source{};  // "cloudevents", "alertmanager", "pack/github", …
  std::string tenant{kDefaultTenant};
  std::string content_type{};
  // The request headers that a decoder may need, lower-case names, in order of arrival.
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};

  std::string_view header(std::string_view lower_case_name) const {
    for (const auto& [name, value] : headers) {
      if (name == lower_case_name) return value;
    }
    return {};
  }
};

// The bytes that the journal stores for a frame, without its offset (docs/formats/journal.md).
void encode_frame(const Frame& frame, std::string& out);
Result<Frame> decode_frame(std::uint64_t offset, std::string_view bytes);

}  // namespace quell
