// Expression: how a provider pack takes one value out of a request.
//
//   /alert/message                      a JSON pointer into the item (the body, without `each`)
//   ^/commonLabels/cluster              a pointer into the whole body
//   header:x-github-event               a request header
//   "{/repository/name}: {/head_commit/message|first_line}"      a text with placeholders
//   [/a/b, /c, "unknown"]               fallbacks: the first that finds something
//   {from: /state, map: {ok: resolved}, default: firing}         a value map
//
// docs/provider-packs.md is the reference. Everything is compiled when the pack is loaded; an
// evaluation reads no YAML and compiles no regular expression.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/yaml.h"
#include "model/frame.h"

namespace re2 {
class RE2;
}

namespace quell {

// A step of a pointer: a member name, an array index, the last element (`-1`), or the array element
// whose member `key` equals `value` (`/Dimensions/[name=InstanceId]/value`).
struct PointerStep {
  std::string key{};
  std::string value{};
  std::optional<std::size_t> index{};
  bool select = false;
  bool last = false;  // `-1`: the last element of an array.
};

struct Pointer {
  enum class Root : std::uint8_t { Item, Body, Inner, Header, Literal };
  Root root = Root::Item;
  std::uint8_t inner = 0;  // Which of the pack's parse_json texts; Root::Inner only.
  std::vector<PointerStep> steps{};
  std::string name{};  // Of the header (lower case), or the literal.
  std::string text{};  // As the pack wrote it.
};

// JSON texts inside of JSON (`parse_json`): pointers behind one of these go into the parsed text.
inline constexpr std::size_t kInnerTextsMax = 4;

// What a pointer looks into.
struct Scope {
  simdjson::dom::element body{};
  simdjson::dom::element item{};
  std::array<std::optional<simdjson::dom::element>, kInnerTextsMax> inner{};
  const Frame* frame = nullptr;
  const re2::RE2* absent = nullptr;  // Texts that match as a whole count as missing.

  // For `quell check`: pointers that found nothing, with what they were for. Null in operation.
  struct Miss {
    std::string what{};
    std::string pointer{};
    bool operator==(const Miss&) const = default;
  };
  std::vector<Miss>* misses = nullptr;
};

std::optional<simdjson::dom::element> walk(simdjson::dom::element from,
                                           const std::vector<PointerStep>& steps);
// Empty for headers and literals, and for texts that `scope.absent` matches.
std::optional<simdjson::dom::element> find_element(const Pointer& pointer, const Scope& scope);
// Appends a string, number or boolean as text; an array's members with `separator` between.
// Objects and null append nothing.
void append_text(simdjson::dom::element element, std::string_view separator, std::string& out);

struct Filter {
  enum class Kind : std::uint8_t {
    FirstLine,
    Lower,
    Upper,
    Trim,
    Prefix,
    StripPrefix,
    StripSuffix,
    Basename,
    Regex,
    Default,
    Join,
    Json,
    Count,
    Required,
  };
  Kind kind = Kind::Trim;
  std::string text{};
  std::size_t number = 0;
  std::shared_ptr<const re2::RE2> regex{};
};

struct Placeholder {
  std::vector<Pointer> pointers{};  // The first that finds something.
  std::vector<Filter> filters{};
};

// Literal texts and placeholders in order. With placeholders of which none finds anything, the
// whole text is nothing.
struct Template {
  struct Piece {
    std::string literal{};
    std::optional<Placeholder> placeholder{};
  };
  std::vector<Piece> pieces{};

  bool is_literal() const;
  bool append(const Scope& scope, std::string_view what, std::string& out) const;
};

struct Expression {
  std::string what{};  // "title", "labels.service": for messages.
  std::vector<Template> alternatives{};
  std::vector<std::pair<std::string, std::string>> map{};  // Keys in lower case.
  std::optional<Template> fallback{};

  bool empty() const { return alternatives.empty() && !fallback; }
  // The value before the map. Returns: whether anything was appended.
  bool append_raw(const Scope& scope, std::string& out) const;
  const std::string* mapped(std::string_view raw) const;  // Null: the map does not have it.
  bool append_fallback(const Scope& scope, std::string& out) const;
  // Raw, then the map (ignoring case); what the map does not have becomes the default, and without
  // a default stays as it is.
  bool append(const Scope& scope, std::string& out) const;
  // Whether a pointer leads to an object or a list, which are there but have no text.
  bool finds_container(const Scope& scope) const;
  // The value when it does not depend on the input.
  std::optional<std::string_view> constant() const;
};

// How the pointers of one mapping are to be read.
struct ExpressionContext {
  const std::vector<Pointer>* inner = nullptr;  // The pack's parse_json pointers.
  bool item_is_body = true;                     // False when the mapping has `each`.
  std::vector<std::string>* headers = nullptr;  // Gets the names of the headers that are read.
};

// Errors: InvalidArgument with the node's place.
Result<Expression> parse_expression(const YamlNode& node, std::string_view what,
                                    const ExpressionContext& context);
// A text that is never a bare pointer: only its placeholders are looked up.
Result<Expression> parse_text_expression(const YamlNode& node, std::string_view what,
                                         const ExpressionContext& context);
Result<Pointer> parse_pointer(const YamlNode& node, std::string_view text,
                              const ExpressionContext& context);

// Errors: InvalidArgument with the node's place.
Result<std::shared_ptr<const re2::RE2>> compile_regex(const YamlNode& node,
                                                      std::string_view pattern);

// `{/action: [closed], header:x: push}`: all of these hold; a list of such maps: any of them.
struct Condition {
  enum class Op : std::uint8_t { OneOf, NoneOf, Matches, Exists, Absent };
  struct Test {
    Expression value{};
    Op op = Op::OneOf;
    std::vector<std::string> words{};
    std::shared_ptr<const re2::RE2> regex{};
  };
  std::vector<std::vector<Test>> any{};

  bool empty() const { return any.empty(); }
  // An empty condition does not hold. `scratch` is overwritten.
  bool holds(const Scope& scope, std::string& scratch) const;
};
Result<Condition> parse_condition(const YamlNode& node, std::string_view what,
                                  const ExpressionContext& context);

}  // namespace quell
