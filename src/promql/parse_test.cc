#include <gtest/gtest.h>

#include "base/time.h"
#include "promql/expr.h"

namespace quell::promql {
namespace {

constexpr std::string_view kOps[] = {"+",  "-",  "*", "/", "%",  "^",
                                     "==", "!=", ">", "<", ">=", "<="};

std::string list(const std::vector<std::string>& labels) {
  std::string text;
  for (const std::string& label : labels) text += (text.empty() ? "" : ",") + label;
  return "(" + text + ")";
}

std::string text(const Expr& e);

std::string selector_text(const Selector& s) {
  std::string out = "{";
  for (const Matcher& m : s.matchers) out += (out.size() > 1 ? "," : "") + m.to_string();
  out += "}";
  if (s.range > Duration::zero()) out += "[" + format_duration(s.range) + "]";
  if (s.offset != Duration::zero()) {
    out += s.offset > Duration::zero() ? "@-" + format_duration(s.offset)
                                       : "@+" + format_duration(-s.offset);
  }
  return out;
}

// The tree, with a parenthesis around each operation.
std::string text(const Expr& e) {
  switch (e.kind) {
    case Expr::Kind::Number: return std::to_string(e.number).substr(0, 4);
    case Expr::Kind::Select: return selector_text(e.selector);
    case Expr::Kind::Negate: return "-" + text(*e.args[0]);
    case Expr::Kind::Call: {
      std::string out = "f" + std::to_string(static_cast<int>(e.function)) + "(";
      for (const auto& arg : e.args) out += (out.back() == '(' ? "" : ", ") + text(*arg);
      return out + ")";
    }
    case Expr::Kind::Aggregate:
      return "a" + std::to_string(static_cast<int>(e.aggregation)) +
             (e.without ? " without " : " by ") + list(e.labels) + " " + text(*e.args[0]);
    case Expr::Kind::Binary:
      return "(" + text(*e.args[0]) + " " + std::string(kOps[static_cast<int>(e.op)]) +
             (e.is_bool ? " bool" : "") + (e.on ? " on " + list(e.labels) : "") +
             (!e.on && !e.labels.empty() ? " ignoring " + list(e.labels) : "") + " " +
             text(*e.args[1]) + ")";
  }
  return "";
}

void check_query(std::string_view in, std::string_view want) {
  const auto query = parse_query(in);
  EXPECT_EQ(query ? text(*query->root) : query.error().to_string(), want) << in;
}

TEST(PromqlParse, Selectors) {
  check_query("up", R"({__name__="up"})");
  check_query("a:b{c='d', e!=\"f\",g=~`h.*`,i!~'j',}",
              R"({__name__="a:b",c="d",e!="f",g=~"h.*",i!~"j"})");
  check_query("{__name__=~\"a|b\"}", R"({__name__=~"a|b"})");
  check_query(R"({"http.duration", "service.name"="x"})",
              R"({__name__="http.duration",service.name="x"})");
  check_query("sum", R"({__name__="sum"})");
  check_query("by{on='1'}", R"({__name__="by",on="1"})");
  check_query("a[5m] # why", R"({__name__="a"}[5m])");
  check_query("a[1h30m] offset 1w", R"({__name__="a"}[1h30m]@-7d)");
  check_query("a offset -5m", R"({__name__="a"}@+5m)");
  check_query(R"(a{b="\x41\u00e9\t\101\""})", "{__name__=\"a\",b=\"Aé\tA\\\"\"}");
}

TEST(PromqlParse, Operators) {
  check_query("1+2*3^2^2", "(1.00 + (2.00 * (3.00 ^ (2.00 ^ 2.00))))");
  check_query("-1^2", "-(1.00 ^ 2.00)");
  check_query("2*-a", R"((2.00 * -{__name__="a"}))");
  check_query("1-2-3", "((1.00 - 2.00) - 3.00)");
  check_query("(1-(2-3))", "(1.00 - (2.00 - 3.00))");
  check_query("a > 1 + 1", R"(({__name__="a"} > (1.00 + 1.00)))");
  check_query("1 == bool 0x10", "(1.00 == bool 16.0)");
  check_query("a / on(x,y) b", R"(({__name__="a"} / on (x,y) {__name__="b"}))");
  check_query("a - ignoring(z) b + c",
              R"((({__name__="a"} - ignoring (z) {__name__="b"}) + {__name__="c"}))");
  check_query("Inf - NaN", "(inf - nan)");
  check_query("1e3 % .5", "(1000 % 0.50)");
}

TEST(PromqlParse, CallsAndAggregations) {
  check_query("rate(a[5m])", R"(f0({__name__="a"}[5m]))");
  check_query("sum by (b, a) (rate(a[5m]))", R"(a0 by (a,b) f0({__name__="a"}[5m]))");
  check_query("SUM(a) WITHOUT (b)", R"(a0 without (b) {__name__="a"})");
  check_query("count(a)", R"(a4 by () {__name__="a"})");
  check_query("max by () (a)", R"(a3 by () {__name__="a"})");
  check_query("sum by (\"service.name\") (a)", R"(a0 by (service.name) {__name__="a"})");
  check_query("histogram_quantile(0.9, sum by (le) (rate(a_bucket[1m])))",
              R"(f10(0.90, a0 by (le) f0({__name__="a_bucket"}[1m])))");
}

constexpr std::string_view kSubset =
    " is not in the subset of PromQL that is answered here; it has selectors, offset, arithmetic, "
    "comparisons and sum, avg, min, max, count, rate, increase, irate, delta, avg_over_time, "
    "min_over_time, max_over_time, sum_over_time, count_over_time, last_over_time, "
    "histogram_quantile";

void check_refused(std::string_view in, std::string_view place, std::string_view what) {
  check_query(in,
              std::string(place) + ": parse error: " + std::string(what) + std::string(kSubset));
}

TEST(PromqlParse, WhatIsNotInTheSubset) {
  check_refused("topk(3, a)", "1:1", "the aggregation 'topk'");
  check_refused("quantile by (x) (0.9, a)", "1:1", "the aggregation 'quantile'");
  check_refused("1 + predict_linear(a[1h], 3600)", "1:5", "the function 'predict_linear'");
  check_refused("a and b", "1:3", "the operator 'and'");
  check_refused("a\n  or b", "2:3", "the operator 'or'");
  check_refused("a / on(x) group_left b", "1:11", "'group_left'");
  check_refused("a @ 5", "1:3", "the modifier '@'");
  check_refused("a[5m:1m]", "1:2", "a subquery");
  check_refused("(a) offset 5m", "1:5", "offset of anything but a selector");
  check_refused("\"text\"", "1:1", "a string");
}

TEST(PromqlParse, Errors) {
  check_query("", "1:1: parse error: no expression found in input");
  check_query("a +", "1:4: parse error: unexpected end of input where an operand should be");
  check_query("a b", "1:3: parse error: unexpected \"b\" after the expression");
  check_query("{}",
              "1:1: parse error: vector selector must contain at least one non-empty matcher");
  check_query("{a=~'.*'}",
              "1:1: parse error: vector selector must contain at least one non-empty matcher");
  check_query("a{b}",
              "1:4: parse error: unexpected \"}\" in label matching, expected one of = != "
              "=~ !~");
  check_query("a{b='c}", "1:5: parse error: unterminated quoted string");
  check_query("a{b='\\q'}", "1:5: parse error: unknown escape sequence in a string");
  check_query("a{__name__='b'}", "1:3: parse error: metric name must not be set twice");
  check_query("a[5]", "1:3: parse error: unexpected \"5\" in a range, expected duration");
  check_query("a[0s]", "1:2: parse error: duration must be greater than 0");
  check_query("a[5x]", "1:3: parse error: bad number or duration syntax: \"5x\"");
  check_query("a[5m", "1:5: parse error: unexpected end of input in a range, expected \"]\"");
  check_query("(a)[5m]", "1:4: parse error: ranges only allowed for vector selectors");
  check_query("rate(a)",
              "1:6: parse error: expected type range vector in call to function "
              "\"rate\", got instant vector");
  check_query("rate(a[1m], 3)",
              "1:13: parse error: expected type range vector in call to function "
              "\"rate\", got scalar");
  check_query("rate()", "1:5: parse error: expected 1 argument(s) in call to \"rate\", got 0");
  check_query("sum(a[5m])",
              "1:5: parse error: expected type instant vector in aggregation "
              "expression, got range vector");
  check_query("a[5m] + 1",
              "1:7: parse error: binary expression must contain only scalar and "
              "instant vector types");
  check_query("1 > 2", "1:3: parse error: comparisons between scalars must use BOOL modifier");
  check_query("1 + bool 2",
              "1:5: parse error: bool modifier can only be used on comparison operators");
  check_query("a + on(x) 1",
              "1:3: parse error: vector matching only allowed between instant vectors");
  check_query("-a[5m]",
              "1:1: parse error: unary expression only allowed on expressions of type "
              "scalar or instant vector");
  check_query("a $ b", "1:3: parse error: unexpected character: '$ b'");
}

TEST(PromqlParse, Limits) {
  const auto repeated = [](std::string_view part, int count, std::string_view end) {
    std::string text;
    for (int i = 0; i < count; ++i) text += part;
    return text + std::string(end);
  };
  const auto is_deep = [](const std::string& in) {
    const auto query = parse_query(in);
    return !query && query.error().message.ends_with("the expression is nested too deeply");
  };
  EXPECT_TRUE(is_deep(repeated("(", 10'000, "a")));
  EXPECT_TRUE(is_deep(repeated("-", 10'000, "a")));
  EXPECT_TRUE(is_deep(repeated("2^", 10'000, "2")));
  EXPECT_TRUE(is_deep(repeated("sum(", 10'000, "a")));
  EXPECT_FALSE(parse_query(repeated("1+", 2000, "1")).has_value());
  EXPECT_TRUE(parse_query(repeated("1+", 900, "1")).has_value());
  EXPECT_FALSE(parse_query(std::string(kQueryBytesMax + 1, ' ')).has_value());
}

void check_step(std::string_view in, std::string_view want) {
  const auto step = parse_step(in);
  EXPECT_EQ(step ? format_duration(*step) : step.error().to_string(), want) << in;
}

TEST(PromqlParse, Steps) {
  check_step("15", "15s");
  check_step("0.5", "500ms");
  check_step("1m30s", "1m30s");
  check_step("1d", "1d");
  check_step("x", "cannot parse \"x\" to a valid duration");
  check_step("30s1m", "1:1: parse error: bad number or duration syntax: \"30s1m\"");
  check_step("99999999999999999999y",
             "1:1: parse error: bad number or duration syntax: \"99999999999999999999y\"");
}

TEST(Parse, RegularExpressionsAreLimited) {
  const auto with = [](std::size_t count) {
    std::string text = "a{b=\"c\"";
    for (std::size_t i = 0; i < count; ++i) text += ",d=~\"e.*\"";
    return text + "}";
  };
  EXPECT_TRUE(parse_query(with(kRegexesMax)));
  const auto refused = parse_query(with(kRegexesMax + 1));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("the expression has more than 20 regular"));
}

}  // namespace
}  // namespace quell::promql
