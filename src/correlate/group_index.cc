#include "correlate/group_index.h"

#include <fmt/format.h>

#include <algorithm>

namespace quell {
namespace {

// Runs of digits become one '#'.
std::string mask(std::string_view text) {
  std::string masked;
  bool in_number = false;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !in_number) masked += '#';
    if (!digit) masked += c;
    in_number = digit;
  }
  return masked;
}

}  // namespace

bool is_single_thing(const Entity& entity) {
  return !entity.empty() && entity.kind != "cluster" && entity.kind != "namespace" &&
         entity.kind != "team" && entity.kind != "region";
}

std::uint64_t text_template_of(const Alert& alert) {
  std::string_view scope;
  for (const std::string_view name : {"namespace", "cluster", "region", "datacenter"}) {
    scope = alert.labels.get(name);
    if (!scope.empty()) break;
  }
  if (scope.empty()) return 0;
  const std::string_view name = alert.labels.get("alertname");
  const std::string masked = mask(name.empty() ? std::string_view(alert.title) : name);
  return hash64(masked, hash64(scope, hash64(alert.key.tenant))) | 1;
}

std::string GroupIndex::index_key(std::string_view tenant, std::string_view what) {
  return fmt::format("{}\x1f{}", tenant, what);
}

const GroupIndex::Group* GroupIndex::find(IncidentId id) const {
  const auto it = groups_.find(id);
  return it == groups_.end() ? nullptr : &it->second;
}

void GroupIndex::clear() {
  groups_.clear();
  by_key_.clear();
  by_entity_.clear();
  by_template_.clear();
}

void GroupIndex::add(IncidentId id, const Linkable& member, bool settled) {
  Group& group = groups_[id];
  group.tenant = member.tenant;
  auto& nodes = group.nodes[member.entity];
  auto node = std::ranges::find(nodes, member.text_template, &Node::text_template);
  if (node == nodes.end()) {
    nodes.push_back({member.text_template, {}});
    node = nodes.end() - 1;
    by_entity_[index_key(member.tenant, member.entity.to_string())].insert(id);
    if (member.text_template != 0) by_template_[member.text_template].insert(id);
  }
  if (!member.keys.empty()) group.changes = ++changes_;
  if (node->members.all++ == 0) {
    group.changes = ++changes_;
    ++group.node_count.all;
    if (member.text_template != 0) ++group.templates[member.text_template].all;
  }
  for (const std::string& key : member.keys) {
    ++group.keys[key].all;
    by_key_[index_key(member.tenant, key)].insert(id);
  }
  if (group.all.include(member.starts_at)) group.changes = ++changes_;
  if (settled) settle(id, member);
}

void GroupIndex::settle(IncidentId id, const Linkable& member) {
  const auto it = groups_.find(id);
  if (it == groups_.end()) return;
  Group& group = it->second;
  auto& nodes = group.nodes[member.entity];
  const auto node = std::ranges::find(nodes, member.text_template, &Node::text_template);
  if (node == nodes.end()) return;
  if (!member.keys.empty()) group.changes = ++changes_;
  if (node->members.settled++ == 0) {
    group.changes = ++changes_;
    ++group.node_count.settled;
    if (member.text_template != 0) ++group.templates[member.text_template].settled;
  }
  for (const std::string& key : member.keys) ++group.keys[key].settled;
  if (group.settled.include(member.starts_at)) group.changes = ++changes_;
}

void GroupIndex::rekey(IncidentId id, const Linkable& was, const Linkable& is, bool settled) {
  const auto it = groups_.find(id);
  if (it == groups_.end()) return;
  Group& group = it->second;
  for (const std::string& key : was.keys) {
    const auto count = group.keys.find(key);
    if (count == group.keys.end()) continue;
    if (count->second.all > 0) --count->second.all;
    if (settled && count->second.settled > 0) --count->second.settled;
    if (count->second.all > 0) continue;
    drop(by_key_, index_key(group.tenant, key), id);
    group.keys.erase(count);
  }
  for (const std::string& key : is.keys) {
    Count& count = group.keys[key];
    ++count.all;
    if (settled) ++count.settled;
    by_key_[index_key(group.tenant, key)].insert(id);
  }
  group.changes = ++changes_;
}

std::uint64_t GroupIndex::changes(IncidentId id) const {
  const Group* group = find(id);
  return group == nullptr ? 0 : group->changes;
}

void GroupIndex::remove_settled(IncidentId id, const Linkable& member) {
  const auto it = groups_.find(id);
  if (it == groups_.end()) return;
  Group& group = it->second;
  const auto nodes = group.nodes.find(member.entity);
  if (nodes == group.nodes.end()) return;
  const auto node = std::ranges::find(nodes->second, member.text_template, &Node::text_template);
  if (node == nodes->second.end() || node->members.settled == 0) return;
  const auto drop = [](Count& count) {
    if (count.all > 0) --count.all;
    if (count.settled > 0) --count.settled;
  };
  drop(node->members);
  if (node->members.settled == 0) --group.node_count.settled;
  if (node->members.all == 0) --group.node_count.all;
  if (member.text_template != 0 && node->members.settled == 0) {
    --group.templates[member.text_template].settled;
  }
  if (member.text_template != 0 && node->members.all == 0) {
    --group.templates[member.text_template].all;
  }
  for (const std::string& key : member.keys) drop(group.keys[key]);
  if (group.node_count.all == 0) erase(id);
}

void GroupIndex::drop(Index& index, const std::string& key, IncidentId id) {
  const auto found = index.find(key);
  if (found == index.end()) return;
  found->second.erase(id);
  if (found->second.empty()) index.erase(found);
}

