// Simulation of the whole pipeline: random alerts, changes and commands, with restarts, duplicates,
// re-ordering, clock jumps and a disk that tears, fails and fills up, against the promises of ARCHITECTURE.md.
//
//   pipeline_sim [first_seed [count]]     On failure prints the seed; rerun with that seed alone.
//   pipeline_sim canary                   Breaks a promise on purpose: must fail.
//   pipeline_sim canary-disk              The same, with a disk that lies about syncs.
//
// Alerts and incidents come out the same in every order of arrival within the lateness.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/pipeline.h"
#include "app/render.h"
#include "app/settings.h"
#include "base/json.h"
#include "base/prng.h"
#include "base/time.h"
#include "incident/lifecycle.h"
#include "tests/sim/faulty_server.h"
#include "tests/support/kills.h"
#include "tests/support/memory_store.h"
#include "tests/support/simulation.h"

namespace quell {
namespace {

using std::chrono::seconds;

constexpr Timestamp kBegin = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21};
constexpr Duration kLateness = seconds(10);
constexpr Duration kWhole = std::chrono::minutes(14);  // What a run takes.

constexpr std::string_view kConfig = R"(
hold:
  - {match: 'alertname="Blip"', for: 45s}
incidents: {auto_resolve_after: 60s}
correlation:
  rules:
    - {name: burst, match: 'alertname="Burst"', group_by: [cluster], window: 1m, threshold: 4}
topology:
  services:
    - {name: s0, depends_on: [s1, s2]}
    - {name: s1, depends_on: [s3]}
    - {name: s2, depends_on: [s3]}
    - {name: s4, depends_on: [s5]}
)";

// What happens at the senders: one firing or end of an alert, at a time.
struct Fact {
  Timestamp at{};
  int alert = 0;
  bool firing = true;
  Duration lease = std::chrono::minutes(5);
};

struct Delivery {
  Timestamp at{};
  Frame frame{};
};

std::string alert_json(const Fact& fact) {
  static constexpr std::string_view kNames[] = {"HighErrorRate", "Blip", "Burst", "Slow"};
  static constexpr std::string_view kSeverities[] = {"critical", "error", "warning"};
  std::string body;
  JsonWriter w(body);
  w.begin_array().begin_object().key("labels").begin_object();
  w.field("alertname", kNames[fact.alert % 4]);
  w.field("service", fmt::format("s{}", fact.alert % 7));
  w.field("cluster", fmt::format("c{}", fact.alert % 2));
  w.field("severity", kSeverities[fact.alert % 3]);
  w.end_object();
  w.field("startsAt", fact.firing ? fact.at : fact.at - seconds(1));
  w.field("endsAt", fact.firing ? fact.at + fact.lease : fact.at);
  w.end_object().end_array();
  return body;
}

Frame alert_frame(const Fact& fact) {
  return {
      .source = "alertmanager-v2", .content_type = "application/json", .body = alert_json(fact)};
}

// Alerts that fire and end, each change of one alert at least 25 s after the last, so that its
// events never cross by more than the lateness allows.
std::vector<Fact> random_facts(Prng& prng) {
  std::vector<Fact> facts;
  const int alerts = 2 + static_cast<int>(prng.below(10));
  for (int alert = 0; alert < alerts; ++alert) {
    Timestamp at = kBegin + seconds(prng.below(240));
    const std::uint64_t changes = 1 + prng.below(4);
    for (std::uint64_t n = 0; n < changes; ++n) {
      facts.push_back({at, alert, n % 2 == 0});
      at += seconds(25 + prng.below(90));
    }
  }
  std::ranges::sort(facts, {}, [](const Fact& f) { return std::tie(f.at, f.alert); });
  return facts;
}

// Alerts that fire and end every few seconds: they flap, now and then keep still, and their events
// cross on the way.
std::vector<Fact> flapping_facts(Duration lease, Prng& prng) {
  std::vector<Fact> facts;
  const int alerts = 2 + static_cast<int>(prng.below(6));
  for (int alert = 0; alert < alerts; ++alert) {
    Timestamp at = kBegin + seconds(prng.below(120));
    const std::uint64_t changes = 4 + prng.below(20);
    for (std::uint64_t n = 0; n < changes; ++n) {
      facts.push_back({at, alert, n % 2 == 0, lease});
      at += seconds(prng.chance(8) ? 300 + prng.below(600) : 1 + prng.below(12));
    }
  }
  std::ranges::sort(facts, {}, [](const Fact& f) { return std::tie(f.at, f.alert); });
  return facts;
}

