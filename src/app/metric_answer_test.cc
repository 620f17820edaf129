#include "app/metric_answer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace quell {
namespace {

struct Sent {
  std::uint32_t samples = 0;  // Runs of the decoder: plain ones,
  std::uint32_t parts = 0;    // and the count and a bucket of native histograms, as many each.
  std::uint64_t histograms_sent = 0;
  std::uint64_t refused_by_decoder = 0;
  SeriesRefusals refused{};
};

// The 2.0 headers of the answer, and the first line of the body.
void check_written(const Sent& sent, std::string_view want) {
  DecodedFrame decoded;
  decoded.protocol = SampleProtocol::RemoteWrite;
  decoded.refused = sent.refused_by_decoder;
  decoded.samples.histograms = sent.histograms_sent;
  if (sent.samples > 0) decoded.samples.series.push_back({.count = sent.samples});
  for (int i = 0; i < 2 && sent.parts > 0; ++i) {
    decoded.samples.series.push_back(
        {.count = sent.parts, .part = i == 0 ? HistogramPart::Count : HistogramPart::Bucket});
  }
  const std::uint64_t taken = sent.samples + 2 * sent.parts - sent.refused.samples;
  const WireReply reply = metric_answer(decoded, taken, sent.refused, {});
  std::string got = fmt::format("{}", reply.status);
  for (const auto& [name, value] : reply.headers) got += " " + value;
  EXPECT_EQ(got + "; " + reply.body, want);
}

TEST(MetricAnswer, CountsOfRemoteWrite) {
  check_written({.samples = 3}, "204 3 0 0; ");
  check_written({.samples = 3, .parts = 2, .histograms_sent = 2}, "204 3 2 0; ");
  // A histogram that the decoder refused does not take away from the samples.
  check_written({.samples = 2, .histograms_sent = 1, .refused_by_decoder = 2},
                "400 2 0 0; 2 samples were refused, 2 were taken\n");
  check_written({.samples = 2, .parts = 1, .histograms_sent = 3, .refused_by_decoder = 4},
                "400 2 1 0; 4 samples were refused, 3 were taken\n");
  // By the series table.
  check_written({.samples = 2,
                 .parts = 2,
                 .histograms_sent = 2,
                 .refused = {.samples = 4, .of_histograms = 4, .histograms = 2}},
                "400 2 0 0; 4 samples were refused, 2 were taken\n");
  check_written({.samples = 2, .parts = 1, .histograms_sent = 1, .refused = {.samples = 1}},
                "400 1 1 0; 1 samples were refused, 2 were taken\n");
}

}  // namespace
}  // namespace quell
