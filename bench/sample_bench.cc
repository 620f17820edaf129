// What SampleBook and ThresholdRules cost per sample:
//
//   sample_bench [SERIES] [SAMPLES_PER_BATCH]      (default: 10000 1000)
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>

#include "base/prng.h"
#include "stream/sample_book.h"
#include "stream/threshold_rules.h"

namespace {

using namespace quell;

constexpr std::size_t kSamples = 20'000'000;

std::vector<std::shared_ptr<const Series>> make_series(std::size_t count) {
  std::vector<std::shared_ptr<const Series>> all;
  for (std::size_t i = 0; i < count; ++i) {
    Series s{.tenant = "default",
             .host = fmt::format("host-{}", i / 4),
             .metric = fmt::format("metric_{}", i % 4)};
    s.id = series_id(s.tenant, s.host, s.metric, s.tags);
    all.push_back(std::make_shared<const Series>(std::move(s)));
  }
  return all;
}

double seconds_since(std::clock_t start) {
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t series_count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000;
  const std::size_t batch_size = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000;
  const auto series = make_series(series_count);
  SampleBook book({.samples_max = 16'000'000});
  ThresholdRules rules;
  std::vector<Event> events;
  const auto set = rules.set_rules(
      {{.name = "High", .metric = "metric_0", .warning = 98, .critical = 99}}, {}, events);
  if (!set) return 1;
  Prng prng(1);
  double adding = 0;
  double judging = 0;
  double writing = 0;
  std::size_t chunks = 0;
  std::size_t bytes = 0;
  std::size_t written = 0;
  std::size_t next = 0;
  for (std::uint64_t offset = 0; offset * batch_size < kSamples; ++offset) {
    SampleBatch batch;
    for (std::size_t i = 0; i < batch_size; ++i, ++next) {
      if (i < series_count) batch.series.push_back(series[next % series_count]);
      batch.series_index.push_back(static_cast<std::uint32_t>(i % series_count));
      batch.times.push_back(Timestamp{std::chrono::seconds(10 * (next / series_count))});
      batch.values.push_back(static_cast<double>(prng.below(100)));
    }
    const Timestamp now = batch.times.back();
    std::clock_t start = std::clock();
    book.add(batch, offset, now);
    adding += seconds_since(start);
    start = std::clock();
    rules.on_samples(batch, now, events);
    judging += seconds_since(start);
    if (offset % 50 != 49) continue;
    start = std::clock();
    const auto taken = book.take_chunks(offset + 1, now);
    writing += seconds_since(start);
    chunks += taken.chunks.size();
    for (const MetricChunk& c : taken.chunks) {
      bytes += c.samples.size();
      written += c.count;
    }
  }
  const auto rate = [](double s) { return static_cast<double>(kSamples) / s / 1e6; };
  fmt::print("{} series, batches of {}, CPU time\n", series_count, batch_size);
  fmt::print("book      {:6.1f} M samples/s\n", rate(adding));
  fmt::print("rules     {:6.1f} M samples/s   ({} events)\n", rate(judging), events.size());
  fmt::print("chunks    {:6.1f} M samples/s   {} chunks, {:.2f} bytes a sample\n", rate(writing),
             chunks, static_cast<double>(bytes) / static_cast<double>(written));
  return 0;
}
