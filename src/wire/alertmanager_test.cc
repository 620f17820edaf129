#include "wire/alertmanager.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "wire/test_event.h"

namespace quell {
namespace {

constexpr std::string_view kNow = "2026-11-21T08:10:00Z";

Frame make_frame(std::string_view body, std::string_view content_type = "application/json") {
  Frame frame;
  frame.arrived_at = test_time(kNow);
  frame.content_type = content_type;
  frame.body = body;
  return frame;
}

void check_webhook(std::string_view body, std::string_view want) {
  WireScratch scratch;
  EXPECT_EQ(decoded_text(decode_alertmanager_webhook(make_frame(body), {}, scratch)), want)
      << "for " << body;
}

TEST(AlertmanagerWebhook, FiringHasNoLeaseAndUnknownKeysAreIgnored) {
  check_webhook(
      R"({"receiver":"web\\.hook","status":"firing","alerts":[{"status":"firing","labels":{)"
      R"("alertname":"CheckoutDown","service":"checkout","severity":"critical"},"annotations":{)"
      R"("summary":"5xx","runbook_url":"https://r.example/c"},"startsAt":"2026-11-21T08:09:14.632Z",)"
      R"("endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p:9090/graph?g0.expr=up",)"
      R"("fingerprint":"1e13768c7ec52373","futureField":{"a":1}}],"groupLabels":{},)"
      R"("commonLabels":{},"commonAnnotations":{},"externalURL":"http://am:9093","version":"4",)"
      R"("groupKey":"{}:{alertname=\"CheckoutDown\"}","truncatedAlerts":0,)"
      R"("notification_reason":"first","routeLabels":{}})",
      R"(alert firing critical at 2026-11-21T08:09:14.632Z
  source: http://am:9093
  type: io.prometheus.alert
  subject: CheckoutDown
  severity: critical
  entity: service:checkout
  title: 5xx
  labels: {alertname="CheckoutDown", service="checkout", severity="critical"}
  annotations: {quell.group_key="{}:{alertname=\"CheckoutDown\"}", quell.receiver="web\\.hook", runbook_url="https://r.example/c", summary="5xx"}
  link: Runbook https://r.example/c
  link: Query http://p:9090/graph?g0.expr=up
  starts_at: 2026-11-21T08:09:14.632Z
)");
}

TEST(AlertmanagerWebhook, ResolvedHasItsEnd) {
  check_webhook(R"({"alerts":[{"status":"resolved","labels":{"alertname":"Down"},)"
                R"("startsAt":"2026-11-21T08:00:00Z","endsAt":"2026-11-21T08:05:00Z"}]})",
                R"(alert resolved warning at 2026-11-21T08:05:00Z
  source: /alertmanager
  type: io.prometheus.alert
  subject: Down
  title: Down
  labels: {alertname="Down"}
  starts_at: 2026-11-21T08:00:00Z
  ends_at: 2026-11-21T08:05:00Z
)");
}

// The fingerprint is that of the labels; what a sender says otherwise is only kept.
TEST(AlertmanagerWebhook, GrafanaIsVersionOne) {
  check_webhook(
      R"({"version":"1","orgId":1,"title":"t","state":"alerting","alerts":[{"status":"firing",)"
      R"("labels":{"alertname":"Cpu","host":"db-1"},"startsAt":"2026-11-21T08:09:00+01:00",)"
      R"("endsAt":"0001-01-01T00:00:00Z","fingerprint":"00000000deadbeef","values":{"B":97.1},)"
      R"("valueString":"[ var='B' value=97.1 ]","dashboardURL":"https://g.example/d/1",)"
      R"("panelURL":"https://g.example/d/1?p=2","silenceURL":"javascript:x"}]
})",
      R"(alert firing warning at 2026-11-21T07:09:00Z
  source: /grafana
  type: com.grafana.alert
  subject: Cpu
  entity: host:db-1
  title: Cpu
  labels: {alertname="Cpu", host="db-1"}
  annotations: {quell.sender_fingerprint="00000000deadbeef", quell.value="[ var='B' value=97.1 ]"}
  link: Dashboard https://g.example/d/1
  link: Panel https://g.example/d/1?p=2
  starts_at: 2026-11-21T07:09:00Z
)");
}