std::vector<Delivery> deliver(const std::vector<Fact>& facts, Prng* disorder) {
  std::vector<Delivery> deliveries;
  for (const Fact& fact : facts) {
    const auto delay = [&] {
      return disorder == nullptr ? Duration{0} : Duration{seconds(disorder->below(9))};
    };
    deliveries.push_back({fact.at + delay(), alert_frame(fact)});
    if (disorder != nullptr && disorder->chance(20)) {
      deliveries.push_back({fact.at + delay(), alert_frame(fact)});  // Sent twice.
    }
  }
  std::ranges::stable_sort(deliveries, {}, &Delivery::at);
  return deliveries;
}

// A deploy of one of the services.
Frame change_frame(Timestamp at, int service) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("routing_key", "0123456789abcdef0123456789abcdef");
  w.key("payload").begin_object();
  w.field("summary", fmt::format("deploy of s{}", service)).field("timestamp", at);
  w.key("custom_details").begin_object().field("service", fmt::format("s{}", service));
  w.end_object().end_object().end_object();
  return {.source = "pagerduty-changes", .content_type = "application/json", .body = body};
}

// Says of an alert that fires that it began earlier, is worse, or belongs to another request.
Frame correction_frame(const Fact& fact, Prng& prng) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("specversion", "1.0").field("id", fmt::format("c{}", prng.below(1 << 30)));
  w.field("source", "/sim").field("type", "sim.alert");
  w.field("subject", fmt::format("service:s{}", prng.below(20) == 0 ? 6 : fact.alert % 7));
  w.field("time", fact.at - seconds(prng.chance(50) ? prng.below(20) : 0));
  w.field("severity", prng.chance(50) ? "critical" : "warning");
  if (prng.chance(60)) w.field("correlationid", fmt::format("r{}", prng.below(3)));
  w.key("data").begin_object().field("title", fmt::format("corrected {}", prng.below(3)));
  w.field("status", "firing").field("startsAt", fact.at - seconds(prng.below(20)));
  w.key("labels").begin_object().field("alertname", prng.chance(50) ? "Burst" : "Odd");
  w.field("cluster", "c0").field("service", fmt::format("s{}", fact.alert % 7));
  w.end_object().end_object().end_object();
  return {.source = "cloudevents", .content_type = "application/cloudevents+json", .body = body};
}

// What is in no order: changes, and alerts that are corrected.
void add_noise(std::vector<Delivery>& deliveries, const std::vector<Fact>& facts, Prng& prng) {
  for (const Fact& fact : facts) {
    if (prng.chance(30)) {
      const Timestamp at = fact.at - seconds(prng.below(120));
      deliveries.push_back({at, change_frame(at, fact.alert % 7)});
    }
    if (prng.chance(30)) {
      deliveries.push_back({fact.at + seconds(prng.below(9)), correction_frame(fact, prng)});
    }
  }
  std::ranges::stable_sort(deliveries, {}, &Delivery::at);
}

