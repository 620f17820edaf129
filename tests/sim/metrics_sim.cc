// Simulation of metrics: remote write, OTLP and agent frames with samples that are late, doubled
// and out of order, counters that begin anew, NaN and infinities, clocks that jump, series that
// come and go, limits that are reached, histograms whose buckets come in pieces, and kill -9
// between any two frames.
//
//   metrics_sim [first_seed [count]]      On failure prints the seed; rerun with that seed alone.
//   metrics_sim canary                    Loses a page on purpose: must fail.
//
// After every restart each answer, each alert and each sample is what it is without restarts.
#include <fmt/format.h>

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/pipeline.h"
#include "app/render.h"
#include "app/settings.h"
#include "base/prng.h"
#include "base/time.h"
#include "stream/sample_query.h"
#include "tests/support/memory_store.h"
#include "tests/support/simulation.h"
#include "wire/test_protobuf.h"

namespace quell {
namespace {

constexpr Timestamp kBegin = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21};

constexpr std::string_view kConfig = R"(
metrics: {series_max: 40, series_idle: 15m}
thresholds:
  - {name: Gauge, metric: g, critical: 50}
  - {name: Rate, metric: c_total, critical: 5}
)";

// A snappy block of literals only.
std::string pack(std::string_view body) {
  std::string out;
  test::append_varint(out, body.size());
  while (!body.empty()) {
    const std::string_view part = body.substr(0, 60);
    out.push_back(static_cast<char>((part.size() - 1) << 2));
    out.append(part);
    body.remove_prefix(part.size());
  }
  return out;
}

double odd_value(Prng& prng) {
  switch (prng.below(12)) {
    case 0: return std::numeric_limits<double>::quiet_NaN();
    case 1: return std::numeric_limits<double>::infinity();
    case 2: return stale_marker();
    default: return static_cast<double>(prng.below(100));
  }
}

std::string_view metric_name(Prng& prng) {
  return prng.chance(50) ? "g" : "c_total";
}

