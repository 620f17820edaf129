#include "fuzz.h"
#include "wire/alertmanager.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quell;
  const Frame frame = fuzz_frame({reinterpret_cast<const char*>(data), size});
  static WireScratch reused;
  WireScratch fresh;
  const Decoded decoded = decode_alertmanager_webhook(frame, kFuzzLimits, reused);
  check_decoded(decoded, frame);
  QUELL_ASSERT(
      decoded_text(decoded) == decoded_text(decode_alertmanager_webhook(frame, kFuzzLimits, fresh)),
      "what was decoded before does not matter");
  return 0;
}
