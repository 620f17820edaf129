// Where a backtest gets its samples: a CSV file, a Prometheus-compatible server, or a journal.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "eval/backtest.h"

namespace quell {

struct BacktestSource {
  std::string from{};                     // A path or a URL.
  std::string token{};                    // Bearer, for a server.
  Duration since = std::chrono::days(7);  // Before now, for a server.
  Duration step = std::chrono::minutes(1);
};

inline constexpr std::size_t kBacktestSeriesMax = 1'000;

// What a Prometheus-compatible server is asked for; empty: the rule says nothing.
std::string backtest_selector(const DetectionRule& rule);

// How far it is; `all` is 0 when nobody knows.
using BacktestProgress = std::function<void(std::size_t done, std::size_t all)>;

// The samples of all series that the rule looks at. Counters of a journal come as rates.
// Errors: NotFound when nothing matches; TooLarge beyond kBacktestSeriesMax series; what the file,
// the server or the journal says.
Result<std::vector<BacktestSamples>> read_backtest_samples(const BacktestSource& source,
                                                           const DetectionRule& rule, Timestamp now,
                                                           const BacktestProgress& progress);

}  // namespace quell
