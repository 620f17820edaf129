// RecentChanges: which entity was changed when, lately, so that what follows a deploy can be held.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "model/event.h"
#include "model/series.h"

namespace quell {

// Thread: one. Memory: at most kEntitiesMax entries; the changes that are longest ago leave.
class RecentChanges {
 public:
  static constexpr std::size_t kEntitiesMax = 10'000;
  static constexpr Duration kKept = std::chrono::hours(24);

  struct Change {
    Timestamp time{};
    std::string title{};
  };

  // Requires: an event of kind Change. Without an entity it says nothing about anything.
  void on_change(const Event& event);
  // The last change, at most `window` before `time` and not after it, of the series' entity or of
  // what one of its labels names (service="checkout" names service:checkout). Null: none.
  const Change* find(const Series& series, Timestamp time, Duration window) const;
  std::size_t size() const { return changes_.size(); }

  void save(ByteWriter& w) const;
  void load(ByteReader& r);

 private:
  void remove_oldest();

  std::map<std::string, Change, std::less<>> changes_;  // By tenant, kind and name.
};

// "'checkout 2.4' 3m before", for people.
std::string describe_change(const RecentChanges::Change& change, Timestamp time);

}  // namespace quell
