// The first line of the input is the content type, the next ones up to an empty one are headers
// (`name:value`), the rest is the body.
#include "fuzz.h"
#include "wire/cloudevents.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quell;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto take_line = [&] {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
  };
  Frame frame = fuzz_frame("");
  frame.content_type = take_line();
  for (std::string_view line = take_line(); !line.empty(); line = take_line()) {
    const auto colon = std::min(line.find(':'), line.size());
    frame.headers.emplace_back(line.substr(0, colon),
                               line.substr(std::min(colon + 1, line.size())));
  }
  frame.body = rest;

  static WireScratch reused;
  WireScratch fresh;
  const Decoded decoded = decode_cloudevents(frame, kFuzzLimits, reused);
  check_decoded(decoded, frame);
  QUELL_ASSERT(decoded_text(decoded) == decoded_text(decode_cloudevents(frame, kFuzzLimits, fresh)),
               "what was decoded before does not matter");
  if (const auto handshake = cloudevents_handshake(frame.content_type, "1")) {
    for (const auto& [name, value] : *handshake) {
      QUELL_ASSERT(value.find_first_of("\r\n") == std::string::npos, "no header can be injected");
    }
  }
  return 0;
}
