// CloudEvents in every mode. The first byte chooses it; in binary mode the lines up to an empty one
// are headers.
#include <algorithm>
#include <array>

#include "check_decoded.h"
#include "fuzz.h"
#include "wire/cloudevents.h"

namespace quell {
namespace {

constexpr std::array<std::string_view, 6> kContentTypes{"application/cloudevents+json",
                                                        "application/cloudevents-batch+json",
                                                        "application/json",
                                                        "application/json; charset=utf-8",
                                                        "text/plain",
                                                        ""};

void take_headers(std::string_view& input, Frame& frame) {
  while (!input.empty()) {
    const std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    if (line.empty()) return;
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    frame.headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
}

void check_frame(const Frame& frame, const WireLimits& limits) {
  static WireScratch reused;
  WireScratch fresh;
  const Decoded decoded = decode_cloudevents(frame, limits, reused);
  check_decoded(decoded, limits);
  QUELL_ASSERT(decoded.events.size() + decoded.rejected.size() > 0 || frame.body.size() < 1024,
               "what was sent is kept, as an event or as a rejection");
  QUELL_ASSERT(decoded_text(decoded) == decoded_text(decode_cloudevents(frame, limits, fresh)),
               "what was decoded before does not matter");
}

}  // namespace

void fuzz_one(std::string_view input) {
  if (input.empty()) return;
  const auto choice = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  Frame frame = fuzz_frame("cloudevents", {});
  frame.content_type = kContentTypes[choice % kContentTypes.size()];
  if (choice % 2 == 0) take_headers(input, frame);
  frame.body = input;
  check_frame(frame, {});
  check_frame(frame, kFuzzLimits);
  if (const auto text = decode_cloudevents_header(input)) check_text(*text);
  for (const auto& [name, value] : cloudevents_handshake(input, input).value_or(HeaderList{})) {
    QUELL_ASSERT(value.find_first_of("\r\n") == value.npos, "no header can be injected");
  }
}

}  // namespace quell
