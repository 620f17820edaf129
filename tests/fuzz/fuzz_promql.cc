// Any text as a query, over a few series that it may find or not.
#include <cmath>

#include "fuzz.h"
#include "model/sample.h"
#include "promql/value.h"

namespace quell {
namespace {

using promql::InputSeries;

const std::vector<InputSeries>& series() {
  static const std::vector<InputSeries> all = [] {
    std::vector<InputSeries> made;
    for (int i = 0; i < 6; ++i) {
      InputSeries s{.labels = {{"__name__", i < 3 ? "up" : "shop_duration_seconds_bucket"},
                               {"job", i % 2 == 0 ? "shop" : "db"},
                               {"le", i < 3    ? "x"
                                      : i == 5 ? "+Inf"
                                               : std::to_string(i)}}};
      for (int t = 0; t < 20; ++t) {
        s.times_ms.push_back(t * 500);
        const double odd[] = {NAN, INFINITY, stale_marker(), -1};
        s.values.push_back(t % 7 == 0 ? odd[t / 7 + i % 2] : t * i);
      }
      made.push_back(std::move(s));
    }
    return made;
  }();
  return all;
}

}  // namespace

void fuzz_one(std::string_view input) {
  (void)promql::parse_selector(input);
  (void)promql::parse_step(input);
  const auto query = promql::parse_query(input);
  if (!query) {
    QUELL_ASSERT(!query.error().message.empty(), "a refusal says why");
    return;
  }
  promql::Inputs inputs;
  for (const promql::Selector* selector : query->selectors) {
    auto& found = inputs.emplace_back();
    for (const InputSeries& s : series()) {
      const auto get = [&](std::string_view name) -> std::string_view {
        for (const auto& [n, v] : s.labels) {
          if (n == name) return v;
        }
        return {};
      };
      if (matches_all(selector->matchers, get)) found.push_back(s);
    }
  }
  const promql::Steps steps{.start_ms = 3000, .step_ms = 700, .count = 5};
  for (const promql::Selector* selector : query->selectors) {
    const auto [first, last] = promql::times_needed(*selector, steps);
    QUELL_ASSERT(first <= last, "times are in order");
  }
  const auto value = promql::evaluate(*query, inputs, steps);
  if (!value) return;
  QUELL_ASSERT(value->type == query->root->type, "the type was known before");
  for (const promql::OutputSeries& s : value->series) {
    QUELL_ASSERT(s.values.size() == steps.count && s.present.size() == steps.count, "all steps");
    for (const double v : s.values) (void)promql::format_value(v);
  }
}

}  // namespace quell
