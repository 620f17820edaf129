// ImportedModels: models that came from another server: those whose series has not come yet, and
// those that are in no stored page of models yet.
//
// Each one is a state page of its own until the page of its slot was written; so an import survives
// a crash from its commit on, and nothing is written twice for long.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "detect/model_file.h"
#include "model/series.h"
#include "model/state_page.h"

namespace quell {

// Thread: one. Memory: about a kilobyte for each that waits, at most kWaitingMax of them.
class ImportedModels {
 public:
  static constexpr std::size_t kWaitingMax = 50'000;

  struct Attached {
    std::uint64_t offset = 0;  // Of the frame since which the slot has it.
    std::string model{};
  };

  // Waits for its series; a model that waited for the same one goes.
  void wait(ModelRecord record);
  // The slot has the model since the frame at `offset`.
  void attach(SeriesSlot slot, std::string model, std::uint64_t offset);
  // The model that waits for the series, which then waits no more; empty: none does.
  std::string take(const Series& series);
  // The slot's model began anew, or its page was written.
  void forget(SeriesSlot slot);
  void forget(SeriesSlot first, SeriesSlot end);

  bool waits(std::string_view tenant, const SeriesLabels& labels) const;
  std::size_t waiting_count() const { return waiting_.size(); }
  const Attached* attached(SeriesSlot slot) const;  // Null: none.

  // What changed since the last call.
  void take_pages(std::vector<StatePage>& out);
  Status load(const StatePage& page);  // Errors: Corrupt.

 private:
  struct Waiting {
    std::uint64_t number = 0;  // Of its page.
    ModelRecord record{};
  };
  struct Placed {
    std::uint64_t number = 0;
    Attached attached{};
  };

  std::uint64_t next_number_ = 1;
  std::unordered_map<Hash128, Waiting, Hash128Hasher> waiting_;
  std::map<SeriesSlot, Placed> attached_;
  std::map<std::uint64_t, std::string> changed_;  // Pages; empty: it is gone.
};

}  // namespace quell
