// Topology: which entity depends on which, and who owns it, as a file states it.
//
//   services:
//     - name: checkout               # kind defaults to service
//       owner: team-payments
//       depends_on: [payments, database:orders]
//       aliases: [checkout-api]
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/entity.h"

namespace quell {

// An entity near another one. `weight` is 1 for the entity itself and falls with distance.
struct Neighbour {
  Entity entity{};
  double weight = 0;
  std::string relation{};  // "checkout depends on payments", for reasons.
};

// Thread: any, once built. Everything a question needs is computed when the file is read.
class Topology {
 public:
  static constexpr std::size_t kEntitiesMax = 100'000;
  static constexpr std::size_t kNeighboursMax = 256;

  Topology() = default;

  // Errors: InvalidArgument with `file:line:column`. The empty text is an empty topology.
  static Result<Topology> parse(std::string_view yaml, const std::string& file_name);

  // The entity under its own name when `entity` is an alias; the service of a pod that is named as
  // Kubernetes names the pods of a workload; else `entity`.
  const Entity& canonical(const Entity& entity) const;

  // All entities within two dependencies, nearest first, `entity` not included. Weights: one
  // dependency 0.8; two in the same direction 0.5; two that share a dependency 0.4.
  const std::vector<Neighbour>& neighbours(const Entity& entity) const;

  std::string_view owner(const Entity& entity) const;  // Empty when unknown.

  struct Edge {
    Entity from{};  // Depends on `to`.
    Entity to{};
    auto operator<=>(const Edge&) const = default;
  };
  const std::set<Edge>& edges() const { return edges_; }
  const std::map<Entity, std::string>& owners() const { return owners_; }  // All named entities.
  bool empty() const { return owners_.empty(); }

 private:
  void compute_neighbours();
  const Entity& owner_of_pod(const Entity& pod) const;

  std::map<Entity, std::string> owners_;
  std::map<Entity, Entity> aliases_;
  std::set<Edge> edges_;
  std::map<Entity, std::vector<Neighbour>> neighbours_;
};

}  // namespace quell
