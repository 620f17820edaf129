// Decoders: a frame -> events, samples, and what its sender is told. The list of all formats.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/event.h"
#include "model/frame.h"
#include "model/limits.h"
#include "model/sample.h"
#include "normalize/pack_decoder.h"
#include "normalize/pack_library.h"
#include "wire/agent.h"
#include "wire/otlp_metrics.h"
#include "wire/reply.h"
#include "wire/scratch.h"

namespace quell {

// Whose answer depends on what became of the samples (app/metric_answer.h).
enum class SampleProtocol : std::uint8_t { None, RemoteWrite, OtlpProtobuf, OtlpJson };

struct DecodedFrame {
  Decoded decoded{};
  WireSamples samples{};
  SampleProtocol protocol = SampleProtocol::None;
  std::uint64_t refused = 0;  // By the decoder: samples, or data points of OTLP.
  OtlpFailure failure = OtlpFailure::None;
  WireReply reply{};
};

// The names of the built-in formats; every other source is the name of a pack.
inline constexpr std::string_view kBuiltInKinds[] = {
    "cloudevents", "alertmanager",     "alertmanager-v2",   "agent", "prometheus",
    "otlp",        "pagerduty-events", "pagerduty-changes", "api"};

// Thread: one at a time. What is returned depends on the frame alone.
class Decoders {
 public:
  explicit Decoders(PackLibrary packs) : packs_(std::move(packs)) {}

  void set_packs(PackLibrary packs) { packs_ = std::move(packs); }
  DecodedFrame decode(const Frame& frame);

 private:
  PackLibrary packs_;
  WireLimits limits_;
  WireScratch scratch_;
  AgentDecoder agent_;
  OtlpMetricsDecoder otlp_;
  PackScratch pack_scratch_;
};

}  // namespace quell
