// The first byte chooses the format. What is read becomes a frame that remote write reads.
#include "collect/scrape.h"
#include "fuzz.h"
#include "wire/exposition.h"
#include "wire/remote_write.h"

namespace quell {

void fuzz_one(std::string_view input) {
  if (input.empty()) return;
  const bool is_open = (input[0] & 1) != 0;
  input.remove_prefix(1);
  const auto format = is_open ? ExpositionFormat::OpenMetrics : ExpositionFormat::Text;
  const auto parsed = parse_exposition(input, format, {.samples_max = 50, .labels_max = 8});
  if (parsed) {
    QUELL_ASSERT(parsed->samples.size() <= 50, "samples are limited");
    for (const ExposedSample& s : parsed->samples) {
      QUELL_ASSERT(!s.labels.empty() && s.labels.front().first == kMetricLabel, "a name first");
    }
  } else {
    QUELL_ASSERT(parsed.error().place.starts_with("line "), "an error names its line");
  }
  ScrapeTarget target({.job = "j", .instance = "i", .tenant = "default", .samples_max = 50});
  const CollectAnswer answer{
      .http_status = 200,
      .content_type = is_open ? "application/openmetrics-text" : "text/plain",
      .body = std::string(input)};
  for (int round = 0; round < 2; ++round) {
    Frame frame = target.on_answer(answer, Timestamp{std::chrono::seconds(1'795'248'600)}, {});
    frame.arrived_at = Timestamp{std::chrono::seconds(1'795'248'600)};
    RemoteWriteDecoded out;
    decode_remote_write(frame, {}, out);
    for (const WireSamples::Run& run : out.samples.series) {
      const auto labels = SeriesLabels::parse(out.samples.key(run), {});
      QUELL_ASSERT(labels && labels->bytes() == out.samples.key(run),
                   "keys are labels as they are");
    }
  }
}

}  // namespace quell
