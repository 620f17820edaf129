// Backtests of `auto`: from episodes of series to findings of entities.
#include <algorithm>
#include <string>
#include <utility>

#include "base/json.h"
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

namespace {

void series_json(JsonWriter& w, const BacktestSeries& series, std::string_view word) {
  w.begin_object()
      .field("series", series.series)
      .field("samples", series.samples)
      .field("learning", series.learning)
      .field("begin", series.begin)
      .field("end", series.end);
  w.key(word).begin_array();
  for (const BacktestFinding& f : series.findings) {
    w.begin_object().field("onset", f.onset).field("detected_at", f.detected_at);
    w.field("ended_at", f.ended_at)
        .field("direction", f.side > 0   ? "up"
                            : f.side < 0 ? "down"
                                         : "none")
        .field("value", f.value)
        .field("expected", f.expected)
        .field("low", f.lower)
        .field("high", f.upper);
    if (f.crosses_at) w.field("crosses_at", *f.crosses_at);
    if (!f.furthest.empty()) w.field("furthest", f.furthest).field("p", f.p);
    w.end_object();
  }
  w.end_array().key("held_back").begin_object();
  for (const auto& [reason, n] : series.held_back) w.field(reason, n);
  w.end_object().end_object();
}

}  // namespace

std::string backtest_json(const DetectionRule& rule, const BacktestReport& report) {
  const bool is_auto = rule.detector.kind == NamedDetectorKind::Auto;
  const std::size_t findings = report.findings(rule);
  const double days = report.days();
  std::string text;
  JsonWriter w(text);
  w.begin_object()
      .field("rule", rule.name)
      .field("detector", named_detector_name(rule.detector.kind))
      .field("findings", findings)
      .field("findings_per_series_and_day", days > 0 ? static_cast<double>(findings) / days : 0);
  if (is_auto) {
    w.key("raised").begin_array();
    for (const Finding& f : report.raised) {
      w.begin_object()
          .field("onset", f.onset)
          .field("detected_at", f.detected_at)
          .field("ended_at", f.ended_at)
          .field("entity", f.entity.to_string())
          .field("severity", severity_name(f.severity))
          .field("opens_incident", opens_incident(f))
          .field("series", f.series_count)
          .field("title", f.title)
          .field("why", f.why)
          .end_object();
    }
    w.end_array();
  }
  w.key("series").begin_array();
  for (const BacktestSeries& one : report.series) {
    series_json(w, one, is_auto ? "episodes" : "findings");
  }
  w.end_array().end_object();
  return text;
}

}  // namespace quell
