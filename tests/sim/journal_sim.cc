// Runs the journal's files against a disk that loses, tears and fails, and checks after every
// restart that each acknowledged frame is there once, in order, and nothing else.
//
//   journal_sim [FIRST_SEED [COUNT]]  random steps and faults, one life per seed
//   journal_sim anomaly [SEED]        fails the n-th operation, for n = 1, 2, 3, … until a run has
//                                     none left, each way that an operation can fail
//   journal_sim canary                a disk that lies about syncs: must find a loss, and fails
//
// Method: SQLite's I/O error and crash tests (sqlite.org/testing.html, sections 3.2 and 3.3), and a
// seed for everything, so that a failure can be repeated: `journal_sim 4711 1`.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory_disk.h"
#include "base/prng.h"
#include "journal/segment_log.h"

namespace quell {
namespace {

// What the journal must hold, and the journal itself. After the first problem nothing more happens.
class World {
 public:
  World(std::uint64_t seed, const JournalOptions& options)
      : disk(seed), prng(seed), options_(options) {}

  MemoryDisk disk;
  Prng prng;

  const std::string& problem() const { return problem_; }
  bool is_running() const { return log_ != nullptr; }

  // Opens the journal and compares all that it holds. While a fault is armed, opening may fail.
  void open(bool may_fail) {
    if (!problem_.empty() || log_) return;
    auto opened = SegmentLog::open(options_, disk);
    if (!opened) {
      if (!may_fail) report(fmt::format("does not open: {}", opened.error().to_string()));
      return;
    }
    log_ = *std::move(opened);
    settle_doubt();
    check_all();
  }

  void commit() {
    if (!log_) return;
    std::vector<std::string> bodies;
    Batch batch;
    std::string record;
    for (std::uint64_t n = 1 + prng.below(4); n > 0; --n) {
      Frame frame;
      now_ += Duration{static_cast<std::int64_t>(prng.below(3))};
      frame.arrived_at = now_;
      frame.body = make_body();
      record.clear();
      encode_record(frame, record);
      batch.add(record, frame.arrived_at);
      bodies.push_back(std::move(frame.body));
    }
    const auto first = log_->commit(batch);
    if (first) {
      if (*first != kept_.size()) report(fmt::format("frame {} got {}", kept_.size(), *first));
      kept_.insert(kept_.end(), bodies.begin(), bodies.end());
    } else if (log_->is_broken()) {
      in_doubt_ = std::move(bodies);
      log_.reset();  // A broken journal ends the process.
      disk.kill();
    }
    last_error_ = first ? std::nullopt : std::optional(first.error());
  }

  // After a commit on a sound disk, full or not.
  void check_no_failure(bool may_be_full) {
    if (!last_error_ || (may_be_full && last_error_->code == Errc::Exhausted && log_)) return;
    report(fmt::format("a commit failed on a sound disk: {}", last_error_->message));
  }

  void read_from_middle() {
    if (!log_) return;
    const std::uint64_t begin = log_->stats().begin_offset;
    check_from(begin + prng.below(kept_.size() - begin + 1));
  }

  void discard() {
    if (!log_) return;
    const std::uint64_t offset = prng.below(kept_.size() + 1);
    discarded_ = std::max(discarded_, offset);
    const std::uint64_t before = log_->stats().begin_offset;
    const bool is_done = log_->discard_before(offset).has_value();
    if (is_done) begin_min_ = std::max(begin_min_, log_->stats().begin_offset);
    if (log_->stats().begin_offset < before) report("discarding brought frames back");
  }

  void close() {
    if (!log_) return;
    if (!log_->close() && log_->is_broken()) disk.kill();
    log_.reset();
  }
  void kill() {
    log_.reset();
    disk.kill();
  }
  void crash() {
    log_.reset();
    disk.crash();
  }

 private:
  std::string make_body() {
    // Mostly small, sometimes over sectors, rarely beyond a segment.
    const std::uint64_t kind = prng.below(20);
    const std::uint64_t size = kind == 0 ? prng.below(6000) : prng.below(kind < 8 ? 900 : 40);
    return fmt::format("{}:{}", next_body_++,
                       std::string(size, static_cast<char>('a' + prng.below(26))));
  }

