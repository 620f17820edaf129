#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/text.h"
#include "model/series.h"
#include "promql/expr.h"
#include "promql/lexer.h"

namespace quell::promql {
namespace {

using Kind = Token::Kind;
using ExprPtr = std::unique_ptr<Expr>;

constexpr std::array<std::pair<std::string_view, Function>, 11> kFunctions{{
    {"rate", Function::Rate},
    {"increase", Function::Increase},
    {"irate", Function::Irate},
    {"delta", Function::Delta},
    {"avg_over_time", Function::AvgOverTime},
    {"min_over_time", Function::MinOverTime},
    {"max_over_time", Function::MaxOverTime},
    {"sum_over_time", Function::SumOverTime},
    {"count_over_time", Function::CountOverTime},
    {"last_over_time", Function::LastOverTime},
    {"histogram_quantile", Function::HistogramQuantile},
}};
constexpr std::array<std::pair<std::string_view, Aggregation>, 5> kAggregations{{
    {"sum", Aggregation::Sum},
    {"avg", Aggregation::Avg},
    {"min", Aggregation::Min},
    {"max", Aggregation::Max},
    {"count", Aggregation::Count},
}};
// Prometheus has them, the subset does not.
constexpr std::array<std::string_view, 8> kOtherAggregations{
    "group", "stddev", "stdvar", "topk", "bottomk", "count_values", "quantile", "limitk"};
constexpr std::array<std::string_view, 4> kOtherOperators{"and", "or", "unless", "atan2"};

struct Operator {
  std::string_view text;
  BinaryOp op;
  int level;
};
constexpr std::array<Operator, 12> kOperators{{
    {"==", BinaryOp::Eq, 1},
    {"!=", BinaryOp::Ne, 1},
    {">", BinaryOp::Gt, 1},
    {"<", BinaryOp::Lt, 1},
    {">=", BinaryOp::Ge, 1},
    {"<=", BinaryOp::Le, 1},
    {"+", BinaryOp::Add, 2},
    {"-", BinaryOp::Sub, 2},
    {"*", BinaryOp::Mul, 3},
    {"/", BinaryOp::Div, 3},
    {"%", BinaryOp::Mod, 3},
    {"^", BinaryOp::Pow, 4},
}};
constexpr int kPowLevel = 4;

template <class Map>
const auto* find_in(const Map& map, std::string_view name) {
  const auto at = std::ranges::find(map, name, [](const auto& entry) { return entry.first; });
  return at == map.end() ? nullptr : &at->second;
}

std::string supported() {
  std::string names;
  for (const auto& [name, aggregation] : kAggregations) names += std::string(name) + ", ";
  for (const auto& [name, function] : kFunctions) names += std::string(name) + ", ";
  names.resize(names.size() - 2);
  return names;
}

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens)
      : text_(text), tokens_(std::move(tokens)) {}

  Result<Query> query() {
    Query query;
    if (peek().kind == Kind::End) return error("no expression found in input");
    TRY(query.root, expression(1));
    if (peek().kind != Kind::End) return unexpected_token("after the expression");
    number_selectors(*query.root, query.selectors);
    return query;
  }

  Result<Selector> only_selector() {
    TRY(const ExprPtr expr, selector());
    if (peek().kind != Kind::End) return unexpected_token("after the selector");
    return std::move(expr->selector);
  }

