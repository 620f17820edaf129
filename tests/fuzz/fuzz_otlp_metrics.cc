// The first byte chooses the encoding. Differential: what is recognised reads like what is parsed.
#include <cstring>

#include "check_decoded.h"
#include "fuzz.h"
#include "wire/otlp_metrics.h"

namespace quell {
namespace {

void check(const OtlpDecoded& out, const WireLimits& limits) {
  const WireSamples& samples = out.samples;
  QUELL_ASSERT(samples.size() <= limits.samples_max, "samples are limited");
  QUELL_ASSERT(samples.series.size() <= limits.series_max, "series are limited");
  std::size_t next = 0;
  for (const WireSamples::Run& run : samples.series) {
    QUELL_ASSERT(run.first == next && run.count > 0, "runs cover the samples");
    next += run.count;
    const auto labels = SeriesLabels::parse(samples.key(run), {});
    if (labels) check_labels(labels->to_label_set());
  }
  QUELL_ASSERT(next == samples.size(), "runs cover the samples");
  const bool is_broken = out.failure != OtlpFailure::None;
  QUELL_ASSERT(!is_broken || samples.size() == 0, "nothing is taken of what cannot be read");
  for (const OtlpEncoding encoding : {OtlpEncoding::Protobuf, OtlpEncoding::Json}) {
    (void)otlp_reply(encoding, out.failure, out.points_refused, out.rejected);
  }
}

void check_equal(const OtlpDecoded& a, const OtlpDecoded& b) {
  QUELL_ASSERT(a.rejected == b.rejected, "the same is refused for the same reasons");
  QUELL_ASSERT(a.samples.series.size() == b.samples.series.size(), "as many runs");
  for (std::size_t i = 0; i < a.samples.series.size(); ++i) {
    QUELL_ASSERT(a.samples.key(a.samples.series[i]) == b.samples.key(b.samples.series[i]),
                 "the same series");
  }
  QUELL_ASSERT(a.samples.times == b.samples.times, "the same times");
  QUELL_ASSERT(a.samples.values.empty() ||
                   std::memcmp(a.samples.values.data(), b.samples.values.data(),
                               a.samples.values.size() * sizeof(double)) == 0,
               "the same values, to the last bit");
}

}  // namespace

void fuzz_one(std::string_view input) {
  if (input.empty()) return;
  static const WireLimits limits = [] {
    WireLimits l = kFuzzLimits;
    l.unpacked_bytes_max = 65536;
    l.series_max = 12;
    return l;
  }();
  // Keeps what earlier inputs taught it, so that a mutant of a point meets what the point left.
  static OtlpMetricsDecoder learning(limits);
  OtlpMetricsDecoder fresh(limits);
  const auto encoding = (input[0] & 1) != 0 ? OtlpEncoding::Json : OtlpEncoding::Protobuf;
  const std::string body(input.substr(1));
  const Frame frame = fuzz_frame("otlp", "");
  OtlpDecoded slow;
  fresh.decode_body(encoding, body, frame, false, slow);
  check(slow, limits);
  for (int i = 0; i < 2; ++i) {
    OtlpDecoded fast;
    learning.decode_body(encoding, body, frame, true, fast);
    check_equal(fast, slow);
  }
}

}  // namespace quell