  // A batch whose commit broke the journal is there as a whole or not at all, from now on.
  void settle_doubt() {
    const std::uint64_t end = log_->stats().end_offset;
    if (!in_doubt_.empty() && end == kept_.size() + in_doubt_.size()) {
      kept_.insert(kept_.end(), in_doubt_.begin(), in_doubt_.end());
    }
    in_doubt_.clear();
  }

  void check_all() {
    const JournalStats stats = log_->stats();
    if (stats.end_offset != kept_.size()) {
      report(fmt::format("ends at {}, not at {}", stats.end_offset, kept_.size()));
    } else if (stats.begin_offset > discarded_) {
      report(fmt::format("begins at {}, discarded was {}", stats.begin_offset, discarded_));
    } else if (stats.begin_offset < begin_min_) {
      report(fmt::format("begins at {}, it had begun at {}", stats.begin_offset, begin_min_));
    } else {
      check_from(stats.begin_offset);
      if (stats.begin_offset > 0 && log_->read(stats.begin_offset - 1, nullptr)) {
        report("reads a frame that is not kept");
      }
    }
  }

  void check_from(std::uint64_t from) {
    std::uint64_t next = from;
    Timestamp last = kNever;
    const auto status = log_->read(from, [&](const Frame& frame) {
      if (frame.offset != next || next >= kept_.size() || frame.body != kept_[next]) {
        report(fmt::format("frame {} at {} is '{}'", frame.offset, next, frame.body.substr(0, 20)));
      } else if (frame.arrived_at < last) {
        report(fmt::format("frame {} arrived before its predecessor", next));
      }
      last = frame.arrived_at;
      ++next;
      return problem_.empty();
    });
    if (!status) report(fmt::format("does not read: {}", status.error().to_string()));
    if (problem_.empty() && next != kept_.size()) report(fmt::format("reading ends at {}", next));
  }

