// Compiles the texts of a pack into Expressions and Conditions (normalize/expression.h).
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "normalize/expression.h"

namespace quell {
namespace {

std::optional<std::size_t> to_number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// RFC 6901: ~1 stands for '/', ~0 for '~'.
std::string unescape_step(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '~' && i + 1 < text.size();
    if (escape && (text[i + 1] == '0' || text[i + 1] == '1')) {
      out += text[++i] == '1' ? '/' : '~';
    } else {
      out += text[i];
    }
  }
  return out;
}

// Takes one `/step` from the front of `rest`; an element selector may contain slashes.
std::optional<PointerStep> take_step(std::string_view& rest) {
  rest.remove_prefix(1);
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    const auto equals = rest.find('=');
    if (close == rest.npos || equals == rest.npos || equals > close) return std::nullopt;
    PointerStep step{.key = std::string(rest.substr(1, equals - 1)),
                     .value = std::string(rest.substr(equals + 1, close - equals - 1)),
                     .select = true};
    step.index = to_number(step.key);
    rest.remove_prefix(close + 1);
    if (!rest.empty() && rest[0] != '/') return std::nullopt;
    return step;
  }
  const auto text = rest.substr(0, rest.find('/'));
  rest.remove_prefix(text.size());
  PointerStep step{.key = unescape_step(text)};
  step.index = to_number(text);
  step.last = text == "-1";
  return step;
}

// Splits at `separator` outside of double quotes.
std::vector<std::string_view> split_unquoted(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text.substr(i).starts_with(separator)) {
      parts.push_back(text.substr(start, i - start));
      i += separator.size() - 1;
      start = i + 1;
    }
  }
  parts.push_back(text.substr(start));
  return parts;
}

// `"a\"b"` -> `a"b`. Every other backslash stays, so that regular expressions read as they are.
std::optional<std::string> unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size() && text[i + 1] == '"') ++i;
    out += text[i];
  }
  return out;
}

struct FilterName {
  std::string_view name;
  Filter::Kind kind;
  bool takes_text;
};

constexpr FilterName kFilters[] = {
    {"first_line", Filter::Kind::FirstLine, false},
    {"lower", Filter::Kind::Lower, false},
    {"upper", Filter::Kind::Upper, false},
    {"trim", Filter::Kind::Trim, false},
    {"prefix", Filter::Kind::Prefix, true},
    {"strip_prefix", Filter::Kind::StripPrefix, true},
    {"strip_suffix", Filter::Kind::StripSuffix, true},
    {"basename", Filter::Kind::Basename, false},
    {"regex", Filter::Kind::Regex, true},
    {"default", Filter::Kind::Default, true},
    {"join", Filter::Kind::Join, true},
    {"json", Filter::Kind::Json, false},
    {"count", Filter::Kind::Count, false},
    {"required", Filter::Kind::Required, false},
};

Result<Filter> parse_filter(const YamlNode& node, std::string_view text) {
  const auto colon = text.find(':');
  const auto name = trim(text.substr(0, colon));
  const auto* known = std::ranges::find(kFilters, name, &FilterName::name);
  if (known == std::end(kFilters)) {
    std::vector<std::string_view> names;
    for (const FilterName& filter : kFilters) names.push_back(filter.name);
    const auto near = nearest_word(name, names);
    return node.error(
        near ? fmt::format("unknown filter '{}', did you mean '{}'?", name, *near)
             : fmt::format("unknown filter '{}'; there are: {}", name, fmt::join(names, ", ")));
  }
  if (known->takes_text != (colon != text.npos)) {
    return node.error(known->takes_text
                          ? fmt::format("filter '{}' needs a value, as in '{}:x'", name, name)
                          : fmt::format("filter '{}' takes no value", name));
  }
  Filter filter{.kind = known->kind};
  if (!known->takes_text) return filter;
  const std::string_view argument = text.substr(colon + 1);
  const auto unquoted = unquote(trim(argument));
  filter.text = unquoted ? *unquoted : std::string(argument);
  if (filter.kind == Filter::Kind::Regex) {
    TRY(filter.regex, compile_regex(node, filter.text));
  }
  if (filter.kind == Filter::Kind::Prefix) {
    const auto number = to_number(trim(filter.text));
    if (!number) return node.error(fmt::format("'prefix:{}' needs a number", filter.text));
    filter.number = *number;
  }
  return filter;
}

