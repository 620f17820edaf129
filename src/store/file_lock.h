// FileLock: keeps a second process away from a file. The kernel drops it when the process ends.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace quell {

class FileLock {
 public:
  // Takes `path`, creating the file. Errors: Unavailable when it is held, or cannot be created.
  static Result<FileLock> take(const std::string& path);

  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace quell
