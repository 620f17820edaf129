// Backtests of `auto`: from episodes of series to findings of entities.
#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "eval/backtest.h"
#include "eval/entity_watch.h"

namespace quell {
namespace {

// A file's series has a name and no labels.
SeriesLabels labels_of(const BacktestSamples& samples) {
  if (!samples.labels.bytes().empty()) return samples.labels;
  const std::string metric(utf8_prefix(printable(samples.series), 1'000));
  const auto labels = SeriesLabels::from({{kMetricLabel, metric}});
  return labels.value_or(SeriesLabels());
}

struct Arrival {
  Timestamp time{};
  std::uint32_t member = 0;
  std::uint32_t index = 0;
};

std::vector<Arrival> arrivals_by_time(std::span<const BacktestSamples> all) {
  std::vector<Arrival> arrivals;
  for (std::uint32_t m = 0; m < all.size(); ++m) {
    for (std::uint32_t i = 0; i < all[m].times.size(); ++i) {
      arrivals.push_back({all[m].times[i], m, i});
    }
  }
  std::ranges::stable_sort(arrivals, {}, &Arrival::time);
  return arrivals;
}

// All of it is one rule's, so that its own conditions need not hold here: what it matches was
// chosen already, by a query perhaps.
FindingOptions options_of(const DetectionRule& rule) {
  FindingOptions options;
  options.calendar = rule.detector.calendar;
  DetectionRule& only = options.rules.emplace_back(rule);
  only.metric.clear();
  only.matchers.clear();
  return options;
}

bool is_in(const BacktestSamples& samples, const Finding& finding) {
  if (samples.tenant != finding.tenant) return false;
  if (finding.is_storm) return true;
  const Series series{.tenant = samples.tenant, .labels = labels_of(samples)};
  return entity_key(series, entity_of(series)) ==
         entity_key(*finding.signals.at(0).series, finding.entity);
}

void mark(BacktestSeries& series, const Finding& finding) {
  const auto count = static_cast<std::int64_t>(BacktestSeries::kColumns);
  const Duration width = (series.end - series.begin) / count + Duration{1};
  for (std::int64_t c = 0; c < count; ++c) {
    auto& column = series.columns[static_cast<std::size_t>(c)];
    const Timestamp begin = series.begin + c * width;
    if (begin > finding.last_time || begin + width < finding.onset) continue;
    column.in_finding = column.in_finding || column.in_episode;
  }
}

}  // namespace

void find_of_entities(const DetectionRule& rule, std::span<const BacktestSamples> samples,
                      BacktestReport& report) {
  std::vector<EntityWatch::Member> members;
  for (const BacktestSamples& one : samples) {
    members.push_back({.tenant = one.tenant, .labels = labels_of(one)});
  }
  EntityWatch watch(members, options_of(rule));
  const std::vector<Arrival> arrivals = arrivals_by_time(samples);
  std::vector<std::uint32_t> present;
  std::vector<double> values;
  for (std::size_t i = 0; i < arrivals.size();) {
    const Timestamp time = arrivals[i].time;
    present.clear();
    values.clear();
    for (; i < arrivals.size() && arrivals[i].time == time; ++i) {
      present.push_back(arrivals[i].member);
      values.push_back(samples[arrivals[i].member].values[arrivals[i].index]);
    }
    watch.observe(time, present, values);
  }
  report.raised = watch.findings();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    for (auto& column : report.series[i].columns) {
      column.in_episode = std::exchange(column.in_finding, false);
    }
    for (const Finding& finding : report.raised) {
      if (is_in(samples[i], finding)) mark(report.series[i], finding);
    }
  }
}

}  // namespace quell