Result<Placeholder> parse_placeholder(const YamlNode& node, std::string_view text,
                                      const ExpressionContext& context) {
  Placeholder placeholder;
  const auto parts = split_unquoted(text, "|");
  for (const std::string_view source : split_unquoted(parts[0], "??")) {
    TRY(Pointer pointer, parse_pointer(node, trim(source), context));
    placeholder.pointers.push_back(std::move(pointer));
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    TRY(Filter filter, parse_filter(node, parts[i]));
    placeholder.filters.push_back(std::move(filter));
  }
  return placeholder;
}

// The position of the `}` that ends a placeholder which begins before `start`.
std::size_t placeholder_end(std::string_view text, std::size_t start) {
  bool quoted = false;
  for (std::size_t i = start; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == '}' && !quoted) {
      return i;
    }
  }
  return text.npos;
}

Result<Template> parse_text_template(const YamlNode& node, std::string_view text,
                                     const ExpressionContext& context) {
  Template result;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) result.pieces.push_back({.literal = std::exchange(literal, {})});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool doubled = i + 1 < text.size() && text[i + 1] == text[i];
    if ((text[i] == '{' || text[i] == '}') && doubled) {
      literal += text[i++];
    } else if (text[i] != '{') {
      literal += text[i];
    } else {
      const auto end = placeholder_end(text, i + 1);
      if (end == text.npos) {
        return node.error(fmt::format("'{}' has a '{{' without its '}}'", text));
      }
      flush();
      TRY(Placeholder placeholder,
          parse_placeholder(node, text.substr(i + 1, end - i - 1), context));
      result.pieces.push_back({.placeholder = std::move(placeholder)});
      i = end;
    }
  }
  flush();
  return result;
}

bool is_bare_pointer(std::string_view text) {
  if (text.find('{') != text.npos) return false;
  return text.starts_with('/') || text.starts_with("^/") || text.starts_with("header:") ||
         text == "^" || text == "." || text.starts_with(".|");
}

Result<Template> parse_template(const YamlNode& node, std::string_view what,
                                const ExpressionContext& context, bool bare_pointers) {
  TRY(const std::string_view text, node.text(what));
  if (!bare_pointers || !is_bare_pointer(text)) return parse_text_template(node, text, context);
  Template result;
  TRY(Placeholder placeholder, parse_placeholder(node, text, context));
  result.pieces.push_back({.placeholder = std::move(placeholder)});
  return result;
}

Status parse_alternatives(const YamlNode& node, Expression& expression,
                          const ExpressionContext& context, bool bare_pointers) {
  const std::string& what = expression.what;
  if (!node.is_list()) {
    TRY(Template only, parse_template(node, what, context, bare_pointers));
    expression.alternatives.push_back(std::move(only));
    return {};
  }
  for (const YamlNode& item : node.items()) {
    TRY(Template next, parse_template(item, what, context, bare_pointers));
    expression.alternatives.push_back(std::move(next));
  }
  if (expression.alternatives.empty()) return node.error(fmt::format("'{}' is empty", what));
  return {};
}

Result<Expression> parse(const YamlNode& node, std::string_view what,
                         const ExpressionContext& context, bool bare_pointers) {
  Expression expression{.what = std::string(what)};
  if (!node.is_map()) {
    TRY_STATUS(parse_alternatives(node, expression, context, bare_pointers));
    return expression;
  }
  TRY_STATUS(node.check_keys({"from", "map", "default"}, what));
  const YamlNode* from = node.find("from");
  if (from == nullptr) return node.error(fmt::format("'{}' needs 'from'", what));
  TRY_STATUS(parse_alternatives(*from, expression, context, bare_pointers));
  if (const YamlNode* map = node.find("map")) {
    TRY_STATUS(map->must_be_map(fmt::format("{}.map", what)));
    for (const auto& [key, value] : map->entries()) {
      TRY(const std::string_view text, value.text(fmt::format("{}.map.{}", what, key.raw_text())));
      expression.map.emplace_back(to_lower(key.raw_text()), text);
    }
  }
  if (const YamlNode* fallback = node.find("default")) {
    TRY(expression.fallback,
        parse_template(*fallback, fmt::format("{}.default", what), context, bare_pointers));
  }
  return expression;
}

}  // namespace

Result<std::shared_ptr<const re2::RE2>> compile_regex(const YamlNode& node,
                                                      std::string_view pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  auto regex =
      std::make_shared<const RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (regex->ok()) return regex;
  return node.error(
      fmt::format("'{}' is not a regular expression (RE2): {}", pattern, regex->error()));
}