void GroupIndex::erase(IncidentId id) {
  const auto it = groups_.find(id);
  if (it == groups_.end()) return;
  const Group& group = it->second;
  for (const auto& [entity, nodes] : group.nodes) {
    drop(by_entity_, index_key(group.tenant, entity.to_string()), id);
    for (const Node& node : nodes) {
      const auto found = by_template_.find(node.text_template);
      if (found == by_template_.end()) continue;
      found->second.erase(id);
      if (found->second.empty()) by_template_.erase(found);
    }
  }
  for (const auto& [key, count] : group.keys) drop(by_key_, index_key(group.tenant, key), id);
  groups_.erase(it);
}

bool GroupIndex::has(IncidentId id, View view) const {
  const Group* group = find(id);
  return group != nullptr && group->node_count.in(view) > 0;
}

Timestamp GroupIndex::first(IncidentId id, View view) const {
  const Group* group = find(id);
  return group == nullptr ? Timestamp::max() : group->span(view).first;
}

std::vector<IncidentId> GroupIndex::with_key(std::string_view tenant, std::string_view key,
                                             View view) const {
  std::vector<IncidentId> ids;
  const auto found = by_key_.find(index_key(tenant, key));
  if (found == by_key_.end()) return ids;
  for (const IncidentId id : found->second) {
    if (key_count(id, key, view) > 0) ids.push_back(id);
  }
  return ids;
}

std::uint32_t GroupIndex::key_count(IncidentId id, std::string_view key, View view) const {
  const Group* group = find(id);
  if (group == nullptr) return 0;
  const auto count = group->keys.find(key);
  return count == group->keys.end() ? 0 : count->second.in(view);
}

std::vector<IncidentId> GroupIndex::with_entity(std::string_view tenant, const Entity& entity,
                                                View view) const {
  std::vector<IncidentId> ids;
  const auto found = by_entity_.find(index_key(tenant, entity.to_string()));
  if (found == by_entity_.end()) return ids;
  for (const IncidentId id : found->second) {
    const auto& nodes = groups_.at(id).nodes.at(entity);
    if (std::ranges::any_of(nodes, [&](const Node& n) { return n.members.in(view) > 0; })) {
      ids.push_back(id);
    }
  }
  return ids;
}

std::vector<IncidentId> GroupIndex::candidates(const Linkable& alert, View view) const {
  Ids ids;
  const auto collect = [&](const Ids& from) {
    std::size_t taken = 0;
    for (auto it = from.rbegin(); it != from.rend() && taken < kCandidatesMax; ++it, ++taken) {
      ids.insert(*it);
    }
  };
  const auto of_entity = [&](const Entity& entity) {
    const auto found = by_entity_.find(index_key(alert.tenant, entity.to_string()));
    if (found != by_entity_.end()) collect(found->second);
  };
  if (!alert.entity.empty()) of_entity(alert.entity);
  for (const Neighbour& n : topology_->neighbours(alert.entity)) of_entity(n.entity);
  if (alert.text_template != 0) {
    const auto found = by_template_.find(alert.text_template);
    if (found != by_template_.end()) collect(found->second);
  }
  std::vector<IncidentId> result;
  for (auto it = ids.rbegin(); it != ids.rend() && result.size() < kCandidatesMax; ++it) {
    if (has(*it, view)) result.push_back(*it);
  }
  return result;
}

LinkScore GroupIndex::link(const Linkable& alert, IncidentId id, View view, Duration window) const {
  const Group* group = find(id);
  if (group == nullptr || group->node_count.in(view) == 0) return {};
  double sum = 0;
  double strongest = 0;
  std::uint32_t nodes_linked = 0;
  std::uint32_t same_text = 0;  // Of the linked nodes, those with the alert's own template.
  std::string relation;
  const auto of_entity = [&](const Entity& entity, double weight, std::string_view how) {
    const auto found = group->nodes.find(entity);
    if (found == group->nodes.end()) return;
    for (const Node& node : found->second) {
      if (node.members.in(view) == 0) continue;
      sum += weight;
      ++nodes_linked;
      if (node.text_template == alert.text_template) ++same_text;
      if (weight > strongest) {
        strongest = weight;
        relation = how;
      }
    }
  };
  if (!alert.entity.empty()) {
    of_entity(alert.entity, is_single_thing(alert.entity) ? 1.0 : 0.3, "same entity");
  }
  for (const Neighbour& n : topology_->neighbours(alert.entity)) {
    of_entity(n.entity, n.weight, n.relation);
  }
  std::uint32_t text_only = 0;
  if (alert.text_template != 0) {
    const auto found = group->templates.find(alert.text_template);
    if (found != group->templates.end()) text_only = found->second.in(view)-same_text;
  }
  sum += kTextWeight * text_only;
  if (text_only > 0 && strongest < kTextWeight) relation = "similar text in the same place";
  const double average = sum / group->node_count.in(view);
  const Duration apart = distance(id, alert.starts_at, view);
  const double kernel = apart <= window
                            ? 1.0
                            : 1.0 / (1.0 + static_cast<double>((apart - window).count()) /
                                               static_cast<double>(window.count()));
  return {average * kernel,
          fmt::format("{}: linked to {} of {} parts of it, score {:.2f}", relation,
                      nodes_linked + text_only, group->node_count.in(view), average * kernel)};
}

Duration GroupIndex::distance(IncidentId id, Timestamp at, View view) const {
  const Group* group = find(id);
  if (group == nullptr) return Duration::max();
  const Span& span = group->span(view);
  if (at < span.first) return span.first - at;
  if (at > span.last) return at - span.last;
  return Duration{0};
}

}  // namespace quell
