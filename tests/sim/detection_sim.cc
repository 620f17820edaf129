// Simulation of detection: metrics with faults, sent as the world sends them (late, twice, out of
// order, with resets, NaN and infinities, by clocks that jump, for series that come and go), with
// kill -9 at random places. Findings, models and alerts must be the same as without.
//
//   detection_sim [first_seed [count]]    On failure prints the seed; rerun with that seed alone.
//   detection_sim canary                  Breaks a promise on purpose: must fail.
#include <fmt/format.h>
#include <snappy.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "app/pipeline.h"
#include "app/render.h"
#include "app/settings.h"
#include "base/prng.h"
#include "base/time.h"
#include "tests/support/kills.h"
#include "tests/support/simulation.h"
#include "wire/test_protobuf.h"

namespace quell {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::bytes_field;
using test::double_field;
using test::number_field;

constexpr Timestamp kBegin = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21};
constexpr int kRounds = 480;
constexpr Duration kInterval = seconds(10);

constexpr std::string_view kConfig = R"(
incidents: {auto_resolve_after: 60s}
metrics: {series_idle: 15m}
detection:
  warmup: 60
  incident_warmup: 60
  rules:
    - {metric: gauge_1, direction: up}
    - {match: 'host="h2",__name__="gauge_2"', detector: off}
    - {name: limit, metric: gauge_4, detector: threshold, above: 50, min_duration: 30s, calm: 20s}
    - {name: night, metric: gauge_7, detector: threshold, above: 30, hours: '00:50-01:10'}
    - {name: day, metric: gauge_5, detector: seasonal, coverage: 0.99, warmup: 120,
       suppress_during_deploys: 10m}
    - {name: level, metric: work_3_total, detector: change_point, warmup: 120, calm: 1m,
       page_while_learning: true, severity: error}
    - {name: full, metric: work_0_total, detector: forecast, above: 1000, horizon: 30m,
       page_while_learning: true}
    - {name: silent, match: 'host="h1"', detector: absence, silence: 1m}
    - {name: together, match: 'host=~"h[02]",__name__=~"gauge_(2|8|10|11)|work_.*"',
       detector: isolation, p: 0.01, warmup: 60}
)";

constexpr std::string_view kZones[] = {"Europe/Berlin", "America/New_York", "Asia/Kolkata"};

// A deploy of the host that fails soon.
Frame deploy_frame(Timestamp at) {
  return {.source = "pagerduty-changes",
          .content_type = "application/json",
          .body = fmt::format(R"({{"routing_key":"0123456789abcdef0123456789abcdef","payload":)"
                              R"({{"summary":"release 7","timestamp":"{}",)"
                              R"("custom_details":{{"host":"h0"}}}}}})",
                              format_rfc3339(at))};
}

// The same, in another place of the world.
std::string config_in(std::string_view zone, int watched) {
  std::string text(kConfig);
  constexpr std::string_view kSection = "detection:\n";
  text.insert(text.find(kSection) + kSection.size(),
              fmt::format("  timezone: {}\n  named_series_max: {}\n", zone, watched));
  return text;
}

struct World {
  int hosts = 0;
  int series = 0;
  int fault_host = 0;
  int fault_from = 0;
  int fault_rounds = 0;
  int zone_round = 0;  // When the time zone becomes another one; 0: never.
  std::string_view zone{};
  int watched = 0;  // Series that may have detectors of their own.
};

class Sender {
 public:
  Sender(World world, Prng& prng)
      : world_(world),
        prng_(prng),
        totals_(static_cast<std::size_t>(world.hosts * world.series), 0) {}

  // The requests of one round: one for each host.
  std::vector<std::string> round(int number, Timestamp at, bool disturbed) {
    std::vector<std::string> bodies;
    for (int host = 0; host < world_.hosts; ++host) {
      std::string body;
      for (int s = 0; s < world_.series; ++s) {
        // Some series come later, and leave before the end.
        if (s == world_.series - 1 && (number < 40 || number > 420)) continue;
        double value = value_of(host, s, number);
        Timestamp time = at;
        if (disturbed && prng_.below(400) == 0) value = strange_value();
        if (disturbed && prng_.below(300) == 0) time -= seconds(prng_.below(90));
        body += bytes_field(1, labels(host, s) + sample(value, time));
        if (disturbed && prng_.below(500) == 0) {
          body += bytes_field(1, labels(host, s) + sample(value + 1, time));
        }
      }
      bodies.push_back(std::move(body));
    }
    return bodies;
  }

