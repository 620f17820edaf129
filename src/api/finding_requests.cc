#include "api/finding_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "api/incident_requests.h"
#include "api/json_views.h"
#include "api/list_query.h"
#include "api/request_body.h"
#include "base/text.h"
#include "detect/calibration.h"
#include "detect/component.h"
#include "detect/finding_tracker.h"
#include "model/command.h"
#include "promql/expr.h"
#include "stream/counter_rate.h"

namespace quell {
namespace {

constexpr std::size_t kCharts = 6;
constexpr std::size_t kChartPoints = 600;
constexpr Duration kBefore = std::chrono::hours(1);
constexpr Duration kAfter = std::chrono::minutes(10);

void write_components(JsonWriter& w, const FindingSignal& s) {
  w.key("components").begin_array();
  if (s.is_named()) {
    w.begin_object().field("name", s.rule->detector).field("sentence", s.rule->text).end_object();
  }
  for (std::size_t i = 0; i < kComponents; ++i) {
    const auto component = static_cast<Component>(i);
    if (!contains(s.fired, component)) continue;
    w.begin_object()
        .field("name", component_name(component))
        .field("sentence", component_sentence(component))
        .end_object();
  }
  w.end_array();
}

void write_rule(JsonWriter& w, const FindingSignal& s) {
  w.key("rule");
  if (s.rule == nullptr) {
    w.null();
    return;
  }
  w.begin_object()
      .field("name", s.rule->name)
      .field("detector", s.rule->detector)
      .field("text", s.rule->text)
      .field("held", s.rule->held)
      .field("crosses_at", s.rule->crosses_at)
      .field("earliest", s.rule->earliest)
      .field("latest", s.rule->latest)
      .end_object();
}

void write_signal(JsonWriter& w, const FindingSignal& s) {
  w.begin_object().field("metric", s.series->metric()).key("labels");
  write_labels(w, s.series->labels.to_label_set());
  w.field("unit", s.series->unit)
      .field("is_rate", s.is_rate)
      .field("is_golden", s.is_golden)
      .field("onset", s.onset)
      .field("ended_at", s.ended_at)
      .field("direction", s.is_up() ? "up" : "down")
      .field("score", s.score)
      .field("p", s.is_named() ? 1.0 : score_to_p(s.score))
      .field("value", s.peak.value)
      .field("expected", s.peak.expected)
      .field("low", s.low())
      .field("high", s.high())
      .field("scale", static_cast<double>(s.peak.scale))
      .field("at", s.peak.time);
  write_components(w, s);
  write_rule(w, s);
  w.end_object();
}

std::string_view direction_of(const Finding& f) {
  const auto ups = std::ranges::count_if(f.signals, &FindingSignal::is_up);
  if (ups == 0) return "down";
  return ups == std::ssize(f.signals) ? "up" : "mixed";
}

// The members of FindingSummary, into an open object.
void write_summary(JsonWriter& w, const Finding& f, const AlertBook& alerts) {
  const Alert* alert = alerts.find({.tenant = f.tenant, .fingerprint = f.alert});
  const IncidentId incident = alert == nullptr ? 0 : alert->incident;
  w.field("id", format_finding_id(f.id))
      .field("tenant", f.tenant)
      .field("entity", f.entity.to_string())
      .field("entities", f.entities)
      .field("status", finding_status_name(f.status))
      .field("severity", severity_name(f.severity))
      .field("title", f.title)
      .field("onset", f.onset)
      .field("detected_at", f.detected_at)
      .field("ended_at", f.ended_at)
      .field("updated_at", f.updated_at)
      .field("direction", direction_of(f))
      .field("score", f.score())
      .field("p", f.p)
      .field("series", f.series_count)
      .field("metrics", f.metric_count)
      .field("entity_series", f.entity_series)
      .key("top");
  if (f.signals.empty()) {
    w.null();
  } else {
    write_signal(w, f.signals.front());
  }
  w.field("alert", format_fingerprint(f.alert))
      .field_or_null("incident", incident == 0 ? std::string() : format_incident_id(incident))
      .field_or_null("feedback", feedback_name(f.feedback));
}

struct FindingFilter {
  std::optional<FindingStatus> status{};
  std::string entity{};
  std::string metric{};
  std::string tenant{};
  IncidentId incident = 0;
  std::optional<Timestamp> since{};
  std::optional<Timestamp> until{};

