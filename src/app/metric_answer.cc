#include "app/metric_answer.h"

#include <algorithm>

#include "wire/otlp_metrics.h"
#include "wire/remote_write.h"

namespace quell {

WireReply metric_answer(const DecodedFrame& decoded, std::uint64_t taken,
                        const SeriesRefusals& refused, const std::vector<Rejected>& reasons) {
  if (decoded.protocol != SampleProtocol::RemoteWrite) {
    const bool is_json = decoded.protocol == SampleProtocol::OtlpJson;
    return otlp_reply(is_json ? OtlpEncoding::Json : OtlpEncoding::Protobuf, decoded.failure,
                      decoded.refused + refused.places, reasons);
  }
  // A native histogram became the samples of several series; senders count it as one, and here it
  // is there when its count is. What the decoder refused is in no run.
  std::uint64_t parts = 0;
  WrittenCounts written;
  for (const WireSamples::Run& run : decoded.samples.series) {
    if (run.part != HistogramPart::None) parts += run.count;
    if (run.part == HistogramPart::Count) written.histograms += run.count;
  }
  parts -= std::min(parts, refused.of_histograms);
  written.histograms -= std::min(written.histograms, refused.histograms);
  written.samples = taken - std::min(taken, parts);
  return remote_write_reply(written, decoded.refused + refused.samples, reasons);
}

}  // namespace quell
