// What the fuzz targets share: each defines fuzz_one(), which fails by QUELL_ASSERT or a sanitizer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace quell {

void fuzz_one(std::string_view input);

}  // namespace quell

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quell::fuzz_one({reinterpret_cast<const char*>(data), size});
  return 0;
}
