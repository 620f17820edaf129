#include "app/decoders.h"

#include <fmt/format.h>

#include "api/event_requests.h"
#include "wire/alertmanager.h"
#include "wire/cloudevents.h"
#include "wire/pagerduty_events.h"
#include "wire/remote_write.h"

namespace quell {
namespace {

DecodedFrame answered(Answered answered) {
  return {.decoded = std::move(answered.decoded), .reply = std::move(answered.reply)};
}

DecodedFrame without_reply(Decoded decoded) {
  return {.decoded = std::move(decoded), .reply = {.status = 0}};
}

DecodedFrame of_remote_write(const Frame& frame, const WireLimits& limits) {
  RemoteWriteDecoded written;
  decode_remote_write(frame, limits, written);
  return {.decoded = {.rejected = std::move(written.rejected)},
          .samples = std::move(written.samples),
          .protocol = SampleProtocol::RemoteWrite,
          .refused = written.samples_refused,
          .reply = {.status = 0}};
}

DecodedFrame of_otlp(const Frame& frame, OtlpMetricsDecoder& decoder) {
  OtlpDecoded points;
  decoder.decode(frame, points);
  const auto encoding = otlp_encoding(frame.content_type, "");
  const bool is_json = encoding && *encoding == OtlpEncoding::Json;
  return {.decoded = {.rejected = std::move(points.rejected)},
          .samples = std::move(points.samples),
          .protocol = is_json ? SampleProtocol::OtlpJson : SampleProtocol::OtlpProtobuf,
          .refused = points.points_refused,
          .failure = points.failure,
          .reply = {.status = 0}};
}

}  // namespace

DecodedFrame Decoders::decode(const Frame& frame) {
  const std::string_view kind = frame.source;
  if (kind == "alertmanager-v2") {
    return answered(decode_alertmanager_alerts(frame, limits_, scratch_));
  }
  if (kind == "alertmanager") {
    return without_reply(decode_alertmanager_webhook(frame, limits_, scratch_));
  }
  if (kind == "cloudevents") return without_reply(decode_cloudevents(frame, limits_, scratch_));
  if (kind == "pagerduty-events") {
    return answered(decode_pagerduty_event(frame, limits_, scratch_));
  }
  if (kind == "pagerduty-changes") {
    return answered(decode_pagerduty_change(frame, limits_, scratch_));
  }
  if (kind == "agent") {
    DecodedSamples samples = agent_.decode(frame);
    DecodedFrame decoded = without_reply({{}, std::move(samples.rejected)});
    decoded.samples = std::move(samples.samples);
    return decoded;
  }
  if (kind == "prometheus") return of_remote_write(frame, limits_);
  if (kind == "otlp") return of_otlp(frame, otlp_);
  if (kind == kPostedEventSource) return without_reply(decode_posted_event(frame));
  const Pack* pack = packs_.find(kind);
  if (pack == nullptr) {
    Decoded decoded;
    decoded.rejected.push_back({.reason = fmt::format("there is no source or pack '{}'", kind)});
    return without_reply(std::move(decoded));
  }
  return without_reply(decode_with_pack(*pack, frame, pack_scratch_));
}

}  // namespace quell
