#include "app/data_on_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace quell {
namespace {

constexpr std::size_t kDataBytesMax = std::size_t{1} << 30;

Result<std::string> read_data_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    const bool is_absent = errno == ENOENT || errno == ENOTDIR;
    return fail(is_absent ? Errc::NotFound : Errc::Unavailable,
                fmt::format("cannot read '{}': {}", path, std::generic_category().message(errno)));
  }
  std::string content;
  char buffer[65536];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
    content.append(buffer, n);
    if (content.size() > kDataBytesMax) break;
  }
  const bool is_bad = std::ferror(file) != 0;
  std::fclose(file);
  if (is_bad) return fail(Errc::Unavailable, fmt::format("cannot read '{}'", path));
  if (content.size() > kDataBytesMax) {
    return fail(Errc::TooLarge, fmt::format("'{}' is larger than 1 GB", path));
  }
  return content;
}

Result<std::vector<std::string>> list_data_files(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(directory, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    if (!it->is_directory()) names.push_back(it->path().filename().string());
  }
  if (error) {
    return fail(Errc::NotFound, fmt::format("cannot list '{}': {}", directory, error.message()));
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

DataFiles data_files_on_disk() {
  return {.read = read_data_file, .list = list_data_files};
}

}  // namespace quell