  bool matches(const Finding& f, const AlertBook& alerts) const {
    if (status && f.status != *status) return false;
    if (!entity.empty() && f.entity.to_string() != entity) return false;
    if (!tenant.empty() && f.tenant != tenant) return false;
    if ((since && f.onset < *since) || (until && f.onset >= *until)) return false;
    const auto has_metric = [&](const FindingSignal& s) { return s.series->metric() == metric; };
    if (!metric.empty() && std::ranges::none_of(f.signals, has_metric)) return false;
    if (incident == 0) return true;
    const Alert* alert = alerts.find({.tenant = f.tenant, .fingerprint = f.alert});
    return alert != nullptr && alert->incident == incident;
  }
};

Result<FindingFilter> finding_filter(const Call& call) {
  const http::Request& request = call.request;
  TRY_STATUS(check_parameters(request, {"status", "entity", "metric", "tenant", "incident", "since",
                                        "until", "limit", "cursor"}));
  FindingFilter filter{.entity = request.parameter("entity"),
                       .metric = request.parameter("metric"),
                       .tenant = request.parameter("tenant")};
  if (const std::string word = request.parameter("status"); !word.empty()) {
    filter.status = parse_finding_status(word);
    if (!filter.status) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'{}' is not one of open, ended", utf8_prefix(word, 64)), "status");
    }
  }
  TRY(filter.incident, incident_parameter(request));
  TRY(filter.since, time_parameter(request, "since", call.now));
  TRY(filter.until, time_parameter(request, "until", call.now));
  return filter;
}

Result<FindingId> path_finding(const Call& call) {
  auto id = parse_finding_id(call.parameter("id"));
  if (!id) return fail(Errc::InvalidArgument, id.error().message, "id");
  return *id;
}

std::unexpected<Error> no_finding(FindingId id) {
  return fail(Errc::NotFound, fmt::format("there is no finding {}", format_finding_id(id)));
}

// A place in a chart; the band is known for samples of the episode only.
struct ChartPoint {
  double value = 0;
  const FindingPoint* seen = nullptr;
};

// What memory has of a signal's series.
struct ChartBlocks {
  const FindingSignal* signal = nullptr;
  std::vector<SampleBlock> blocks{};
};

Result<std::map<Timestamp, ChartPoint>> chart_of(const ChartBlocks& in, Timestamp since,
                                                 Timestamp until) {
  std::vector<Point> points;
  for (const SampleBlock& block : in.blocks) TRY_STATUS(decode_block(block, points));
  settle_points(points);
  std::map<Timestamp, ChartPoint> chart;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].time < since || points[i].time > until) continue;
    double value = points[i].value;
    if (in.signal->is_rate) {
      if (i == 0) continue;
      value = counter_rate(points[i - 1].time, points[i - 1].value, points[i].time, value,
                           SampleBook::kRateGapMax);
    }
    chart[points[i].time] = {.value = value};
  }
  if (chart.size() > kChartPoints) {
    const std::size_t step = chart.size() / kChartPoints + 1;
    std::size_t i = 0;
    std::erase_if(chart, [&](const auto&) { return i++ % step != 0; });
  }
  for (const FindingPoint& p : in.signal->points) chart[p.time] = {p.value, &p};
  return chart;
}

void write_chart(JsonWriter& w, std::size_t signal, const FindingSignal& s,
                 const std::map<Timestamp, ChartPoint>& chart) {
  w.begin_object().field("signal", signal).key("points").begin_array();
  for (const auto& [time, point] : chart) {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
    w.begin_array().value(ms.count()).value(point.value);
    if (point.seen == nullptr) {
      w.null().null().null();
    } else {
      const double distance = s.band * static_cast<double>(point.seen->scale);
      w.value(point.seen->expected)
          .value(point.seen->expected - distance)
          .value(point.seen->expected + distance);
    }
    w.end_array();
  }
  w.end_array().end_object();
}

Result<http::Response> detail_response(std::string summary, const Finding& f,
                                       const std::vector<ChartBlocks>& charts) {
  std::string body = std::move(summary);  // Without its last brace.
  std::string rest;
  JsonWriter w(rest);
  w.begin_object().key("signals").begin_array();
  for (const FindingSignal& s : f.signals) write_signal(w, s);
  w.end_array();
  const std::size_t listed = f.signals.size();
  w.field("signals_unlisted", f.series_count > listed ? f.series_count - listed : 0);
  w.key("charts").begin_array();
  for (std::size_t i = 0; i < charts.size(); ++i) {
    const Timestamp until = f.ended_at ? *f.ended_at + kAfter : Timestamp::max();
    TRY(const auto chart, chart_of(charts[i], f.onset - kBefore, until));
    write_chart(w, i, *charts[i].signal, chart);
  }
  w.end_array().key("why").begin_array();
  if (!f.why.empty()) w.value(f.why);
  w.end_array().key("trace").begin_array();
  for (const FindingNote& note : f.trace) {
    w.begin_object().field("at", note.at).field("text", note.text).end_object();
  }
  w.end_array().end_object();
  body += ',';
  body.append(rest, 1);
  return json_response(std::move(body));
}

}  // namespace

