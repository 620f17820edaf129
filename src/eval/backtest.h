// Backtest: what a detection rule would have raised on recorded samples, had it been in force.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "detect/detection_rule.h"
#include "model/finding.h"
#include "model/frame.h"
#include "model/series.h"

namespace quell {

// The samples of one series, in the order of time.
struct BacktestSamples {
  std::string series{};  // `cpu{host="a"}`, or the name of a file.
  std::string entity{};  // `host:a`, with its tenant where that is not the default one.
  std::string tenant{kDefaultTenant};
  SeriesLabels labels{};  // Empty where nobody knows them.
  std::vector<Timestamp> times{};
  std::vector<double> values{};
};

struct BacktestFinding {
  Timestamp onset{};
  Timestamp detected_at{};              // With the sample that made it a finding,
  std::optional<Timestamp> ended_at{};  // and the one that ended it; open at the end: none.
  std::int8_t side = 0;                 // Of the worst sample: above or below what was usual.
  double value = 0;                     // Of the sample that was furthest from it, in bands.
  double expected = 0;
  double lower = 0;
  double upper = 0;
  std::optional<Timestamp> crosses_at{};  // Forecast: when it said that the limit is crossed.
  // Isolation: the series that was furthest from its own usual, whose are `value` and `expected`,
  std::string furthest{};
  double p = 1;  // and how rare all of them were together.
};

struct BacktestSeries {
  std::string series{};
  std::size_t samples = 0;
  std::size_t learning = 0;  // Of them, those from which the detector only learned.
  Timestamp begin{};
  Timestamp end{};
  // Of `auto` they are episodes, of which find_of_entities() makes findings.
  std::vector<BacktestFinding> findings{};
  std::map<std::string, std::size_t> held_back{};  // Unusual samples that do not count, by reason.

  // For the picture: kColumns equal stretches of time.
  struct Column {
    std::size_t count = 0;
    double low = 0;  // Of the values,
    double high = 0;
    double band_low = 0;  // and of what was usual; NaN where there is no band.
    double band_high = 0;
    bool in_finding = false;
    bool in_episode = false;  // Of `auto`, whether there is a finding of it or not.
  };
  static constexpr std::size_t kColumns = 96;
  std::vector<Column> columns{};
};

// One series; of isolation, all series of one entity, of which one sample of each makes one of all
// as in a server: when the last one has come, or one comes a second time.
// Errors: InvalidArgument for what the detector needs and does not have, and without samples.
Result<BacktestSeries> run_backtest(const DetectionRule& rule,
                                    std::span<const BacktestSamples> samples);
inline Result<BacktestSeries> run_backtest(const DetectionRule& rule,
                                           const BacktestSamples& samples) {
  return run_backtest(rule, std::span(&samples, 1));
}

// What run_backtest() takes at once: each series alone; of isolation those of an entity together.
// Returns: at least one. Errors: InvalidArgument when no entity has two series, or one too many.
inline constexpr std::size_t kBacktestGroupMax = 256;  // As in a server.
Result<std::vector<std::vector<BacktestSamples>>> group_backtest(const DetectionRule& rule,
                                                                 std::vector<BacktestSamples> all);

// All that a backtest says.
struct BacktestReport {
  std::vector<BacktestSeries> series{};
  // Of `auto`: what a server would have raised, as findings of entities, the earliest first.
  std::vector<Finding> raised{};

  std::size_t findings(const DetectionRule& rule) const;     // What people would have heard of.
  double findings_per_day(const DetectionRule& rule) const;  // Of one series.
};

// What a server with this rule alone, whose detector is `auto`, makes of the episodes of all
// series: findings of their entities. Marks in the pictures which episodes are in one.
// Requires: series[i] is the result of samples[i].
void find_of_entities(const DetectionRule& rule, std::span<const BacktestSamples> samples,
                      BacktestReport& report);

// For people: the findings, and the picture with the band drawn behind the values.
std::string render_backtest(const DetectionRule& rule, const BacktestSeries& series);
std::string render_raised(std::span<const Finding> raised);
// The picture as SVG, of all series below each other.
std::string backtest_svg(const DetectionRule& rule, std::span<const BacktestSeries> all);
std::string backtest_json(const DetectionRule& rule, const BacktestReport& report);

}  // namespace quell
