// MemoryDisk: a Disk in memory that forgets, tears and fails as real ones do, from a seed.
//
// Method: what is not synced is a list of changes beside the durable bytes. A crash keeps, drops or
// cuts each of them; so do the ALICE tool (Pillai and others, "All File Systems Are Not Created
// Equal", OSDI 2014) and TigerBeetle's simulated storage. After a failed sync the changes look
// written but need not be durable, as on Linux (Rebello and others, "Can Applications Recover from
// fsync Failures?", USENIX ATC 2020).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"

namespace quell {

// Invariant: what happens is a function of the seed and of the calls.
// Thread: any.
class MemoryDisk final : public Disk {
 public:
  static constexpr std::size_t kSectorBytes = 512;  // The unit that a crash does not tear.

  explicit MemoryDisk(std::uint64_t seed = 0);
  ~MemoryDisk() override;

  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Status create_directory(const std::string& directory) override;
  Result<std::vector<std::string>> list(const std::string& directory) const override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<DiskLock>> lock(const std::string& path) override;

  // Lets the n-th changing operation from now fail (1: the next one): write, sync, truncate,
  // allocate, create, remove or sync_directory. A failed write has written some of its bytes.
  void fail_operation(std::uint64_t n, Errc code = Errc::Unavailable);
  // Ends the process (see kill()) in the midst of the n-th changing operation from now.
  void kill_at_operation(std::uint64_t n);
  // Whether the failure or kill that was asked for has happened.
  bool has_failed() const;
  // The disk is full when the files hold this many bytes together.
  void set_capacity(std::uint64_t bytes);
  std::uint64_t used_bytes() const;

  // From now on sync() claims success and does nothing, as some disks do. No program can be right
  // on such a disk: it shows that a test of durability can fail.
  void ignore_syncs();

  // The process ends, the machine goes on: open files and locks are gone, all changes are kept.
  void kill();
  // The power fails: every change that was not synced is kept, dropped, or cut at a sector, each
  // by chance; a name stands for any of what it stood for since its directory was last synced.
  void crash();

  // For checks and deliberate damage. `damage` changes durable bytes behind everybody's back.
  std::string content(const std::string& path) const;
  void damage(const std::string& path, std::uint64_t offset, std::string_view bytes);

 private:
  struct World;
  class MemoryFile;
  class MemoryLock;
  std::shared_ptr<World> world_;
};

}  // namespace quell
