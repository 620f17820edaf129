#include <string>
#include <string_view>

#include "base/json.h"
#include "eval/backtest.h"
#include "eval/entity_watch.h"

namespace quell {
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
  std::string text;
  JsonWriter w(text);
  w.begin_object()
      .field("rule", rule.name)
      .field("detector", named_detector_name(rule.detector.kind))
      .field("findings", report.findings(rule))
      .field("findings_per_series_and_day", report.findings_per_day(rule));
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