// Runs frames as a server would, and keeps its journal.
class Run {
 public:
  explicit Run(const PackLibrary& packs) : pipeline_(packs) {
    static const std::string kText =
        parse_settings(kConfig, "sim", {}, no_files()).value().pipeline_text;
    feed({.kind = FrameKind::Config, .source = "config", .body = kText}, kBegin);
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
  const Pipeline& pipeline() const { return pipeline_; }
  const std::vector<Frame>& journal() const { return journal_; }

 private:
  Pipeline pipeline_;
  std::vector<Frame> journal_;
};

std::unique_ptr<Run> run(const std::vector<Delivery>& deliveries, const PackLibrary& packs,
                         Timestamp end = kBegin + kWhole) {
  auto result = std::make_unique<Run>(packs);
  for (const Delivery& delivery : deliveries) {
    result->until(delivery.at);
    result->feed(delivery.frame, delivery.at);
  }
  end = std::max(end, result->pipeline().now());
  result->until(end);
  result->feed({.kind = FrameKind::Tick}, end);
  return result;
}

// Every alert is in at most one incident, members and alerts agree, ids are dense, and each
// incident is what its timeline says.
std::string broken_invariant(Pipeline& pipeline) {
  std::map<AlertKey, IncidentId> member_of;
  std::set<IncidentId> ids;
  std::string problem;
  pipeline.incidents().newest_first(UINT64_MAX, [&](std::uint64_t, const Incident& incident) {
    ids.insert(incident.id);
    const Incident folded = fold(incident.id, incident.tenant, incident.timeline);
    if (folded.status != incident.status || folded.title != incident.title ||
        folded.severity != incident.severity || folded.opened_at != incident.opened_at ||
        folded.members.size() != incident.members.size()) {
      problem = fmt::format("{} is not what its timeline says", format_incident_id(incident.id));
    }
    if (incident.merged_into != 0) return true;
    for (const Member& member : incident.members) {
      const AlertKey key{incident.tenant, member.fingerprint};
      const Alert* alert = pipeline.alerts().find(key);
      if (alert != nullptr && alert->incident != incident.id && is_active(incident.status)) {
        problem = fmt::format("{} has a member that is elsewhere", format_incident_id(incident.id));
      }
      if (is_active(incident.status) && !member_of.emplace(key, incident.id).second) {
        problem = "an alert is in two active incidents";
      }
    }
    return true;
  });
  pipeline.alerts().newest_first(UINT64_MAX, [&](std::uint64_t, const Alert& alert) {
    if (alert.event_count < alert.duplicate_count + (alert.fire_count > 0 ? 1 : 0)) {
      problem = "an alert counts more duplicates than events";
    }
    if (alert.incident != 0 && !ids.contains(alert.incident)) {
      problem = "an alert names an incident that is not there";
    }
    return true;
  });
  if (!ids.empty() && *ids.rbegin() > pipeline.incidents().last_id()) problem = "an id is beyond the last";
  return problem;
}

// The same frames with kills at random places.
std::string state_with_kills(const std::vector<Frame>& journal, const PackLibrary& packs,
                             Prng& prng) {
  const auto pipeline =
      run_with_kills(packs, journal, {.commit_after = 5, .kill_after = 10}, prng);
  return pipeline ? render_state(**pipeline) : pipeline.error().to_string();
}

// The alerts without what tells of the order of arrival: offsets, traces, incidents.
std::string render_alerts(const Pipeline& pipeline) {
  std::set<std::string> lines;
  pipeline.alerts().newest_first(UINT64_MAX, [&](std::uint64_t, const Alert& alert) {
    lines.insert(fmt::format("{} {} from {} to {} fired {} times{}\n", alert.labels.to_string(),
                             alert_status_name(alert.status), format_rfc3339(alert.starts_at),
                             format_rfc3339(alert.ends_at.value_or(Timestamp{})), alert.fire_count,
                             alert.flapping ? " flapping" : ""));
    return true;
  });
  return fmt::format("{}", fmt::join(lines, ""));
}

// The arrival clock jumps ahead now and then, and stands still when it is set back: leases and
// windows end in crowds, and nothing may break.
std::unique_ptr<Run> run_with_clock_jumps(const std::vector<Delivery>& deliveries,
                                          const PackLibrary& packs, Prng& prng) {
  auto result = std::make_unique<Run>(packs);
  Duration ahead{0};
  for (const Delivery& delivery : deliveries) {
    if (prng.chance(10)) ahead += seconds(prng.below(7200));
    if (prng.chance(10)) ahead = Duration{0};
    result->until(delivery.at + ahead);
    result->feed(delivery.frame, delivery.at + ahead);
  }
  return result;
}

std::string first_difference(std::string_view want, std::string_view got) {
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(want, got).in1 - want.begin());
  const std::size_t from = at < 200 ? 0 : at - 200;
  return fmt::format("-- without:\n{}\n-- with:\n{}", want.substr(from, 500),
                     got.substr(from, 500));
}

// The first frame at which a pipeline that was restarted just before it does another thing.
std::string first_restart_that_shows(const std::vector<Frame>& journal, const PackLibrary& packs) {
  MemoryStore store;
  Pipeline straight(packs);
  for (std::size_t i = 0; i < journal.size(); ++i) {
    Pipeline restarted(packs);
    if (i > 0 && !restart(restarted, store, journal)) return "restore failed";
    straight.on_frame(journal[i]);
    restarted.on_frame(journal[i]);
    if (const auto want = render_state(straight), got = render_state(restarted); want != got) {
      return fmt::format("a restart before frame {} ({} at {}) shows: {}\n{}", i,
                         journal[i].source, format_rfc3339(journal[i].arrived_at),
                         journal[i].body, first_difference(want, got));
    }
    store.commit(straight.take_batch());
  }
  return "no single restart shows";
}

// Empty, or how a restart shows in the state.
std::string trace_of_crashes(Run& run, const PackLibrary& packs, Prng& prng) {
  const std::string state = render_state(run.pipeline());
  const std::string crashed = state_with_kills(run.journal(), packs, prng);
  if (crashed == state) return {};
  return fmt::format("crashes change the state; {}\n{}",
                     first_restart_that_shows(run.journal(), packs),
                     first_difference(state, crashed));
}

