// Alertmanager's webhook and Prometheus' alerts: any body, within the limits, always the same.
#include "check_decoded.h"
#include "fuzz.h"
#include "wire/alertmanager.h"

namespace quell {

namespace {

void check_both(std::string_view input, const WireLimits& limits) {
  static WireScratch reused;
  WireScratch fresh;
  const Frame frame = fuzz_frame("alertmanager", input);
  const Decoded notified = decode_alertmanager_webhook(frame, limits, reused);
  check_decoded(notified, limits);
  QUELL_ASSERT(
      decoded_text(notified) == decoded_text(decode_alertmanager_webhook(frame, limits, fresh)),
      "what was decoded before does not matter");

  const Answered answered = decode_alertmanager_alerts(frame, limits, reused);
  check_decoded(answered.decoded, limits);
  check_text(answered.reply.body);
  QUELL_ASSERT(answered.reply.status == 200 || answered.reply.status / 100 == 4,
               "a sender's fault is a 4xx");
  QUELL_ASSERT(answered.decoded.rejected.empty() == (answered.reply.status == 200),
               "whoever sent a bad alert is told");
  QUELL_ASSERT(answered.reply == decode_alertmanager_alerts(frame, limits, fresh).reply,
               "what was decoded before does not matter");
  for (const Event& event : answered.decoded.events) {
    QUELL_ASSERT(event.ends_at.has_value(), "a posted alert has a lease or an end");
  }
}

}  // namespace

void fuzz_one(std::string_view input) {
  check_both(input, {});
  check_both(input, kFuzzLimits);
}

}  // namespace quell
