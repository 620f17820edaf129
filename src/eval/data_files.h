// DataFiles: how the evaluation reads labelled data; a seam, so that tests need no disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace quell {

struct DataFiles {
  // The whole file. Errors: NotFound, Unavailable, with the path.
  std::function<Result<std::string>(const std::string& path)> read{};
  // Names of the files in a directory, sorted. Errors: NotFound.
  std::function<Result<std::vector<std::string>>(const std::string& directory)> list{};
};

// How far an evaluation is: of how many parts (files, series) how many are done.
using EvalProgress = std::function<void(std::string_view part, std::size_t done, std::size_t all)>;

// Reads files, plain or `.xz`, and remembers a hash of all that it read.
class DataReader {
 public:
  explicit DataReader(const DataFiles& files) : files_(files) {}

  // `path`, or `path`.xz unpacked. Errors: those of read(); Corrupt when it cannot be unpacked.
  Result<std::string> read(const std::string& path);
  // Names without `.xz` of the files in `directory` that end in `suffix`, sorted, each once.
  Result<std::vector<std::string>> list(const std::string& directory,
                                        std::string_view suffix) const;

  std::uint64_t hash() const { return hash_; }  // Of the unpacked bytes, in the order of reading.

 private:
  const DataFiles& files_;
  std::uint64_t hash_ = 0;
};

// Unpacks an .xz file. Errors: Corrupt; TooLarge beyond `bytes_max`.
Result<std::string> unpack_xz(std::string_view packed, std::size_t bytes_max);

}  // namespace quell