// With a disk that fails: empty, or what is lost or doubled.
std::string run_on_faulty_disk(const std::vector<Delivery>& deliveries, const PackLibrary& packs,
                               Prng& prng, bool canary) {
  FaultyServer server(packs, prng);
  if (canary) server.let_disk_lie();
  const auto config = parse_settings(kConfig, "sim", {}, no_files()).value().pipeline_text;
  server.send({{.kind = FrameKind::Config, .source = "config", .body = config}}, kBegin);
  for (std::size_t i = 0; i < deliveries.size();) {
    std::vector<Frame> together;  // In one group commit.
    const Timestamp at = deliveries[i].at;
    for (std::uint64_t n = 1 + prng.below(4); n > 0 && i < deliveries.size(); --n) {
      together.push_back(deliveries[i++].frame);
    }
    server.until(at);
    server.send(together, at);
  }
  std::string problem = server.finish();
  return problem.empty() ? broken_invariant(server.pipeline()) : problem;
}

// Alerts that flap, as they happen or told long after. Empty, or what is broken.
std::string broken_by_flapping(std::uint64_t seed, const PackLibrary& packs) {
  Prng prng(seed ^ 0xf1a9);
  const Duration late = prng.chance(50) ? seconds(0) : seconds(prng.below(48 * 3600));
  const std::vector<Fact> facts = flapping_facts(late + seconds(30 + prng.below(600)), prng);
  std::vector<Delivery> deliveries = deliver(facts, &prng);
  if (prng.chance(50)) add_noise(deliveries, facts, prng);
  for (Delivery& delivery : deliveries) delivery.at += late;
  const auto flapping = prng.chance(50) ? run_with_clock_jumps(deliveries, packs, prng)
                                        : run(deliveries, packs, kBegin + late + kWhole);
  const std::string broken = broken_invariant(flapping->pipeline());
  return broken.empty() ? trace_of_crashes(*flapping, packs, prng) : broken;
}

bool check(std::uint64_t seed, const PackLibrary& packs, bool canary) {
  Prng prng(seed);
  const std::vector<Fact> facts = random_facts(prng);
  const auto complain = [&](std::string_view what) {
    fmt::print(stderr, "seed {}: {}\n", seed, what);
    return false;
  };
  const auto in_order = run(deliver(facts, nullptr), packs);
  if (const auto broken = broken_invariant(in_order->pipeline()); !broken.empty()) {
    return complain(broken);
  }
  if (const auto broken = trace_of_crashes(*in_order, packs, prng); !broken.empty()) {
    return complain(broken);
  }
  std::vector<Delivery> noisy = deliver(facts, &prng);
  add_noise(noisy, facts, prng);
  const auto jumping = run_with_clock_jumps(noisy, packs, prng);
  if (const auto broken = broken_invariant(jumping->pipeline()); !broken.empty()) {
    return complain("with clock jumps: " + broken);
  }
  if (const auto broken = trace_of_crashes(*jumping, packs, prng); !broken.empty()) {
    return complain("with clock jumps: " + broken);
  }
  if (const auto broken = run_on_faulty_disk(noisy, packs, prng, false); !broken.empty()) {
    return complain("with a disk that fails: " + broken);
  }
  if (const auto broken = broken_by_flapping(seed, packs); !broken.empty()) {
    return complain("flapping: " + broken);
  }
  std::vector<Fact> sent = facts;
  if (canary && sent.size() > 1) sent.pop_back();  // A lost event must be noticed.
  const auto disturbed = run(deliver(sent, &prng), packs);
  if (const auto broken = broken_invariant(disturbed->pipeline()); !broken.empty()) {
    return complain("disturbed: " + broken);
  }
  const auto outcome = [](const Run& run) {
    return render_alerts(run.pipeline()) + render_incidents(run.pipeline());
  };
  if (const auto want = outcome(*in_order), got = outcome(*disturbed); got != want) {
    return complain(fmt::format(
        "another order of arrival ends otherwise\n-- in order:\n{}-- disturbed:\n{}", want, got));
  }
  return true;
}

bool lying_disk_is_noticed(const PackLibrary& packs) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Prng prng(seed);
    const auto deliveries = deliver(random_facts(prng), &prng);
    if (!run_on_faulty_disk(deliveries, packs, prng, true).empty()) return true;
  }
  return false;
}

}  // namespace
}  // namespace quell

int main(int argc, char** argv) {
  const quell::PackLibrary packs;
  if (argc > 1 && std::string_view(argv[1]) == "canary-disk") {
    return quell::lying_disk_is_noticed(packs) ? 1 : 0;
  }
  return quell::run_simulation(argc, argv, 20, [&](std::uint64_t seed, bool canary) {
    return quell::check(seed, packs, canary);
  });
}
