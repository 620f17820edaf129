#include <fmt/format.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/bounded_queue.h"
#include "base/memory_disk.h"
#include "journal/journal.h"

namespace quell {
namespace {

constexpr std::chrono::seconds kSecond{1};

Frame frame_of(std::string body) {
  Frame frame;
  frame.source = "test";
  frame.body = std::move(body);
  return frame;
}

struct NamedWaiter final : Waiter {
  explicit NamedWaiter(std::string n) : name(std::move(n)) {}
  std::string name;
};

// A disk whose syncs wait until they are let through, so that a test decides when commits end.
class GatedDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    return gated(disk_.open(path));
  }
  Result<std::unique_ptr<File>> create(const std::string& path) override {
    return gated(disk_.create(path));
  }
  Status create_directory(const std::string& directory) override {
    return disk_.create_directory(directory);
  }
  Result<std::vector<std::string>> list(const std::string& directory) const override {
    return disk_.list(directory);
  }
  Status remove(const std::string& path) override { return disk_.remove(path); }
  Status sync_directory(const std::string& directory) override {
    return disk_.sync_directory(directory);
  }
  Result<std::unique_ptr<DiskLock>> lock(const std::string& path) override {
    return disk_.lock(path);
  }

  void shut() {
    std::scoped_lock lock(mutex_);
    is_shut_ = true;
  }
  // Waits until a sync stands at the gate.
  void await_sync() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }
  void open_gate() {
    {
      std::scoped_lock lock(mutex_);
      is_shut_ = false;
    }
    changed_.notify_all();
  }

  MemoryDisk& memory() { return disk_; }

 private:
  class GatedFile final : public File {
   public:
    GatedFile(std::unique_ptr<File> file, GatedDisk& disk) : file_(std::move(file)), disk_(disk) {}
    Status write(std::uint64_t offset, std::string_view bytes) override {
      return file_->write(offset, bytes);
    }
    Status sync() override {
      disk_.pass_gate();
      return file_->sync();
    }
    Result<std::size_t> read(std::uint64_t offset, std::span<char> into) const override {
      return file_->read(offset, into);
    }
    Result<std::uint64_t> size() const override { return file_->size(); }
    Status truncate(std::uint64_t size) override { return file_->truncate(size); }
    Status allocate(std::uint64_t size) override { return file_->allocate(size); }

   private:
    std::unique_ptr<File> file_;
    GatedDisk& disk_;
  };

  Result<std::unique_ptr<File>> gated(Result<std::unique_ptr<File>> file) {
    if (!file) return file;
    return std::make_unique<GatedFile>(*std::move(file), *this);
  }
  void pass_gate() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !is_shut_; });
    --waiting_;
  }

  MemoryDisk disk_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_shut_ = false;
  int waiting_ = 0;
};

// A journal whose commits can be looked at one by one.
class Fixture {
 public:
  explicit Fixture(JournalOptions options = {.directory = "j"}) : clock(Timestamp{kSecond * 100}) {
    options.segment_bytes = 1 << 20;
    options.reserve_bytes = 1 << 16;
    options.on_broken = [this](const Error& error) { broken.push_back(error.message); };
    auto opened = open_file_journal(options, disk, clock, [this](Commit commit) {
      EXPECT_TRUE(commits.push(std::move(commit)));
    });
    EXPECT_TRUE(opened);
    journal = *std::move(opened);
  }

  ~Fixture() { disk.open_gate(); }

  Status append(const std::string& body) {
    return journal->append(frame_of(body), std::make_unique<NamedWaiter>(body));
  }

  // The next commits, until `frames` frames have been reported: `0:a,1:b;2:c`, `;` between commits.
  std::string reported(std::size_t frames) {
    std::string text;
    while (frames > 0) {
      for (Commit& commit : commits.pop_all()) {
        if (!text.empty()) text += ';';
        text += describe(commit);
        frames -= std::min(frames, commit.frames.size());
      }
    }
    return text;
  }

  GatedDisk disk;
  ManualClock clock;
  std::vector<std::string> broken;
  BoundedQueue<Commit> commits{1000};
  std::unique_ptr<Journal> journal;