 private:
  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
  }
  Token take() {
    Token token = peek();
    if (next_ + 1 < tokens_.size()) ++next_;
    return token;
  }
  bool take_symbol(std::string_view symbol) {
    if (!peek().is(symbol)) return false;
    take();
    return true;
  }
  bool is_word(std::string_view word, std::size_t ahead = 0) const {
    return peek(ahead).kind == Kind::Name && equals_ignore_case(peek(ahead).text, word);
  }

  std::unexpected<Error> error_at(std::size_t at, std::string_view what) const {
    return parse_error(text_, at, what);
  }
  std::unexpected<Error> error(std::string_view what) const { return error_at(peek().at, what); }
  std::unexpected<Error> not_here(std::size_t at, std::string_view what) const {
    return error_at(at, fmt::format("{} is not in the subset of PromQL that is answered here; it "
                                    "has selectors, offset, arithmetic, comparisons and {}",
                                    what, supported()));
  }
  std::unexpected<Error> unexpected_token(std::string_view where) const {
    if (peek().kind == Kind::End) return error(fmt::format("unexpected end of input {}", where));
    return error(fmt::format("unexpected \"{}\" {}", utf8_prefix(peek().text, 64), where));
  }
  Status expect(std::string_view symbol, std::string_view where) {
    if (take_symbol(symbol)) return {};
    return unexpected_token(fmt::format("{}, expected \"{}\"", where, symbol));
  }

  static ExprPtr make(Expr::Kind kind, Type type) {
    auto expr = std::make_unique<Expr>();
    expr->kind = kind;
    expr->type = type;
    return expr;
  }

  static void number_selectors(Expr& expr, std::vector<const Selector*>& all) {
    if (expr.kind == Expr::Kind::Select) {
      expr.selector.number = all.size();
      all.push_back(&expr.selector);
    }
    for (const ExprPtr& arg : expr.args) number_selectors(*arg, all);
  }

  // ---------------------------------------------------------------------------------------------
  // Operators.

  const Operator* operator_here() const {
    if (peek().kind != Kind::Symbol) return nullptr;
    const auto at = std::ranges::find(kOperators, peek().text, &Operator::text);
    return at == kOperators.end() ? nullptr : &*at;
  }

  // Binary operators of at least this level.
  Result<ExprPtr> expression(int level) {
    if (++depth_ > kDepthMax) return error("the expression is nested too deeply");
    TRY(ExprPtr left, unary());
    for (;;) {
      for (const std::string_view other : kOtherOperators) {
        if (is_word(other)) return not_here(peek().at, fmt::format("the operator '{}'", other));
      }
      const Operator* const op = operator_here();
      if (op == nullptr || op->level < level) break;
      const std::size_t at = take().at;
      auto binary = make(Expr::Kind::Binary, Type::Scalar);
      binary->op = op->op;
      const bool is_matched = is_word("on") || is_word("ignoring") ||
                              (is_word("bool") && (is_word("on", 1) || is_word("ignoring", 1)));
      TRY_STATUS(modifiers(*binary));
      // To the right, as 2^3^2, or to the left.
      TRY(ExprPtr right, expression(op->level == kPowLevel ? kPowLevel : op->level + 1));
      binary->args.push_back(std::move(left));
      binary->args.push_back(std::move(right));
      TRY_STATUS(check_binary(*binary, is_matched, at));
      if (++nodes_ > kNodesMax) return error_at(at, "the expression has too many operators");
      left = std::move(binary);
    }
    --depth_;
    return left;
  }

  // `bool`, `on (…)`, `ignoring (…)`.
  Status modifiers(Expr& binary) {
    if (is_word("bool")) {
      if (!is_comparison(binary.op)) {
        return error("bool modifier can only be used on comparison operators");
      }
      take();
      binary.is_bool = true;
    }
    if (is_word("on") || is_word("ignoring")) {
      binary.on = is_word("on");
      take();
      TRY(binary.labels, label_list());
    }
    for (const std::string_view word : {"group_left", "group_right"}) {
      if (is_word(word)) return not_here(peek().at, fmt::format("'{}'", word));
    }
    return {};
  }

  Status check_binary(Expr& binary, bool is_matched, std::size_t at) {
    const Type left = binary.args[0]->type;
    const Type right = binary.args[1]->type;
    if (left == Type::Range || right == Type::Range) {
      return error_at(at, "binary expression must contain only scalar and instant vector types");
    }
    const bool is_scalar = left == Type::Scalar && right == Type::Scalar;
    if (is_scalar && is_comparison(binary.op) && !binary.is_bool) {
      return error_at(at, "comparisons between scalars must use BOOL modifier");
    }
    const bool has_scalar = left == Type::Scalar || right == Type::Scalar;
    if (has_scalar && is_matched) {
      return error_at(at, "vector matching only allowed between instant vectors");
    }
    binary.type = is_scalar ? Type::Scalar : Type::Vector;
    return {};
  }

  // A sign binds less than `^`, and more than the others.
  Result<ExprPtr> unary() {
    const std::size_t at = peek().at;
    if (!peek().is("-") && !peek().is("+")) return primary();
    const bool negate = take().text == "-";
    TRY(ExprPtr arg, expression(kPowLevel));
    if (arg->type == Type::Range) {
      return error_at(
          at, "unary expression only allowed on expressions of type scalar or instant vector");
    }
    if (!negate) return arg;
    auto expr = make(Expr::Kind::Negate, arg->type);
    expr->args.push_back(std::move(arg));
    return expr;
  }

  // ---------------------------------------------------------------------------------------------
  // What stands between operators.

  Result<ExprPtr> primary() {
    TRY(ExprPtr expr, operand());
    return with_modifiers(std::move(expr));
  }

  Result<ExprPtr> operand() {
    const Token& token = peek();
    if (token.is("(")) {
      take();
      TRY(ExprPtr expr, expression(1));
      TRY_STATUS(expect(")", "in a parenthesis"));
      in_parenthesis_ = true;
      return expr;
    }
    in_parenthesis_ = false;
    if (token.kind == Kind::Number) return number(take().number);
    if (token.kind == Kind::String) return not_here(token.at, "a string");
    if (token.is("{")) return selector();
    if (token.kind != Kind::Name) return unexpected_token("where an operand should be");
    if (peek(1).is("{")) return selector();
    const bool calls = peek(1).is("(");
    if (equals_ignore_case(token.text, "inf")) return number_word(HUGE_VAL);
    if (equals_ignore_case(token.text, "nan")) {
      return number_word(std::numeric_limits<double>::quiet_NaN());
    }
    const std::string name = to_lower(token.text);
    const bool groups = is_word("by", 1) || is_word("without", 1);
    if (calls || groups) {
      if (const Aggregation* known = find_in(kAggregations, name)) return aggregate(*known);
      if (std::ranges::find(kOtherAggregations, name) != kOtherAggregations.end()) {
        return not_here(token.at, fmt::format("the aggregation '{}'", name));
      }
    }
    if (!calls) return selector();
    if (const Function* known = find_in(kFunctions, token.text)) return call(*known);
    return not_here(token.at, fmt::format("the function '{}'", utf8_prefix(token.text, 64)));
  }

  Result<ExprPtr> number_word(double value) {
    take();
    return number(value);
  }
  Result<ExprPtr> number(double value) {
    auto expr = make(Expr::Kind::Number, Type::Scalar);
    expr->number = value;
    return expr;
  }

  Result<std::vector<std::string>> label_list() {
    std::vector<std::string> labels;
    TRY_STATUS(expect("(", "in a list of labels"));
    while (!peek().is(")")) {
      if (peek().kind != Kind::Name && peek().kind != Kind::String) {
        return unexpected_token("in a list of labels");
      }
      const Token token = take();
      labels.push_back(token.kind == Kind::String ? token.content : std::string(token.text));
      if (!take_symbol(",")) break;
    }
    TRY_STATUS(expect(")", "in a list of labels"));
    std::ranges::sort(labels);
    labels.erase(std::ranges::unique(labels).begin(), labels.end());
    return labels;
  }

  Status grouping(Expr& expr) {
    expr.without = is_word("without");
    take();
    TRY(expr.labels, label_list());
    return {};
  }

  Result<ExprPtr> aggregate(Aggregation aggregation) {
    const std::string name(take().text);
    auto expr = make(Expr::Kind::Aggregate, Type::Vector);
    expr->aggregation = aggregation;
    const bool first = !peek().is("(");
    if (first) TRY_STATUS(grouping(*expr));
    TRY_STATUS(expect("(", "in an aggregation"));
    const std::size_t at = peek().at;
    TRY(ExprPtr arg, expression(1));
    TRY_STATUS(expect(")", "in an aggregation"));
    if (arg->type != Type::Vector) {
      return error_at(at, fmt::format("expected type instant vector in aggregation expression, "
                                      "got {}",
                                      type_name(arg->type)));
    }
    if (!first && (is_word("by") || is_word("without"))) TRY_STATUS(grouping(*expr));
    expr->args.push_back(std::move(arg));
    in_parenthesis_ = true;
    return expr;
  }

  Status check_arg(std::string_view name, const Expr& arg, Type want, std::size_t at) const {
    if (arg.type == want) return {};
    return error_at(at, fmt::format("expected type {} in call to function \"{}\", got {}",
                                    type_name(want), name, type_name(arg.type)));
  }

  Result<ExprPtr> call(Function function) {
    const std::string name(take().text);
    const std::size_t begin = take().at;
    auto expr = make(Expr::Kind::Call, Type::Vector);
    expr->function = function;
    const bool is_quantile = function == Function::HistogramQuantile;
    while (!peek().is(")")) {
      const std::size_t at = peek().at;
      TRY(ExprPtr arg, expression(1));
      const Type want = !is_quantile         ? Type::Range
                        : expr->args.empty() ? Type::Scalar
                                             : Type::Vector;
      TRY_STATUS(check_arg(name, *arg, want, at));
      expr->args.push_back(std::move(arg));
      if (!take_symbol(",")) break;
    }
    TRY_STATUS(expect(")", "in a call"));
    const std::size_t count = is_quantile ? 2 : 1;
    if (expr->args.size() != count) {
      return error_at(begin, fmt::format("expected {} argument(s) in call to \"{}\", got {}", count,
                                         name, expr->args.size()));
    }
    in_parenthesis_ = true;
    return expr;
  }

  // ---------------------------------------------------------------------------------------------
  // Selectors.

  Result<ExprPtr> selector() {
    const std::size_t at = peek().at;
    auto expr = make(Expr::Kind::Select, Type::Vector);
    std::vector<Matcher>& matchers = expr->selector.matchers;
    if (peek().kind == Kind::Name) {
      TRY_STATUS(add_matcher(matchers, std::string(kMetricLabel), MatchOp::Equal,
                             std::string(take().text), at));
    } else if (!peek().is("{")) {
      return unexpected_token("where a selector should be");
    }
    if (take_symbol("{")) TRY_STATUS(matcher_list(matchers));
    const bool is_open =
        std::ranges::all_of(matchers, [](const Matcher& m) { return m.matches(""); });
    if (is_open) return error_at(at, "vector selector must contain at least one non-empty matcher");
    return expr;
  }

  Status add_matcher(std::vector<Matcher>& matchers, std::string name, MatchOp op,
                     std::string value, std::size_t at) {
    if (name == kMetricLabel && !matchers.empty() && op == MatchOp::Equal &&
        matchers.front().name() == kMetricLabel && matchers.front().op() == MatchOp::Equal) {
      return error_at(at, "metric name must not be set twice");
    }
    if (++matchers_ > kMatchersMax) return error_at(at, "the expression has too many matchers");
    const bool is_regex = op == MatchOp::Regex || op == MatchOp::NotRegex;
    if (is_regex && ++regexes_ > kRegexesMax) {
      return error_at(
          at, fmt::format("the expression has more than {} regular expressions", kRegexesMax));
    }
    auto matcher = Matcher::make(std::move(name), op, std::move(value));
    if (!matcher) return error_at(at, matcher.error().message);
    matchers.push_back(*std::move(matcher));
    return {};
  }

  Status matcher_list(std::vector<Matcher>& matchers) {
    while (!peek().is("}")) {
      const Token name = take();
      if (name.kind != Kind::Name && name.kind != Kind::String) {
        --next_;
        return unexpected_token("in label matching, expected a label name");
      }
      const std::string label = name.kind == Kind::String ? name.content : std::string(name.text);
      const bool is_metric = name.kind == Kind::String && (peek().is(",") || peek().is("}"));
      if (is_metric) {
        TRY_STATUS(
            add_matcher(matchers, std::string(kMetricLabel), MatchOp::Equal, label, name.at));
      } else {
        MatchOp op{};
        if (peek().is("=")) {
          op = MatchOp::Equal;
        } else if (peek().is("!=")) {
          op = MatchOp::NotEqual;
        } else if (peek().is("=~")) {
          op = MatchOp::Regex;
        } else if (peek().is("!~")) {
          op = MatchOp::NotRegex;
        } else {
          return unexpected_token("in label matching, expected one of = != =~ !~");
        }
        take();
        if (peek().kind != Kind::String)
          return unexpected_token("in label matching, expected string");
        TRY_STATUS(add_matcher(matchers, label, op, take().content, name.at));
      }
      if (!take_symbol(",")) break;
    }
    return expect("}", "in label matching");
  }

  // `[5m]`, `offset 5m`, behind a selector.
  Result<ExprPtr> with_modifiers(ExprPtr expr) {
    const bool selects = expr->kind == Expr::Kind::Select && !in_parenthesis_;
    if (peek().is("[")) {
      const std::size_t at = take().at;
      if (peek().kind != Kind::Duration) return unexpected_token("in a range, expected duration");
      const Token range = take();
      if (peek().text.starts_with(':')) return not_here(at, "a subquery");
      TRY_STATUS(expect("]", "in a range"));
      if (!selects) {
        return error_at(at, "ranges only allowed for vector selectors");
      }
      if (range.duration <= Duration::zero()) {
        return error_at(at, "duration must be greater than 0");
      }
      expr->selector.range = range.duration;
      expr->type = Type::Range;
    }
    if (peek().is("@")) return not_here(peek().at, "the modifier '@'");
    if (!is_word("offset")) return expr;
    const std::size_t at = take().at;
    const bool is_negative = peek().is("-");
    if (is_negative || peek().is("+")) take();
    if (peek().kind != Kind::Duration) return unexpected_token("in offset, expected duration");
    const Duration offset = take().duration;
    if (!selects) return not_here(at, "offset of anything but a selector");
    expr->selector.offset = is_negative ? -offset : offset;
    if (peek().is("@")) return not_here(peek().at, "the modifier '@'");
    return expr;
  }

  static constexpr int kNodesMax = 1000;
  static constexpr int kMatchersMax = 1000;

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int depth_ = 0;
  int nodes_ = 0;
  int matchers_ = 0;
  std::size_t regexes_ = 0;
  bool in_parenthesis_ = false;  // The operand that was read last.
};

