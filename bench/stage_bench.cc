// What a sample of remote write costs, stage by stage: processor time in ns a sample.
//
//   stage_bench [SERIES] [SERIES_PER_REQUEST] [DIRECTORY]     1000000 10000 stage-bench
//
// Every series has a sample each 15 s, as scrapes bring them: noise in eighths around a level. Ten
// labels of some 290 bytes each. Models learn from 128 to 256 samples before anything is measured.
// Then twelve rounds (three minutes by the samples' times, in which each page of models is written
// once): first the functions one by one, each with the state that it has in the server, then the
// whole pipeline with its store, a commit after each request, then the journal. The clock is that
// of this thread, for the journal that of the process.
#include <fmt/format.h>
#include <snappy.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "app/pipeline.h"
#include "base/disk.h"
#include "base/prng.h"
#include "detect/detector.h"
#include "journal/journal.h"
#include "metric_series.h"
#include "normalize/pack_library.h"
#include "store/store.h"
#include "stream/sample_book.h"
#include "stream/series_table.h"
#include "wire/remote_write.h"
#include "wire/write_request.h"

namespace quell::bench {
namespace {

constexpr std::int64_t kBeginMs = 1'790'000'000'000;
constexpr std::int64_t kIntervalMs = 15'000;
constexpr std::size_t kLearnRounds = 16;   // With kLearnSamples or half as many of each series, so
constexpr std::size_t kLearnSamples = 16;  // that their blocks do not fill at the same time,
constexpr std::size_t kSettleRounds = 12;  // then with one: until the store writes as usual,
constexpr std::size_t kRounds = 12;        // and what is measured.

double cpu_seconds(clockid_t which = CLOCK_THREAD_CPUTIME_ID) {
  timespec t{};
  clock_gettime(which, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "stage_bench: {}\n", result.error().to_string());
  std::exit(1);
}

void must(const Status& status) {
  if (status) return;
  fmt::print(stderr, "stage_bench: {}\n", status.error().to_string());
  std::exit(1);
}

// Adds the time from the end of the previous stage.
class Laps {
 public:
  void begin() { at_ = cpu_seconds(); }
  void end(double& stage) {
    const double now = cpu_seconds();
    stage += now - at_;
    at_ = now;
  }

 private:
  double at_ = 0;
};

// The same requests for each that plays them.
class Sender {
 public:
  Sender(std::size_t series, std::size_t per_request) : per_request_(per_request) {
    for (std::size_t i = 0; i < series; ++i) {
      labels_.push_back(must(SeriesLabels::from_bytes(series_key(i))));
    }
  }

  std::size_t requests() const { return labels_.size() / per_request_; }
  std::size_t per_round() const { return requests() * per_request_; }

  // From the first request again.
  void rewind() {
    now_ms_ = kBeginMs;
    offset_ = 0;
    prng_ = Prng(1);
  }

  // All requests of one round, in which each series has at most so many samples.
  template <class Player>
  void round(Player& player, std::size_t samples) {
    const auto length = static_cast<std::int64_t>(samples) * kIntervalMs;
    for (std::size_t n = 0; n < requests(); ++n) {
      const auto part = static_cast<std::int64_t>(n) * length;
      const std::int64_t end = now_ms_ + part / static_cast<std::int64_t>(requests());
      player.play(request(n * per_request_, samples, end));
    }
    now_ms_ += length;
  }

 private:
  // The last sample of each is of its arrival.
  Frame request(std::size_t first, std::size_t samples, std::int64_t end_ms) {
    WriteRequestBuilder builder;
    for (std::size_t i = first; i < first + per_request_; ++i) {
      builder.begin_series(labels_[i]);
      for (std::size_t s = (samples + 1) / 2 + i * 7919 % (samples / 2 + 1); s-- > 0;) {
        const double noise = static_cast<double>(prng_.below(40) + prng_.below(40)) / 8;
        builder.add_point(end_ms - static_cast<std::int64_t>(s) * kIntervalMs,
                          static_cast<double>(i % 97) + noise);
      }
      builder.end_series();
    }
    Frame frame = builder.frame("", kDefaultTenant);
    frame.arrived_at = Timestamp{std::chrono::milliseconds(end_ms)};
    frame.offset = offset_++;
    return frame;
  }

