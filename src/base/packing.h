// Packing and unpacking of bodies: gzip and deflate, within stated limits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace quell {

// Unpacks a body as it arrives. The unpacked size is limited, so a small body cannot become a
// large one in memory.
class Unpacker {
 public:
  // `encoding` is the whole Content-Encoding header. Returns: null when it is not one of these
  // (gzip, x-gzip, deflate; any case).
  static std::unique_ptr<Unpacker> make(std::string_view encoding);
  virtual ~Unpacker() = default;

  // Appends what `packed` unpacks to. Errors: TooLarge when `out` would pass `limit` bytes;
  // InvalidArgument when the bytes are not of the encoding.
  virtual Status append(std::string_view packed, std::uint64_t limit, std::string& out) = 0;
  // Call after the last byte. Errors: InvalidArgument when the packed data ends too early.
  virtual Status finish() = 0;
};

// Packs with gzip at a level that favours speed. Cost: about 10 ns per byte.
std::string gzip_pack(std::string_view text);

}  // namespace quell
