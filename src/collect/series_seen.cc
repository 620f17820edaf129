#include "collect/series_seen.h"

#include <algorithm>

namespace quell {

SeriesSeen::Verdict SeriesSeen::see(const SeriesLabels& labels) {
  const auto at = rounds_.find(labels.bytes());
  if (at == rounds_.end()) {
    rounds_.emplace(std::string(labels.bytes()), round_);
    return Verdict::New;
  }
  if (at->second == round_) return Verdict::Again;
  at->second = round_;
  return Verdict::Known;
}

std::vector<SeriesLabels> SeriesSeen::take_gone() {
  std::vector<SeriesLabels> gone;
  std::erase_if(rounds_, [&](const auto& entry) {
    if (entry.second == round_) return false;
    if (auto labels = SeriesLabels::from_bytes(entry.first)) gone.push_back(*std::move(labels));
    return true;
  });
  std::ranges::sort(gone);
  return gone;
}

}  // namespace quell