  void report(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  static constexpr Timestamp kNever = Timestamp::min();

  const JournalOptions options_;
  std::unique_ptr<SegmentLog> log_;  // Null while the process is down.
  std::vector<std::string> kept_;    // Bodies by offset.
  std::vector<std::string> in_doubt_;
  std::uint64_t discarded_ = 0;  // The highest offset below which frames may be gone,
  std::uint64_t begin_min_ = 0;  // and the one below which they must be.
  std::uint64_t next_body_ = 0;
  Timestamp now_{};
  std::optional<Error> last_error_;
  std::string problem_;
};

JournalOptions random_options(std::uint64_t seed) {
  Prng prng(~seed);
  return {.directory = "j",
          .segment_bytes = 512 + prng.below(6000),
          .reserve_bytes = 256 + prng.below(2000)};
}

void arm(MemoryDisk& disk, Prng& prng, std::uint64_t n_max) {
  const std::uint64_t n = 1 + prng.below(n_max);
  if (prng.chance(50)) {
    disk.kill_at_operation(n);
  } else {
    disk.fail_operation(n, prng.chance(50) ? Errc::Exhausted : Errc::Unavailable);
  }
}

// Steps with a fault armed, then down (or not) and up again.
void step_with_fault(World& world) {
  arm(world.disk, world.prng, 12);
  for (std::uint64_t n = world.prng.below(5); n > 0; --n) {
    if (world.prng.chance(15)) {
      world.discard();
    } else if (world.prng.chance(10)) {
      world.close();
      world.open(true);
    } else {
      world.commit();
    }
  }
  world.prng.chance(60) ? world.crash() : world.kill();
  if (world.prng.chance(30)) {  // And it fails again while it recovers.
    arm(world.disk, world.prng, 6);
    world.open(true);
    world.prng.chance(50) ? world.crash() : world.kill();
  }
  world.open(false);
}

void step_with_full_disk(World& world) {
  world.disk.set_capacity(world.disk.used_bytes() + world.prng.below(3000));
  for (std::uint64_t n = world.prng.below(4); n > 0; --n) {
    world.commit();
    world.check_no_failure(true);
  }
  if (world.prng.chance(30)) {
    world.prng.chance(50) ? world.crash() : world.kill();
    world.open(false);
  }
  world.disk.set_capacity(1 << 30);
  world.commit();
  world.check_no_failure(false);
}

void step(World& world) {
  const std::uint64_t kind = world.prng.below(100);
  if (kind < 50) {
    world.commit();
    world.check_no_failure(false);
  } else if (kind < 70) {
    step_with_fault(world);
  } else if (kind < 78) {
    step_with_full_disk(world);
  } else if (kind < 84) {
    world.read_from_middle();
  } else if (kind < 88) {
    world.discard();
  } else if (kind < 92) {
    world.close();
    world.open(false);
  } else {
    kind < 96 ? world.crash() : world.kill();
    world.open(false);
  }
}

std::string run_seed(std::uint64_t seed, bool lies) {
  World world(seed, random_options(seed));
  if (lies) world.disk.ignore_syncs();
  world.open(false);
  for (int i = 0; i < 30 && world.problem().empty(); ++i) step(world);
  return world.problem();
}

int simulate(std::uint64_t first, std::uint64_t count, bool lies) {
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const std::string problem = run_seed(seed, lies);
    if (problem.empty()) continue;
    std::printf("seed %llu: %s\nrepeat it with: journal_sim %llu 1\n",
                static_cast<unsigned long long>(seed), problem.c_str(),
                static_cast<unsigned long long>(seed));
    return 1;
  }
  std::printf("%llu seeds, no problem\n", static_cast<unsigned long long>(count));
  return 0;
}

enum class Failure { Error, Full, Kill, KillAndCrash };

// A fixed life with several segments, a discard and a restart, in which operation `n` fails.
// Returns false when the run had fewer operations than that.
bool run_anomaly(World& world, std::uint64_t n, Failure failure) {
  if (failure == Failure::Error || failure == Failure::Full) {
    world.disk.fail_operation(n, failure == Failure::Full ? Errc::Exhausted : Errc::Unavailable);
  } else {
    world.disk.kill_at_operation(n);
  }
  const auto restart = [&] {
    failure == Failure::KillAndCrash ? world.crash() : world.kill();
    world.open(false);
  };
  const auto steps = [&](int count) {
    for (int i = 0; i < count; ++i) {
      world.commit();
      if (!world.is_running()) restart();
    }
  };
  world.open(true);
  if (!world.is_running()) restart();
  steps(12);
  world.discard();
  steps(4);
  world.close();
  world.open(true);
  if (!world.is_running()) restart();
  steps(8);
  const bool has_failed = world.disk.has_failed();
  restart();
  return has_failed;
}

int run_anomalies(std::uint64_t seed) {
  std::uint64_t runs = 0;
  for (const Failure failure :
       {Failure::Error, Failure::Full, Failure::Kill, Failure::KillAndCrash}) {
    bool has_failed = true;
    for (std::uint64_t n = 1; has_failed; ++n, ++runs) {
      World world(seed, random_options(seed));
      has_failed = run_anomaly(world, n, failure);
      if (world.problem().empty()) continue;
      std::printf("seed %llu, failure %d of operation %llu: %s\n",
                  static_cast<unsigned long long>(seed), static_cast<int>(failure),
                  static_cast<unsigned long long>(n), world.problem().c_str());
      return 1;
    }
  }
  std::printf("%llu runs, no problem\n", static_cast<unsigned long long>(runs));
  return 0;
}

std::uint64_t number(const char* text, std::uint64_t otherwise) {
  if (text == nullptr) return otherwise;
  const std::string_view digits(text);
  std::from_chars(digits.data(), digits.data() + digits.size(), otherwise);
  return otherwise;
}

}  // namespace
}  // namespace quell

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  const char* second = argc > 2 ? argv[2] : nullptr;
  if (mode == "canary") return quell::simulate(0, 1000, true);
  if (mode == "anomaly") return quell::run_anomalies(quell::number(second, 0));
  return quell::simulate(quell::number(argc > 1 ? argv[1] : nullptr, 0), quell::number(second, 500),
                         false);
}