  std::size_t per_request_;
  std::vector<SeriesLabels> labels_;
  std::int64_t now_ms_ = kBeginMs;
  std::uint64_t offset_ = 0;
  Prng prng_{1};
};

// The functions that a sample goes through.
class Parts {
 public:
  void play(const Frame& frame) {
    RemoteWriteDecoded written;
    laps_.begin();
    std::string& body = written.samples.body;
    std::size_t size = 0;
    bool good = snappy::GetUncompressedLength(frame.body.data(), frame.body.size(), &size);
    body.resize_and_overwrite(size, [&](char* to, std::size_t) {
      good = good && snappy::RawUncompress(frame.body.data(), frame.body.size(), to);
      return size;
    });
    QUELL_ASSERT(good, "the request was packed here");
    laps_.end(decompress_);
    written.samples.tenants = {frame.tenant};
    decode_write_request(RemoteWriteVersion::One, frame.arrived_at, limits_, written);
    laps_.end(decode_);
    batch_.clear();
    table_.resolve(written.samples, "bench", SeriesTable::Unknown::Make, batch_, refused_,
                   frame.offset);
    laps_.end(look_up_);
    book_.add(batch_, table_, frame.offset, frame.arrived_at);
    laps_.end(keep_);
    detector_.observe(batch_.slots, batch_.times, batch_.watched(), calendar_, seen_);
    laps_.end(detect_);
    if (frame.offset % 50 == 0)
      (void)book_.take(frame.offset + 1, frame.arrived_at, table_, pages_);
    pages_.clear();
    samples_ += static_cast<double>(batch_.size());
  }

  void forget_times() { decompress_ = decode_ = look_up_ = keep_ = detect_ = samples_ = 0; }
  double sum() const { return decompress_ + decode_ + look_up_ + keep_ + detect_; }
  void print() const {
    const auto line = [&](std::string_view stage, double seconds) {
      fmt::print("{:<46}{:8.1f} ns\n", stage, seconds / samples_ * 1e9);
    };
    line("decompress (snappy)", decompress_);
    line("decode (protobuf)", decode_);
    line("look up (labels to series)", look_up_);
    line("keep (compressed, in memory)", keep_);
    line("detect (model of its series)", detect_);
  }
  double ns() const { return sum() / samples_ * 1e9; }

 private:
  Laps laps_;
  WireLimits limits_;
  SeriesTable table_;
  SeriesRefusals refused_;
  SampleBook book_;
  Detector detector_;
  Calendar calendar_;
  Observations seen_;
  SampleBatch batch_;
  std::vector<StatePage> pages_;
  double decompress_ = 0, decode_ = 0, look_up_ = 0, keep_ = 0, detect_ = 0, samples_ = 0;
};

// The pipeline as the server has it, and its store.
class Whole {
 public:
  explicit Whole(const std::string& directory)
      : store_(must(open_sqlite_store(directory + "/quell.db"))) {}

  void play(const Frame& frame) {
    laps_.begin();
    samples_ += pipeline_.on_frame(frame).accepted;
    laps_.end(frame_);
    if (!commits_) return;
    {
      const StoreBatch batch = pipeline_.take_batch();
      laps_.end(take_);
      must(store_->commit(batch));
      chunks_ += static_cast<double>(batch.metric_chunks.size());
      for (const StatePage& page : batch.state_pages) {
        page_bytes_ += static_cast<double>(page.data.size());
      }
    }
    laps_.end(commit_);
  }

