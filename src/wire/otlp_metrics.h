// OpenTelemetry's OTLP/HTTP for metrics: ExportMetricsServiceRequest as protobuf or JSON.
//
// Method: opentelemetry-proto 1.11, docs/specification.md. Names and attributes stay as they are
// (`http.server.request.duration`, `service.name`); a histogram becomes the series that Prometheus
// makes of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "model/frame.h"
#include "model/limits.h"
#include "model/sample.h"
#include "wire/reply.h"

namespace quell {

enum class OtlpEncoding : std::uint8_t { Protobuf, Json };

// By the Content-Type; Content-Encoding may be gzip, deflate, identity or none.
// Errors: Unsupported, saying what to send.
Result<OtlpEncoding> otlp_encoding(std::string_view content_type,
                                   std::string_view content_encoding);

// Whether a request as a whole cannot be taken.
enum class OtlpFailure : std::uint8_t { None, Broken, TooLarge };

struct OtlpDecoded {
  WireSamples samples{};  // Run::place is the number of its data point in the request.
  std::uint64_t points_refused = 0;
  std::vector<Rejected> rejected{};  // As RemoteWriteDecoded::rejected.
  OtlpFailure failure = OtlpFailure::None;
};

// Keeps the labels of the data points that it has seen with the bytes that named them: a point that
// comes again is recognised by the hash of its attributes, compared with them, and not parsed. What
// it returns does not depend on what it has seen.
//
//   gauge, sum that falls too    -> the metric's name
//   monotonic sum                -> the same, a counter; of what was added: kept as the total
//   histogram                    -> <name>_bucket{le}, <name>_count, <name>_sum
//   exponential histogram        -> <name>_count, <name>_sum
//   summary                      -> <name>{quantile}, <name>_count, <name>_sum
//
// The attributes of the resource are labels too, except those that only describe it (versions,
// command lines, the SDK). Times are floored to milliseconds. Points without a recorded value end
// the series.
//
// Thread: one at a time. Cost: about 0.15 µs per known point of protobuf, 1 µs per other.
// Memory: at most limits.series_cached_max points between frames, about 600 bytes each.
class OtlpMetricsDecoder {
 public:
  explicit OtlpMetricsDecoder(WireLimits limits = {});
  ~OtlpMetricsDecoder();
  OtlpMetricsDecoder(const OtlpMetricsDecoder&) = delete;
  OtlpMetricsDecoder& operator=(const OtlpMetricsDecoder&) = delete;

  void decode(const Frame& frame, OtlpDecoded& out);
  // The same for a body that was unpacked before, with or without recognising anything.
  void decode_body(OtlpEncoding encoding, std::string body, const Frame& frame, bool recognise,
                   OtlpDecoded& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// 200 with an empty answer, or a partial success; 400 or 413 with a google.rpc.Status when nothing
// could be read. In the encoding of the request.
WireReply otlp_reply(OtlpEncoding encoding, OtlpFailure failure, std::uint64_t points_refused,
                     const std::vector<Rejected>& reasons);

}  // namespace quell
