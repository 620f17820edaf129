// PackLibrary: the provider packs that are there: the program's own and the user's.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "normalize/pack.h"

namespace quell {

// The text of one pack file.
struct PackFile {
  std::string path{};  // For places: "providers/github.yaml".
  std::string text{};
};

// Thread: any; constant after loading.
class PackLibrary {
 public:
  // The packs that the program carries. They always compile (tests/pack_library_test.cc).
  static PackLibrary built_in();

  // Adds packs; one with a name that is already there takes its place, so that a user's file
  // changes what a built-in name means. Two of `files` with one name are an error.
  // Errors: InvalidArgument with file, line and column; then nothing was added.
  Status add(const std::vector<PackFile>& files);
  // Adds all `*.yaml` and `*.yml` of a directory, by name. Errors: as add(); NotFound when the
  // directory cannot be read.
  Status add_directory(const std::string& directory);

  const Pack* find(std::string_view name) const;  // Null when there is none.
  std::vector<std::string_view> names() const;    // Sorted.
  std::shared_ptr<const Pack> shared(std::string_view name) const;
  std::size_t size() const { return packs_.size(); }

 private:
  std::map<std::string, std::shared_ptr<const Pack>, std::less<>> packs_{};
};

}  // namespace quell
