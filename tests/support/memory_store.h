// A Store in memory, for tests: applies batches and hands the state back, as a restart would.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "app/pipeline.h"
#include "model/alert.h"
#include "model/incident.h"
#include "store/store.h"

namespace quell {

class MemoryStore {
 public:
  void commit(const StoreBatch& batch);
  StoredState restore() const;
  // As Store::visit_state_pages, but all at once.
  std::vector<StatePage> state_pages() const;
  std::vector<MetricChunk> metric_chunks() const;  // As Store::metric_history has them.

 private:
  std::uint64_t next_offset_ = 0;
  std::string engine_;
  std::map<AlertKey, std::string> alerts_;
  std::map<IncidentId, std::string> incidents_;
  std::vector<SeenId> seen_ids_;
  std::map<std::tuple<std::string, std::string, Timestamp>, WindowRow> windows_;
  std::map<std::pair<StatePageKind, std::uint64_t>, std::string> pages_;
  std::vector<MetricChunk> chunks_;
  std::uint64_t samples_offset_ = 0;
};

// Makes `pipeline` what a server would have after a crash: the last commit, and the frames of
// `journal` that came before it, for their samples. Errors: as Pipeline::restore().
Status restart(Pipeline& pipeline, const MemoryStore& store, const std::vector<Frame>& journal);

}  // namespace quell
