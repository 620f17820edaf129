#include "fuzz.h"
#include "wire/pagerduty_events.h"

namespace quell {
namespace {

void check_answered(const Answered& answered, const Frame& frame) {
  check_decoded(answered.decoded, frame);
  check_text(answered.reply.body);
  QUELL_ASSERT(answered.reply.status == (answered.decoded.events.empty() ? 400 : 202),
               "202 means that there is an event");
  QUELL_ASSERT(answered.decoded.events.empty() != answered.decoded.rejected.empty(),
               "an event or a reason, not both");
}

}  // namespace
}  // namespace quell

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quell;
  const Frame frame = fuzz_frame({reinterpret_cast<const char*>(data), size});
  static WireScratch scratch;
  check_answered(decode_pagerduty_event(frame, kFuzzLimits, scratch), frame);
  check_answered(decode_pagerduty_change(frame, kFuzzLimits, scratch), frame);
  return 0;
}
