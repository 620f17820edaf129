#include "normalize/expression.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>

#include "base/text.h"

namespace quell {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

bool element_equals(element value, std::string_view want) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return text == want;
  std::string rendered;
  append_text(value, ",", rendered);
  return rendered == want;
}

std::optional<element> step_into(element from, const PointerStep& step) {
  element found;
  if (step.select) {
    simdjson::dom::array array;
    if (from.get(array) != simdjson::SUCCESS) return std::nullopt;
    PointerStep member{.key = step.key};
    if (step.index) member.index = step.index;
    for (const element candidate : array) {
      const auto value = step_into(candidate, member);
      if (value && element_equals(*value, step.value)) return candidate;
    }
    return std::nullopt;
  }
  if (from.is_object()) {
    if (from.at_key(step.key).get(found) != simdjson::SUCCESS) return std::nullopt;
    return found;
  }
  if (step.last) {
    simdjson::dom::array array;
    if (from.get(array) != simdjson::SUCCESS || array.size() == 0) return std::nullopt;
    for (const element member : array) found = member;
    return found;
  }
  if (!step.index || from.at(*step.index).get(found) != simdjson::SUCCESS) return std::nullopt;
  return found;
}

template <std::integral Number>
void append_number(Number number, std::string& out) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, error == std::errc{} ? end : digits);
}

// The shortest text that reads back as the same number, without an exponent where a time or a
// price could stand: 1700000000, not 1.7e+09.
void append_number(double number, std::string& out) {
  char digits[64];
  const double size = std::abs(number);
  const auto format = size == 0 || (size >= 1e-6 && size < 1e18) ? std::chars_format::fixed
                                                                 : std::chars_format::general;
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number, format);
  out.append(digits, error == std::errc{} ? end : digits);
}

}  // namespace

std::optional<element> walk(element from, const std::vector<PointerStep>& steps) {
  for (const PointerStep& step : steps) {
    const auto next = step_into(from, step);
    if (!next) return std::nullopt;
    from = *next;
  }
  return from;
}

