// What tests ask of a pipeline that is killed now and then, and of what it has found.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/pipeline.h"
#include "base/prng.h"
#include "model/finding.h"
#include "tests/support/memory_store.h"

namespace quell {

// After which frames, at random: one of so many.
struct KillOdds {
  std::uint64_t commit_after = 1;
  std::uint64_t kill_after = 1;
};

// What a server is after a kill, once it serves again: the last commit, and then the rest of
// `journal`. Errors: as restart().
Result<std::unique_ptr<Pipeline>> start_again(const PackLibrary& packs, const MemoryStore& store,
                                              const std::vector<Frame>& journal);

// `journal` worked off by processes of which each is killed (kill -9) and followed by one that goes
// on from the last commit. Returns: the last of them. Errors: as restart().
Result<std::unique_ptr<Pipeline>> run_with_kills(const PackLibrary& packs,
                                                 const std::vector<Frame>& journal, KillOdds odds,
                                                 Prng& prng);

// By their ids: those of one moment are listed in any order.
std::vector<Finding> findings_of(const Pipeline& pipeline);

// All that detection has come to and has in progress, to compare: a line for each finding and series,
// with a hash of the rest.
std::string detection_state(const Pipeline& pipeline);

// The same after run_with_kills(), or its error.
std::string detection_state_with_kills(const PackLibrary& packs, const std::vector<Frame>& journal,
                                       KillOdds odds, Prng& prng);

}  // namespace quell
