// Differential: recognising a line by its bytes must read it like parsing it does.
#include <cstring>

#include "check_decoded.h"
#include "fuzz.h"
#include "wire/agent.h"

namespace quell {
namespace {

void check_equal(const DecodedSamples& a, const DecodedSamples& b) {
  QUELL_ASSERT(a.rejected == b.rejected, "the same lines are refused for the same reasons");
  QUELL_ASSERT(a.samples.size() == b.samples.size(), "the same number of samples");
  QUELL_ASSERT(a.samples.series_index == b.samples.series_index, "the same series");
  QUELL_ASSERT(a.samples.times == b.samples.times, "the same times");
  QUELL_ASSERT(a.samples.times_adjusted == b.samples.times_adjusted, "the same adjustments");
  QUELL_ASSERT(
      a.samples.values.empty() || std::memcmp(a.samples.values.data(), b.samples.values.data(),
                                              a.samples.values.size() * sizeof(double)) == 0,
      "the same values, to the last bit");
  QUELL_ASSERT(a.samples.series.size() == b.samples.series.size(), "as many series");
  for (std::size_t i = 0; i < a.samples.series.size(); ++i) {
    QUELL_ASSERT(*a.samples.series[i] == *b.samples.series[i], "equal series");
    check_labels(a.samples.series[i]->tags);
    check_text(a.samples.series[i]->host);
    check_text(a.samples.series[i]->metric);
  }
}

}  // namespace

void fuzz_one(std::string_view input) {
  // Keeps what earlier inputs taught it, so that a mutant of a line meets what the line left.
  static AgentDecoder learning(kFuzzLimits);
  AgentDecoder fresh(kFuzzLimits);
  const Frame frame = fuzz_frame("agent", input);
  const DecodedSamples slow = fresh.decode_slowly(frame);
  check_equal(learning.decode(frame), slow);
  check_equal(learning.decode(frame), slow);
  QUELL_ASSERT(slow.samples.size() <= kFuzzLimits.samples_max, "samples are limited");
  QUELL_ASSERT(slow.rejected.size() <= kFuzzLimits.rejected_max + 1, "rejections are limited");
}

}  // namespace quell
