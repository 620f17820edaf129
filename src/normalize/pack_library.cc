#include "normalize/pack_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "base/embedded.h"

namespace quell {

EmbeddedFiles embedded_providers();  // providers/*.yaml; see CMakeLists.txt.

namespace {

Result<std::string> read_file(const std::filesystem::path& path) {
  const auto cannot = [&] {
    return fail(Errc::NotFound, fmt::format("cannot read '{}'", path.string()));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) return cannot();
  std::string text;
  char buffer[4096];
  for (;;) {
    const std::size_t n = std::fread(buffer, 1, sizeof buffer, file.get());
    text.append(buffer, n);
    if (n < sizeof buffer) break;
  }
  if (std::ferror(file.get()) != 0) return cannot();
  return text;
}

bool is_pack_file(const std::filesystem::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

}  // namespace

PackLibrary PackLibrary::built_in() {
  std::vector<PackFile> files;
  for (const EmbeddedFile& file : embedded_providers()) {
    files.push_back(
        {.path = "providers/" + std::string(file.path), .text = std::string(file.bytes)});
  }
  PackLibrary library;
  const Status status = library.add(files);
  QUELL_ASSERT(status.has_value(), "the packs that the program carries compile");
  return library;
}

Status PackLibrary::add(const std::vector<PackFile>& files) {
  std::map<std::string, std::pair<std::string, std::shared_ptr<const Pack>>> added;
  for (const PackFile& file : files) {
    TRY(Pack pack, parse_pack(file.text, file.path));
    const std::string name = pack.name;
    const auto there = added.find(name);
    if (there != added.end()) {
      return fail(Errc::InvalidArgument,
                  fmt::format("pack '{}' is already in {}", name, there->second.first), file.path);
    }
    added[name] = {file.path, std::make_shared<const Pack>(std::move(pack))};
  }
  for (auto& [name, pack] : added) packs_[name] = std::move(pack.second);
  return {};
}

Status PackLibrary::add_directory(const std::string& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (is_pack_file(it->path())) paths.push_back(it->path());
  }
  if (error) {
    return fail(Errc::NotFound,
                fmt::format("cannot read pack directory '{}': {}", directory, error.message()));
  }
  std::ranges::sort(paths);
  std::vector<PackFile> files;
  for (const auto& path : paths) {
    TRY(std::string text, read_file(path));
    files.push_back({.path = path.string(), .text = std::move(text)});
  }
  return add(files);
}

const Pack* PackLibrary::find(std::string_view name) const {
  const auto found = packs_.find(name);
  return found == packs_.end() ? nullptr : found->second.get();
}

std::shared_ptr<const Pack> PackLibrary::shared(std::string_view name) const {
  const auto found = packs_.find(name);
  return found == packs_.end() ? nullptr : found->second;
}

std::vector<std::string_view> PackLibrary::names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, pack] : packs_) names.push_back(name);
  return names;
}

}  // namespace quell
