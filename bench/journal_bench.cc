// How fast frames become durable: `journal_bench [DIRECTORY]` (default: journal-bench here).
//
// Rates are those of the disk under DIRECTORY and of what its host does on a flush: compare only
// with other figures of the same run, such as the bare write + sync that is printed first.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/disk.h"
#include "base/guarded.h"
#include "journal/journal.h"
#include "journal/segment_log.h"

namespace quell {
namespace {

constexpr std::size_t kBodyBytes = 250;
const SystemClock kClock;

double seconds_since(Timestamp begin) {
  return std::chrono::duration<double>(kClock.now() - begin).count();
}

double cpu_seconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Frame make_frame() {
  Frame frame;
  frame.source = "alertmanager";
  frame.content_type = "application/json";
  frame.body.assign(kBodyBytes, 'x');
  return frame;
}

// Latencies, reported as `p50 … p99 … max … ms`.
class Latencies {
 public:
  void add(Duration d) { values_.push_back(std::chrono::duration<double, std::milli>(d).count()); }
  std::string to_string() {
    if (values_.empty()) return "-";
    std::sort(values_.begin(), values_.end());
    return fmt::format("p50 {:.3f} p99 {:.3f} max {:.3f} ms", values_[values_.size() / 2],
                       values_[values_.size() * 99 / 100], values_.back());
  }

 private:
  std::vector<double> values_;
};

void die_on(const Status& status) {
  if (status) return;
  fmt::print(stderr, "journal_bench: {}\n", status.error().to_string());
  std::exit(1);
}

void bench_disk(Disk& disk, const std::string& directory) {
  die_on(disk.create_directory(directory));
  auto file = disk.create(directory + "/bare").value();
  die_on(file->allocate(16 << 20));
  Latencies latencies;
  const std::string bytes(4096, 'x');
  for (std::uint64_t i = 0; i < 500; ++i) {
    const Timestamp begin = kClock.now();
    die_on(file->write(i * bytes.size(), bytes));
    die_on(file->sync());
    latencies.add(kClock.now() - begin);
  }
  fmt::print("bare 4 KiB write + sync:         {}\n", latencies.to_string());
  die_on(disk.remove(directory + "/bare"));
}

// As many frames as the journal takes, from `threads` threads.
void bench_rate(Disk& disk, const std::string& directory, int threads, std::uint64_t count) {
  std::filesystem::remove_all(directory);
  std::atomic<std::uint64_t> durable = 0;
  auto journal = open_file_journal({.directory = directory}, disk, kClock, [&](Commit commit) {
                   die_on(commit.status);
                   durable += commit.frames.size();
                   durable.notify_all();
                 }).value();
  const Timestamp begin = kClock.now();
  const double cpu_begin = cpu_seconds(RUSAGE_SELF);
  std::atomic<double> append_cpu = 0;
  std::vector<std::thread> producers;
  for (int t = 0; t < threads; ++t) {
    producers.emplace_back([&, share = count / static_cast<std::uint64_t>(threads)] {
      for (std::uint64_t i = 0; i < share; ++i) {
        while (true) {
          const std::uint64_t seen = durable;
          if (journal->append(make_frame())) break;
          durable.wait(seen);  // Full: until the next commit has ended.
        }
      }
      append_cpu += cpu_seconds(RUSAGE_THREAD);
    });
  }
  for (auto& producer : producers) producer.join();
  journal->close();
  const double seconds = seconds_since(begin);
  const auto stats = journal->stats();
  const auto frames = static_cast<double>(stats.end_offset);
  fmt::print(
      "{} thread(s), as fast as it goes: {:.2f} M frames/s, {:.0f} MB/s, {} commits; "
      "CPU per frame {:.0f} ns, of which making and appending {:.0f} ns\n",
      threads, frames / seconds / 1e6, static_cast<double>(stats.size_bytes) / seconds / 1e6,
      stats.commits, (cpu_seconds(RUSAGE_SELF) - cpu_begin) / frames * 1e9,
      append_cpu / frames * 1e9);
}

struct SentAt final : Waiter {
  explicit SentAt(Timestamp t) : time(t) {}
  Timestamp time;
};

// `window` senders, each of which sends its next frame when the last one is durable.
void bench_latency(Disk& disk, const std::string& directory, std::uint64_t window,
                   std::uint64_t count) {
  std::filesystem::remove_all(directory);
  std::atomic<std::uint64_t> durable = 0;
  Latencies latencies;
  auto journal = open_file_journal({.directory = directory}, disk, kClock, [&](Commit commit) {
                   die_on(commit.status);
                   const Timestamp now = kClock.now();
                   for (const auto& waiter : commit.waiters) {
                     latencies.add(now - static_cast<const SentAt&>(*waiter).time);
                   }
                   durable += commit.frames.size();
                   durable.notify_all();
                 }).value();
  const Timestamp begin = kClock.now();
  for (std::uint64_t sent = 0; sent < count; ++sent) {
    for (std::uint64_t done = durable; sent - done >= window; done = durable) durable.wait(done);
    die_on(journal->append(make_frame(), std::make_unique<SentAt>(kClock.now())));
  }
  journal->close();
  const double seconds = seconds_since(begin);
  fmt::print(
      "{:>4} waiting sender(s):          {:.0f} frames/s, {} commits; append to durable {}\n",
      window, static_cast<double>(count) / seconds, journal->stats().commits,
      latencies.to_string());
}

// A journal that was not closed, as after `kill -9`.
void bench_start(Disk& disk, const std::string& directory, std::uint64_t count) {
  std::filesystem::remove_all(directory);
  const JournalOptions options{.directory = directory};
  {
    auto log = SegmentLog::open(options, disk).value();
    std::string record;
    encode_record(make_frame(), record);
    Batch batch;
    for (std::uint64_t i = 0; i < count; ++i) {
      batch.add(record, Timestamp{});
      if (batch.count() < 1000 && i + 1 < count) continue;
      if (const auto done = log->commit(batch); !done) die_on(std::unexpected(done.error()));
      batch.clear();
    }
  }
  Timestamp begin = kClock.now();
  auto log = SegmentLog::open(options, disk).value();
  const double open_seconds = seconds_since(begin);
  const auto stats = log->stats();
  begin = kClock.now();
  std::uint64_t read = 0;
  die_on(log->read(0, [&](const Frame&) { return ++read > 0; }));
  const double read_seconds = seconds_since(begin);
  begin = kClock.now();
  die_on(log->read(count / 2, [&](const Frame&) { return false; }));
  fmt::print(
      "{} frames in {} segments: opened after a kill in {:.3f} s, all read at {:.2f} M/s, "
      "one from the middle in {:.3f} ms\n",
      stats.end_offset, stats.segments, open_seconds,
      static_cast<double>(read) / read_seconds / 1e6, seconds_since(begin) * 1e3);
}

void run(const std::string& directory) {
  const auto disk = make_posix_disk();
  bench_disk(*disk, directory);
  bench_rate(*disk, directory + "/rate", 1, 2'000'000);
  bench_rate(*disk, directory + "/rate", 2, 2'000'000);
  bench_latency(*disk, directory + "/latency", 1, 2'000);
  bench_latency(*disk, directory + "/latency", 64, 100'000);
  bench_start(*disk, directory + "/start", 10'000'000);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace quell

int main(int argc, char** argv) {
  quell::run(argc > 1 ? argv[1] : "journal-bench");
  return 0;
}
