// Disk: the files of one directory tree, as the journal needs them. The seam for fault injection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace quell {

class File {
 public:
  virtual ~File() = default;

  // Writes all of `bytes` at `offset`. Nothing is durable before sync().
  // Errors: Exhausted when the disk is full, Unavailable otherwise; then any part may be written.
  virtual Status write(std::uint64_t offset, std::string_view bytes) = 0;
  // Makes every earlier write durable (fdatasync). After an error nothing is known about what was
  // written since the last success: the caller must not retry, but stop and recover.
  virtual Status sync() = 0;
  // Returns: the bytes at `offset`, fewer than `size` at the end of the file.
  virtual Result<std::string> read(std::uint64_t offset, std::size_t size) const = 0;
  virtual Result<std::uint64_t> size() const = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  // Reserves space so that later writes below `size` cannot find the disk full.
  virtual Status allocate(std::uint64_t size) = 0;
};

// Thread: any, for different files.
class Disk {
 public:
  virtual ~Disk() = default;

  // Opens for reading and writing; creates the file (and its directory) when missing.
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) const = 0;  // Sorted.
  virtual Status remove(const std::string& path) = 0;
  // Makes creations and removals in `directory` durable.
  virtual Status sync_directory(const std::string& directory) = 0;
};

std::unique_ptr<Disk> make_posix_disk();

}  // namespace quell