Result<Parser> parser_for(std::string_view text) {
  if (text.size() > kQueryBytesMax) {
    return fail(Errc::InvalidArgument,
                fmt::format("the query is larger than the limit of {} bytes", kQueryBytesMax));
  }
  TRY(auto tokens, tokenize(text));
  return Parser(text, std::move(tokens));
}

}  // namespace

std::string_view Selector::metric() const {
  for (const Matcher& m : matchers) {
    if (m.name() == kMetricLabel && m.op() == MatchOp::Equal) return m.value();
  }
  return {};
}

std::string_view type_name(Type type) {
  switch (type) {
    case Type::Scalar: return "scalar";
    case Type::Vector: return "instant vector";
    case Type::Range: return "range vector";
  }
  return "";
}

Result<Query> parse_query(std::string_view text) {
  TRY(Parser parser, parser_for(text));
  return parser.query();
}

Result<Selector> parse_selector(std::string_view text) {
  TRY(Parser parser, parser_for(text));
  return parser.only_selector();
}

Result<Duration> parse_step(std::string_view text) {
  Duration duration{};
  if (parse_promql_duration(text, duration)) return duration;
  TRY(const auto tokens, tokenize(text));
  constexpr double kMost = 1e9;
  if (tokens.size() == 2 && tokens[0].kind == Kind::Number && tokens[0].number < kMost) {
    return std::chrono::duration_cast<Duration>(
        std::chrono::milliseconds(static_cast<std::int64_t>(tokens[0].number * 1000)));
  }
  return fail(Errc::InvalidArgument,
              fmt::format("cannot parse \"{}\" to a valid duration", utf8_prefix(text, 64)));
}

}  // namespace quell::promql
