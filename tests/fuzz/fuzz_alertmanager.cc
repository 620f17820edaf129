// Alertmanager's webhook and Prometheus' alerts: any body, within the limits, always the same.
#include "check_decoded.h"
#include "fuzz.h"
#include "wire/alertmanager.h"

namespace quell {

void fuzz_one(std::string_view input) {
  static WireScratch scratch;
  const WireLimits limits;
  const Frame frame = fuzz_frame("alertmanager", input);
  check_decoded(decode_alertmanager_webhook(frame, limits, scratch), limits);

  const Answered answered = decode_alertmanager_alerts(frame, limits, scratch);
  check_decoded(answered.decoded, limits);
  QUELL_ASSERT(answered.reply.status == 200 || answered.reply.status / 100 == 4,
               "a sender's fault is a 4xx");
  QUELL_ASSERT(answered.decoded.rejected.empty() == (answered.reply.status == 200),
               "whoever sent a bad alert is told");
}

}  // namespace quell