  void begin_commits() { commits_ = true; }
  void forget_times() { frame_ = take_ = commit_ = samples_ = chunks_ = page_bytes_ = 0; }
  void print(double parts_ns) const {
    const auto ns = [&](double seconds) { return seconds / samples_ * 1e9; };
    const auto line = [&](std::string_view stage, double n) {
      fmt::print("{:<46}{:8.1f} ns\n", stage, n);
    };
    line("the core's thread: all of these and findings", ns(frame_));
    line("  of it more than the sum of the above", ns(frame_) - parts_ns);
    line("store: making batches (core's thread)", ns(take_));
    line("store: SQLite (store's thread)", ns(commit_));
    fmt::print("{:<46}{:8.1f} bytes\n", "  of it pages of models and samples",
               page_bytes_ / samples_);
    fmt::print("{:<46}{:8.2f} %\n", "  and a row of history for", chunks_ / samples_ * 100);
  }

 private:
  Laps laps_;
  std::unique_ptr<Store> store_;
  const PackLibrary packs_ = PackLibrary::built_in();
  Pipeline pipeline_{packs_};
  bool commits_ = false;
  double frame_ = 0, take_ = 0, commit_ = 0, samples_ = 0, chunks_ = 0, page_bytes_ = 0;
};

// Frames made durable, one group commit each.
class Journals {
 public:
  explicit Journals(const std::string& directory)
      : disk_(make_posix_disk()),
        journal_(must(open_file_journal({.directory = directory + "/journal"}, *disk_, clock_,
                                        [this](const Commit& commit) {
                                          must(commit.status);
                                          durable_ += commit.frames.size();
                                          durable_.notify_all();
                                        }))) {}

  void play(Frame frame) {
    const std::uint64_t before = durable_;
    const double begin = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    must(journal_->append(std::move(frame)));
    durable_.wait(before);
    seconds_ += cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
  }
  void print(std::size_t samples) const {
    fmt::print("{:<46}{:8.1f} ns\n", "journal (written and durable)",
               seconds_ / static_cast<double>(samples) * 1e9);
  }

 private:
  SystemClock clock_;
  std::unique_ptr<Disk> disk_;
  std::atomic<std::uint64_t> durable_{0};
  std::unique_ptr<Journal> journal_;
  double seconds_ = 0;
};

template <class Player>
void play(Sender& sender, Player& player, std::size_t rounds, std::size_t samples) {
  for (std::size_t i = 0; i < rounds; ++i) sender.round(player, samples);
}

void measure_stages(std::size_t series, std::size_t per_request, const std::string& directory) {
  Sender sender(series, per_request);
  double parts_ns = 0;
  {
    Parts parts;
    play(sender, parts, kLearnRounds, kLearnSamples);
    parts.forget_times();
    play(sender, parts, kRounds, 1);
    parts.print();
    parts_ns = parts.ns();
  }
  {
    sender.rewind();
    Whole whole(directory);
    play(sender, whole, kLearnRounds, kLearnSamples);
    whole.begin_commits();
    play(sender, whole, kSettleRounds, 1);
    whole.forget_times();
    play(sender, whole, kRounds, 1);
    whole.print(parts_ns);
  }
  sender.rewind();
  Journals journal(directory);
  play(sender, journal, 1, 1);
  journal.print(sender.per_round());
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  const auto number = [&](int i, std::size_t otherwise) -> std::size_t {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  const std::size_t series = number(1, 1'000'000);
  const std::size_t per_request = number(2, 10'000);
  const std::string directory = argc > 3 ? argv[3] : "stage-bench";
  if (per_request == 0 || series < per_request || std::filesystem::exists(directory)) {
    fmt::print(stderr,
               "usage: stage_bench [SERIES] [SERIES_PER_REQUEST] [DIRECTORY]\n"
               "SERIES is at least SERIES_PER_REQUEST, and DIRECTORY is made anew: '{}'\n",
               directory);
    return 2;
  }
  std::filesystem::create_directories(directory);
  quell::bench::measure_stages(series, per_request, directory);
  std::filesystem::remove_all(directory);
  return 0;
}
