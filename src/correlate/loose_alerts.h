// LooseAlerts: alerts without an incident, found by the thing that they are about.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/alert.h"
#include "topology/topology.h"

namespace quell {

// Thread: the owner's. Cost: O(log n), near() also the entity's neighbours.
class LooseAlerts {
 public:
  // `entity` as Topology::canonical() names it; an alert of nothing known is not kept.
  void add(const AlertKey& key, const Entity& entity);
  void remove(const AlertKey& key, const Entity& entity);
  void clear() { by_entity_.clear(); }

  // Those of the tenant, about the entity or one next to it, for which keep() holds; no more than
  // `limit`.
  using Keep = std::function<bool(const AlertKey&)>;
  std::vector<AlertKey> near(std::string_view tenant, const Entity& entity,
                             const Topology& topology, std::size_t limit, const Keep& keep) const;

 private:
  void collect(std::string_view tenant, const Entity& entity, std::size_t limit, const Keep& keep,
               std::vector<AlertKey>& into) const;

  std::map<std::string, std::set<AlertKey>, std::less<>> by_entity_;
};

}  // namespace quell
