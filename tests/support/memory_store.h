// A Store in memory, for tests: applies batches and hands the state back, as a restart would.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "model/alert.h"
#include "model/incident.h"
#include "store/store.h"

namespace quell {

class MemoryStore {
 public:
  void commit(const StoreBatch& batch);
  StoredState restore() const;

 private:
  std::uint64_t next_offset_ = 0;
  std::string engine_;
  std::map<AlertKey, std::string> alerts_;
  std::map<IncidentId, std::string> incidents_;
  std::vector<SeenId> seen_ids_;
  std::map<std::tuple<std::string, std::string, Timestamp>, WindowRow> windows_;
};

}  // namespace quell
