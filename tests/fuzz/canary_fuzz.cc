// This target must fail: it proves that the fuzzers can find something. Its assertion breaks on an
// input that the seed corpus does not hold, but that lies two steps away from it.
#include "fuzz.h"
#include "wire/pagerduty_events.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quell;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size >= 3 && text[0] == '{') {
    QUELL_ASSERT(text[1] != '}' || text[2] != '!', "the canary sings");
  }
  return 0;
}
