// GroupIndex: which active incidents an alert could belong to, and how strongly it is linked to
// each. Answers from indexes; never walks the open incidents.
//
// A group has *nodes*: the distinct (entity, text template) pairs of its members. The link of an
// alert to a group is the average of its links to the nodes (average-link), so that one chance
// neighbour does not chain two incidents together.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "model/alert.h"
#include "model/entity.h"
#include "topology/topology.h"

namespace quell {

// Which members count: all of them, or only the settled ones, whose place is final because nothing
// that began earlier can still arrive.
enum class View : std::uint8_t { All, Settled };

// What grouping looks at in an alert.
struct Linkable {
  std::string tenant{};
  Entity entity{};
  std::uint64_t text_template = 0;  // 0: its text links it to nothing.
  Timestamp starts_at{};
  std::vector<std::string> keys{};  // Definite links: `cid:…`, `rule:…`.
};

// Entities of these kinds are single things; two alerts of one belong together. Broad ones
// (cluster, namespace, team) only hint at it.
bool is_single_thing(const Entity& entity);

// Hash of the alert's name or title with numbers and identifiers masked, within its namespace (or
// cluster, region); 0 when it has neither, because then equal words say little.
std::uint64_t text_template_of(const Alert& alert);

struct LinkScore {
  double score = 0;
  std::string reason{};
};

class GroupIndex {
 public:
  explicit GroupIndex(const Topology& topology) : topology_(&topology) {}

  void set_topology(const Topology& topology) { topology_ = &topology; }
  void clear();

  void add(IncidentId group, const Linkable& member, bool settled);
  // A member that was added unsettled counts for View::Settled from now on.
  void settle(IncidentId group, const Linkable& member);
  // Takes a settled member out again. The time that the group spans stays.
  void remove_settled(IncidentId group, const Linkable& member);
  void erase(IncidentId group);
  // A member's definite links have changed; all else of it is as it was.
  void rekey(IncidentId group, const Linkable& was, const Linkable& is, bool settled);

  // Another one whenever the group has changed in a way that can bring it nearer to an alert.
  std::uint64_t changes(IncidentId group) const;

  bool has(IncidentId group, View view) const;
  Timestamp first(IncidentId group, View view) const;

  // Groups that share the definite key / the entity, in order of id.
  std::vector<IncidentId> with_key(std::string_view tenant, std::string_view key, View view) const;
  // How many members of the group carry the key.
  std::uint32_t key_count(IncidentId group, std::string_view key, View view) const;
  std::vector<IncidentId> with_entity(std::string_view tenant, const Entity& entity,
                                      View view) const;
  // Groups that topology or text may link to the alert: at most kCandidatesMax, newest first.
  std::vector<IncidentId> candidates(const Linkable& alert, View view) const;

  // The average link, weakened with the time between. Cost: O(neighbours of the entity).
  LinkScore link(const Linkable& alert, IncidentId group, View view, Duration window) const;

  // How far `at` lies from the time in which the group's members began. Zero inside of it.
  Duration distance(IncidentId group, Timestamp at, View view) const;

 private:
  static constexpr std::size_t kCandidatesMax = 64;
  static constexpr double kTextWeight = 0.35;

  struct Count {
    std::uint32_t all = 0;
    std::uint32_t settled = 0;
    std::uint32_t in(View view) const { return view == View::All ? all : settled; }
  };
  struct Node {
    std::uint64_t text_template = 0;
    Count members{};
  };
  struct Span {
    Timestamp first = Timestamp::max();
    Timestamp last = Timestamp::min();
    // Returns whether it has grown.
    bool include(Timestamp t) {
      const bool grows = t < first || t > last;
      first = std::min(first, t);
      last = std::max(last, t);
      return grows;
    }
  };
  struct Group {
    std::string tenant{};
    std::map<Entity, std::vector<Node>> nodes{};
    std::unordered_map<std::uint64_t, Count> templates{};  // Nodes, not members.
    std::map<std::string, Count, std::less<>> keys{};      // Members.
    Count node_count{};
    Span all{};
    Span settled{};
    std::uint64_t changes = 0;
    const Span& span(View view) const { return view == View::All ? all : settled; }
  };

  using Ids = std::set<IncidentId>;
  using Index = std::unordered_map<std::string, Ids, StringHash, std::equal_to<>>;

  static std::string index_key(std::string_view tenant, std::string_view what);
  static void drop(Index& index, const std::string& key, IncidentId id);
  const Group* find(IncidentId id) const;

  const Topology* topology_;
  std::uint64_t changes_ = 0;
  std::unordered_map<IncidentId, Group> groups_;
  Index by_key_;
  Index by_entity_;
  std::unordered_map<std::uint64_t, Ids> by_template_;
};

}  // namespace quell
