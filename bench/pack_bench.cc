// How fast provider packs decode: every sample of every pack, again and again, on one core.
//
// Prints processor time, so that other work on the machine matters less.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "../tests/packs/sample_files.h"
#include "normalize/pack_decoder.h"
#include "normalize/pack_library.h"

namespace quell {
namespace {

constexpr int kRuns = 5;
constexpr int kRepeats = 2'000;

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

void bench_sample(const Pack& pack, const SampleFile& sample) {
  const Frame frame = sample_frame(sample);
  PackScratch scratch;
  const std::size_t events = decode_with_pack(pack, frame, scratch).events.size();
  double best = 1e9;
  for (int run = 0; run < kRuns; ++run) {
    const double start = processor_seconds();
    for (int i = 0; i < kRepeats; ++i) decode_with_pack(pack, frame, scratch);
    best = std::min(best, (processor_seconds() - start) / kRepeats);
  }
  fmt::print("{:<18} {:<34} {:>6} bytes {:>2} events {:>8.1f} us {:>9.0f} frames/s\n", pack.name,
             sample.body.filename().string(), frame.body.size(), events, best * 1e6, 1 / best);
}

}  // namespace
}  // namespace quell

int main(int argc, char** argv) {
  const quell::PackLibrary library = quell::PackLibrary::built_in();
  for (const quell::SampleFile& sample : quell::all_samples()) {
    if (argc > 1 && sample.pack != argv[1]) continue;
    quell::bench_sample(*library.find(sample.pack), sample);
  }
  return 0;
}