TEST(AlertmanagerWebhook, TruncatedAlertsAreSeen) {
  check_webhook(R"({"alerts":[],"truncatedAlerts":3})",
                R"(note  warning at 2026-11-21T08:10:00Z
  source: /alertmanager
  type: io.prometheus.alertmanager.truncated
  title: 3 alerts were left out of a notification by Alertmanager (max_alerts of its receiver)
)");
}

TEST(AlertmanagerWebhook, FutureTimesAreNotBelieved) {
  check_webhook(R"({"alerts":[{"status":"firing","labels":{"a":"b"},)"
                R"("startsAt":"9999-12-31T23:59:59Z"}]})",
                R"(alert firing warning at 2026-11-21T08:10:00Z
  source: /alertmanager
  type: io.prometheus.alert
  labels: {a="b"}
  annotations: {quell.time_adjusted="2262-04-11T23:47:16.854775807Z"}
  starts_at: 2026-11-21T08:10:00Z
)");
}

void check_refused(std::string_view alert, std::string_view want) {
  WireScratch scratch;
  const auto body = fmt::format(R"({{"alerts":[{{"labels":{{"a":"b"}}}},{}]}})", alert);
  const Decoded decoded = decode_alertmanager_webhook(make_frame(body), {}, scratch);
  EXPECT_EQ(decoded.events.size(), 1u);
  ASSERT_EQ(decoded.rejected.size(), 1u) << alert;
  EXPECT_EQ(rejected_text(decoded.rejected[0]), want);
  EXPECT_FALSE(decoded.rejected[0].excerpt.empty());
}

TEST(AlertmanagerWebhook, OneBadAlertDoesNotCostTheOthers) {
  check_refused("7", "rejected /alerts/1: must be an object, got a number\n");
  check_refused("{}", "rejected /alerts/1/labels: at least one label pair required\n");
  check_refused(R"({"labels":{"a":""}})",
                "rejected /alerts/1/labels: at least one label pair required\n");
  check_refused(R"({"labels":[]})",
                "rejected /alerts/1/labels: invalid label set: must be an object, got an array\n");
  check_refused(R"({"labels":{"x/y":1}})",
                "rejected /alerts/1/labels/x~1y: invalid label set: must be a string, got a "
                "number\n");
  check_refused(R"({"labels":{"a":"x\u0000"}})",
                "rejected /alerts/1/labels/a: invalid label set: NUL is not allowed\n");
  check_refused(R"({"labels":{"a":"1","a":"2"}})",
                "rejected /alerts/1/labels: invalid label set: label 'a' appears twice\n");
  check_refused(R"({"labels":{"a":"1"},"annotations":{"":"x"}})",
                "rejected /alerts/1/annotations/: invalid annotations: invalid name \"\"\n");
  check_refused(R"({"labels":{"a":"1"},"status":"broken"})",
                "rejected /alerts/1/status: status 'broken' is neither firing nor resolved\n");
  check_refused(R"({"labels":{"a":"1"},"startsAt":"yesterday"})",
                "rejected /alerts/1/startsAt: 'yesterday' is not an RFC 3339 time such as "
                "2026-11-21T08:00:00Z\n");
  check_refused(R"({"labels":{"a":"1"},"startsAt":12})",
                "rejected /alerts/1/startsAt: must be a string, got a number\n");
}

TEST(AlertmanagerWebhook, WhatIsNoNotification) {
  check_webhook("", "rejected byte 0: the body is empty, expected JSON\n");
  check_webhook("[]",
                "rejected all: must be an object, as Alertmanager's webhook sends it, got an "
                "array\n");
  check_webhook("{}", "rejected /alerts: the notification has no 'alerts'\n");
  check_webhook(R"({"alerts":null})", "rejected /alerts: must be an array, got null\n");
  check_webhook("{\"alerts\":[\"\xff\"]}",
                "rejected byte 12 (line 1, column 13): not valid JSON: invalid UTF-8\n");
}

void check_limit(const WireLimits& limits, std::string_view body, std::string_view want) {
  WireScratch scratch;
  const Decoded decoded = decode_alertmanager_webhook(make_frame(body), limits, scratch);
  std::string got = fmt::format("{} events\n", decoded.events.size());
  for (const Rejected& rejected : decoded.rejected) got += rejected_text(rejected);
  EXPECT_EQ(got, want);
}

