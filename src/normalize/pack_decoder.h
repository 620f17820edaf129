// Decoding with a provider pack: the bytes of one frame -> events.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/event.h"
#include "model/frame.h"
#include "normalize/pack.h"

namespace quell {

// How much one frame may hold. A limit that is passed is named in the reason. The numbers and the
// `quell.…` annotations are those of wire/, so that a sender sees the same rules everywhere.
struct PackLimits {
  std::uint32_t events_max = 100'000;              // Per frame; what comes after is refused.
  std::uint32_t rejected_max = 1'000;              // Listed one by one; the others as one count.
  std::uint32_t labels_max = 128;                  // Per event; more refuses the event.
  std::uint32_t label_name_bytes_max = 1024;       // Longer refuses the event.
  std::uint32_t label_value_bytes_max = 8192;      // Longer refuses the event.
  std::uint32_t attribute_bytes_max = 4096;        // id, source, dedup_key, …: as above.
  std::uint32_t annotations_bytes_max = 65536;     // All of one event; the rest is cut and marked.
  std::uint32_t title_bytes_max = 1024;            // Longer is cut.
  std::uint32_t links_max = 32;                    // Per event; further ones are not shown.
  Duration future_max = std::chrono::minutes(10);  // Later event times become the arrival.
};

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
// `misses`: for `quell check`; see Scope::Miss.
Decoded decode_with_pack(const Pack& pack, const Frame& frame, PackScratch& scratch,
                         const PackLimits& limits = {}, std::vector<Scope::Miss>* misses = nullptr);

}  // namespace quell
