// SeriesSeen: which series the last round of a target had, so that those that are gone can be
// marked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "model/series.h"

namespace quell {

// Thread: one. Memory: the labels of the last round.
class SeriesSeen {
 public:
  enum class Verdict : std::uint8_t { New, Known, Again };
  void begin_round() { ++round_; }
  // Again: it came twice in this round.
  Verdict see(const SeriesLabels& labels);
  // Those of earlier rounds that were not seen in this one, sorted; they are forgotten.
  std::vector<SeriesLabels> take_gone();
  std::size_t size() const { return rounds_.size(); }

 private:
  std::uint64_t round_ = 0;
  std::unordered_map<std::string, std::uint64_t, StringHash, std::equal_to<>> rounds_;
};

}  // namespace quell
