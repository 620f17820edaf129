// YAML as a plain tree that knows where everything stood, for files that people write.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace quell {

// One node of a file. Readers below fail with the place `file:line:column` of the node.
//
// Invariant: keys of a map are texts and unique. Anchors and aliases are resolved; a file may
// expand to 100,000 nodes.
class YamlNode {
 public:
  enum class Kind : std::uint8_t { Null, Text, List, Map };

  bool is_null() const { return kind_ == Kind::Null; }
  bool is_text() const { return kind_ == Kind::Text; }
  bool is_list() const { return kind_ == Kind::List; }
  bool is_map() const { return kind_ == Kind::Map; }

  // What must be a text (numbers and booleans are), a list or a map. `what` names it in the error:
  // "rules.yaml:3:7: 'window' must be a text, got a list".
  Result<std::string_view> text(std::string_view what) const;
  Result<std::span<const YamlNode>> list(std::string_view what) const;
  Result<std::int64_t> integer(std::string_view what) const;
  Result<double> number(std::string_view what) const;
  Result<Duration> duration(std::string_view what) const;  // `30s`, `5m`, `0`.
  Result<bool> boolean(std::string_view what) const;
  Status must_be_map(std::string_view what) const;

  // The entries of a map, in the order of the file; empty for anything else.
  std::span<const std::pair<YamlNode, YamlNode>> entries() const { return map_; }
  std::span<const YamlNode> items() const { return list_; }
  const std::string& raw_text() const { return text_; }  // Of a text; empty for anything else.
  const YamlNode* find(std::string_view key) const;      // Of a map; null when absent.

  // Errors: the first key that is not in `known`, with the nearest one that is.
  Status check_keys(std::initializer_list<std::string_view> known, std::string_view what) const;
  Status check_keys(std::span<const std::string_view> known, std::string_view what) const;

  std::string place() const;
  std::unexpected<Error> error(std::string message) const;

 private:
  friend class YamlBuilder;

  std::string text_{};
  std::vector<YamlNode> list_{};
  std::vector<std::pair<YamlNode, YamlNode>> map_{};
  std::shared_ptr<const std::string> file_{};
  int line_ = 0;
  int column_ = 0;
  Kind kind_ = Kind::Null;
};

// Parses one document; an empty one is Null. `file` is used in places only.
// Errors: InvalidArgument with the place, for bad syntax, repeated keys and further documents.
Result<YamlNode> parse_yaml(std::string_view text, std::string_view file);

}  // namespace quell
