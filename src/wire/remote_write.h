// Prometheus remote write 1.0 and 2.0: protobuf in a snappy block.
//
// Method: the specifications prometheus.io/docs/specs/prw/remote_write_spec and …_2_0. The reader
// is by hand, because the labels of a series are wanted as they lie on the wire and not as objects.
#pragma once

#include <cstdint>
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

enum class RemoteWriteVersion : std::uint8_t { One, Two };

// Which version a request is of, by its headers: Content-Type `application/x-protobuf` is 1.0, with
// `;proto=io.prometheus.write.v2.Request` 2.0; Content-Encoding is snappy.
// Errors: Unsupported, saying what to send.
Result<RemoteWriteVersion> remote_write_version(std::string_view content_type,
                                                std::string_view content_encoding);

struct RemoteWriteDecoded {
  WireSamples samples{};
  // What is refused; the other samples are kept. When the request as a whole cannot be read it is
  // one, and there are no samples.
  std::vector<Rejected> rejected{};
  std::uint64_t samples_refused = 0;  // A histogram is one.
};

// A pure function of the frame. Native histograms become classic ones (wire/native_histogram.h).
// Exemplars are counted and left out. Timestamps more than limits.future_max ahead of the arrival,
// or limits.past_max behind it, are refused.
//
// Cost: about 1 ns per byte of labels and 5 ns per sample, most of it snappy (bench/wire_bench.cc).
// Memory: the unpacked request, at most limits.unpacked_bytes_max.
void decode_remote_write(const Frame& frame, const WireLimits& limits, RemoteWriteDecoded& out);

// The same for a body that was unpacked before. `out.samples.body` must hold it.
void decode_write_request(RemoteWriteVersion version, Timestamp arrived_at,
                          const WireLimits& limits, RemoteWriteDecoded& out);

// How many there are of what a sender is told of.
struct WrittenCounts {
  std::uint64_t samples = 0;
  std::uint64_t histograms = 0;
  std::uint64_t exemplars = 0;
};
// 204; 400 with the reasons as text when something was refused (`refused` counts all, `reasons` may
// be fewer). 2.0 demands the counts as headers in both.
WireReply remote_write_reply(const WrittenCounts& written, std::uint64_t refused,
                             const std::vector<Rejected>& reasons);

}  // namespace quell