Result<Pointer> parse_pointer(const YamlNode& node, std::string_view text,
                              const ExpressionContext& context) {
  Pointer pointer{.text = std::string(text)};
  if (const auto literal = unquote(text)) {
    pointer.root = Pointer::Root::Literal;
    pointer.name = *literal;
    return pointer;
  }
  if (text.starts_with("header:")) {
    pointer.root = Pointer::Root::Header;
    pointer.name = to_lower(trim(text.substr(7)));
    if (context.headers != nullptr &&
        std::ranges::find(*context.headers, pointer.name) == context.headers->end()) {
      context.headers->push_back(pointer.name);
    }
    return pointer;
  }
  std::string_view rest = text;
  const bool from_body = rest.starts_with('^');
  if (from_body) rest.remove_prefix(1);
  if (text == "." || text == "^") rest = {};
  if (text.empty() || (!rest.empty() && rest[0] != '/')) {
    return node.error(fmt::format(
        "'{}' is not a pointer such as /alert/name, ^/title, header:x-name or \"text\"", text));
  }
  pointer.root = from_body ? Pointer::Root::Body : Pointer::Root::Item;
  if ((from_body || context.item_is_body) && context.inner != nullptr) {
    for (std::size_t i = 0; i < context.inner->size(); ++i) {
      const std::string& prefix = (*context.inner)[i].text;
      if (rest.size() <= prefix.size() || !rest.starts_with(prefix)) continue;
      if (rest[prefix.size()] != '/') continue;
      pointer.root = Pointer::Root::Inner;
      pointer.inner = static_cast<std::uint8_t>(i);
      rest.remove_prefix(prefix.size());
      break;
    }
  }
  while (!rest.empty()) {
    auto step = take_step(rest);
    if (!step) {
      return node.error(fmt::format("'{}' has a bad element selector; it reads [key=value]", text));
    }
    pointer.steps.push_back(std::move(*step));
  }
  return pointer;
}

Result<Expression> parse_expression(const YamlNode& node, std::string_view what,
                                    const ExpressionContext& context) {
  return parse(node, what, context, true);
}

Result<Expression> parse_text_expression(const YamlNode& node, std::string_view what,
                                         const ExpressionContext& context) {
  return parse(node, what, context, false);
}

namespace {

Status take_words(const YamlNode& node, std::string_view what, std::vector<std::string>& words) {
  if (!node.is_list()) {
    TRY(const std::string_view word, node.text(what));
    words.emplace_back(word);
    return {};
  }
  for (const YamlNode& item : node.items()) {
    TRY(const std::string_view word, item.text(what));
    words.emplace_back(word);
  }
  return {};
}

Result<Condition::Test> parse_test(const YamlNode& key, const YamlNode& value,
                                   std::string_view what, const ExpressionContext& context) {
  Condition::Test test;
  TRY(test.value, parse_expression(key, what, context));
  const auto name = fmt::format("{}.{}", what, key.raw_text());
  if (!value.is_map()) {
    TRY_STATUS(take_words(value, name, test.words));
    return test;
  }
  TRY_STATUS(value.check_keys({"not", "matches", "exists"}, name));
  if (value.entries().size() != 1) {
    return value.error(fmt::format("'{}' needs one of: not, matches, exists", name));
  }
  const auto& [op, operand] = value.entries()[0];
  if (op.raw_text() == "not") {
    test.op = Condition::Op::NoneOf;
    TRY_STATUS(take_words(operand, name, test.words));
  } else if (op.raw_text() == "matches") {
    test.op = Condition::Op::Matches;
    TRY(const std::string_view pattern, operand.text(name));
    TRY(test.regex, compile_regex(operand, pattern));
  } else {
    TRY(const bool exists, operand.boolean(name));
    test.op = exists ? Condition::Op::Exists : Condition::Op::Absent;
  }
  return test;
}

Status add_all_of(const YamlNode& node, std::string_view what, const ExpressionContext& context,
                  Condition& condition) {
  TRY_STATUS(node.must_be_map(what));
  auto& tests = condition.any.emplace_back();
  for (const auto& [key, value] : node.entries()) {
    TRY(Condition::Test test, parse_test(key, value, what, context));
    tests.push_back(std::move(test));
  }
  return {};
}

}  // namespace

Result<Condition> parse_condition(const YamlNode& node, std::string_view what,
                                  const ExpressionContext& context) {
  Condition condition;
  if (!node.is_list()) {
    TRY_STATUS(add_all_of(node, what, context, condition));
    return condition;
  }
  for (const YamlNode& item : node.items()) {
    TRY_STATUS(add_all_of(item, what, context, condition));
  }
  if (condition.any.empty()) return node.error(fmt::format("'{}' is empty", what));
  return condition;
}

}  // namespace quell
