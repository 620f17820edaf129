// How much processor time the core thread needs for an alert or a sample: decoding, de-duplication,
// correlation and the batches for the store, without network, journal and SQLite.
//
//   pipeline_bench [MODE] [IDENTITIES] [ROUNDS] [BATCH]    am-batch, 30000, 5, 100
//
// The first round is of new identities, the others are of known ones. Processor time, so that other
// work on the machine matters less.
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "app/pipeline.h"
#include "base/time.h"
#include "load_bodies.h"
#include "normalize/pack_library.h"

namespace quell::bench {
namespace {

constexpr std::size_t kFramesPerBatch = 200;  // What gathers between two commits.

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

struct Measured {
  double frames = 0;   // Seconds in on_frame().
  double batches = 0;  // Seconds in take_batch(), and in freeing what it returned.
};

Measured play(Pipeline& pipeline, std::vector<Frame>& frames, Timestamp& now) {
  Measured measured;
  double begin = processor_seconds();
  std::size_t waiting = 0;
  for (Frame& frame : frames) {
    frame.offset = pipeline.next_offset();
    frame.arrived_at = now += std::chrono::microseconds(300);
    pipeline.on_frame(frame);
    if (++waiting < kFramesPerBatch) continue;
    waiting = 0;
    const double end = processor_seconds();
    measured.frames += end - begin;
    pipeline.take_batch();
    begin = processor_seconds();
    measured.batches += begin - end;
  }
  measured.frames += processor_seconds() - begin;
  return measured;
}

Status run(const BodyOptions& options, int rounds) {
  TRY(auto bodies, make_bodies(options));
  std::vector<Frame> frames;
  for (std::string& body : bodies) {
    frames.push_back({.kind = FrameKind::Ingest,
                      .source = options.mode == "agent" ? "agent" : "alertmanager-v2",
                      .tenant = "default",
                      .content_type = std::string(content_type_of(options.mode)),
                      .body = std::move(body)});
  }
  const PackLibrary packs = PackLibrary::built_in();
  Pipeline pipeline(packs);
  Timestamp now = options.now;
  const auto items = static_cast<double>(frames.size()) * options.batch;
  for (int round = 0; round < rounds; ++round) {
    const Measured m = play(pipeline, frames, now);
    fmt::print("{}: {:7.0f} ns on_frame + {:5.0f} ns take_batch an item, {} alerts, {} incidents\n",
               round == 0 ? "new  " : "known", m.frames / items * 1e9, m.batches / items * 1e9,
               pipeline.alerts().size(), pipeline.incidents().size());
  }
  return {};
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  quell::bench::BodyOptions options{.now = quell::parse_rfc3339("2026-11-21T08:09:15Z").value()};
  if (argc > 1) options.mode = argv[1];
  if (argc > 2) options.identities = std::atoi(argv[2]);
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  if (argc > 4) options.batch = std::atoi(argv[4]);
  if (options.mode == "am-single") options.batch = 1;
  const auto done = quell::bench::run(options, rounds);
  if (done) return 0;
  fmt::print(stderr, "pipeline_bench: {}\n", done.error().to_string());
  return 2;
}