void write_finding(JsonWriter& w, const Finding& finding, const AlertBook& alerts) {
  w.begin_object();
  write_summary(w, finding, alerts);
  w.end_object();
}

Result<Reply> list_findings(const Call& call, LiveView& live) {
  TRY(const FindingFilter filter, finding_filter(call));
  TRY(const std::uint32_t limit, limit_parameter(call.request));
  TRY(const Cursor cursor, cursor_parameter(call.request, "f"));
  std::uint64_t before = cursor.kind == 'f' ? cursor.position : UINT64_MAX;
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  std::string next;
  std::uint32_t written = 0;
  std::size_t steps = 0;
  if (live.findings != nullptr) {
    live.findings->newest_first(before, [&](std::uint64_t sequence, const Finding& finding) {
      if (written == limit || steps == kListSteps) {
        next = format_cursor({.kind = 'f', .position = before});
        return false;
      }
      before = sequence;
      ++steps;
      if (!filter.matches(finding, live.alerts)) return true;
      write_finding(w, finding, live.alerts);
      ++written;
      return true;
    });
  }
  w.end_array().field_or_null("next", next).field("open", live.open_findings).end_object();
  return json_response(std::move(body));
}

Result<Reply> get_finding(const Call& call, LiveView& live) {
  TRY_STATUS(check_parameters(call.request, {}));
  TRY(const FindingId id, path_finding(call));
  std::shared_ptr<const Finding> finding;
  if (live.findings != nullptr) finding = live.findings->snapshot(id);
  if (finding == nullptr) return no_finding(id);
  std::string summary;
  JsonWriter w(summary);
  w.begin_object();
  write_summary(w, *finding, live.alerts);
  std::vector<ChartBlocks> charts;
  for (const FindingSignal& s : finding->signals) {
    if (charts.size() == kCharts) break;
    ChartBlocks& chart = charts.emplace_back();
    chart.signal = &s;
    if (live.series == nullptr || live.samples == nullptr) continue;
    const SeriesSlot slot = live.series->find(finding->tenant, s.series->labels);
    if (slot != kNoSlot) chart.blocks = live.samples->blocks_of(slot);
  }
  return Deferred(
      [summary = std::move(summary), finding, charts = std::move(charts)](const History&) mutable {
        return detail_response(std::move(summary), *finding, charts);
      });
}

Result<Reply> give_finding_feedback(const Call& call, LiveView&) {
  static constexpr std::array<std::string_view, 2> kMembers{"verdict", "actor"};
  TRY(const FindingId id, path_finding(call));
  RequestBody body;
  TRY_STATUS(body.parse(call.request.body, kMembers));
  Command command{.kind = CommandKind::FindingFeedback, .finding = id};
  TRY(command.text, body.required_text("verdict", 64));
  if (!parse_feedback(command.text)) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not one of useful, noise", utf8_prefix(command.text, 64)),
                "/verdict");
  }
  TRY(command.actor, body.text("actor", 200));
  if (command.actor.empty()) {
    command.actor = call.identity.name.empty() ? "api" : call.identity.name;
  }
  Submission submission{
      .kind = FrameKind::Command, .source = "api", .body = encode_command(command)};
  submission.answer = [id](LiveView& live, const Applied&) {
    const Finding* finding = live.findings == nullptr ? nullptr : live.findings->find(id);
    std::string text;
    JsonWriter w(text);
    w.begin_object();
    if (finding != nullptr) {
      write_summary(w, *finding, live.alerts);
      w.field("effect", finding->trace.empty() ? std::string() : finding->trace.back().text);
    }
    w.end_object();
    return json_response(std::move(text));
  };
  return submission;
}

namespace {

constexpr std::string_view cycle_name(Cycle cycle) {
  if (cycle == Cycle::Hour) return "hour";
  return cycle == Cycle::Week ? "week" : "day";
}

void write_model(JsonWriter& w, const Series& series, const SeriesModel& model, double band) {
  w.begin_object().field("tenant", series.tenant).field("metric", series.metric()).key("labels");
  write_labels(w, series.labels.to_label_set());
  w.field("entity", entity_of(series).to_string())
      .field("samples", model.samples)
      .field("learning", model.is_learning)
      .field("unusual", model.is_unusual)
      .field("cycle", cycle_name(model.cycle))
      .field("cycle_explains", model.cycle_explains)
      .field("interval_seconds", model.interval_seconds)
      .field("expected", model.expected)
      .field("band", band)
      .field("gain", model.gain)
      .end_object();
}

Result<promql::Selector> selector_of(std::string_view text, std::string_view place) {
  auto selector = promql::parse_selector(text);
  if (!selector) return fail(Errc::InvalidArgument, selector.error().message, std::string(place));
  return *std::move(selector);
}

}  // namespace

