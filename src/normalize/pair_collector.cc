#include "normalize/pair_collector.h"

#include "base/text.h"
#include "normalize/expression.h"

namespace quell {
namespace {

using simdjson::dom::element;

bool is_scalar(element value) {
  return !value.is_object() && !value.is_array() && !value.is_null();
}

}  // namespace

std::string_view PairCollector::trimmed(std::string_view text) {
  return trim(text);
}

void PairCollector::add_any(std::string_view name, std::string_view value, bool own) {
  if (name.empty() || value.empty() || (!own && name.starts_with("quell."))) return;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    if (this->name(i) == name) return;
  }
  Pair pair{.name_at = buffer_.size(), .name_size = name.size()};
  buffer_ += name;
  pair.value_at = buffer_.size();
  pair.value_size = value.size();
  buffer_ += value;
  pairs_.push_back(pair);
}

// `service:checkout` or `service=checkout`, by whichever sign comes first.
void PairCollector::add_tag(std::string_view tag) {
  tag = trim(tag);
  const auto sign = tag.find_first_of(":=");
  if (sign == tag.npos) return add(tag, "true");
  add(tag.substr(0, sign), trim(tag.substr(sign + 1)));
}

void PairCollector::add_member(element member) {
  std::string text;
  simdjson::dom::object object;
  simdjson::dom::array pair;
  if (member.get(object) == simdjson::SUCCESS) {
    std::string_view name;
    for (const std::string_view key : {"name", "key", "tag", "label"}) {
      if (object.at_key(key).get(name) == simdjson::SUCCESS) break;
    }
    element value;
    if (object.at_key("value").get(value) != simdjson::SUCCESS) return add(name, "true");
    append_text(value, ",", text);
    add(name, text.empty() ? "true" : text);
  } else if (member.get(pair) == simdjson::SUCCESS) {
    std::string_view name;
    element value;
    if (pair.at(0).get(name) != simdjson::SUCCESS) return;
    if (pair.at(1).get(value) != simdjson::SUCCESS) return;
    append_text(value, ",", text);
    add(name, text);
  } else {
    append_text(member, ",", text);
    add_tag(text);
  }
}

void PairCollector::add_all(element value) {
  simdjson::dom::object object;
  simdjson::dom::array array;
  std::string_view text;
  if (value.get(object) == simdjson::SUCCESS) {
    std::string number;
    for (const auto field : object) {
      if (!is_scalar(field.value)) continue;
      if (field.value.get(text) == simdjson::SUCCESS) {
        add(field.key, text);
      } else {
        number.clear();
        append_text(field.value, ",", number);
        add(field.key, number);
      }
    }
  } else if (value.get(array) == simdjson::SUCCESS) {
    for (const element member : array) add_member(member);
  } else if (value.get(text) == simdjson::SUCCESS) {
    for (const std::string_view tag : split(text, ',')) add_tag(tag);
  }
}

void PairCollector::cut(std::size_t i, std::size_t bytes_max) {
  pairs_[i].value_size = utf8_prefix(value(i), bytes_max).size();
}

void PairCollector::cut_at_nul() {
  if (!buffer_.contains('\0')) return;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    pairs_[i].value_size = value(i).substr(0, value(i).find('\0')).size();
  }
  std::erase_if(pairs_, [&](const Pair& pair) {
    return pair.value_size == 0 || view(pair.name_at, pair.name_size).contains('\0');
  });
}

Result<LabelSet> PairCollector::build(LabelSet::Builder& builder) const {
  builder.clear();
  for (std::size_t i = 0; i < pairs_.size(); ++i) builder.add(name(i), value(i));
  return builder.build();
}

}  // namespace quell
