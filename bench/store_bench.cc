// What the store costs: upserts of alerts, inserts of events, restore, paging and search.
//
//   store_bench [DIRECTORY] [ALERTS] [EVENTS]     (default: a new directory in /tmp, 100000,
//   1000000)
//
// The records are of the usual size: an alert of 10 labels and two verdicts (about 900 bytes), an
// event of 10 labels (about 600 bytes). Batches are of 10,000, each one durable commit.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>

#include "base/prng.h"
#include "store/store.h"

namespace {

using namespace quell;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 10'000;

double seconds_of(const std::function<void()>& work) {
  const auto start = SteadyClock::now();
  work();
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "store_bench: {}\n", result.error().to_string());
    std::exit(1);
  }
  return *std::move(result);
}

void must(const Status& status) {
  if (status) return;
  fmt::print(stderr, "store_bench: {}\n", status.error().to_string());
  std::exit(1);
}

LabelSet labels_of(std::uint64_t n) {
  return must(LabelSet::parse(fmt::format(
      "alertname=HighErrorRate,cluster=eu-west-{},container=checkout,endpoint=metrics,"
      "instance=10.0.{}.{}:9100,job=node-exporter,namespace=payments,pod=checkout-5d7f-{},"
      "service=checkout,severity=critical",
      n % 3, n / 250 % 250, n % 250, n)));
}

std::shared_ptr<const Alert> alert_of(std::uint64_t n, std::uint64_t round) {
  Alert a;
  a.key.tenant = "default";
  a.labels = labels_of(n);
  a.key.fingerprint = a.labels.fingerprint();
  a.annotations =
      must(LabelSet::parse("summary=More than 5 % of the requests "
                           "fail,runbook_url=https://example.org/runbooks/errors"));
  a.source = "/alertmanager";
  a.type = "io.prometheus.alert";
  a.title = "HighErrorRate: checkout answers with errors";
  a.entity = {"service", "checkout"};
  a.event_count = round;
  a.starts_at = a.updated_at = Timestamp{std::chrono::seconds(1'790'000'000)};
  a.transitions = {a.starts_at};
  a.trace.add(VerdictKind::Accepted, a.starts_at, n, "first event of this identity");
  a.trace.add(VerdictKind::Grouped, a.starts_at, n,
              "joined INC-000017: the same entity service:checkout, score 0.82");
  return std::make_shared<const Alert>(std::move(a));
}

EventRow event_of(std::uint64_t n) {
  EventRow row;
  row.offset = n / 100;
  row.index = static_cast<std::uint32_t>(n % 100);
  row.arrived_at = Timestamp{std::chrono::milliseconds(1'790'000'000'000 + n / 100)};
  row.event.id = fmt::format("8f14e45f-ceea-467f-a9d2-{:012}", n);
  row.event.source = "/alertmanager";
  row.event.type = "io.prometheus.alert";
  row.event.time = row.arrived_at;
  row.event.title = "HighErrorRate: checkout answers with errors";
  row.event.entity = {"service", "checkout"};
  row.event.labels = labels_of(n * 7919 % 30'000);
  row.event.kind = EventKind::Alert;
  row.event.tenant = "default";
  row.alert = row.event.labels.fingerprint();
  row.incident = 1 + n / 5000;
  return row;
}

StoreBatch batch_at(std::uint64_t offset) {
  StoreBatch batch;
  batch.next_offset = offset;
  batch.now = Timestamp{std::chrono::seconds(1'790'000'000)};
  return batch;
}

struct Rates {
  std::vector<double> seconds;
  std::clock_t cpu = 0;  // Tells more than the rate when the machine is busy with other things.

  void add(const std::function<void()>& work) {
    const std::clock_t start = std::clock();
    seconds.push_back(seconds_of(work));
    cpu += std::clock() - start;
  }
  void print(const char* what) {
    double sum = 0;
    for (const double s : seconds) sum += s;
    std::ranges::sort(seconds);
    const auto rows = static_cast<double>(kBatch * seconds.size());
    fmt::print(
        "{:<44} {:>9.0f}/s   {:5.2f} us CPU each   commit p50 {:5.1f} ms   worst {:6.1f} ms\n",
        what, rows / sum, static_cast<double>(cpu) / CLOCKS_PER_SEC * 1e6 / rows,
        seconds[seconds.size() / 2] * 1e3, seconds.back() * 1e3);
  }
};

void bench_alerts(Store& store, std::size_t count) {
  Prng prng(1);
  const auto run = [&](const char* what, std::size_t batches, const auto& pick) {
    Rates rates;
    for (std::size_t b = 0; b < batches; ++b) {
      StoreBatch batch = batch_at(b);
      for (std::size_t i = 0; i < kBatch; ++i) batch.alerts.push_back(alert_of(pick(b, i), b));
      rates.add([&] { must(store.commit(batch)); });
    }
    rates.print(what);
  };
  run("alerts: new", count / kBatch, [](std::size_t b, std::size_t i) { return b * kBatch + i; });
  run("alerts: random changes", 60, [&](std::size_t, std::size_t) { return prng.below(count); });
}

void bench_events(Store& store, std::size_t count) {
  Rates rates;
  for (std::size_t b = 0; b < count / kBatch; ++b) {
    StoreBatch batch = batch_at(b);
    for (std::size_t i = 0; i < kBatch; ++i) batch.events.push_back(event_of(b * kBatch + i));
    rates.add([&] { must(store.commit(batch)); });
  }
  rates.print("events: new, with alert and incident");
}

void bench_query(const Store& store, const char* what, const EventQuery& query) {
  std::size_t rows = 0;
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    best = std::min(best, seconds_of([&] { rows = must(store.events(query)).size(); }));
  }
  fmt::print("{:<44} {:>9.2f} ms   {} rows\n", what, best * 1e3, rows);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path directory =
      argc > 1 ? argv[1] : std::filesystem::temp_directory_path() / "quell_store_bench";
  const std::size_t alerts = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100'000;
  const std::size_t events = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1'000'000;
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  const std::string path = directory / "store.db";
  {
    const auto store = must(open_sqlite_store(path));
    bench_alerts(*store, alerts);
    bench_events(*store, events);
    bench_query(*store, "events: newest page of 100", {.limit = 100});
    bench_query(*store, "events: page of one alert", {.alert = event_of(1).alert, .limit = 100});
    bench_query(*store, "events: one hour in the middle",
                {.since = Timestamp{std::chrono::milliseconds(1'790'000'005'000)},
                 .until = Timestamp{std::chrono::milliseconds(1'790'000'006'000)},
                 .limit = 100});
    bench_query(*store, "events: a rare word", {.text = "checkout-5d7f-29999", .limit = 1000});
    bench_query(*store, "events: a word that is nowhere", {.text = "zzz"});
  }
  std::unique_ptr<Store> store;
  const double opened = seconds_of([&] { store = must(open_sqlite_store(path)); });
  std::size_t live = 0;
  const double restored = seconds_of([&] { live = must(store->restore()).alerts.size(); });
  fmt::print("{:<44} {:>9.0f} ms   and {:.0f} ms to restore {} alerts\n", "open", opened * 1e3,
             restored * 1e3, live);
  fmt::print("{:<44} {:>9} MB\n", "file", std::filesystem::file_size(path) >> 20);
  store.reset();
  std::filesystem::remove_all(directory);
  return 0;
}