 private:
  static std::string describe(const Commit& commit) {
    std::string text =
        commit.status ? "" : std::string(errc_name(commit.status.error().code)) + ' ';
    EXPECT_EQ(commit.frames.size(), commit.waiters.size());
    for (std::size_t i = 0; i < commit.frames.size(); ++i) {
      const Frame& frame = commit.frames[i];
      const auto* waiter = dynamic_cast<const NamedWaiter*>(commit.waiters[i].get());
      EXPECT_TRUE(waiter && waiter->name == frame.body) << "waiters stay with their frames";
      if (i > 0) text += ',';
      text += commit.status ? fmt::format("{}:{}", frame.offset, frame.body) : frame.body;
    }
    return text;
  }
};

TEST(FileJournal, ReportsFramesOnceTheyAreDurable) {
  Fixture fixture;
  ASSERT_TRUE(fixture.append("a"));
  EXPECT_EQ(fixture.reported(1), "0:a");
  fixture.disk.memory().crash();
  auto reopened =
      open_file_journal({.directory = "j"}, fixture.disk, fixture.clock, [](const Commit&) {});
  ASSERT_TRUE(reopened);
  std::string bodies;
  ASSERT_TRUE((*reopened)->read(0, [&](const Frame& frame) {
    bodies += frame.body;
    return true;
  }));
  EXPECT_EQ(bodies, "a");
}

TEST(FileJournal, ACommitTakesAllThatCameDuringTheLastOne) {
  Fixture fixture;
  fixture.disk.shut();
  ASSERT_TRUE(fixture.append("a"));
  fixture.disk.await_sync();
  for (const char* body : {"b", "c", "d"}) ASSERT_TRUE(fixture.append(body));
  EXPECT_EQ(fixture.journal->stats().end_offset, 0u) << "nothing is durable yet";
  fixture.disk.open_gate();
  EXPECT_EQ(fixture.reported(4), "0:a;1:b,2:c,3:d");
  EXPECT_EQ(fixture.journal->stats().commits, 2u);
}

TEST(FileJournal, ArrivalsNeverGoBack) {
  Fixture fixture;
  const auto append_at = [&](Duration now, std::optional<Duration> own = std::nullopt) {
    fixture.clock.set(Timestamp{now});
    Frame frame = frame_of("x");
    if (own) frame.arrived_at = Timestamp{*own};
    ASSERT_TRUE(fixture.journal->append(std::move(frame)));
  };
  append_at(5 * kSecond);
  append_at(3 * kSecond);
  append_at(6 * kSecond);
  append_at(6 * kSecond, 9 * kSecond);  // A frame may come with its time.
  append_at(7 * kSecond);
  append_at(7 * kSecond, 8 * kSecond);
  fixture.journal->close();
  std::string seconds;
  ASSERT_TRUE(fixture.journal->read(0, [&](const Frame& frame) {
    seconds += std::to_string(frame.arrived_at.time_since_epoch() / kSecond) + ' ';
    return true;
  }));
  EXPECT_EQ(seconds, "5 5 6 9 9 9 ");
}

TEST(FileJournal, TooMuchPendingIsRefused) {
  Fixture fixture({.directory = "j", .pending_bytes_max = 197});
  fixture.disk.shut();
  ASSERT_TRUE(fixture.append("a"));
  fixture.disk.await_sync();
  ASSERT_TRUE(fixture.append(std::string(100, 'b')));
  const auto refused = fixture.append("c");
  ASSERT_TRUE(fixture.append("")) << "what fits is taken";
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Exhausted);
  EXPECT_EQ(refused.error().message,
            "165 bytes wait to be committed and the journal's limit is 197 (journal.pending_max): "
            "retry later, send less, or raise the limit");
  EXPECT_EQ(fixture.journal->stats().appends_refused, 1u);
  EXPECT_GT(fixture.journal->stats().pending_bytes, 165u);
  fixture.disk.open_gate();
  EXPECT_EQ(fixture.reported(3), "0:a;1:" + std::string(100, 'b') + ",2:");
  EXPECT_TRUE(fixture.append(std::string(1000, 'd'))) << "one frame is taken when none is pending";
  fixture.journal->close();
  EXPECT_EQ(fixture.journal->stats().pending_bytes, 0u);
}

