#include "base/disk.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/memory_disk.h"

namespace quell {
namespace {

std::string read_all(const File& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '?');
  const auto got = file.read(offset, bytes);
  if (!got) return "error: " + got.error().message;
  bytes.resize(*got);
  return bytes;
}

std::string error_of(const auto& result, const std::string& directory) {
  if (result) return "fine";
  std::string text = std::string(errc_name(result.error().code)) + ": " + result.error().message;
  for (std::size_t at = 0; (at = text.find(directory)) != std::string::npos;) {
    text.replace(at, directory.size(), "DIR");
  }
  return text;
}

// What every Disk must do. `directory` does not exist yet.
void check_contract(Disk& disk, const std::string& directory) {
  const std::string path = directory + "/a";
  EXPECT_EQ(error_of(disk.list(directory), directory),
            "not_found: cannot list DIR: No such file or directory");
  EXPECT_EQ(error_of(disk.create(path), directory),
            "not_found: cannot open DIR/a: No such file or directory");
  ASSERT_TRUE(disk.create_directory(directory));
  ASSERT_TRUE(disk.create_directory(directory)) << "a directory that exists is fine";
  EXPECT_EQ(error_of(disk.open(path), directory),
            "not_found: cannot open DIR/a: No such file or directory");

  auto file = disk.create(path).value();
  EXPECT_EQ(file->size().value(), 0u);
  ASSERT_TRUE(file->write(0, "hello"));
  ASSERT_TRUE(file->write(8, "you"));
  ASSERT_TRUE(file->write(3, "p!"));
  EXPECT_EQ(read_all(*file, 0, 100), std::string("help!\0\0\0you", 11));
  EXPECT_EQ(read_all(*file, 9, 1), "o");
  EXPECT_EQ(read_all(*file, 11, 5), "");
  ASSERT_TRUE(file->allocate(4096));
  EXPECT_EQ(file->size().value(), 4096u);
  EXPECT_EQ(read_all(*file, 4095, 5), std::string(1, '\0'));
  ASSERT_TRUE(file->allocate(10)) << "never makes a file shorter";
  EXPECT_EQ(file->size().value(), 4096u);
  ASSERT_TRUE(file->truncate(4));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(read_all(*disk.create(path).value(), 0, 100), "help") << "create() keeps what is there";
  EXPECT_EQ(read_all(*disk.open(path).value(), 0, 100), "help");

  ASSERT_TRUE(disk.create(directory + "/b"));
  EXPECT_EQ(disk.list(directory).value(), (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(disk.remove(path));
  EXPECT_EQ(error_of(disk.remove(path), directory),
            "not_found: cannot remove DIR/a: No such file or directory");
  EXPECT_EQ(read_all(*file, 0, 100), "help") << "an open file outlives its name";
  ASSERT_TRUE(disk.sync_directory(directory));
  EXPECT_EQ(disk.list(directory).value(), std::vector<std::string>{"b"});

  auto lock = disk.lock(directory + "/lock");
  ASSERT_TRUE(lock);
  EXPECT_TRUE(error_of(disk.lock(directory + "/lock"), directory)
                  .starts_with("conflict: DIR/lock is held by another process"));
  lock->reset();
  EXPECT_TRUE(disk.lock(directory + "/lock"));
}

TEST(Disk, MemoryKeepsTheContract) {
  MemoryDisk disk;
  check_contract(disk, "data/journal");
}

TEST(Disk, PosixKeepsTheContract) {
  const auto root =
      std::filesystem::path(testing::TempDir()) / ("quell_disk_test_" + std::to_string(::getpid()));
  std::filesystem::remove_all(root);
  const auto disk = make_posix_disk();
  check_contract(*disk, (root / "data/journal").string());
  std::filesystem::remove_all(root);
}

TEST(Disk, PosixNamesTheHolderOfALock) {
  const auto path =
      std::filesystem::path(testing::TempDir()) / ("quell_lock_test_" + std::to_string(::getpid()));
  const auto disk = make_posix_disk();
  const auto lock = disk->lock(path.string());
  ASSERT_TRUE(lock);
  EXPECT_EQ(disk->lock(path.string()).error().message,
            path.string() + " is held by another process (pid " + std::to_string(::getpid()) + ")");
  std::filesystem::remove(path);
}

TEST(Disk, PosixToReadChangesNothing) {
  const auto root =
      std::filesystem::path(testing::TempDir()) / ("quell_read_test_" + std::to_string(::getpid()));
  std::filesystem::remove_all(root);
  const std::string directory = root.string();
  const auto disk = make_posix_disk();
  ASSERT_TRUE(disk->create_directory(directory));
  const auto written = disk->create(directory + "/a");
  ASSERT_TRUE(written);
  ASSERT_TRUE((*written)->write(0, "hello"));
  const auto reader = make_posix_disk_to_read();
  const auto file = reader->open(directory + "/a");
  ASSERT_TRUE(file);
  EXPECT_EQ(read_all(**file, 0, 100), "hello");
  EXPECT_FALSE((*file)->write(0, "j"));
  EXPECT_FALSE((*file)->truncate(1));
  EXPECT_EQ(error_of(reader->create(directory + "/b"), directory),
            "permission_denied: cannot create DIR/b: Read-only file system");
  EXPECT_FALSE(reader->remove(directory + "/a"));
  EXPECT_TRUE(reader->lock(directory + "/lock")) << "nobody has it";
  EXPECT_EQ(reader->list(directory).value(), std::vector<std::string>{"a"});
  auto lock = disk->lock(directory + "/lock");
  ASSERT_TRUE(lock);
  EXPECT_TRUE(error_of(reader->lock(directory + "/lock"), directory)
                  .starts_with("conflict: DIR/lock is held by another process"));
  lock->reset();
  const auto one = reader->lock(directory + "/lock");
  EXPECT_TRUE(one);
  EXPECT_TRUE(reader->lock(directory + "/lock")) << "readers share it";
  std::filesystem::remove_all(root);
}

TEST(MemoryDisk, ACrashForgetsNothingThatWasSynced) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    MemoryDisk disk(seed);
    ASSERT_TRUE(disk.create_directory("d"));
    auto file = disk.create("d/f").value();
    ASSERT_TRUE(file->write(0, "durable"));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(disk.sync_directory("d"));
    disk.crash();
    EXPECT_EQ(disk.content("d/f"), "durable");
    EXPECT_EQ(file->write(0, "x").error().message, "cannot write to d/f: stopped");
  }
}

// Each thing that a crash may do to what was not synced happens for some seed, and nothing else.
TEST(MemoryDisk, ACrashKeepsDropsOrCutsWhatWasNotSynced) {
  const std::string old_bytes(4 * MemoryDisk::kSectorBytes, 'o');
  const std::string new_bytes(4 * MemoryDisk::kSectorBytes, 'n');
  bool kept = false, dropped = false, cut = false, holed = false, vanished = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    MemoryDisk disk(seed);
    auto file = disk.create("f").value();
    ASSERT_TRUE(file->write(0, old_bytes));
    ASSERT_TRUE(file->sync());
    if (seed % 2 == 0) {
      ASSERT_TRUE(disk.sync_directory(""));
    }
    ASSERT_TRUE(file->write(0, new_bytes));
    disk.crash();
    const bool is_there = disk.open("f").has_value();
    EXPECT_TRUE(is_there || seed % 2 == 1);
    vanished |= !is_there;
    if (!is_there) continue;
    std::string sectors;
    const std::string got = disk.content("f");
    ASSERT_EQ(got.size(), old_bytes.size());
    for (std::size_t at = 0; at < got.size(); at += MemoryDisk::kSectorBytes) {
      const std::string sector = got.substr(at, MemoryDisk::kSectorBytes);
      ASSERT_EQ(sector, std::string(MemoryDisk::kSectorBytes, sector[0])) << "a torn sector";
      sectors += sector[0];
    }
    kept |= sectors == "nnnn";
    dropped |= sectors == "oooo";
    cut |= sectors == "nnoo";
    holed |= sectors == "nonn" || sectors == "noon" || sectors == "onno";
  }
  EXPECT_TRUE(kept && dropped && cut && holed && vanished);
}

