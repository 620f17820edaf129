// Disk: the files of the machine, as the journal needs them. The seam for fault injection.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace quell {

// Thread: one writer (write, sync, truncate, allocate); read and size from any thread.
class File {
 public:
  virtual ~File() = default;

  // Writes all of `bytes` at `offset`. Nothing is durable before sync().
  // Errors: Exhausted when the disk is full, Unavailable otherwise; then any part may be written.
  virtual Status write(std::uint64_t offset, std::string_view bytes) = 0;
  // Makes every earlier change of this file durable (fdatasync). After an error nothing is known
  // about what was written since the last success: the caller must not retry, but stop and recover.
  virtual Status sync() = 0;
  // Returns: how many bytes were read, fewer than `into` holds only at the end of the file.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> into) const = 0;
  virtual Result<std::uint64_t> size() const = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  // Makes the file at least `size` bytes long, with zeros, and reserves the space, so that later
  // writes below `size` do not find the disk full (where the file system can promise that).
  // Errors: Exhausted when the disk is full; then the file may have grown.
  virtual Status allocate(std::uint64_t size) = 0;
};

// Held until destroyed, or until the process ends in whatever way.
class DiskLock {
 public:
  virtual ~DiskLock() = default;
};

// Errors: NotFound, PermissionDenied, Exhausted (disk full), Unavailable (all else); messages name
// the path. Thread: any.
class Disk {
 public:
  virtual ~Disk() = default;

  // Opens for reading and writing. Errors: NotFound when there is no such file.
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
  // Like open(), but creates an empty file when there is none; its directory must exist. The name
  // is durable after sync_directory().
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
  // Creates the directory and those above it, durably. No error when it exists.
  virtual Status create_directory(const std::string& directory) = 0;
  // Returns: the names of the files in `directory`, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& directory) const = 0;
  virtual Status remove(const std::string& path) = 0;
  // Makes creations and removals in `directory` durable.
  virtual Status sync_directory(const std::string& directory) = 0;
  // Takes the lock that the file `path` stands for. Errors: Conflict when another process (or
  // another holder in this one) has it, naming that process.
  virtual Result<std::unique_ptr<DiskLock>> lock(const std::string& path) = 0;
};

std::unique_ptr<Disk> make_posix_disk();

// The same, for reading only: files are opened so, and what would change something is an error. A
// lock is one that any number of readers may have, and that nobody needs where
// its file is absent.
std::unique_ptr<Disk> make_posix_disk_to_read();

}  // namespace quell
