// What tests of the store share: a directory of their own, batches and chunks.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "store/store.h"

namespace quell::test {

// A directory for every test, removed at the end.
class StoreFixture : public testing::Test {
 protected:
  StoreFixture() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::path(testing::TempDir()) /
                 fmt::format("quell_{}_{}", info->name(), getpid());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~StoreFixture() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name = "store.db") const { return directory_ / name; }
  std::unique_ptr<Store> open(const SqliteStoreOptions& options = {}) const {
    auto store = open_sqlite_store(path(), options);
    EXPECT_TRUE(store) << store.error().to_string();
    return store ? std::move(*store) : nullptr;
  }

 private:
  std::filesystem::path directory_;
};

inline Timestamp at(std::int64_t s) {
  return Timestamp{std::chrono::seconds(s)};
}

inline StoreBatch batch_to(std::uint64_t next_offset) {
  StoreBatch batch;
  batch.next_offset = next_offset;
  batch.now = at(static_cast<std::int64_t>(next_offset));
  return batch;
}

inline void commit(Store& store, const StoreBatch& batch) {
  const auto status = store.commit(batch);
  ASSERT_TRUE(status) << status.error().to_string();
}

inline MetricChunk make_chunk(std::string host, std::int64_t from, std::uint64_t end_offset) {
  auto labels = SeriesLabels::from({{"__name__", "cpu_load"}, {"host", host}, {"core", "0"}});
  return {.series = make_series("default", std::move(labels).value(), "%"),
          .end_offset = end_offset,
          .first_time = at(from),
          .last_time = at(from + 59),
          .count = 60,
          .samples = "bytes"};
}

}  // namespace quell::test
