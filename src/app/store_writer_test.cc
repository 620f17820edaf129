#include "app/store_writer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/memory_disk.h"

namespace quell {
namespace {

constexpr Duration kDay = std::chrono::hours(24);

// A journal of ten frames, one a day and each in a file of its own.
class StoreWriterTest : public testing::Test {
 protected:
  StoreWriterTest() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    store_ = open_sqlite_store(directory_ / "store.db").value();
    for (int day = 0; day < 10; ++day) {
      const Frame frame{.source = "generic",
                        .body = std::string(5000, static_cast<char>('0' + day))};
      EXPECT_TRUE(journal_->append(frame));
      EXPECT_EQ(committed_.pop_all().size(), 1u);
      clock_.advance(kDay);
    }
  }
  ~StoreWriterTest() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  // What a server does in its second minute.
  void commit_and_retain(StoreBatch batch) {
    const Log log(clock_, LogLevel::Error, LogFormat::Logfmt);
    StoreWriter writer(*store_, *journal_, clock_, log, metrics_,
                       {.retention = {}, .journal_keep = 5 * kDay + kDay / 2},
                       [](std::uint64_t, Duration) {});
    clock_.advance(std::chrono::minutes(2));
    writer.commit(std::move(batch));
  }

  ManualClock clock_{Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}}};
  MemoryDisk disk_;
  BoundedQueue<Commit> committed_{10};
  std::unique_ptr<Journal> journal_ =
      open_file_journal({.directory = "/journal", .segment_bytes = 4096, .reserve_bytes = 4096},
                        disk_, clock_,
                        [this](Commit commit) { (void)committed_.push(std::move(commit)); })
          .value();
  MetricList metrics_;
  const std::filesystem::path directory_ =
      std::filesystem::path(testing::TempDir()) / fmt::format("quell_store_writer_{}", getpid());
  std::unique_ptr<Store> store_;
};

TEST_F(StoreWriterTest, FramesOfOpenDeadLettersOutliveTheJournal) {
  commit_and_retain({.next_offset = 10,
                     .now = clock_.now(),
                     .dead_letters = {{.offset = 1}, {.offset = 2, .resolved = true}}});
  EXPECT_GT(journal_->stats().begin_offset, 2u);
  EXPECT_LT(journal_->stats().begin_offset, 10u);
  EXPECT_EQ(read_frame(*journal_, 1).error().code, Errc::NotFound);
  const auto kept = store_->kept_frame(1);
  ASSERT_TRUE(kept && *kept);
  EXPECT_EQ((*kept)->body, std::string(5000, '1'));
  EXPECT_FALSE(*store_->kept_frame(2));
  EXPECT_EQ(read_frame(*journal_, 9)->body, std::string(5000, '9'));
}

TEST_F(StoreWriterTest, TheJournalKeepsWhatARestartNeeds) {
  commit_and_retain({.next_offset = 2, .now = clock_.now()});
  EXPECT_TRUE(read_frame(*journal_, 2));
}

}  // namespace
}  // namespace quell