TEST(AlertmanagerWebhook, LimitsAreNamed) {
  constexpr std::string_view kThree =
      R"({"alerts":[{"labels":{"abc":"123","d":"4"}},{"labels":{"e":"5"}},{"labels":{}}]})";
  check_limit({.labels_max = 1}, kThree,
              "1 events\n"
              "rejected /alerts/0/labels: invalid label set: 2 labels, the limit is 1\n"
              "rejected /alerts/2/labels: at least one label pair required\n");
  check_limit({.label_name_bytes_max = 2}, kThree,
              "1 events\n"
              "rejected /alerts/0/labels/abc: invalid label set: a name of 3 bytes, the limit is "
              "2\n"
              "rejected /alerts/2/labels: at least one label pair required\n");
  check_limit({.label_value_bytes_max = 2}, kThree,
              "1 events\n"
              "rejected /alerts/0/labels/abc: invalid label set: a value of 3 bytes, the limit is "
              "2\n"
              "rejected /alerts/2/labels: at least one label pair required\n");
  check_limit(
      {.events_max = 1}, kThree,
      "1 events\n"
      "rejected /alerts/1: 3 alerts in one request, the limit is 1: the rest was refused\n");
  check_limit({.rejected_max = 1, .labels_max = 0}, kThree,
              "0 events\n"
              "rejected /alerts/0/labels: invalid label set: 2 labels, the limit is 0\n"
              "rejected all: 2 more were refused; only the first 1 are listed\n");
}

TEST(AlertmanagerWebhook, LongTextIsCutAtACharacter) {
  WireScratch scratch;
  const WireLimits limits{.annotations_bytes_max = 12, .title_bytes_max = 4};
  const auto decoded = decode_alertmanager_webhook(
      make_frame(R"({"alerts":[{"labels":{"a":"b"},"annotations":{"summary":"abc€"}}]})"), limits,
      scratch);
  ASSERT_EQ(decoded.events.size(), 1u);
  EXPECT_EQ(decoded.events[0].annotations.to_string(),
            R"({quell.truncated="longer than the limit for annotations, and cut", summary="abc"})");
  EXPECT_EQ(decoded.events[0].title, "abc");
}

// What Debian's Alertmanager 0.25 answers to the same bodies, except that it refuses whole batches
// where we keep the good alerts, and words the errors of Go's JSON decoder in its own way.
void check_posted(std::string_view body, std::size_t want_events, const WireReply& want) {
  WireScratch scratch;
  const Answered answered = decode_alertmanager_alerts(make_frame(body), {}, scratch);
  EXPECT_EQ(answered.decoded.events.size(), want_events) << body;
  EXPECT_EQ(answered.reply.status, want.status) << body;
  EXPECT_EQ(answered.reply.body, want.body) << body;
  EXPECT_EQ(answered.reply.content_type, want.body.empty() ? "" : "application/json") << body;
}

TEST(AlertmanagerAlerts, AnswersAreAlertmanagers) {
  check_posted("[]", 0, {200, "", ""});
  check_posted("null", 0, {200, "", ""});
  check_posted("", 0, {422, "", R"({"code":602,"message":"alerts in body is required"})"});
  check_posted(R"([{"labels":{"a":"b"},"startsAt":null,"endsAt":"","generatorURL":""}])", 1,
               {200, "", ""});
  check_posted(
      R"([{"labels":{"a":""}},{"labels":{"ok":"1"}},{"labels":{"b":"c"},"startsAt":)"
      R"("2026-11-21T08:00:00Z","endsAt":"2026-11-21T07:00:00Z"},{"labels":{"":"y"}}])",
      1,
      {400, "",
       "\"at least one label pair required; start time must be before end time; invalid label "
       "set: invalid name \\\"\\\"\"\n"});
  check_posted(
      R"([{"labels":{"a":"b"},"generatorURL":"not a uri"},{"labels":{"a":"c"}}])", 1,
      {422, "",
       R"({"code":601,"message":"0.generatorURL in body must be of type uri: \"not a uri\""})"});
  check_posted(R"([{"annotations":{}}])", 0,
               {422, "", R"({"code":602,"message":"0.labels in body is required"})"});
  check_posted(R"([{"labels":null}])", 0,
               {422, "", R"({"code":602,"message":"0.labels in body is required"})"});
  check_posted(R"([{"labels":{"a":1}},{"labels":{"a":""}}])", 0,
               {400, "",
                R"({"code":400,"message":"parsing alerts body from \"\" failed, because )"
                R"(/0/labels/a: invalid label set: must be a string, got a number"})"});
  check_posted(R"({"a":1})", 0,
               {400, "",
                R"({"code":400,"message":"parsing alerts body from \"\" failed, because the body )"
                R"(must be an array of alerts, got an object"})"});
  check_posted(R"([{"labels":)", 0,
               {400, "",
                R"({"code":400,"message":"parsing alerts body from \"\" failed, because byte 11 )"
                R"((line 1, column 12): not valid JSON: incomplete JSON"})"});
}

