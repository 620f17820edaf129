// PagerDuty's Events API v2: an event and 202, or reasons and 400.
#include "check_decoded.h"
#include "fuzz.h"
#include "wire/pagerduty_events.h"

namespace quell {
namespace {

void check_answered(const Answered& answered, const WireLimits& limits) {
  check_decoded(answered.decoded, limits);
  check_text(answered.reply.body);
  QUELL_ASSERT(answered.reply.status == (answered.decoded.events.empty() ? 400 : 202),
               "202 means that there is an event");
  QUELL_ASSERT(answered.decoded.events.empty() != answered.decoded.rejected.empty(),
               "an event or reasons, never both");
}

}  // namespace

void fuzz_one(std::string_view input) {
  static WireScratch scratch;
  const Frame frame = fuzz_frame("pagerduty-events", input);
  for (const WireLimits& limits : {WireLimits{}, kFuzzLimits}) {
    check_answered(decode_pagerduty_event(frame, limits, scratch), limits);
    check_answered(decode_pagerduty_change(frame, limits, scratch), limits);
  }
}

}  // namespace quell
