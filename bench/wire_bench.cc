// How fast wire/ decodes: alerts as Prometheus posts them, and agent samples as NDJSON.
//
// Prints the best of several runs in processor time, so that other work on the machine matters
// less.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string>

#include "base/time.h"
#include "wire/agent.h"
#include "wire/alertmanager.h"

namespace quell {
namespace {

constexpr int kRuns = 25;

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// Returns: the best rate of things per second of one core.
template <class F>
double best_rate(std::size_t things, F&& run) {
  double best = 0;
  for (int i = 0; i < kRuns; ++i) {
    const double start = processor_seconds();
    run();
    best = std::max(best, static_cast<double>(things) / (processor_seconds() - start));
  }
  return best;
}

std::string posted_alert(int n) {
  return fmt::format(
      R"({{"labels":{{"alertname":"CheckoutErrorRateHigh","cluster":"eu1","environment":"prod",)"
      R"("instance":"10.0.{}.{}:8080","job":"checkout","namespace":"shop","pod":"checkout-{}",)"
      R"("service":"checkout-{}","severity":"critical"}},"annotations":{{)"
      R"("summary":"5xx responses above 5% for five minutes on checkout-{}",)"
      R"("runbook_url":"https://runbooks.example.com/checkout/error-rate"}},)"
      R"("startsAt":"2026-11-21T08:09:14.632Z","endsAt":"2026-11-21T08:13:14.632Z",)"
      R"("generatorURL":"http://prometheus-k8s-0:9090/graph?g0.expr=rate%28errors%5B5m%5D%29)"
      R"(+%3E+0.05&g0.tab=1"}})",
      n / 250 % 250, n % 250, n, n % 300, n % 300);
}

void bench_alerts() {
  constexpr int kBatch = 100;
  constexpr int kFrames = 200;
  std::vector<Frame> frames(kFrames);
  std::size_t bytes = 0;
  for (int f = 0; f < kFrames; ++f) {
    frames[f].content_type = "application/json";
    frames[f].arrived_at = parse_rfc3339("2026-11-21T08:09:15Z").value();
    std::string& body = frames[f].body = "[";
    for (int i = 0; i < kBatch; ++i) {
      if (i > 0) body += ',';
      body += posted_alert(f * kBatch + i);
    }
    body += ']';
    bytes += body.size();
  }
  WireScratch scratch;
  std::size_t decoded = 0;
  const double rate = best_rate(kBatch * kFrames, [&] {
    for (const Frame& frame : frames) {
      decoded += decode_alertmanager_alerts(frame, {}, scratch).decoded.events.size();
    }
  });
  fmt::print(
      "alertmanager alerts, batches of {}: {:.2f} M alerts/s, {:.0f} ns each, {} bytes "
      "each ({} decoded)\n",
      kBatch, rate / 1e6, 1e9 / rate, bytes / (kBatch * kFrames), decoded);
}

std::string agent_line(int n, int tick) {
  return fmt::format(
      R"({{"tenant_id":"acme","host":"web-{:03}","metric":"{}","value":{}.{},)"
      R"("ts_event":"2026-11-21T08:{:02}:{:02}.{:03}Z","unit":"percent",)"
      R"("tags":{{"env":"prod","region":"eu-west-1"}}}})",
      n / 10,
      std::array{"cpu_load", "memory_used", "disk_used", "net_in", "net_out"}[n % 5] +
          std::string(n % 10 < 5 ? "" : "_p95"),
      (n * 7 + tick) % 100, tick % 10, tick / 60 % 60, tick % 60, n % 1000);
}

void bench_samples() {
  constexpr int kLines = 1000;
  constexpr int kFrames = 100;
  std::vector<Frame> frames(kFrames);
  std::size_t bytes = 0;
  for (int f = 0; f < kFrames; ++f) {
    frames[f].arrived_at = parse_rfc3339("2026-11-21T08:59:59Z").value();
    for (int i = 0; i < kLines; ++i) frames[f].body += agent_line(i, f) + '\n';
    bytes += frames[f].body.size();
  }
  std::size_t decoded = 0;
  const auto report = [&](std::string_view what, double rate) {
    fmt::print(
        "agent samples, NDJSON of {} lines, {}: {:.2f} M samples/s, {:.0f} ns each, "
        "{} bytes each ({} decoded)\n",
        kLines, what, rate / 1e6, 1e9 / rate, bytes / (kLines * kFrames), decoded);
    decoded = 0;
  };
  AgentDecoder decoder;
  report("known series", best_rate(kLines * kFrames, [&] {
           for (const Frame& frame : frames) decoded += decoder.decode(frame).samples.size();
         }));
  report("each line parsed", best_rate(kLines * kFrames, [&] {
           for (const Frame& frame : frames) decoded += decoder.decode_slowly(frame).samples.size();
         }));
}

}  // namespace
}  // namespace quell

// wire_bench [alerts|samples]
int main(int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";
  if (only.empty() || only == "alerts") quell::bench_alerts();
  if (only.empty() || only == "samples") quell::bench_samples();
}
