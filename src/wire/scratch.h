// WireScratch: the buffers that decoders use again and again, so that they do not allocate.
#pragma once

#include <string>

#include "base/json.h"
#include "model/labels.h"

namespace quell {

// What a decoder returns never depends on what was decoded with the same scratch before.
// Thread: one at a time.
struct WireScratch {
  simdjson::dom::parser parser{};
  simdjson::dom::parser inner{};  // For JSON inside of JSON, while `parser` is in use.
  LabelSet::Builder labels{};
  std::string text{};
};

}  // namespace quell
