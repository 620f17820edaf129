// A finding as the alert that the correlator places: identity, severity, and words.
#include <fmt/format.h>

#include "app/detect_stage.h"
#include "base/hash.h"
#include "base/time.h"
#include "detect/component.h"

namespace quell {
namespace {

constexpr std::string_view kSource = "/quell/detection";

// The same for all findings of an entity, so that it is one alert that fires again.
LabelSet labels_of(const Finding& finding) {
  LabelSet::Builder builder;
  const std::string id = format_finding_id(finding.id);
  if (finding.is_storm) {
    builder.add("alertname", "UnusualMetricsStorm");
    builder.add("finding", id);
    return builder.build().value_or(LabelSet());
  }
  builder.add("alertname", "UnusualMetrics");
  if (!finding.entity.empty()) {
    builder.add(finding.entity.kind, finding.entity.name);
  } else if (!finding.signals.empty()) {
    builder.add("metric", finding.signals.front().series->metric());
  }
  return builder.build().value_or(LabelSet());
}

std::string fired_text(const Finding& finding) {
  std::string text;
  if (finding.signals.empty()) return text;
  if (finding.signals.front().is_named()) return finding.signals.front().rule->detector;
  for (std::size_t i = 0; i < kComponents; ++i) {
    const auto component = static_cast<Component>(i);
    if (!contains(finding.signals.front().fired, component)) continue;
    if (!text.empty()) text += ", ";
    text += component_sentence(component);
  }
  return text;
}

}  // namespace

Event finding_event(const Finding& finding, bool ended) {
  Event e;
  e.source = kSource;
  e.type = "io.quell.finding";
  e.time = finding.last_time;
  e.kind = EventKind::Alert;
  e.status = ended ? EventStatus::Resolved : EventStatus::Firing;
  e.severity = finding.severity;
  e.severity_text = severity_name(finding.severity);
  e.tenant = finding.tenant;
  e.entity = finding.entity;
  e.subject = e.entity.to_string();
  e.labels = labels_of(finding);
  e.title = finding.title;
  std::vector<std::pair<std::string, std::string>> pairs{
      {"finding", format_finding_id(finding.id)},
      {"description", finding.why}};
  if (finding.p < 1) pairs.emplace_back("p", fmt::format("{:.1e}", finding.p));
  if (!finding.signals.empty() && finding.signals.front().is_named()) {
    pairs.emplace_back("rule", finding.signals.front().rule->name);
  }
  if (const std::string fired = fired_text(finding); !fired.empty()) {
    pairs.emplace_back("components", fired);
  }
  std::vector<Label> views;
  for (const auto& [name, value] : pairs) views.push_back({name, value});
  e.annotations = LabelSet::from(std::move(views)).value_or(LabelSet());
  e.starts_at = finding.onset;
  if (ended) e.ends_at = finding.last_time;
  // Several may come with one frame: what says something else is another event.
  std::uint64_t content = hash64(e.title, static_cast<std::uint64_t>(to_ns(e.time)));
  content = hash64(e.annotations.bytes(), hash64(e.labels.bytes(), content));
  e.id = fmt::format("{}/{}/{}/{:016x}", format_finding_id(finding.id),
                     format_rfc3339(finding.updated_at), event_status_name(e.status), content);
  return e;
}

}  // namespace quell
