#include "fuzz.h"
#include "wire/alertmanager.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quell;
  const Frame frame = fuzz_frame({reinterpret_cast<const char*>(data), size});
  static WireScratch reused;
  WireScratch fresh;
  const Answered answered = decode_alertmanager_alerts(frame, kFuzzLimits, reused);
  check_decoded(answered.decoded, frame);
  check_text(answered.reply.body);
  QUELL_ASSERT((answered.reply.status == 200) == answered.decoded.rejected.empty(),
               "200 means that nothing was refused");
  QUELL_ASSERT(answered.reply == decode_alertmanager_alerts(frame, kFuzzLimits, fresh).reply,
               "what was decoded before does not matter");
  for (const Event& event : answered.decoded.events) {
    QUELL_ASSERT(event.ends_at.has_value(), "a posted alert has a lease or an end");
  }
  return 0;
}
