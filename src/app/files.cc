// The real files that a configuration names.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "app/service.h"

namespace quell {
namespace {

constexpr std::size_t kFileBytesMax = 16 << 20;

Result<std::string> read_real_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    return fail(errno == ENOENT ? Errc::NotFound : Errc::Unavailable,
                fmt::format("cannot read '{}': {}", path, std::generic_category().message(errno)));
  }
  std::string content;
  char buffer[65536];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
    content.append(buffer, n);
    if (content.size() > kFileBytesMax) break;
  }
  const bool bad = std::ferror(file) != 0;
  std::fclose(file);
  if (bad) return fail(Errc::Unavailable, fmt::format("cannot read '{}'", path));
  if (content.size() > kFileBytesMax) {
    return fail(Errc::TooLarge, fmt::format("'{}' is larger than 16 MB", path));
  }
  return content;
}

Result<std::vector<std::string>> list_packs(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(directory, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const auto extension = it->path().extension();
    if (extension == ".yaml" || extension == ".yml") paths.push_back(it->path().string());
  }
  if (error) {
    return fail(Errc::NotFound, fmt::format("cannot list '{}': {}", directory, error.message()));
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

FileReader real_files() {
  return {.read = read_real_file, .list = list_packs};
}

}  // namespace quell
