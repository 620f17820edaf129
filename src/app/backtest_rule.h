// The rule file of `quell backtest`: one detection rule in YAML.
//
//   name: queue-grows
//   metric: queue_depth                # and, or instead, match: 'queue="outbox"'
//   detector: forecast                 # auto, threshold, absence, seasonal, change_point, forecast
//   above: 100000
//   horizon: 4h
//   min_duration: 5m
//   direction: up
//   hours: 09:00-18:00
//   weekdays: mon-fri
//   timezone: CET-1CEST,M3.5.0,M10.5.0/3
#pragma once

#include <string_view>

#include "base/result.h"
#include "eval/backtest.h"

namespace quell {

// Errors: InvalidArgument with file:line:column.
Result<BacktestRule> read_backtest_rule(std::string_view yaml, std::string_view file);

}  // namespace quell
