// PairCollector: gathers labels or annotations from the shapes in which tools send them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/labels.h"

namespace quell {

// Names and values lie in one buffer, so that an event costs no allocation per pair. The first of
// two pairs with one name counts; pairs without a name or a value vanish, and so do names that
// begin with `quell.`, which are Quell's own.
class PairCollector {
 public:
  explicit PairCollector(std::string& buffer) : buffer_(buffer) { buffer_.clear(); }

  void add(std::string_view name, std::string_view value) { add_any(trimmed(name), value, false); }
  void add_own(std::string_view name, std::string_view value) { add_any(name, value, true); }

  // Adds all pairs of `{"a": "b"}`, `["a:b", "c=d"]`, `[{"name": "a", "value": "b"}]` (also with
  // key, tag or label for the name), `[["a", "b"]]` or `"a:b,c=d"`. A tag without a value becomes
  // `tag="true"`. Members that are objects, lists or null are left out.
  void add_all(simdjson::dom::element value);

  std::size_t size() const { return pairs_.size(); }
  std::string_view name(std::size_t i) const {
    return view(pairs_[i].name_at, pairs_[i].name_size);
  }
  std::string_view value(std::size_t i) const {
    return view(pairs_[i].value_at, pairs_[i].value_size);
  }
  // Shortens the value of pair `i` to `bytes_max`, at a character.
  void cut(std::size_t i, std::size_t bytes_max);
  // Ends values before their first NUL. Leaves out pairs that then have no value, or NUL in a name.
  void cut_at_nul();
  Result<LabelSet> build(LabelSet::Builder& builder) const;

 private:
  struct Pair {
    std::size_t name_at = 0;
    std::size_t name_size = 0;
    std::size_t value_at = 0;
    std::size_t value_size = 0;
  };

  static std::string_view trimmed(std::string_view text);
  std::string_view view(std::size_t at, std::size_t size) const {
    return std::string_view(buffer_).substr(at, size);
  }
  void add_any(std::string_view name, std::string_view value, bool own);
  void add_tag(std::string_view tag);
  void add_member(simdjson::dom::element member);

  std::string& buffer_;
  std::vector<Pair> pairs_{};
};

}  // namespace quell
