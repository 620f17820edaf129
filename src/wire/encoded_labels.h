// The labels of a series key (model/series.h) one by one, for keys that are made of others.
#pragma once

#include <string>
#include <string_view>

#include "model/series.h"
#include "wire/protobuf.h"

namespace quell::wire {

struct EncodedLabel {
  std::string_view name{};
  std::string_view value{};
  std::string_view bytes{};  // As it stands in the key.
};

// Calls `visit(const EncodedLabel&)`. Returns: what follows the last label that could be read, as
// it stands there; whoever reads the new key says what is wrong with it.
template <typename Visit>
std::string_view for_each_label(std::string_view key, Visit&& visit) {
  ProtoReader labels(key);
  for (ProtoField field; labels.next(field);) {
    EncodedLabel label;
    ProtoReader parts(field.bytes);
    for (ProtoField part; parts.next(part);) {
      if (part.is(1, WireType::Bytes)) label.name = part.bytes;
      if (part.is(2, WireType::Bytes)) label.value = part.bytes;
    }
    label.bytes = {labels.started(), labels.position()};
    visit(label);
  }
  return labels.ok() ? std::string_view() : std::string_view(labels.started(), key.end());
}

// With `ending` behind its value when it is the metric's name.
inline void append_label(std::string& key, const EncodedLabel& label, std::string_view ending) {
  if (label.name == kMetricLabel) {
    append_series_label(key, label.name, std::string(label.value) + std::string(ending));
  } else {
    key += label.bytes;
  }
}

}  // namespace quell::wire
