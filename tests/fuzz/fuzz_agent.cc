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
  QUELL_ASSERT(a.samples.times == b.samples.times, "the same times");
  QUELL_ASSERT(a.samples.times_adjusted == b.samples.times_adjusted, "the same adjustments");
  QUELL_ASSERT(
      a.samples.values.empty() || std::memcmp(a.samples.values.data(), b.samples.values.data(),
                                              a.samples.values.size() * sizeof(double)) == 0,
      "the same values, to the last bit");
  QUELL_ASSERT(a.samples.series.size() == b.samples.series.size(), "as many runs");
  std::size_t next = 0;
  for (std::size_t i = 0; i < a.samples.series.size(); ++i) {
    const WireSamples::Run& run = a.samples.series[i];
    const WireSamples::Run& other = b.samples.series[i];
    QUELL_ASSERT(a.samples.key(run) == b.samples.key(other), "the same series");
    QUELL_ASSERT(a.samples.tenants.at(run.tenant) == b.samples.tenants.at(other.tenant),
                 "the same tenant");
    QUELL_ASSERT(a.samples.units.at(run.unit) == b.samples.units.at(other.unit), "the same unit");
    QUELL_ASSERT(run.first == next && run.count == other.count, "runs cover the samples");
    next += run.count;
    const auto labels = SeriesLabels::parse(a.samples.key(run), SeriesLimits());
    QUELL_ASSERT(labels && labels->bytes() == a.samples.key(run), "a key is sorted labels");
    check_labels(labels->to_label_set());
  }
  QUELL_ASSERT(next == a.samples.size(), "runs cover the samples");
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
