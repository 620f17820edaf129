// Decoding with a provider pack: the bytes of one frame -> events.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/event.h"
#include "model/frame.h"
#include "model/limits.h"
#include "normalize/pack.h"

namespace quell {

// Buffers that are used again and again, so that decoding does not allocate them.
// What a decoder returns never depends on what was decoded with the same scratch before.
// Thread: one at a time.
struct PackScratch {
  simdjson::dom::parser body{};
  std::array<simdjson::dom::parser, kInnerTextsMax> inner;
  std::string text{};
  std::string pairs{};
  LabelSet::Builder builder{};
};

// Never fails: what is not as the pack expects becomes `rejected`, what no mapping is for, or the
// pack says to ignore, is counted in `ignored`.
//
// Time: an event without a time of its own, or with one that nobody can read or believe, gets the
// frame's arrival (and says so in an annotation).
// Cost: about 5 µs for a body of 2 kB (bench: BM_DecodePack…).
// What passes a limit is refused or cut as in wire/, with the same `quell.…` annotations.
// `misses`: for `quell check`; see Scope::Miss.
Decoded decode_with_pack(const Pack& pack, const Frame& frame, PackScratch& scratch,
                         const WireLimits& limits = {}, std::vector<Scope::Miss>* misses = nullptr);

}  // namespace quell
