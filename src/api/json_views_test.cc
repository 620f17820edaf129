#include "api/json_views.h"

#include <gtest/gtest.h>

#include "api/api_world.h"
#include "api/schema_check.h"
#include "base/embedded.h"

namespace quell {

EmbeddedFiles embedded_api();

namespace {

void check_view(const std::string& json, std::string_view schema, std::string_view want) {
  SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
  EXPECT_EQ(check(json, schema), "") << json;
  EXPECT_EQ(json, want);
}

TEST(SchemaCheck, FindsWhatDoesNotFit) {
  SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
  EXPECT_EQ(check(R"({"text":"a","href":"b"})", "Link"), "");
  EXPECT_EQ(check(R"({"text":"a"})", "Link"), ": no href");
  EXPECT_EQ(check(R"({"text":1,"href":"b"})", "Link"), R"(/text: not of type "string")");
  EXPECT_EQ(check(R"({"text":"a","href":"b","x":1})", "Link"), "/x: not documented");
  EXPECT_EQ(check(R"({"items":[{"source":"a","count":"1"}]})", "WindowList"),
            "/items/0: no tenant");
  EXPECT_EQ(check(R"({"subject":"a","omitted":0,"verdicts":[{"kind":"x"}]})", "Trace"),
            "/verdicts/0: no at");
}

TEST(JsonViews, Incident) {
  ApiWorld world;
  const IncidentId id =
      world.open("Pool exhausted", {"alertname=A,service=checkout", "alertname=B,service=checkout",
                                    "alertname=C,service=orders"});
  world.incidents.edit(id, [](Incident& incident) {
    append(incident, {.at = at("2026-11-21T08:05:00Z"),
                      .event_time = at("2026-11-21T08:05:00Z"),
                      .kind = IncidentEventKind::StatusChanged,
                      .actor = "kim",
                      .text = "mine",
                      .status = IncidentStatus::Acknowledged});
  });
  check_view(to_json(write_incident, *world.incidents.find(id)), "IncidentSummary",
             R"({"id":"INC-000001","tenant":"default","title":"Pool exhausted","severity":1,)"
             R"("status":"acknowledged","assignee":null,"opened_at":"2026-11-21T08:00:00Z",)"
             R"("updated_at":"2026-11-21T08:05:00Z","acknowledged_at":"2026-11-21T08:05:00Z",)"
             R"("resolved_at":null,"merged_into":null,"alert_count":3,"firing_count":3,)"
             R"("entities":["service:checkout","service:orders"],"changes_count":0,"version":5})");
}

TEST(JsonViews, IncidentDetail) {
  ApiWorld world;
  const IncidentId id = world.open("Pool exhausted", {"alertname=A,service=checkout"});
  world.incidents.edit(id, [](Incident& incident) {
    append(incident, {.at = ApiWorld::kStart,
                      .event_time = ApiWorld::kStart,
                      .kind = IncidentEventKind::ChangeAttached,
                      .actor = "quell",
                      .text = "Deploy 4.17.2",
                      .entity = {"service", "checkout"}});
  });
  const std::vector<AlertSnapshot> alerts{nullptr};
  const std::string json = to_json(write_incident_detail, *world.incidents.find(id),
                                   std::span<const AlertSnapshot>(alerts));
  const auto lists = json.substr(json.find(R"("alerts":)"));
  SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
  EXPECT_EQ(check(json, "IncidentDetail"), "");
  EXPECT_EQ(
      lists,
      R"("alerts":[],"changes":[{"time":"2026-11-21T08:00:00Z","entity":"service:checkout",)"
      R"("title":"Deploy 4.17.2","href":null}],"timeline":[)"
      R"({"seq":1,"at":"2026-11-21T08:00:00Z","event_time":"2026-11-21T08:00:00Z",)"
      R"("kind":"opened","actor":"quell","text":"Pool exhausted","alert":null,"other":null,)"
      R"("severity":1,"status":null,"entity":null},)"
      R"({"seq":2,"at":"2026-11-21T08:00:00Z","event_time":"2026-11-21T08:00:00Z",)"
      R"("kind":"alert_added","actor":"quell","text":"","alert":"d9a87deb9985904c","other":null,)"
      R"("severity":null,"status":null,"entity":"service:checkout"},)"
      R"({"seq":3,"at":"2026-11-21T08:00:00Z","event_time":"2026-11-21T08:00:00Z",)"
      R"("kind":"change_attached","actor":"quell","text":"Deploy 4.17.2","alert":null,)"
      R"("other":null,"severity":null,"status":null,"entity":"service:checkout"}]})");
}

TEST(JsonViews, Alert) {
  ApiWorld world;
  Alert& alert = world.fire("alertname=CheckoutDown,service=checkout,severity=critical");
  alert.annotations = *LabelSet::parse("summary=\"5xx above 5%\"");
  alert.links.push_back({"Source", "http://p:9090/graph?g0.expr=up"});
  alert.incident = 1;
  check_view(to_json(write_alert, alert), "AlertSummary",
             R"({"fingerprint":"1e13768c7ec52373","tenant":"default","title":"CheckoutDown",)"
             R"("severity":"critical","severity_text":"critical","status":"firing",)"
             R"("flapping":false,"source":"/prometheus/eu1","entity":"service:checkout",)"
             R"("labels":{"alertname":"CheckoutDown","service":"checkout",)"
             R"("severity":"critical"},"annotations":{"summary":"5xx above 5%"},)"
             R"("starts_at":"2026-11-21T08:00:00Z","ends_at":null,)"
             R"("lease_until":"2026-11-21T08:14:00Z","last_received_at":"2026-11-21T08:00:00Z",)"
             R"("event_count":1,"duplicate_count":0,"fire_count":1,"incident":"INC-000001",)"
             R"("links":[{"text":"Source","href":"http://p:9090/graph?g0.expr=up"}]})");
}

TEST(JsonViews, Trace) {
  Trace trace;
  trace.add(VerdictKind::Opened, ApiWorld::kStart, 7, "severity critical opens by itself");
  trace.add(VerdictKind::Grouped, ApiWorld::kStart, 8, "same entity: 0.80");
  trace.add(VerdictKind::Grouped, at("2026-11-21T08:01:00Z"), 9, "same entity: 0.80");
  check_view(to_json(write_trace, "INC-000001", trace), "Trace",
             R"({"subject":"INC-000001","omitted":0,"verdicts":[)"
             R"({"kind":"opened","at":"2026-11-21T08:00:00Z","last_at":"2026-11-21T08:00:00Z",)"
             R"("count":1,"reason":"severity critical opens by itself","offset":7},)"
             R"({"kind":"grouped","at":"2026-11-21T08:00:00Z","last_at":"2026-11-21T08:01:00Z",)"
             R"("count":2,"reason":"same entity: 0.80","offset":8}]})");
}

EventRow change_row() {
  EventRow row{.offset = 4711, .index = 2, .arrived_at = ApiWorld::kStart};
  row.event.id = "dep-8841";
  row.event.source = "/ci/gitlab";
  row.event.type = "deployment.finished";
  row.event.time = ApiWorld::kStart;
  row.event.kind = EventKind::Change;
  row.event.tenant = "default";
  row.event.title = "checkout 4.17.2";
  row.event.labels = *LabelSet::parse("env=prod");
  row.event.data = R"({"version":"4.17.2"})";
  row.incident = 1;
  return row;
}

constexpr std::string_view kChangeFields =
    R"("offset":4711,"index":2,"arrived_at":"2026-11-21T08:00:00Z","id":"dep-8841",)"
    R"("source":"/ci/gitlab","type":"deployment.finished","subject":"",)"
    R"("time":"2026-11-21T08:00:00Z","kind":"change","status":null,"severity":"info",)"
    R"("tenant":"default","entity":null,"title":"checkout 4.17.2","correlation_id":null,)"
    R"("labels":{"env":"prod"},"alert":null,"incident":"INC-000001","links":[])";

TEST(JsonViews, Event) {
  check_view(to_json(write_event, change_row()), "EventItem",
             "{" + std::string(kChangeFields) + "}");
}

TEST(JsonViews, EventDetailShowsTheFrameWithoutItsSecrets) {
  Frame frame{.source = "gitlab", .content_type = "application/json", .body = "{\"a\":\xff}"};
  frame.headers = {{"x-gitlab-token", "hunter2"}, {"x-gitlab-event", "Push"}};
  check_view(to_json(write_event_detail, change_row(), &frame), "EventDetail",
             "{" + std::string(kChangeFields) +
                 R"(,"severity_text":"","annotations":{},"data":{"version":"4.17.2"},)"
                 R"("frame":{"source":"gitlab","content_type":"application/json","headers":)"
                 R"({"x-gitlab-token":"***","x-gitlab-event":"Push"},"body":"{\"a\":\ufffd}",)"
                 R"("body_bytes":7,"body_truncated":false}})");
  EventRow cut = change_row();
  cut.event.data = R"({"version":"4.1)";
  check_view(to_json(write_event_detail, cut, static_cast<const Frame*>(nullptr)), "EventDetail",
             "{" + std::string(kChangeFields) +
                 R"(,"severity_text":"","annotations":{},"data":"{\"version\":\"4.1",)"
                 R"("frame":null})");
}

TEST(JsonViews, DeadLetter) {
  const DeadLetter letter{.offset = 4711,
                          .index = 1,
                          .arrived_at = ApiWorld::kStart,
                          .tenant = "default",
                          .source = "cloudevents",
                          .rejected = {.reason = "no type", .place = "/0", .excerpt = "{}"}};
  const std::string fields =
      R"({"id":"4711-1","offset":4711,"index":1,"arrived_at":"2026-11-21T08:00:00Z",)"
      R"("tenant":"default","source":"cloudevents","reason":"no type","place":"/0",)"
      R"("excerpt":"{}","attempts":1,"resolved":false)";
  check_view(to_json(write_dead_letter, letter), "DeadLetter", fields + "}");
  check_view(to_json(write_dead_letter_detail, letter, static_cast<const Frame*>(nullptr)),
             "DeadLetterDetail", fields + R"(,"frame":null})");
}

}  // namespace
}  // namespace quell
