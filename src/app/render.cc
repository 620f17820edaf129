#include "app/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "api/json_views.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

std::vector<const Incident*> live_incidents(const Pipeline& pipeline) {
  std::vector<const Incident*> all;
  pipeline.incidents().newest_first(UINT64_MAX, [&](std::uint64_t, const Incident& incident) {
    all.push_back(&incident);
    return true;
  });
  return all;
}

std::string clock_time(Timestamp t) {
  return format_rfc3339(std::chrono::floor<std::chrono::seconds>(t)).substr(11, 8);
}

constexpr std::size_t kMembersShown = 12;

std::string render_members(const Pipeline& pipeline, const Incident& incident) {
  std::vector<std::string> lines;
  for (const Member& member : incident.members) {
    const Alert* alert = pipeline.alerts().find({incident.tenant, member.fingerprint});
    lines.push_back(fmt::format("  {} {} \"{}\"\n", member.firing ? "firing  " : "resolved",
                                printable(member.entity.to_string()),
                                alert == nullptr ? "" : printable(alert->title)));
  }
  std::ranges::sort(lines);
  std::string text;
  for (std::size_t i = 0; i < std::min(lines.size(), kMembersShown); ++i) text += lines[i];
  if (lines.size() > kMembersShown) {
    text += fmt::format("  and {} more\n", incident.alert_count() - kMembersShown);
  }
  return text;
}

}  // namespace

std::string render_incidents(const Pipeline& pipeline) {
  auto all = live_incidents(pipeline);
  std::erase_if(all, [](const Incident* i) { return i->merged_into != 0; });
  std::ranges::sort(all, {}, [](const Incident* i) { return std::tie(i->opened_at, i->title); });
  std::string text;
  for (const Incident* incident : all) {
    text += fmt::format("SEV{} {} {} \"{}\" {} alert{}\n", incident->severity,
                        incident_status_name(incident->status), clock_time(incident->opened_at),
                        printable(incident->title), incident->alert_count(),
                        incident->alert_count() == 1 ? "" : "s");
    text += render_members(pipeline, *incident);
    auto changes = incident->changes;
    std::ranges::sort(changes, {},
                      [](const AttachedChange& c) { return std::tie(c.time, c.title); });
    for (const AttachedChange& change : changes) {
      text += fmt::format("  change   {} {} \"{}\"\n", clock_time(change.time),
                          printable(change.entity.to_string()), printable(change.title));
    }
  }
  return text;
}

std::string render_incidents_json(const Pipeline& pipeline) {
  auto all = live_incidents(pipeline);
  std::ranges::sort(all, {}, &Incident::id);
  std::string text;
  JsonWriter w(text);
  w.begin_array();
  for (const Incident* incident : all) write_incident_detail(w, *incident, {});
  w.end_array();
  return text;
}

std::string render_state(const Pipeline& pipeline) {
  auto incidents = live_incidents(pipeline);
  std::ranges::sort(incidents, {}, &Incident::id);
  std::vector<const Alert*> alerts;
  pipeline.alerts().newest_first(UINT64_MAX, [&](std::uint64_t, const Alert& alert) {
    alerts.push_back(&alert);
    return true;
  });
  std::ranges::sort(alerts, {}, &Alert::key);
  std::string text;
  JsonWriter w(text);
  w.begin_object().key("incidents").begin_array();
  for (const Incident* incident : incidents) {
    write_incident_detail(w, *incident, {});
    write_trace(w, format_incident_id(incident->id), incident->trace);
  }
  w.end_array().key("alerts").begin_array();
  for (const Alert* alert : alerts) {
    write_alert(w, *alert);
    write_trace(w, format_fingerprint(alert->key.fingerprint), alert->trace);
  }
  w.end_array().end_object();
  return text;
}

}  // namespace quell
