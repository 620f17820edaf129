#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/disk.h"

namespace quell {
namespace {

Errc code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Errc::Exhausted;
    case ENOENT:
    case ENOTDIR: return Errc::NotFound;
    case EACCES:
    case EPERM:
    case EROFS: return Errc::PermissionDenied;
    default: return Errc::Unavailable;
  }
}

std::unexpected<Error> disk_error(std::string_view doing, const std::string& path, int error) {
  return fail(code_of(error),
              fmt::format("cannot {} {}: {}", doing, path, std::generic_category().message(error)));
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<Descriptor> open_descriptor(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0640);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return disk_error("open", path, errno);
  return Descriptor(fd);
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Status write(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return disk_error("write to", path_, errno);
      if (n == 0) return disk_error("write to", path_, ENOSPC);
      bytes.remove_prefix(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Status sync() override {
    // No retry on EINTR either: what an interrupted sync has done is not known.
    if (::fdatasync(fd_.get()) != 0) return disk_error("sync", path_, errno);
    return {};
  }

  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const ssize_t n = ::pread(fd_.get(), into.data() + done, into.size() - done,
                                static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return disk_error("read", path_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<std::uint64_t> size() const override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) return disk_error("read the size of", path_, errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      return disk_error("truncate", path_, errno);
    }
    return {};
  }

  Status allocate(std::uint64_t size) override {
    TRY(const std::uint64_t before, this->size());
    if (size <= before) return {};
    int error = 0;
    do {
      error = ::fallocate(fd_.get(), 0, static_cast<off_t>(before),
                          static_cast<off_t>(size - before)) == 0
                  ? 0
                  : errno;
    } while (error == EINTR);
    // A file system without reservations: the file grows, and a full disk shows at a later write.
    if (error == EOPNOTSUPP || error == ENOSYS) return truncate(size);
    if (error != 0) return disk_error("reserve space for", path_, error);
    return {};
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixLock final : public DiskLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;  // The lock goes when its descriptor is closed, also by a crash.
};

// Whoever has it wrote its number into the file.
std::unexpected<Error> held_by_another(const Descriptor& fd, const std::string& path) {
  char holder[32] = {};
  const ssize_t n = ::pread(fd.get(), holder, sizeof holder - 1, 0);
  return fail(Errc::Conflict,
              fmt::format("{} is held by another process{}", path,
                          n > 0 ? fmt::format(" (pid {})", std::atoi(holder)) : std::string()));
}

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    TRY(auto fd, open_descriptor(path, O_RDWR));
    return std::make_unique<PosixFile>(std::move(fd), path);
  }

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    TRY(auto fd, open_descriptor(path, O_RDWR | O_CREAT));
    return std::make_unique<PosixFile>(std::move(fd), path);
  }

  Status create_directory(const std::string& directory) override {
    if (directory.empty() || ::access(directory.c_str(), F_OK) == 0) return {};
    const auto parent = std::filesystem::path(directory).parent_path().string();
    TRY_STATUS(create_directory(parent));
    if (::mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) {
      return disk_error("create the directory", directory, errno);
    }
    return sync_directory(parent.empty() ? "." : parent);
  }

  Result<std::vector<std::string>> list(const std::string& directory) const override {
    std::error_code error;
    std::vector<std::string> names;
    auto entry = std::filesystem::directory_iterator(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      if (std::error_code ignored; !entry->is_directory(ignored)) {
        names.push_back(entry->path().filename().string());
      }
    }
    if (error) return disk_error("list", directory, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return disk_error("remove", path, errno);
    return {};
  }

  Status sync_directory(const std::string& directory) override {
    TRY(const auto fd, open_descriptor(directory, O_RDONLY | O_DIRECTORY));
    if (::fsync(fd.get()) != 0) return disk_error("sync the directory", directory, errno);
    return {};
  }

  Result<std::unique_ptr<DiskLock>> lock(const std::string& path) override {
    TRY(auto fd, open_descriptor(path, O_RDWR | O_CREAT));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return disk_error("lock", path, errno);
      return held_by_another(fd, path);
    }
    // Only for the message of the next one who tries: a full disk must not keep us from starting.
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd.get(), 0) == 0 && ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) {
      errno = 0;
    }
    return std::make_unique<PosixLock>(std::move(fd));
  }
};

class PosixDiskToRead final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    TRY(auto fd, open_descriptor(path, O_RDONLY));
    return std::make_unique<PosixFile>(std::move(fd), path);
  }
  Result<std::unique_ptr<File>> create(const std::string& path) override {
    return refuse("create", path);
  }
  Status create_directory(const std::string& directory) override {
    return refuse("create the directory", directory);
  }
  Result<std::vector<std::string>> list(const std::string& directory) const override {
    return PosixDisk().list(directory);
  }
  Status remove(const std::string& path) override { return refuse("remove", path); }
  Status sync_directory(const std::string& directory) override {
    return refuse("sync the directory", directory);
  }
  Result<std::unique_ptr<DiskLock>> lock(const std::string& path) override {
    auto fd = open_descriptor(path, O_RDONLY);
    if (!fd && fd.error().code == Errc::NotFound) return std::make_unique<DiskLock>();
    if (!fd) return std::unexpected(std::move(fd).error());
    if (::flock(fd->get(), LOCK_SH | LOCK_NB) == 0) {
      return std::make_unique<PosixLock>(*std::move(fd));
    }
    if (errno != EWOULDBLOCK) return disk_error("lock", path, errno);
    return held_by_another(*fd, path);
  }

 private:
  static std::unexpected<Error> refuse(std::string_view doing, const std::string& path) {
    return disk_error(doing, path, EROFS);
  }
};

}  // namespace

std::unique_ptr<Disk> make_posix_disk() {
  return std::make_unique<PosixDisk>();
}

std::unique_ptr<Disk> make_posix_disk_to_read() {
  return std::make_unique<PosixDiskToRead>();
}

}  // namespace quell
