#include "topology/topology.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace quell {
namespace {

constexpr double kDirect = 0.8;
constexpr double kTwoSteps = 0.5;
constexpr double kSibling = 0.4;

std::string place_of(const std::string& file, const YAML::Mark& mark) {
  return fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
}

std::unexpected<Error> bad(const std::string& file, const YAML::Node& node, std::string message) {
  return fail(Errc::InvalidArgument, std::move(message), place_of(file, node.Mark()));
}

struct Service {
  Entity entity;
  std::string owner;
  std::vector<Entity> depends_on;
  std::vector<Entity> aliases;
};

Result<std::vector<Entity>> read_names(const std::string& file, const YAML::Node& node) {
  std::vector<Entity> names;
  if (!node.IsSequence()) return bad(file, node, "expected a list of names");
  for (const YAML::Node& item : node) {
    if (!item.IsScalar() || item.Scalar().empty()) return bad(file, item, "expected a name");
    names.push_back(parse_entity(item.Scalar()));
  }
  return names;
}

Result<Service> read_service(const std::string& file, const YAML::Node& node) {
  static constexpr std::array<std::string_view, 5> kKeys{"name", "kind", "owner", "depends_on",
                                                         "aliases"};
  if (!node.IsMap()) return bad(file, node, "expected a service with a name");
  Service service;
  std::string kind;
  for (const auto& pair : node) {
    const std::string& key = pair.first.Scalar();
    if (key == "name") {
      service.entity = parse_entity(pair.second.Scalar());
    } else if (key == "kind") {
      kind = pair.second.Scalar();
    } else if (key == "owner") {
      service.owner = pair.second.Scalar();
    } else if (key == "depends_on") {
      TRY(service.depends_on, read_names(file, pair.second));
    } else if (key == "aliases") {
      TRY(service.aliases, read_names(file, pair.second));
    } else {
      const auto near = nearest_word(key, kKeys);
      return bad(file, pair.first,
                 fmt::format("unknown key '{}'{}", key,
                             near ? fmt::format(", did you mean '{}'?", *near) : ""));
    }
  }
  if (service.entity.empty()) return bad(file, node, "a service needs a name");
  if (!kind.empty()) service.entity.kind = kind;
  return service;
}

Result<std::vector<Service>> read_services(std::string_view text, const std::string& file) {
  YAML::Node root;
  try {
    root = YAML::Load(std::string(text));
    std::vector<Service> services;
    if (root.IsNull()) return services;
    if (!root.IsMap()) return bad(file, root, "expected `services:` with a list");
    for (const auto& pair : root) {
      if (pair.first.Scalar() != "services") {
        return bad(file, pair.first,
                   fmt::format("unknown key '{}', expected 'services'", pair.first.Scalar()));
      }
      if (!pair.second.IsSequence()) return bad(file, pair.second, "expected a list of services");
      for (const YAML::Node& item : pair.second) {
        TRY(Service service, read_service(file, item));
        services.push_back(std::move(service));
      }
    }
    return services;
  } catch (const YAML::Exception& e) {
    return fail(Errc::InvalidArgument, e.msg, place_of(file, e.mark));
  }
}

}  // namespace

Result<Topology> Topology::parse(std::string_view yaml, const std::string& file_name) {
  TRY(const auto services, read_services(yaml, file_name));
  Topology topology;
  for (const Service& service : services) {
    if (!topology.owners_.emplace(service.entity, service.owner).second) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'{}' is listed twice", service.entity.to_string()), file_name);
    }
    for (const Entity& alias : service.aliases) topology.aliases_.emplace(alias, service.entity);
  }
  for (const Service& service : services) {
    for (const Entity& dependency : service.depends_on) {
      const Entity& to = topology.canonical(dependency);
      topology.owners_.try_emplace(to);
      if (to != service.entity) topology.edges_.insert({service.entity, to});
    }
  }
  if (topology.owners_.size() > kEntitiesMax) {
    return fail(Errc::TooLarge,
                fmt::format("{} entities, the limit is {}", topology.owners_.size(), kEntitiesMax),
                file_name);
  }
  topology.compute_neighbours();
  return topology;
}

void Topology::compute_neighbours() {
  std::map<Entity, std::vector<Entity>> below;  // What it depends on.
  std::map<Entity, std::vector<Entity>> above;  // What depends on it.
  for (const Edge& edge : edges_) {
    below[edge.from].push_back(edge.to);
    above[edge.to].push_back(edge.from);
  }
  for (const auto& [entity, owner] : owners_) {
    std::map<Entity, Neighbour> found;
    const auto add = [&](const Entity& to, double weight, std::string relation) {
      if (to == entity) return;
      auto& neighbour = found[to];
      if (neighbour.weight < weight) neighbour = {to, weight, std::move(relation)};
    };
    const auto via = [&](std::string_view how, const Entity& to, const Entity& through) {
      return fmt::format("{} {} {} through {}", entity.name, how, to.name, through.name);
    };
    for (const Entity& b : below[entity]) {
      add(b, kDirect, fmt::format("{} depends on {}", entity.name, b.name));
      for (const Entity& bb : below[b]) add(bb, kTwoSteps, via("depends on", bb, b));
      for (const Entity& ba : above[b]) {
        add(ba, kSibling, fmt::format("{} and {} depend on {}", entity.name, ba.name, b.name));
      }
    }
    for (const Entity& a : above[entity]) {
      add(a, kDirect, fmt::format("{} depends on {}", a.name, entity.name));
      for (const Entity& aa : above[a]) add(aa, kTwoSteps, via("is needed by", aa, a));
    }
    auto& list = neighbours_[entity];
    for (auto& [to, neighbour] : found) list.push_back(std::move(neighbour));
    std::ranges::stable_sort(list, std::ranges::greater{}, &Neighbour::weight);
    if (list.size() > kNeighboursMax) list.resize(kNeighboursMax);
  }
}

const Entity& Topology::canonical(const Entity& entity) const {
  const auto it = aliases_.find(entity);
  if (it != aliases_.end()) return it->second;
  return entity.kind == "pod" && !owners_.contains(entity) ? owner_of_pod(entity) : entity;
}

// `checkout-7d9f5b6c4-x2k8p` or `orders-0` -> service:checkout, if the topology knows it.
const Entity& Topology::owner_of_pod(const Entity& pod) const {
  std::string_view name = pod.name;
  for (int segment = 0; segment < 2; ++segment) {
    const auto dash = name.rfind('-');
    if (dash == name.npos) break;
    name = name.substr(0, dash);
    for (const std::string_view kind : {"service", "workload", "database", "cache"}) {
      const auto known = owners_.find(Entity{std::string(kind), std::string(name)});
      if (known != owners_.end()) return known->first;
    }
  }
  return pod;
}

const std::vector<Neighbour>& Topology::neighbours(const Entity& entity) const {
  static const std::vector<Neighbour> kNone;
  const auto it = neighbours_.find(canonical(entity));
  return it == neighbours_.end() ? kNone : it->second;
}

std::string_view Topology::owner(const Entity& entity) const {
  const auto it = owners_.find(canonical(entity));
  return it == owners_.end() ? std::string_view{} : it->second;
}

}  // namespace quell
