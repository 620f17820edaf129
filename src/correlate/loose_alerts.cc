#include "correlate/loose_alerts.h"

#include <fmt/format.h>

namespace quell {
namespace {

std::string index_key(std::string_view tenant, const Entity& entity) {
  return fmt::format("{}\x1f{}", tenant, entity.to_string());
}

}  // namespace

void LooseAlerts::add(const AlertKey& key, const Entity& entity) {
  if (!entity.empty()) by_entity_[index_key(key.tenant, entity)].insert(key);
}

void LooseAlerts::remove(const AlertKey& key, const Entity& entity) {
  const auto found = by_entity_.find(index_key(key.tenant, entity));
  if (found == by_entity_.end()) return;
  found->second.erase(key);
  if (found->second.empty()) by_entity_.erase(found);
}

std::vector<AlertKey> LooseAlerts::near(std::string_view tenant, const Entity& entity,
                                        const Topology& topology, std::size_t limit,
                                        const Keep& keep) const {
  std::vector<AlertKey> keys;
  if (by_entity_.empty() || entity.empty()) return keys;
  collect(tenant, entity, limit, keep, keys);
  for (const Neighbour& n : topology.neighbours(entity)) {
    collect(tenant, n.entity, limit, keep, keys);
  }
  return keys;
}

void LooseAlerts::collect(std::string_view tenant, const Entity& entity, std::size_t limit,
                          const Keep& keep, std::vector<AlertKey>& into) const {
  const auto found = by_entity_.find(index_key(tenant, entity));
  if (found == by_entity_.end()) return;
  for (const AlertKey& near : found->second) {
    if (into.size() >= limit) return;
    if (keep(near)) into.push_back(near);
  }
}

}  // namespace quell
