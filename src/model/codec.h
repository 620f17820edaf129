// Small pieces that the encodings of model values share.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "model/entity.h"

namespace quell {

inline void put(ByteWriter& w, const Entity& entity) {
  w.text(entity.kind);
  w.text(entity.name);
}

inline Entity take_entity(ByteReader& r) {
  std::string kind = r.string();
  return {std::move(kind), r.string()};
}

inline void put(ByteWriter& w, const std::optional<Timestamp>& t) {
  w.boolean(t.has_value());
  if (t) w.time(*t);
}

inline std::optional<Timestamp> take_optional_time(ByteReader& r) {
  if (!r.boolean()) return std::nullopt;
  return r.time();
}

}  // namespace quell