TEST(FileJournal, ALargeFrameIsRefused) {
  Fixture fixture({.directory = "j", .record_bytes_max = 100});
  const auto refused = fixture.append(std::string(100, 'a'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::TooLarge);
  EXPECT_EQ(refused.error().message,
            "the frame takes 132 bytes, the journal's limit for one is 100 (record_bytes_max): "
            "send it in parts or raise the limit");
  ASSERT_TRUE(fixture.append("b"));
  EXPECT_EQ(fixture.reported(1), "0:b");
}

TEST(FileJournal, AFullDiskIsReportedAndPasses) {
  Fixture fixture;
  ASSERT_TRUE(fixture.append("a"));
  EXPECT_EQ(fixture.reported(1), "0:a");
  fixture.disk.memory().set_capacity(fixture.disk.memory().used_bytes());
  const std::string large(1 << 17, 'b');
  ASSERT_TRUE(fixture.append(large));
  EXPECT_EQ(fixture.reported(1), "exhausted " + large);
  EXPECT_EQ(fixture.journal->stats().appends_refused, 1u);
  fixture.disk.memory().set_capacity(1 << 20);
  ASSERT_TRUE(fixture.append("c"));
  EXPECT_EQ(fixture.reported(1), "1:c");
  EXPECT_TRUE(fixture.broken.empty());
}

TEST(FileJournal, AfterAFailedSyncItStops) {
  Fixture fixture;
  ASSERT_TRUE(fixture.append("a"));
  EXPECT_EQ(fixture.reported(1), "0:a");
  fixture.disk.memory().fail_operation(2);
  ASSERT_TRUE(fixture.append("b"));
  EXPECT_EQ(fixture.reported(1), "unavailable b");
  EXPECT_EQ(fixture.broken,
            std::vector<std::string>{
                "the journal has stopped, because the disk did not confirm a write; restart to "
                "recover: cannot sync j/00000000000000000000.seg: injected failure"});
  EXPECT_EQ(fixture.append("c").error().message, fixture.broken.at(0));
}

TEST(FileJournalDeathTest, ByDefaultAFailedSyncEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto run = [] {
    MemoryDisk disk;
    const ManualClock clock;
    auto journal = open_file_journal({.directory = "j"}, disk, clock, [](const Commit&) {});
    disk.fail_operation(5);  // The sync of the first segment's header.
    (void)(*journal)->append(frame_of("a")).has_value();
    (*journal)->close();
  };
  EXPECT_DEATH(run(), "quell: the journal has stopped, because the disk did not confirm a write");
}

TEST(FileJournal, CloseCommitsWhatIsPending) {
  Fixture fixture;
  fixture.disk.shut();
  ASSERT_TRUE(fixture.append("a"));
  fixture.disk.await_sync();
  ASSERT_TRUE(fixture.append("b"));
  fixture.disk.open_gate();
  fixture.journal->close();
  fixture.journal->close();
  EXPECT_EQ(fixture.journal->stats().end_offset, 2u);
  EXPECT_EQ(fixture.append("c").error().message, "the journal is closed");
  EXPECT_EQ(fixture.reported(2), "0:a;1:b");
}

// Several threads append while another reads: every frame is reported and kept once, each
// thread's in its order.
TEST(FileJournal, ManyThreadsAppend) {
  constexpr int kThreads = 3;
  constexpr int kEach = 2000;
  Fixture fixture;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&fixture, thread] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(fixture.append(fmt::format("{} {}", thread, i)));
      }
    });
  }
  std::uint64_t offset = 0;
  std::vector<int> next(kThreads, 0);
  while (offset < kThreads * kEach) {
    for (const Commit& commit : fixture.commits.pop_all()) {
      for (const Frame& frame : commit.frames) {
        EXPECT_EQ(frame.offset, offset++);
        const auto thread = static_cast<std::size_t>(frame.body[0] - '0');
        EXPECT_EQ(frame.body, fmt::format("{} {}", thread, next[thread]++));
      }
    }
  }
  for (auto& thread : threads) thread.join();
  std::uint64_t read = 0;
  ASSERT_TRUE(fixture.journal->read(0, [&](const Frame& frame) { return frame.offset == read++; }));
  EXPECT_EQ(read, offset);
}

}  // namespace
}  // namespace quell
