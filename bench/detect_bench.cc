// What Tier 0 costs: nanoseconds of processor time per sample and bytes per series.
//
//   detect_bench [SERIES…]      (default: 4096 1000000)
//
// Each pass gives every series one sample, in batches of 10,000, as a scrape does; then the kernel
// alone, on blocks that stay in the cache. Medians of five.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "base/prng.h"
#include "detect/detector.h"

namespace {

using namespace quell;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Noise of a few shapes around a level, made beforehand.
std::vector<double> make_values(std::size_t count) {
  Prng prng(7);
  std::vector<double> values(count);
  for (double& v : values) {
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>(prng.below(1'000));
    v = 50 + sum / 200;
  }
  return values;
}

// Nanoseconds per sample of Detector::observe().
double measure_engine(KernelKind kind, std::size_t series, std::size_t passes) {
  constexpr std::size_t kBatch = 10'000;
  const std::vector<double> values = make_values(kBatch + 4096);
  Detector detector({}, kind);
  const Calendar calendar;
  Observations out;
  std::vector<SeriesSlot> slots(kBatch);
  std::vector<Timestamp> times(kBatch);
  std::vector<double> seconds;
  constexpr std::size_t kWarm = 30;
  for (std::size_t pass = 0; pass < kWarm + passes; ++pass) {
    const double start = cpu_seconds();
    for (std::size_t from = 0; from < series; from += kBatch) {
      const std::size_t n = std::min(kBatch, series - from);
      for (std::size_t i = 0; i < n; ++i) slots[i] = static_cast<SeriesSlot>(from + i);
      std::fill_n(times.begin(), n, Timestamp{std::chrono::seconds(15 * pass)});
      detector.observe({slots.data(), n}, {times.data(), n},
                       {values.data() + (pass * 131 + from) % 4096, n}, calendar, out);
    }
    if (pass >= kWarm) seconds.push_back(cpu_seconds() - start);
  }
  return median(seconds) * 1e9 / static_cast<double>(series);
}

// Nanoseconds per sample of the kernel alone, on `blocks` blocks.
double measure_kernel(KernelKind kind, std::size_t blocks, std::size_t passes) {
  std::vector<SeriesBlock> state(blocks);
  for (SeriesBlock& b : state) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) reset_lane(b, lane);
  }
  const std::vector<double> values = make_values(1'048'583);
  KernelStep step;
  const KernelLimits limits;
  const KernelFunction run = kernel_function(kind);
  step.active.fill(-1);
  std::vector<double> seconds;
  std::size_t next = 0;
  std::int64_t ns = 0;
  for (int round = 0; round < 7; ++round) {
    const double start = cpu_seconds();
    for (std::size_t pass = 0; pass < passes; ++pass) {
      ns += 15'000'000'000;
      step.ns.fill(ns);
      const std::size_t bin = pass / 16 % kProfileBins;
      for (SeriesBlock& b : state) {
        if (next + kLanes > values.size()) next = 0;
        std::copy_n(values.data() + next, kLanes, step.value.data());
        next += kLanes;
        step.usual = b.usual[bin].data();
        step.noise = b.noise[bin].data();
        step.usual_activity = b.usual_activity[bin].data();
        run(b, step, limits);
        for (; step.due != 0; step.due &= step.due - 1) {
          maintain_lane(b, static_cast<std::size_t>(std::countr_zero(step.due)),
                        DetectSettings{}.finding_p);
        }
      }
    }
    if (round >= 2) seconds.push_back(cpu_seconds() - start);
  }
  return median(seconds) * 1e9 / static_cast<double>(blocks * passes * kLanes);
}

// Seconds to save the models of `series` series, and to load them into an empty detector.
void measure_snapshot(std::size_t series) {
  Detector detector;
  const std::vector<double> values = make_values(series);
  const Calendar calendar;
  Observations out;
  std::vector<SeriesSlot> slots(series);
  for (std::size_t i = 0; i < series; ++i) slots[i] = static_cast<SeriesSlot>(i);
  for (int pass = 0; pass < 3; ++pass) {
    const std::vector<Timestamp> times(series, Timestamp{std::chrono::seconds(15 * pass)});
    detector.observe(slots, times, values, calendar, out);
  }
  const double start = cpu_seconds();
  std::vector<std::string> models;
  models.reserve(series);
  std::size_t bytes = 0;
  for (const SeriesSlot slot : slots) {
    models.push_back(detector.save(slot));
    bytes += models.back().size();
  }
  const double saved = cpu_seconds();
  Detector other;
  std::size_t refused = 0;
  for (const SeriesSlot slot : slots) refused += other.load(slot, models[slot]) ? 0 : 1;
  const double loaded = cpu_seconds();
  fmt::print("snapshot of {} series: {} MB; saved in {:.2f} s, loaded in {:.2f} s, {} refused\n",
             series, bytes >> 20, saved - start, loaded - saved, refused);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::size_t> counts;
  for (int i = 1; i < argc; ++i) counts.push_back(std::strtoull(argv[i], nullptr, 10));
  if (counts.empty()) counts = {4'096, 1'000'000};
  fmt::print("{} bytes of state per series; best kernel here: {}\n", sizeof(SeriesBlock) / kLanes,
             kernel_name(best_kernel()));
  for (const KernelKind kind :
       {KernelKind::Scalar, KernelKind::V2, KernelKind::V3, KernelKind::V4}) {
    if (kernel_function(kind) == nullptr) continue;
    fmt::print("{:22}  kernel, 64 blocks: {:6.1f} ns/sample", kernel_name(kind),
               measure_kernel(kind, 64, kind == KernelKind::Scalar ? 40 : 200));
    for (const std::size_t series : counts) {
      if (kind == KernelKind::Scalar && series > 100'000) continue;
      const std::size_t passes = std::clamp<std::size_t>(40'000'000 / series, 5, 400);
      fmt::print("   engine, {} series: {:6.1f}", series, measure_engine(kind, series, passes));
    }
    fmt::print("\n");
  }
  measure_snapshot(counts.back());
  return 0;
}
