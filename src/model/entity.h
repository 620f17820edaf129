// Entity: a named thing that can be in trouble or be the cause of it, within a tenant.
#pragma once

#include <string>
#include <string_view>

namespace quell {

// `kind` is one of: service workload pod node host database cache queue topic team namespace
// cluster instance. Both empty: no entity is known.
struct Entity {
  std::string kind{};
  std::string name{};

  bool empty() const { return name.empty(); }
  std::string to_string() const { return empty() ? std::string() : kind + ':' + name; }
  bool operator==(const Entity&) const = default;
  auto operator<=>(const Entity&) const = default;
};

// `service:checkout` -> {service, checkout}; a name without a kind is a service.
inline Entity parse_entity(std::string_view text) {
  const auto colon = text.find(':');
  if (text.empty()) return {};
  if (colon == text.npos) return {"service", std::string(text)};
  return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

}  // namespace quell