namespace {

std::optional<element> find_any(const Pointer& pointer, const Scope& scope) {
  switch (pointer.root) {
    case Pointer::Root::Item: return walk(scope.item, pointer.steps);
    case Pointer::Root::Body: return walk(scope.body, pointer.steps);
    case Pointer::Root::Inner:
      if (!scope.inner[pointer.inner]) return std::nullopt;
      return walk(*scope.inner[pointer.inner], pointer.steps);
    case Pointer::Root::Header:
    case Pointer::Root::Literal: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<element> find_element(const Pointer& pointer, const Scope& scope) {
  const auto found = find_any(pointer, scope);
  std::string_view text;
  if (scope.absent == nullptr || !found || found->get(text) != simdjson::SUCCESS) return found;
  if (!RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *scope.absent)) return found;
  return std::nullopt;
}

void append_text(element value, std::string_view separator, std::string& out) {
  switch (value.type()) {
    case element_type::STRING: out += value.get_string().value_unsafe(); break;
    case element_type::INT64: append_number(value.get_int64().value_unsafe(), out); break;
    case element_type::UINT64: append_number(value.get_uint64().value_unsafe(), out); break;
    case element_type::DOUBLE: append_number(value.get_double().value_unsafe(), out); break;
    case element_type::BOOL: out += value.get_bool().value_unsafe() ? "true" : "false"; break;
    case element_type::ARRAY: {
      const std::size_t start = out.size();
      const simdjson::dom::array members = value.get_array().value_unsafe();
      for (const element member : members) {
        if (member.is_array() || member.is_object() || member.is_null()) continue;
        if (out.size() > start) out += separator;
        append_text(member, separator, out);
      }
      break;
    }
    case element_type::OBJECT:
    case element_type::NULL_VALUE: break;
  }
}

namespace {

const Filter* filter_of(const Placeholder& placeholder, Filter::Kind kind) {
  for (const Filter& filter : placeholder.filters) {
    if (filter.kind == kind) return &filter;
  }
  return nullptr;
}

void append_element(const Placeholder& placeholder, element value, std::string& out) {
  if (filter_of(placeholder, Filter::Kind::Json) != nullptr) {
    if (!value.is_null()) out += simdjson::to_string(value);
  } else if (filter_of(placeholder, Filter::Kind::Count) != nullptr) {
    if (value.is_array()) append_number(value.get_array().value_unsafe().size(), out);
    if (value.is_object()) append_number(value.get_object().value_unsafe().size(), out);
  } else {
    const Filter* join = filter_of(placeholder, Filter::Kind::Join);
    append_text(value, join != nullptr ? std::string_view(join->text) : ",", out);
  }
}

void append_pointer(const Placeholder& placeholder, const Pointer& pointer, const Scope& scope,
                    std::string& out) {
  if (pointer.root == Pointer::Root::Literal) {
    out += pointer.name;
  } else if (pointer.root == Pointer::Root::Header) {
    if (scope.frame != nullptr) out += scope.frame->header(pointer.name);
  } else if (const auto value = find_element(pointer, scope)) {
    append_element(placeholder, *value, out);
  }
}

std::string_view match(const Filter& filter, std::string_view text) {
  const re2::StringPiece input(text.data(), text.size());
  re2::StringPiece groups[2];
  const int count = filter.regex->NumberOfCapturingGroups() > 0 ? 2 : 1;
  if (!filter.regex->Match(input, 0, text.size(), RE2::UNANCHORED, groups, count)) return {};
  const re2::StringPiece& part = groups[count - 1];
  return {part.data(), part.size()};
}

// The part of `text` that a filter keeps. Filters that change letters do not come here.
std::string_view narrow(const Filter& filter, std::string_view text) {
  switch (filter.kind) {
    case Filter::Kind::FirstLine: return trim(text.substr(0, text.find_first_of("\r\n")));
    case Filter::Kind::Trim: return trim(text);
    case Filter::Kind::Prefix: {
      std::size_t end = 0;
      for (std::size_t n = 0; n < filter.number && end < text.size(); ++n) {
        end += std::max<std::size_t>(1, utf8_sequence_length(text.substr(end)));
      }
      return text.substr(0, end);
    }
    case Filter::Kind::StripPrefix:
      return text.starts_with(filter.text) ? text.substr(filter.text.size()) : text;
    case Filter::Kind::StripSuffix:
      return text.ends_with(filter.text) ? text.substr(0, text.size() - filter.text.size()) : text;
    case Filter::Kind::Basename:
      return text.substr(text.rfind('/') == text.npos ? 0 : text.rfind('/') + 1);
    case Filter::Kind::Regex: return match(filter, text);
    case Filter::Kind::Lower:
    case Filter::Kind::Upper:
    case Filter::Kind::Default:
    case Filter::Kind::Join:
    case Filter::Kind::Json:
    case Filter::Kind::Count:
    case Filter::Kind::Required: break;
  }
  return text;
}

void change_case(Filter::Kind kind, std::string& out, std::size_t start) {
  for (std::size_t i = start; i < out.size(); ++i) {
    char& c = out[i];
    if (kind == Filter::Kind::Lower && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (kind == Filter::Kind::Upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
}

// Works on what stands behind `start`. Returns: false when a required value is missing.
bool apply_filters(const Placeholder& placeholder, std::string& out, std::size_t start) {
  for (const Filter& filter : placeholder.filters) {
    if (filter.kind == Filter::Kind::Lower || filter.kind == Filter::Kind::Upper) {
      change_case(filter.kind, out, start);
    } else if (filter.kind == Filter::Kind::Default) {
      if (out.size() == start) out += filter.text;
    } else if (filter.kind == Filter::Kind::Required) {
      if (out.size() == start) return false;
    } else {
      const std::string_view text = std::string_view(out).substr(start);
      const std::string_view kept = narrow(filter, text);
      if (kept.size() == text.size()) continue;
      const auto skip = kept.empty() ? 0 : static_cast<std::size_t>(kept.data() - text.data());
      out.resize(start + skip + kept.size());
      out.erase(start, skip);
    }
  }
  return true;
}

}  // namespace

bool Template::is_literal() const {
  return std::ranges::none_of(pieces, [](const Piece& p) { return p.placeholder.has_value(); });
}

bool Template::append(const Scope& scope, std::string_view what, std::string& out) const {
  const std::size_t begin = out.size();
  bool has_placeholder = false;
  bool found = false;
  for (const Piece& piece : pieces) {
    if (!piece.placeholder) {
      out += piece.literal;
      continue;
    }
    has_placeholder = true;
    const std::size_t start = out.size();
    for (const Pointer& pointer : piece.placeholder->pointers) {
      append_pointer(*piece.placeholder, pointer, scope, out);
      if (out.size() > start) break;
      if (scope.misses != nullptr) scope.misses->push_back({std::string(what), pointer.text});
    }
    if (!apply_filters(*piece.placeholder, out, start)) {
      found = false;
      break;
    }
    found = found || out.size() > start;
  }
  if (has_placeholder && !found) out.resize(begin);
  return out.size() > begin;
}

bool Expression::append_raw(const Scope& scope, std::string& out) const {
  return std::ranges::any_of(alternatives,
                             [&](const Template& t) { return t.append(scope, what, out); });
}

const std::string* Expression::mapped(std::string_view raw) const {
  for (const auto& [key, value] : map) {
    if (equals_ignore_case(key, raw)) return &value;
  }
  return nullptr;
}

bool Expression::append_fallback(const Scope& scope, std::string& out) const {
  return fallback && fallback->append(scope, what, out);
}

bool Expression::append(const Scope& scope, std::string& out) const {
  const std::size_t start = out.size();
  const bool found = append_raw(scope, out);
  if (found && map.empty()) return true;
  if (found) {
    if (const std::string* value = mapped(std::string_view(out).substr(start))) {
      out.replace(start, out.npos, *value);
      return !value->empty();
    }
    if (!fallback) return true;
    out.resize(start);
  }
  return append_fallback(scope, out);
}

std::optional<std::string_view> Expression::constant() const {
  if (!map.empty() || alternatives.size() != 1 || !alternatives[0].is_literal()) return {};
  if (alternatives[0].pieces.size() != 1) return {};
  return alternatives[0].pieces[0].literal;
}

bool Expression::finds_container(const Scope& scope) const {
  for (const Template& text : alternatives) {
    for (const Template::Piece& piece : text.pieces) {
      if (!piece.placeholder) continue;
      for (const Pointer& pointer : piece.placeholder->pointers) {
        const auto value = find_element(pointer, scope);
        if (value && (value->is_object() || value->is_array())) return true;
      }
    }
  }
  return false;
}

namespace {

bool is_existence(Condition::Op op) {
  return op == Condition::Op::Exists || op == Condition::Op::Absent;
}

}  // namespace

bool Condition::holds(const Scope& scope, std::string& scratch) const {
  const auto test_holds = [&](const Test& test) {
    scratch.clear();
    const bool found = test.value.append(scope, scratch) ||
                       (is_existence(test.op) && test.value.finds_container(scope));
    const auto is_value = [&](const std::string& w) { return equals_ignore_case(w, scratch); };
    switch (test.op) {
      case Op::OneOf: return found && std::ranges::any_of(test.words, is_value);
      case Op::NoneOf: return std::ranges::none_of(test.words, is_value);
      case Op::Matches: return found && RE2::PartialMatch(scratch, *test.regex);
      case Op::Exists: return found;
      case Op::Absent: return !found;
    }
    return false;
  };
  return std::ranges::any_of(any,
                             [&](const auto& all) { return std::ranges::all_of(all, test_holds); });
}

}  // namespace quell
