// Matcher: `name="value"`, `!=`, `=~`, `!~`, with Alertmanager's meaning.
//
// Regular expressions are RE2 (linear time, safe for untrusted text) and anchored at both ends. A
// missing label is the empty string.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace quell {

enum class MatchOp { Equal, NotEqual, Regex, NotRegex };

class Matcher {
 public:
  // Errors: InvalidArgument, e.g. on a regular expression that does not compile.
  static Result<Matcher> make(std::string name, MatchOp op, std::string value);
  // Parses `name="v"`; the value's quotes may be left out, the name may be quoted (UTF-8 names).
  static Result<Matcher> parse(std::string_view text);

  bool matches(std::string_view value) const;

  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  MatchOp op() const { return op_; }
  bool is_regex() const { return op_ == MatchOp::Regex || op_ == MatchOp::NotRegex; }
  bool is_equal() const { return op_ == MatchOp::Equal || op_ == MatchOp::Regex; }
  std::string to_string() const;  // `name=~"a|b"`

 private:
  Matcher() = default;
  std::string name_;
  std::string value_;
  MatchOp op_ = MatchOp::Equal;
  std::shared_ptr<const re2::RE2> regex_;  // Shared: copies of a matcher are cheap.
};

// Parses `{a="b", c=~"d"}` or `a="b",c=~"d"`; the empty text matches everything.
Result<std::vector<Matcher>> parse_matchers(std::string_view text);

// All must match. `lookup(name)` gives the value, empty when absent.
bool matches_all(const std::vector<Matcher>& matchers,
                 const std::function<std::string_view(std::string_view)>& lookup);

}  // namespace quell
