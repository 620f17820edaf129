// EmbeddedFiles: files of the source tree that the program carries with it (cmake/embed.cmake).
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

namespace quell {

struct EmbeddedFile {
  std::string_view path;   // Relative to the BASE of its quell_embed() line: "github.yaml".
  std::string_view bytes;  // Followed by a NUL that is not part of it.
};
using EmbeddedFiles = std::span<const EmbeddedFile>;

inline std::optional<std::string_view> find_embedded(EmbeddedFiles files, std::string_view path) {
  const auto found = std::ranges::find(files, path, &EmbeddedFile::path);
  if (found == files.end()) return std::nullopt;
  return found->bytes;
}

}  // namespace quell