// Late by up to ten minutes, sometimes from another age.
std::int64_t sample_ms(Prng& prng, Timestamp now) {
  const std::int64_t ms = to_ns(now) / 1'000'000;
  if (prng.chance(2)) return static_cast<std::int64_t>(prng.next() >> 12);
  if (prng.chance(60)) return ms;
  return ms - static_cast<std::int64_t>(prng.below(600'000));
}

Frame remote_write(Prng& prng, Timestamp now) {
  std::string body;
  for (auto n = 1 + prng.below(4); n > 0; --n) {
    std::string series;
    append_series_label(series, "__name__", metric_name(prng));
    append_series_label(series, "host", fmt::format("h{}", prng.below(8)));
    if (prng.chance(5)) append_series_label(series, "host", "again");
    for (auto k = prng.below(4); k > 0; --k) {
      const auto ms = static_cast<std::uint64_t>(sample_ms(prng, now));
      series +=
          test::bytes_field(2, test::double_field(1, odd_value(prng)) + test::number_field(2, ms));
    }
    body += test::bytes_field(1, series);
  }
  if (prng.chance(5)) {
    body +=
        test::bytes_field(3, test::number_field(1, 1 + prng.below(2)) + test::bytes_field(2, "g"));
  }
  if (prng.chance(3)) body.resize(prng.below(body.size()));
  return {.source = "prometheus",
          .content_type = "application/x-protobuf",
          .headers = {{"content-encoding", "snappy"}},
          .body = pack(body)};
}

// A native histogram of as many observations, in two buckets that are somewhere.
std::string native_histogram(Prng& prng, std::uint64_t count, std::uint64_t ms) {
  if (prng.chance(5)) return test::double_field(3, stale_marker()) + test::number_field(15, ms);
  std::string counts;
  test::append_varint(counts, 2 * count);  // Zigzag: the first, and how much more the second is.
  test::append_varint(counts, 0);
  return test::number_field(1, 2 * count) + test::double_field(3, static_cast<double>(count)) +
         test::bytes_field(11, test::number_field(1, prng.below(12)) + test::number_field(2, 2)) +
         test::bytes_field(12, counts) + test::number_field(15, ms);
}

// Some buckets of some times of the last half minute; what is missing may come with another frame.
Frame histograms(Prng& prng, Timestamp now) {
  std::string body;
  for (auto n = 1 + prng.below(3); n > 0; --n) {
    const std::uint64_t round = static_cast<std::uint64_t>(to_ns(now)) / 10'000'000'000;
    const std::uint64_t time = round - prng.below(4);
    const std::uint64_t count = time % 40;  // Begins anew now and then.
    const std::string host = fmt::format("h{}", prng.below(2));
    if (prng.chance(30)) {
      std::string series;
      append_series_label(series, "__name__", "n");
      append_series_label(series, "host", host);
      series += test::bytes_field(4, native_histogram(prng, count, time * 10'000));
      body += test::bytes_field(1, series);
      continue;
    }
    for (const auto& [bound, part] : {std::pair("1", 1), std::pair("5", 2), std::pair("+Inf", 3)}) {
      if (prng.chance(20)) continue;
      std::string series;
      append_series_label(series, "__name__", "l_bucket");
      append_series_label(series, "host", host);
      append_series_label(series, "le", bound);
      const double value = prng.chance(2) ? odd_value(prng) : static_cast<double>(count) * part;
      series +=
          test::bytes_field(2, test::double_field(1, value) + test::number_field(2, time * 10'000));
      body += test::bytes_field(1, series);
    }
  }
  return {.source = "prometheus",
          .content_type = "application/x-protobuf",
          .headers = {{"content-encoding", "snappy"}},
          .body = pack(body)};
}

Frame otlp(Prng& prng, Timestamp now) {
  // Of another age: whatever is left of it.
  const auto nanoseconds = static_cast<std::uint64_t>(sample_ms(prng, now)) * 1'000'000;
  const auto point = fmt::format(
      R"({{"timeUnixNano":"{}","asInt":{},"attributes":[{{"key":"host","value":{{"stringValue":"h{}"}}}}]}})",
      static_cast<std::int64_t>(nanoseconds), prng.below(100), prng.below(8));
  // What was added is one metric's way for good: when a sender changes its mind about it, a restart
  // may read the samples before the change in the new way.
  const bool is_delta = prng.chance(40);
  const std::string body = fmt::format(
      R"({{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"{}","sum":{{)"
      R"("aggregationTemporality":{},"isMonotonic":true,"dataPoints":[{}]}}}}]}}]}}]}})",
      is_delta ? "d" : metric_name(prng), is_delta ? 1 : 2, point);
  return {.source = "otlp", .content_type = "application/json", .body = body};
}

Frame agent(Prng& prng, Timestamp now) {
  std::string body;
  for (auto n = 1 + prng.below(3); n > 0; --n) {
    body += fmt::format(R"({{"host":"h{}","metric":"{}","value":{},"ts_event":{}}})"
                        "\n",
                        prng.below(8), metric_name(prng), prng.below(100), sample_ms(prng, now));
  }
  return {.source = "agent", .content_type = "application/x-ndjson", .body = body};
}

std::vector<Frame> make_journal(Prng& prng) {
  static const std::string kText =
      parse_settings(kConfig, "sim", {}, no_files()).value().pipeline_text;
  std::vector<Frame> journal{{.kind = FrameKind::Config, .source = "config", .body = kText}};
  Timestamp now = kBegin;
  for (int i = 0; i < 150; ++i) {
    now += std::chrono::milliseconds(prng.below(20'000));
    if (prng.chance(2)) now += std::chrono::minutes(prng.below(60));
    Frame frame = prng.chance(40)   ? histograms(prng, now)
                  : prng.chance(60) ? remote_write(prng, now)
                  : prng.chance(50) ? otlp(prng, now)
                  : prng.chance(80) ? agent(prng, now)
                                    : Frame{.kind = FrameKind::Tick};
    frame.arrived_at = now;
    journal.push_back(std::move(frame));
  }
  for (std::size_t i = 0; i < journal.size(); ++i) journal[i].offset = i;
  journal[0].arrived_at = kBegin;
  return journal;
}

std::string text_of(const FrameOutcome& outcome) {
  std::string text =
      fmt::format("{} {} accepted {}", outcome.reply.status, outcome.reply.body, outcome.accepted);
  for (const Rejected& r : outcome.rejected) text += fmt::format("; {}: {}", r.place, r.reason);
  return text;
}

// All series and samples, from memory and from chunks.
std::string samples_of(const Pipeline& pipeline, const std::vector<MetricChunk>& chunks) {
  std::string text;
  const SeriesTable& table = pipeline.metrics().table();
  for (const std::string& metric : table.metrics()) {
    const SampleQuery query{.metric = metric, .limit = 1'000'000};
    const auto all = merge_samples(find_blocks(table, pipeline.metrics().book(), query).series,
                                   {.chunks = chunks}, query);
    if (!all) return all.error().to_string();
    for (const SeriesSamples& s : *all) {
      // Chunks have series that have left; which of them are kept is the store's business.
      if (table.find(s.series->tenant, s.series->labels) == kNoSlot) continue;
      text += s.series->labels.to_string();
      for (const Point& p : s.points) {
        text += fmt::format(" {}={:x}", to_ns(p.time), std::bit_cast<std::uint64_t>(p.value));
      }
      text += '\n';
    }
  }
  return text;
}

struct Run {
  std::vector<std::string> answers{};
  std::string state{};
  std::string samples{};
};

Run play(const std::vector<Frame>& journal, const PackLibrary& packs) {
  Run run;
  Pipeline pipeline(packs);
  std::vector<MetricChunk> chunks;
  for (const Frame& frame : journal) {
    run.answers.push_back(text_of(pipeline.on_frame(frame)));
    // So that series that leave are kept as they are in a server.
    for (MetricChunk& chunk : pipeline.take_batch().metric_chunks)
      chunks.push_back(std::move(chunk));
  }
  run.state = render_state(pipeline);
  std::ranges::reverse(chunks);
  run.samples = samples_of(pipeline, chunks);
  return run;
}

// The same with restarts at random places, each from what was committed last.
Run play_with_crashes(const std::vector<Frame>& journal, const PackLibrary& packs, Prng& prng,
                      bool canary) {
  Run run;
  run.answers.resize(journal.size());
  MemoryStore store;
  auto pipeline = std::make_unique<Pipeline>(packs, prng.next());
  for (std::size_t i = 0; i < journal.size(); ++i) {
    run.answers[i] = text_of(pipeline->on_frame(journal[i]));
    if (prng.chance(30)) {
      StoreBatch batch = pipeline->take_batch();
      if (canary && i > 60) batch.state_pages.clear();
      store.commit(batch);
    }
    if (!prng.chance(10)) continue;
    pipeline = std::make_unique<Pipeline>(packs, prng.next());
    if (const auto restored = restart(*pipeline, store, journal); !restored) {
      run.state = restored.error().to_string();
      return run;
    }
    i = pipeline->next_offset() - 1;
  }
  store.commit(pipeline->take_batch());
  run.state = render_state(*pipeline);
  run.samples = samples_of(*pipeline, store.metric_chunks());
  return run;
}

std::string first_difference(std::string_view want, std::string_view got) {
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(want, got).in1 - want.begin());
  const std::size_t from = at < 200 ? 0 : at - 200;
  return fmt::format("-- without:\n{}\n-- with:\n{}", want.substr(from, 500),
                     got.substr(from, 500));
}

bool check(std::uint64_t seed, const PackLibrary& packs, bool canary) {
  Prng prng(seed);
  const std::vector<Frame> journal = make_journal(prng);
  const Run want = play(journal, packs);
  const Run got = play_with_crashes(journal, packs, prng, canary);
  for (std::size_t i = 0; i < journal.size(); ++i) {
    if (got.answers[i] == want.answers[i]) continue;
    fmt::print(stderr, "seed {}: frame {} is answered otherwise\n{}\n", seed, i,
               first_difference(want.answers[i], got.answers[i]));
    return false;
  }
  for (const auto& [name, w, g] : {std::tuple("alerts", &want.state, &got.state),
                                   std::tuple("samples", &want.samples, &got.samples)}) {
    if (*w == *g) continue;
    fmt::print(stderr, "seed {}: crashes change the {}\n{}\n", seed, name,
               first_difference(*w, *g));
    return false;
  }
  return true;
}

}  // namespace
}  // namespace quell

int main(int argc, char** argv) {
  const quell::PackLibrary packs;
  return quell::run_simulation(argc, argv, 20, [&](std::uint64_t seed, bool canary) {
    return quell::check(seed, packs, canary);
  });
}