TEST(MemoryDisk, AfterAFailedSyncBytesLookWrittenButNeedNotBeDurable) {
  bool lost = false, durable = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    MemoryDisk disk(seed);
    auto file = disk.create("f").value();
    ASSERT_TRUE(disk.sync_directory(""));
    ASSERT_TRUE(file->write(0, "bytes"));
    disk.fail_operation(1);
    EXPECT_EQ(file->sync().error().message, "cannot sync f: injected failure");
    EXPECT_TRUE(disk.has_failed());
    EXPECT_EQ(disk.content("f"), "bytes");
    ASSERT_TRUE(file->sync()) << "as Linux does: the second sync claims success";
    disk.crash();
    lost |= disk.content("f") != "bytes";
    durable |= disk.content("f") == "bytes";
  }
  EXPECT_TRUE(lost && durable);
}

TEST(MemoryDisk, AFullDiskTakesWhatFits) {
  MemoryDisk disk;
  auto file = disk.create("f").value();
  disk.set_capacity(10);
  EXPECT_EQ(error_of(file->write(0, "0123456789abc"), "-"),
            "exhausted: cannot write to f: No space left on device");
  EXPECT_EQ(disk.content("f"), "0123456789");
  EXPECT_TRUE(file->write(0, "over")) << "overwriting takes no space";
  EXPECT_EQ(error_of(file->allocate(11), "-"),
            "exhausted: cannot reserve space for f: No space left on device");
  ASSERT_TRUE(file->truncate(5));
  EXPECT_TRUE(file->write(5, "space"));
  EXPECT_EQ(disk.used_bytes(), 10u);
}

TEST(MemoryDisk, AKilledProcessLosesItsLocksAndNothingElse) {
  MemoryDisk disk;
  auto file = disk.create("f").value();
  ASSERT_TRUE(file->write(0, "not synced"));
  const auto lock = disk.lock("lock");
  disk.kill();
  EXPECT_EQ(disk.content("f"), "not synced");
  EXPECT_TRUE(disk.lock("lock"));
}

}  // namespace
}  // namespace quell
