// Expressions of the PromQL subset, as they were parsed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/matcher.h"
#include "base/result.h"

namespace quell::promql {

// `metric{label="x"}[5m] offset 1h`.
struct Selector {
  std::vector<Matcher> matchers{};  // The metric's name is one on `__name__`.
  Duration range{};                 // 0: an instant vector.
  Duration offset{};
  std::size_t number = 0;  // Of the selectors of the query, in order.

  // The name when one matcher asks for exactly one; else empty.
  std::string_view metric() const;
};

enum class Type : std::uint8_t { Scalar, Vector, Range };
std::string_view type_name(Type type);  // As Prometheus says it: "instant vector".

enum class Function : std::uint8_t {
  Rate,
  Increase,
  Irate,
  Delta,
  AvgOverTime,
  MinOverTime,
  MaxOverTime,
  SumOverTime,
  CountOverTime,
  LastOverTime,
  HistogramQuantile,
};

enum class Aggregation : std::uint8_t { Sum, Avg, Min, Max, Count };

enum class BinaryOp : std::uint8_t { Add, Sub, Mul, Div, Mod, Pow, Eq, Ne, Gt, Lt, Ge, Le };
inline bool is_comparison(BinaryOp op) {
  return op >= BinaryOp::Eq;
}

struct Expr {
  enum class Kind : std::uint8_t { Number, Select, Call, Aggregate, Negate, Binary };
  Kind kind = Kind::Number;
  Type type = Type::Scalar;
  double number = 0;
  Selector selector{};
  Function function = Function::Rate;
  Aggregation aggregation = Aggregation::Sum;
  bool without = false;               // Aggregate: by the labels, or without them.
  std::vector<std::string> labels{};  // Of by, without, on or ignoring; sorted.
  BinaryOp op = BinaryOp::Add;
  bool is_bool = false;
  bool on = false;                            // Binary: match on the labels, or ignoring them.
  std::vector<std::unique_ptr<Expr>> args{};  // Call: 1 or 2; Binary: 2; others: 1.
};

struct Query {
  std::unique_ptr<Expr> root{};
  std::vector<const Selector*> selectors{};  // In `root`, by number.
};

inline constexpr std::size_t kQueryBytesMax = 64 * 1024;
inline constexpr int kDepthMax = 64;
inline constexpr std::size_t kRegexesMax = 20;  // Of one text: each is compiled and run.

// Method: Prometheus' grammar; what is not in the subset is refused by its name.
// Errors: InvalidArgument, as Prometheus writes them: `1:5: parse error: …`.
Result<Query> parse_query(std::string_view text);
// One selector without range and offset: `match[]`.
Result<Selector> parse_selector(std::string_view text);

// `5m`, `1h30m`, or seconds as a number. Errors: InvalidArgument.
Result<Duration> parse_step(std::string_view text);

}  // namespace quell::promql
