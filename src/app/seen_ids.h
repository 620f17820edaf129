// SeenIds: which events came before, by (tenant, source, id), within a time and a number.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "model/event.h"
#include "store/store.h"

namespace quell {

// Memory: about 100 bytes per id. Thread: the owner's.
class SeenIds {
 public:
  static constexpr std::size_t kIdsMax = 1'000'000;
  static constexpr Duration kKeptFor = std::chrono::hours(24);

  enum class Verdict : std::uint8_t { New, Duplicate, OtherContent };

  // Remembers the event, unless it has no id: then it is New every time. A time that is
  // that of its arrival, which of a letter was long ago, is not content: the sender gave none.
  Verdict check(const Event& event, Timestamp arrived_at, Timestamp now);

  // Other things that must happen only once, remembered with the offset of the frame that did them.
  // The offset under `key`, if there is one.
  std::optional<std::uint64_t> done_by(const Hash128& key) const;
  void remember_done(const Hash128& key, std::uint64_t offset, Timestamp now);

  // What was remembered since the last call.
  std::vector<SeenId> take_fresh() { return std::exchange(fresh_, {}); }
  void restore(const std::vector<SeenId>& ids);
  std::size_t size() const { return content_.size(); }

 private:
  void remember(const SeenId& id);
  void forget_before(Timestamp t);

  std::unordered_map<Hash128, Hash128, Hash128Hasher> content_;
  std::deque<std::pair<Timestamp, Hash128>> order_;
  std::vector<SeenId> fresh_;
};

}  // namespace quell