 private:
  static std::string labels(int host, int series) {
    std::string bytes;
    const bool counts = series % 3 == 0;
    append_series_label(
        bytes, "__name__",
        counts ? fmt::format("work_{}_total", series) : fmt::format("gauge_{}", series));
    append_series_label(bytes, "host", fmt::format("h{}", host));
    return bytes;
  }
  static std::string sample(double value, Timestamp at) {
    const auto ms = std::chrono::floor<milliseconds>(at.time_since_epoch()).count();
    return bytes_field(2, double_field(1, value) + number_field(2, static_cast<std::uint64_t>(ms)));
  }
  double noise() { return static_cast<double>(prng_.below(2'000)) / 1'000 - 1; }
  double value_of(int host, int series, int number) {
    const bool is_fault = host == world_.fault_host && number >= world_.fault_from &&
                          number < world_.fault_from + world_.fault_rounds;
    const double level = 20 + series + (is_fault ? 40 + series : 0) + noise() + noise();
    if (series % 3 != 0) return level;
    double& total =
        totals_[static_cast<std::size_t>(host) * static_cast<std::size_t>(world_.series) +
                static_cast<std::size_t>(series)];
    if (prng_.below(150) == 0) total = 0;  // Its process began anew.
    return total += 10 * level;
  }
  double strange_value() {
    switch (prng_.below(4)) {
      case 0: return stale_marker();
      case 1: return std::numeric_limits<double>::quiet_NaN();
      case 2: return std::numeric_limits<double>::infinity();
      default: return -1e300;
    }
  }

  World world_;
  Prng& prng_;
  std::vector<double> totals_;
};

Frame samples_frame(const std::string& body) {
  Frame frame{.source = "prometheus",
              .tenant = "default",
              .content_type = "application/x-protobuf",
              .headers = {{"content-encoding", "snappy"}}};
  snappy::Compress(body.data(), body.size(), &frame.body);
  return frame;
}

class Run {
 public:
  Run(const PackLibrary& packs, int watched) : pipeline_(packs), watched_(watched) {
    configure("UTC", kBegin);
  }
  void configure(std::string_view zone, Timestamp at) {
    const std::string text = config_in(zone, watched_);
    feed({.kind = FrameKind::Config,
          .source = "config",
          .body = parse_settings(text, "sim", {}, no_files()).value().pipeline_text},
         at);
  }
  void until(Timestamp at) {
    while (pipeline_.next_deadline() <= at) {
      feed({.kind = FrameKind::Tick}, std::max(pipeline_.next_deadline(), pipeline_.now()));
    }
  }
  void feed(Frame frame, Timestamp at) {
    frame.offset = pipeline_.next_offset();
    frame.arrived_at = std::max(at, pipeline_.now());
    pipeline_.on_frame(frame);
    journal_.push_back(std::move(frame));
  }
  Pipeline& pipeline() { return pipeline_; }
  const std::vector<Frame>& journal() const { return journal_; }

 private:
  Pipeline pipeline_;
  int watched_;
  std::vector<Frame> journal_;
};

std::string command(std::string_view kind, std::string_view field, std::string_view value,
                    std::string_view text) {
  return fmt::format(R"({{"kind":"{}","actor":"sim","{}":"{}","text":"{}"}})", kind, field, value,
                     text);
}

std::unique_ptr<Run> run(const World& world, bool disturbed, Prng& prng, const PackLibrary& packs) {
  auto result = std::make_unique<Run>(packs, world.watched);
  Sender sender(world, prng);
  Duration ahead{0};
  for (int number = 0; number < kRounds; ++number) {
    const Timestamp at = kBegin + (number + 1) * kInterval;
    if (disturbed && prng.below(60) == 0) ahead = seconds(prng.below(900));
    if (disturbed && prng.below(30) == 0) ahead = Duration{0};
    result->until(at + ahead);
    if (number == world.fault_from - 6) result->feed(deploy_frame(at), at + ahead);
    if (number > 0 && number == world.zone_round) result->configure(world.zone, at + ahead);
    for (const std::string& body : sender.round(number, at, disturbed)) {
      result->feed(samples_frame(body), at + ahead);
      if (disturbed && prng.below(60) == 0) result->feed(samples_frame(body), at + ahead);
    }
    if (number == 400) {
      result->feed({.kind = FrameKind::Command,
                    .source = "api",
                    .body = command("finding_feedback", "finding", "FND-000001", "noise")},
                   at + ahead);
      result->feed({.kind = FrameKind::Command,
                    .source = "api",
                    .body = command("reset_models", "actor", "sim", "gauge_4")},
                   at + ahead);
    }
  }
  const Timestamp end = kBegin + (kRounds + 60) * kInterval + ahead;
  result->until(end);
  result->feed({.kind = FrameKind::Tick}, end);
  return result;
}

std::string render(const Pipeline& pipeline) {
  return detection_state(pipeline) + render_state(pipeline);
}

bool check(std::uint64_t seed, const PackLibrary& packs, bool canary) {
  Prng prng(seed);
  const auto complain = [&](std::string_view what) {
    fmt::print(stderr, "seed {}: {}\n", seed, what);
    return false;
  };
  const World world{.hosts = 2 + static_cast<int>(prng.below(3)),
                    .series = 8 + static_cast<int>(prng.below(8)),
                    .fault_host = 0,
                    .fault_from = 280 + static_cast<int>(prng.below(60)),
                    .fault_rounds = 20 + static_cast<int>(prng.below(40)),
                    .zone_round = static_cast<int>(prng.below(2 * kRounds)),
                    .zone = kZones[prng.below(std::size(kZones))],
                    .watched = 10 + static_cast<int>(prng.below(60))};
  const bool disturbed = prng.chance(70);
  const auto straight = run(world, disturbed, prng, packs);
  const std::string want = render(straight->pipeline());
  const auto found = want.find("host:h0");  // Samples that come too late raise nothing.
  if (found == want.npos && !disturbed) return complain("the fault was not found\n" + want);
  std::vector<Frame> journal = straight->journal();
  if (canary) journal[journal.size() / 2].body.clear();  // A lost frame must be noticed.
  const auto killed = run_with_kills(packs, journal, {.commit_after = 10, .kill_after = 400}, prng);
  const std::string got = killed ? render(**killed) : killed.error().to_string();
  if (got == want) return true;
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(want, got).in1 - want.begin());
  const std::size_t from = at < 300 ? 0 : at - 300;
  return complain(fmt::format("crashes change the findings\n-- without:\n{}\n-- with:\n{}",
                              want.substr(from, 700), got.substr(from, 700)));
}

}  // namespace
}  // namespace quell

int main(int argc, char** argv) {
  const quell::PackLibrary packs;
  return quell::run_simulation(argc, argv, 5, [&](std::uint64_t seed, bool canary) {
    return quell::check(seed, packs, canary);
  });
}