Result<Reply> list_models(const Call& call, LiveView& live) {
  constexpr double kCoverage = 0.99;
  constexpr std::size_t kLooksMax = 50'000;  // Series looked at: some milliseconds.
  TRY_STATUS(check_parameters(call.request, {"series", "tenant", "after", "limit"}));
  TRY(const auto limit, limit_parameter(call.request));
  TRY(const auto after, number_parameter(call.request, "after"));
  TRY(const auto selector, selector_of(call.request.parameter("series"), "series"));
  const std::string metric(selector.metric());
  if (metric.empty()) {
    return fail(Errc::InvalidArgument, "name one metric, such as node_load1{host=\"a\"}", "series");
  }
  const std::string tenant = call.request.parameter("tenant");
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  std::size_t matched = 0;
  std::size_t next = 0;  // Where those begin that are not in the answer; 0: it has all.
  if (live.series != nullptr && live.detector != nullptr) {
    const auto& slots = live.series->slots_of(metric);
    const std::size_t first = std::min<std::size_t>(after.value_or(0), slots.size());
    const std::size_t end = first + std::min(kLooksMax, slots.size() - first);
    for (std::size_t i = first; i < end; ++i) {
      const Series& series = *live.series->series(slots[i]);
      if (!tenant.empty() && series.tenant != tenant) continue;
      const bool fits = std::ranges::all_of(selector.matchers, [&](const Matcher& m) {
        return m.matches(series.labels.get(m.name()));
      });
      if (!fits) continue;
      if (++matched > limit) {
        if (next == 0) next = i;
        continue;
      }
      const SeriesModel model = live.detector->model(slots[i]);
      write_model(w, series, model, live.detector->band(slots[i], kCoverage));
    }
    if (next == 0 && end < slots.size()) next = end;
  }
  w.end_array().field("matched", matched).key("next");
  if (next == 0) w.null();
  if (next != 0) w.value(next);
  w.end_object();
  return json_response(std::move(body));
}

Result<Reply> list_detection_rules(const Call& call, LiveView& live) {
  TRY_STATUS(check_parameters(call.request, {}));
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  if (live.watches != nullptr) {
    for (const RuleFacts& rule : live.watches->facts()) {
      w.begin_object()
          .field("name", rule.name)
          .field("detector", rule.detector)
          .field("series", rule.series)
          .field("learning", rule.learning)
          .field("open", rule.open)
          .field("held", rule.held)
          .field("why_held", rule.why_held)
          .end_object();
    }
  }
  const bool is_there = live.watches != nullptr;
  w.end_array()
      .field("series", is_there ? live.watches->series() : 0)
      .field("series_max", is_there ? live.watches->series_max() : 0)
      .field("refused", is_there ? live.watches->refused() : 0)
      .end_object();
  return json_response(std::move(body));
}

Result<Reply> reset_models(const Call& call, LiveView&) {
  static constexpr std::array<std::string_view, 4> kMembers{"series", "finding", "tenant", "actor"};
  constexpr int kSlotsAtOnce = 20'000;  // Of one frame: some milliseconds.
  RequestBody body;
  TRY_STATUS(body.parse(call.request.body, kMembers));
  Command command{.kind = CommandKind::ResetModels};
  TRY(command.text, body.text("series", 4096));
  TRY(const std::string finding, body.text("finding", 64));
  if (command.text.empty() == finding.empty()) {
    return fail(Errc::InvalidArgument, "name either series or a finding", "/series");
  }
  TRY(command.tenant, body.text("tenant", 128));
  if (command.tenant.empty()) command.tenant = call.request.header("x-scope-orgid");
  if (finding.empty()) {
    TRY(const auto selector, selector_of(command.text, "/series"));
    if (command.tenant.empty()) command.tenant = kDefaultTenant;
    command.number = kSlotsAtOnce;
  } else {
    auto id = parse_finding_id(finding);
    if (!id) return fail(Errc::InvalidArgument, id.error().message, "/finding");
    command.finding = *id;
  }
  TRY(command.actor, body.text("actor", 200));
  if (command.actor.empty()) {
    command.actor = call.identity.name.empty() ? "api" : call.identity.name;
  }
  Submission submission{
      .kind = FrameKind::Command, .source = "api", .body = encode_command(command)};
  auto total = std::make_shared<std::uint64_t>(0);
  submission.rest = [command = std::move(command), total](const Applied& applied) mutable {
    *total += applied.count;
    command.slot = applied.rest_at;
    return applied.rest_at == 0 ? std::string() : encode_command(command);
  };
  submission.answer = [total](LiveView&, const Applied&) {
    std::string text;
    JsonWriter(text).begin_object().field("reset", *total).end_object();
    return json_response(std::move(text));
  };
  return submission;
}

}  // namespace quell
