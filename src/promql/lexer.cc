#include "promql/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/text.h"

namespace quell::promql {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name_char(char c) {
  return is_letter(c) || is_digit(c) || c == ':';
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// `digits` of base 8 or 16 from `at` on. Returns: false when there are fewer.
bool read_code(std::string_view text, std::size_t& at, std::size_t digits, int base,
               std::uint32_t& out) {
  if (text.size() - at < digits) return false;
  const char* first = text.data() + at;
  const auto [end, error] = std::from_chars(first, first + digits, out, base);
  at += digits;
  return error == std::errc{} && end == first + digits;
}

// In milliseconds, largest first.
constexpr std::array<std::string_view, 7> kUnitNames{"y", "w", "d", "h", "m", "s", "ms"};
constexpr std::array<std::int64_t, 7> kUnitSizes{31'536'000'000, 604'800'000, 86'400'000, 3'600'000,
                                                 60'000,         1'000,       1};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> all() {
    std::vector<Token> tokens;
    for (;;) {
      skip_space();
      Token token;
      token.at = at_;
      if (at_ < text_.size()) TRY_STATUS(next(token));
      token.text = text_.substr(token.at, at_ - token.at);
      tokens.push_back(std::move(token));
      if (tokens.back().kind == Token::Kind::End) return tokens;
    }
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void skip_space() {
    while (at_ < text_.size()) {
      if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (std::string_view(" \t\n\r").contains(text_[at_])) {
        ++at_;
      } else {
        return;
      }
    }
  }

  Status next(Token& token) {
    const char c = peek();
    if (is_letter(c) || c == ':') {
      while (is_name_char(peek())) ++at_;
      token.kind = Token::Kind::Name;
      return {};
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number(token);
    if (c == '"' || c == '\'' || c == '`') return string(token);
    token.kind = Token::Kind::Symbol;
    for (const std::string_view two : {"==", "!=", ">=", "<=", "=~", "!~"}) {
      if (text_.substr(at_).starts_with(two)) {
        at_ += 2;
        return {};
      }
    }
    if (!std::string_view("+-*/%^=<>(){}[],@:").contains(c)) {
      return parse_error(
          text_, at_, fmt::format("unexpected character: '{}'", utf8_prefix(text_.substr(at_), 4)));
    }
    ++at_;
    return {};
  }

  // A number, or a duration when letters follow the digits.
  Status number(Token& token) {
    const std::size_t begin = at_;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      at_ += 2;
      std::uint64_t hex = 0;
      const char* const end = text_.data() + text_.size();
      const auto [stop, error] = std::from_chars(text_.data() + at_, end, hex, 16);
      at_ = static_cast<std::size_t>(stop - text_.data());
      if (error != std::errc{} || is_name_char(peek())) return bad_number(begin);
      token.kind = Token::Kind::Number;
      token.number = static_cast<double>(hex);
      return {};
    }
    const char* const end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data() + at_, end, token.number);
    at_ = static_cast<std::size_t>(stop - text_.data());
    token.kind = Token::Kind::Number;
    const bool fits = error == std::errc{} || error == std::errc::result_out_of_range;
    if (error == std::errc::result_out_of_range) {
      token.number = std::numeric_limits<double>::infinity();
    }
    if (fits && !is_name_char(peek())) return {};
    while (is_name_char(peek()) && peek() != ':') ++at_;
    token.kind = Token::Kind::Duration;
    if (parse_promql_duration(text_.substr(begin, at_ - begin), token.duration)) return {};
    return bad_number(begin);
  }

  Status bad_number(std::size_t begin) {
    while (is_name_char(peek())) ++at_;
    return parse_error(
        text_, begin,
        fmt::format("bad number or duration syntax: \"{}\"", text_.substr(begin, at_ - begin)));
  }

  Status string(Token& token) {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    token.kind = Token::Kind::String;
    while (at_ < text_.size() && text_[at_] != quote) {
      const char c = text_[at_];
      if (c == '\n' && quote != '`') break;
      if (c != '\\' || quote == '`') {
        token.content += c;
        ++at_;
      } else if (!escape(token.content)) {
        return parse_error(text_, begin, "unknown escape sequence in a string");
      }
    }
    if (peek() != quote) return parse_error(text_, begin, "unterminated quoted string");
    ++at_;
    if (invalid_utf8_at(token.content)) {
      return parse_error(text_, begin, "the string is not UTF-8");
    }
    return {};
  }

  bool escape(std::string& out) {
    ++at_;
    const char c = peek();
    constexpr std::string_view kNames = "abfnrtv\\'\"";
    constexpr std::string_view kChars = "\a\b\f\n\r\t\v\\'\"";
    if (const auto known = kNames.find(c); known != kNames.npos && c != '\0') {
      out += kChars[known];
      ++at_;
      return true;
    }
    std::uint32_t code = 0;
    if (c >= '0' && c <= '7') {
      if (!read_code(text_, at_, 3, 8, code) || code > 255) return false;
      out += static_cast<char>(code);
      return true;
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) return false;
    ++at_;
    if (!read_code(text_, at_, digits, 16, code) || code > 0x10ffff) return false;
    if (c == 'x') {
      out += static_cast<char>(code);
    } else {
      append_utf8(out, code);
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool parse_promql_duration(std::string_view text, Duration& out) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 2'000'000;
  std::size_t at = 0;
  std::size_t next_unit = 0;  // Larger units come first, each at most once.
  std::int64_t total = 0;
  if (text.empty()) return false;
  while (at < text.size()) {
    std::int64_t count = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + at, end, count);
    if (error != std::errc{} || count < 0 || !is_digit(text[at])) return false;
    at = static_cast<std::size_t>(stop - text.data());
    std::size_t length = 0;
    while (at + length < text.size() && !is_digit(text[at + length])) ++length;
    const std::string_view name = text.substr(at, length);
    while (next_unit < kUnitNames.size() && kUnitNames[next_unit] != name) ++next_unit;
    if (next_unit == kUnitNames.size()) return false;
    const std::int64_t unit = kUnitSizes[next_unit++];
    if (count > (kMost - total) / unit) return false;
    total += count * unit;
    at += length;
  }
  out = std::chrono::milliseconds(total);
  return true;
}

std::unexpected<Error> parse_error(std::string_view text, std::size_t at, std::string_view what) {
  const std::string_view before = text.substr(0, at);
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto start = before.rfind('\n');
  const std::size_t column = at - (start == before.npos ? 0 : start + 1) + 1;
  return fail(Errc::InvalidArgument, fmt::format("{}:{}: parse error: {}", line, column, what));
}

Result<std::vector<Token>> tokenize(std::string_view text) {
  return Lexer(text).all();
}

}  // namespace quell::promql
