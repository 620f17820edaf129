#include "detect/finding_title.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "stream/histogram_quantiles.h"

namespace quell {
namespace {

constexpr std::size_t kLabelsMax = 3;
constexpr std::size_t kLabelBytesMax = 60;
constexpr std::size_t kFamiliesMax = 3;
// Of where a series was scraped; the entity says that.
constexpr std::array<std::string_view, 4> kPlaces{kMetricLabel, "instance", "job", "cluster"};

// What HistogramQuantiles makes has the metric of its histogram before a colon.
struct MetricName {
  std::string_view name{};
  std::string_view quantile{};  // "p99", or empty.
};
MetricName name_of(std::string_view metric) {
  for (const auto& q : HistogramQuantiles::kQuantiles) {
    if (!metric.ends_with(q.ending)) continue;
    return {metric.substr(0, metric.size() - q.ending.size()), q.ending.substr(1)};
  }
  return {metric, {}};
}

std::string metric_text(std::string_view metric) {
  const auto [name, quantile] = name_of(metric);
  return quantile.empty() ? std::string(name) : fmt::format("{} of {}", quantile, name);
}

// Of a quantile, whose unit Prometheus' conventions put into the name.
std::string_view unit_text(std::string_view metric) {
  const auto [name, quantile] = name_of(metric);
  if (quantile.empty()) return "";
  if (name.ends_with("_seconds")) return " s";
  return name.ends_with("_bytes") ? " B" : "";
}

std::string number_text(double value) {
  return fmt::format("{:.4g}", value);
}

// The metric, and those of its labels that tell it from others of the entity.
std::string series_text(const Series& series, const Entity& entity) {
  std::string labels;
  std::size_t count = 0;
  for (const Label label : series.labels) {
    const bool is_place = std::ranges::find(kPlaces, label.name) != kPlaces.end();
    if (is_place || label.value == entity.name || count == kLabelsMax) continue;
    labels += fmt::format("{}{}=\"{}\"", count++ == 0 ? "" : ", ", label.name,
                          utf8_prefix(label.value, kLabelBytesMax));
  }
  std::string text = metric_text(series.metric());
  return labels.empty() ? text : text + '{' + labels + '}';
}

// `node_memory_MemFree_bytes` is of `node_memory`.
std::string_view family_of(std::string_view metric) {
  const auto first = metric.find('_');
  return first == metric.npos ? metric : metric.substr(0, metric.find('_', first + 1));
}

// Metrics of other families than the first one's, the most telling of each.
std::string others_text(const Finding& finding) {
  std::vector<std::string_view> families{family_of(finding.signals.front().series->metric())};
  std::string text;
  for (const FindingSignal& signal : finding.signals) {
    const std::string_view metric = signal.series->metric();
    const std::string_view family = family_of(metric);
    if (std::ranges::find(families, family) != families.end()) continue;
    text += families.size() == 1 ? ", of " : ", ";
    text += metric_text(metric);
    families.push_back(family);
    if (families.size() > kFamiliesMax) break;
  }
  return text;
}

}  // namespace

std::string title_of_finding(const Finding& finding) {
  if (finding.signals.empty()) return "Unusual metrics";
  const FindingSignal& top = finding.signals.front();
  if (finding.is_storm) {
    return fmt::format("{} series of {} entities are unusual, the most {}", finding.series_count,
                       finding.entities, metric_text(top.series->metric()));
  }
  std::string text = series_text(*top.series, finding.entity);
  if (!finding.entity.empty()) text += " on " + finding.entity.name;
  if (top.is_named()) {
    text += ' ' + top.rule->text;
    if (finding.series_count > 1) text += fmt::format("; {} more series", finding.series_count - 1);
    return text;
  }
  const std::string_view per = top.is_rate ? "/s" : unit_text(top.series->metric());
  text += fmt::format(" is {}{}, usual is {}{} ({} to {})", number_text(top.peak.value), per,
                      number_text(top.peak.expected), unit_text(top.series->metric()),
                      number_text(top.low()), number_text(top.high()));
  if (finding.series_count > 1) {
    text += fmt::format("; {} more series", finding.series_count - 1) + others_text(finding);
  }
  return text;
}

}  // namespace quell
