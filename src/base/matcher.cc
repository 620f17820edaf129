#include "base/matcher.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace quell {
namespace {

constexpr std::array<std::pair<std::string_view, MatchOp>, 4> kOps{{{"=~", MatchOp::Regex},
                                                                    {"!~", MatchOp::NotRegex},
                                                                    {"!=", MatchOp::NotEqual},
                                                                    {"=", MatchOp::Equal}}};

std::string_view op_text(MatchOp op) {
  for (const auto& [text, known] : kOps) {
    if (known == op) return text;
  }
  return "=";
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Names are printed bare unless the text would not parse to the same name again.
std::string quoted_if_needed(const std::string& name) {
  const bool bare = std::ranges::none_of(name, [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || std::string_view("{}!=~,\"'`\\").contains(c);
  });
  return bare ? name : in_quotes(name);
}

std::unexpected<Error> bad(std::string_view text) {
  return fail(Errc::InvalidArgument,
              fmt::format("'{}' is not a matcher such as service=\"checkout\" or severity=~\"a|b\"",
                          utf8_prefix(text, 128)));
}

// Takes a quoted text off the front; returns false when there is no closing quote.
bool take_quoted(std::string_view& text, std::string& out) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return true;
    }
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      if (text[i] == 'n') {
        out += '\n';
        continue;
      }
      if (text[i] != '"' && text[i] != '\\') out += '\\';
    }
    out += text[i];
  }
  return false;
}

// Takes one matcher off the front of a comma-separated list.
Result<Matcher> take_matcher(std::string_view& text) {
  const std::string_view whole = text;
  std::string name;
  text = trim(text);
  if (text.starts_with('"')) {
    if (!take_quoted(text, name)) return bad(whole);
  } else {
    const auto end = std::min(text.find_first_of("=!,"), text.size());
    name = trim(text.substr(0, end));
    text.remove_prefix(end);
  }
  text = trim(text);
  const auto op =
      std::ranges::find_if(kOps, [&](const auto& o) { return text.starts_with(o.first); });
  if (name.empty() || op == kOps.end()) return bad(whole);
  text = trim(text.substr(op->first.size()));
  std::string value;
  if (text.starts_with('"')) {
    if (!take_quoted(text, value)) return bad(whole);
  } else {
    const auto end = std::min(text.find(','), text.size());
    value = trim(text.substr(0, end));
    text.remove_prefix(end);
  }
  text = trim(text);
  if (!text.empty() && text[0] != ',') return bad(whole);
  if (!text.empty()) text.remove_prefix(1);
  return Matcher::make(std::move(name), op->second, std::move(value));
}

}  // namespace

Result<Matcher> Matcher::make(std::string name, MatchOp op, std::string value) {
  Matcher matcher;
  matcher.name_ = std::move(name);
  matcher.op_ = op;
  matcher.value_ = std::move(value);
  if (!matcher.is_regex()) return matcher;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  auto regex = std::make_shared<const RE2>(matcher.value_, options);
  if (!regex->ok()) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not a regular expression (RE2): {}",
                            utf8_prefix(matcher.value_, 128), regex->error()));
  }
  matcher.regex_ = std::move(regex);
  return matcher;
}

Result<Matcher> Matcher::parse(std::string_view text) {
  std::string_view rest = text;
  TRY(Matcher matcher, take_matcher(rest));
  if (!trim(rest).empty()) return bad(text);
  return matcher;
}

bool Matcher::matches(std::string_view value) const {
  switch (op_) {
    case MatchOp::Equal: return value == value_;
    case MatchOp::NotEqual: return value != value_;
    case MatchOp::Regex:
      return RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_);
    case MatchOp::NotRegex:
      return !RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_);
  }
  return false;
}

std::string Matcher::to_string() const {
  return fmt::format("{}{}{}", quoted_if_needed(name_), op_text(op_), in_quotes(value_));
}

Result<std::vector<Matcher>> parse_matchers(std::string_view text) {
  text = trim(text);
  if (text.starts_with('{') && text.ends_with('}')) text = text.substr(1, text.size() - 2);
  std::vector<Matcher> matchers;
  while (!trim(text).empty()) {
    TRY(Matcher matcher, take_matcher(text));
    matchers.push_back(std::move(matcher));
  }
  return matchers;
}

bool matches_all(const std::vector<Matcher>& matchers,
                 const std::function<std::string_view(std::string_view)>& lookup) {
  return std::ranges::all_of(matchers,
                             [&](const Matcher& m) { return m.matches(lookup(m.name())); });
}

}  // namespace quell
