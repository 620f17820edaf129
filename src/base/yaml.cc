#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

// A few aliases of aliases can stand for more nodes than memory holds.
constexpr std::size_t kNodesMax = 100'000;
constexpr std::size_t kDepthMax = 100;

std::string_view kind_name(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::Null: return "nothing";
    case YamlNode::Kind::Text: return "a text";
    case YamlNode::Kind::List: return "a list";
    case YamlNode::Kind::Map: return "a map";
  }
  return "nothing";
}

// Hears what is parsed and keeps nothing of it.
class IgnoreNodes final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { document_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
  const YAML::Mark& document() const { return document_; }

 private:
  YAML::Mark document_{};
};

// Where a second document begins, if one does. YAML::LoadAll would say it, but never ends on texts
// such as `,r:`, where the parser finds one empty document after the other.
std::optional<YAML::Mark> second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  IgnoreNodes documents;
  if (!parser.HandleNextDocument(documents) || !parser.HandleNextDocument(documents)) return {};
  return documents.document();
}

}  // namespace

// Copies yaml-cpp's nodes, so that nothing after it meets the library or its exceptions.
class YamlBuilder {
 public:
  explicit YamlBuilder(std::string_view file) : file_(std::make_shared<const std::string>(file)) {}

  Result<YamlNode> build(std::string_view text) {
    try {
      const std::string copied(text);
      if (const auto mark = second_document(copied)) {
        return at(*mark).error("a second document begins here; one is expected");
      }
      return copy(YAML::Load(copied), 0);
    } catch (const YAML::Exception& e) {
      return at(e.mark).error(fmt::format("not valid YAML: {}", e.msg));
    }
  }

 private:
  YamlNode at(const YAML::Mark& mark) const {
    YamlNode node;
    node.file_ = file_;
    node.line_ = mark.is_null() ? 1 : mark.line + 1;
    node.column_ = mark.is_null() ? 1 : mark.column + 1;
    return node;
  }

  Result<YamlNode> copy(const YAML::Node& from, std::size_t depth) {
    YamlNode node = at(from.Mark());
    if (++count_ > kNodesMax || depth > kDepthMax) {
      return node.error(
          fmt::format("more than {} nodes, or nested deeper than {} levels", kNodesMax, kDepthMax));
    }
    switch (from.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null: break;
      case YAML::NodeType::Scalar:
        node.kind_ = YamlNode::Kind::Text;
        node.text_ = from.Scalar();
        break;
      case YAML::NodeType::Sequence:
        node.kind_ = YamlNode::Kind::List;
        for (const YAML::Node& item : from) {
          TRY(YamlNode value, copy(item, depth + 1));
          node.list_.push_back(std::move(value));
        }
        break;
      case YAML::NodeType::Map: TRY_STATUS(copy_map(from, depth, node)); break;
    }
    return node;
  }

  Status copy_map(const YAML::Node& from, std::size_t depth, YamlNode& node) {
    node.kind_ = YamlNode::Kind::Map;
    for (const auto& entry : from) {
      TRY(YamlNode key, copy(entry.first, depth + 1));
      if (!key.is_text()) return key.error("a key must be a text");
      if (node.find(key.raw_text()) != nullptr) {
        return key.error(fmt::format("key '{}' appears twice", key.raw_text()));
      }
      TRY(YamlNode value, copy(entry.second, depth + 1));
      node.map_.emplace_back(std::move(key), std::move(value));
    }
    return {};
  }

  std::shared_ptr<const std::string> file_;
  std::size_t count_ = 0;
};

Result<YamlNode> parse_yaml(std::string_view text, std::string_view file) {
  return YamlBuilder(file).build(text);
}

Result<std::string_view> YamlNode::text(std::string_view what) const {
  if (is_text()) return std::string_view(text_);
  return error(fmt::format("'{}' must be a text, got {}", what, kind_name(kind_)));
}

Result<std::span<const YamlNode>> YamlNode::list(std::string_view what) const {
  if (is_list()) return std::span<const YamlNode>(list_);
  return error(fmt::format("'{}' must be a list, got {}", what, kind_name(kind_)));
}

Result<std::int64_t> YamlNode::integer(std::string_view what) const {
  TRY(const std::string_view digits, text(what));
  std::int64_t value = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (bad == std::errc{} && end == digits.data() + digits.size()) return value;
  return error(fmt::format("'{}' must be a whole number, got '{}'", what, digits));
}

Result<double> YamlNode::number(std::string_view what) const {
  TRY(const std::string_view digits, text(what));
  double value = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (bad == std::errc{} && end == digits.data() + digits.size()) return value;
  return error(fmt::format("'{}' must be a number, got '{}'", what, digits));
}

Result<Duration> YamlNode::duration(std::string_view what) const {
  TRY(const std::string_view length, text(what));
  auto value = parse_duration(length);
  if (!value) return error(fmt::format("'{}': {}", what, value.error().message));
  return *value;
}

Result<bool> YamlNode::boolean(std::string_view what) const {
  TRY(const std::string_view word, text(what));
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return error(fmt::format("'{}' must be true or false, got '{}'", what, word));
}

Status YamlNode::must_be_map(std::string_view what) const {
  if (is_map()) return {};
  return error(fmt::format("'{}' must be a map, got {}", what, kind_name(kind_)));
}

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : map_) {
    if (name.text_ == key) return &value;
  }
  return nullptr;
}

Status YamlNode::check_keys(std::initializer_list<std::string_view> known,
                            std::string_view what) const {
  return check_keys(std::span(known.begin(), known.size()), what);
}

Status YamlNode::check_keys(std::span<const std::string_view> known, std::string_view what) const {
  TRY_STATUS(must_be_map(what));
  for (const auto& [key, value] : map_) {
    if (std::ranges::find(known, key.text_) != known.end()) continue;
    const auto near = nearest_word(key.text_, known);
    return key.error(
        near ? fmt::format("unknown key '{}' in '{}', did you mean '{}'?", key.text_, what, *near)
             : fmt::format("unknown key '{}' in '{}'; it may have: {}", key.text_, what,
                           fmt::join(known, ", ")));
  }
  return {};
}

std::string YamlNode::place() const {
  return fmt::format("{}:{}:{}", file_ ? std::string_view(*file_) : "", line_, column_);
}

std::unexpected<Error> YamlNode::error(std::string message) const {
  return fail(Errc::InvalidArgument, std::move(message), place());
}

}  // namespace quell
