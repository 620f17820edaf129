// Frames as the journal stores them: decoding what was encoded gives the same bytes.
#include <string>

#include "fuzz.h"
#include "model/frame.h"

namespace quell {

void fuzz_one(std::string_view input) {
  auto frame = decode_frame(7, input);
  if (!frame) return;
  std::string once, twice;
  encode_frame(*frame, once);
  auto again = decode_frame(7, once);
  QUELL_ASSERT(again.has_value(), "an encoded frame decodes");
  encode_frame(*again, twice);
  QUELL_ASSERT(once == twice, "and encodes to the same bytes");
  QUELL_ASSERT(again->body == frame->body && again->headers == frame->headers, "with its content");
}

}  // namespace quell