void check_media_type(std::string_view content_type, int status, std::string_view body) {
  WireScratch scratch;
  const Answered got = decode_alertmanager_alerts(make_frame("[]", content_type), {}, scratch);
  EXPECT_EQ(got.reply.status, status);
  EXPECT_EQ(got.reply.body, body);
}

TEST(AlertmanagerAlerts, OnlyJson) {
  check_media_type("Application/JSON; charset=utf-8", 200, "");
  check_media_type("text/plain", 415,
                   R"({"code":415,"message":"unsupported media type \"text/plain\", only )"
                   R"([application/json] are allowed"})");
  check_media_type("", 415,
                   R"({"code":415,"message":"unsupported media type )"
                   R"(\"application/octet-stream\", only [application/json] are allowed"})");
}

void check_times(std::string_view times, std::string_view want) {
  WireScratch scratch;
  const auto body = fmt::format(R"([{{"labels":{{"a":"b"}}{}}}])", times);
  const Answered answered = decode_alertmanager_alerts(make_frame(body), {}, scratch);
  ASSERT_EQ(answered.decoded.events.size(), 1u) << answered.reply.body;
  const Event& e = answered.decoded.events[0];
  const auto short_time = [](Timestamp t) { return format_rfc3339(t).substr(11); };
  EXPECT_EQ(fmt::format("{} {} {}..{}{}", event_status_name(e.status), short_time(e.time),
                        short_time(*e.starts_at), short_time(*e.ends_at),
                        e.lease_assumed ? " assumed" : ""),
            want)
      << times;
}

TEST(AlertmanagerAlerts, EndsAtIsALease) {
  check_times("", "firing 08:10:00Z 08:10:00Z..08:15:00Z assumed");
  check_times(R"(,"startsAt":"0001-01-01T00:00:00.000Z","endsAt":"0001-01-01T00:00:00Z")",
              "firing 08:10:00Z 08:10:00Z..08:15:00Z assumed");
  check_times(R"(,"startsAt":"2026-11-21T08:09:00Z","endsAt":"2026-11-21T08:13:00Z")",
              "firing 08:09:00Z 08:09:00Z..08:13:00Z");
  check_times(R"(,"startsAt":"2026-11-21T08:09:00Z")",
              "firing 08:09:00Z 08:09:00Z..08:15:00Z assumed");
  check_times(R"(,"endsAt":"2026-11-21T08:09:00Z")", "resolved 08:09:00Z 08:09:00Z..08:09:00Z");
  check_times(R"(,"startsAt":"2026-11-21T08:09:00Z","endsAt":"2026-11-21T08:10:00Z")",
              "resolved 08:10:00Z 08:09:00Z..08:10:00Z");
}

void check_uri(std::string_view uri, bool want) {
  WireScratch scratch;
  const auto body = fmt::format(R"([{{"labels":{{"a":"b"}},"generatorURL":"{}"}}])", uri);
  EXPECT_EQ(decode_alertmanager_alerts(make_frame(body), {}, scratch).reply.status == 200, want)
      << uri;
}

TEST(AlertmanagerAlerts, GeneratorUrlIsWhatGoTakes) {
  check_uri("http://p:9090/graph?g0.expr=up%zz", true);
  check_uri("/graph", true);
  check_uri("mailto:a", true);
  check_uri("http://p/%zz", false);
  check_uri("graph", false);
  check_uri("1http://p", false);
  check_uri("http://a b/", false);
  check_uri(":", false);
}

TEST(AlertmanagerAlerts, SourceIsTheClusterAndLabelsMayBeUtf8) {
  WireScratch scratch;
  const Answered got = decode_alertmanager_alerts(
      make_frame(R"([{"labels":{"cluster":"eu1","größe":"ü","trace_id":"t1"}}])"), {}, scratch);
  ASSERT_EQ(got.decoded.events.size(), 1u);
  EXPECT_EQ(got.decoded.events[0].source, "/prometheus/eu1");
  EXPECT_EQ(got.decoded.events[0].correlation_id, "t1");
  EXPECT_EQ(got.decoded.events[0].labels.get("größe"), "ü");
}

}  // namespace
}  // namespace quell
