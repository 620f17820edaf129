#include "wire/cloudevents.h"

#include <gtest/gtest.h>

#include "wire/cloudevents_kind.h"
#include "wire/test_event.h"

namespace quell {
namespace {

Frame make_frame(std::string_view content_type, std::string_view body, HeaderList headers = {}) {
  Frame frame;
  frame.arrived_at = test_time("2026-11-21T08:10:00Z");
  frame.content_type = content_type;
  frame.headers = std::move(headers);
  frame.body = body;
  return frame;
}

std::string decode(const Frame& frame, const WireLimits& limits = {}) {
  WireScratch scratch;
  return decoded_text(decode_cloudevents(frame, limits, scratch));
}

constexpr std::string_view kDeployment =
    R"({"specversion":"1.0","id":"dep-8841","source":"/ci",)"
    R"("type":"io.example.deployment.finished","subject":"checkout/prod",)"
    R"("time":"2026-11-21T08:00:00Z","severitytext":"INFO","severitynumber":9,)"
    R"("data":{"version":"4.17.2","url":"https://ci.example/8841"}})";

constexpr std::string_view kDeploymentText = R"(change  info at 2026-11-21T08:00:00Z
  id: dep-8841
  source: /ci
  type: io.example.deployment.finished
  subject: checkout/prod
  severity: INFO
  entity: service:checkout
  title: io.example.deployment.finished checkout/prod
  labels: {alertname="io.example.deployment.finished", source="/ci", subject="checkout/prod"}
  link: Open https://ci.example/8841
  data: {"version":"4.17.2","url":"https://ci.example/8841"}
)";

TEST(CloudEvents, Structured) {
  EXPECT_EQ(decode(make_frame("application/cloudevents+json", kDeployment)), kDeploymentText);
  EXPECT_EQ(decode(make_frame("Application/CloudEvents+JSON; charset=UTF-8", kDeployment)),
            kDeploymentText);
  // Neither the media type nor the headers say so, but the body does.
  EXPECT_EQ(decode(make_frame("application/json", kDeployment)), kDeploymentText);
}

// `application/cloudevents` is a prefix of `application/cloudevents-batch`: the longer comes first.
TEST(CloudEvents, BatchIsTestedBeforeStructured) {
  const std::string two = "[" + std::string(kDeployment) + ",{\"id\":\"x\"}]";
  EXPECT_EQ(decode(make_frame("application/cloudevents-batch+json", two)),
            std::string(kDeploymentText) +
                "rejected /1/specversion: required attribute 'specversion' is missing\n");
  EXPECT_EQ(decode(make_frame("application/cloudevents-batch+json", "[]")), "");
  EXPECT_EQ(decode(make_frame("application/cloudevents-batch+json", "{}")),
            "rejected all: a batch must be an array, got an object\n");
  EXPECT_EQ(decode(make_frame("application/cloudevents+json", "[]")),
            "rejected all: the body is an array: send it as application/cloudevents-batch+json\n");
  EXPECT_EQ(decode(make_frame("application/cloudevents-batch+json", two), {.events_max = 1}),
            std::string(kDeploymentText) +
                "rejected /1: 2 events in one request, the limit is 1: the rest was refused\n");
}

TEST(CloudEvents, OtherFormatsAreRefused) {
  EXPECT_EQ(decode(make_frame("application/cloudevents+avro", "x")),
            "rejected header content-type: 'application/cloudevents+avro' is not supported, send "
            "the JSON format (+json)\n");
  EXPECT_EQ(decode(make_frame("text/plain", "hello")),
            "rejected all: not a CloudEvent: Content-Type is not application/cloudevents+json and "
            "there are no ce- headers\n");
}

HeaderList binary_headers() {
  return {{"ce-specversion", "1.0"},
          {"ce-id", "7"},
          {"ce-source", "/shop"},
          {"ce-type", "com.example.disk"}};
}

TEST(CloudEvents, BinaryTakesAttributesFromHeaders) {
  HeaderList headers = binary_headers();
  headers.emplace_back("ce-status", "firing");
  headers.emplace_back("ce-service", "Euro%20%E2%82%AC");
  headers.emplace_back("ce-traceparent", "00-4032185fb023b52d50667f40c8ba5a51-0957d8a766802d0d-01");
  headers.emplace_back("x-other", "1");
  EXPECT_EQ(decode(make_frame("application/json", R"({"message":"Disk\nfull"})", headers)),
            R"(alert firing warning at 2026-11-21T08:10:00Z
  id: 7
  source: /shop
  type: com.example.disk
  entity: service:Euro €
  correlation: 4032185fb023b52d50667f40c8ba5a51
  title: Disk
  labels: {alertname="com.example.disk", service="Euro €", source="/shop"}
  annotations: {traceparent="00-4032185fb023b52d50667f40c8ba5a51-0957d8a766802d0d-01"}
  data: {"message":"Disk\nfull"}
  starts_at: 2026-11-21T08:10:00Z
)");
}

void check_binary_data(std::string_view content_type, std::string_view body,
                       std::string_view want) {
  WireScratch scratch;
  const auto got =
      decode_cloudevents(make_frame(content_type, body, binary_headers()), {}, scratch);
  EXPECT_EQ(got.events.empty() ? rejected_text(got.rejected.at(0)) : got.events[0].data, want);
}

TEST(CloudEvents, BinaryDataMayBeAnything) {
  check_binary_data("", "", "");
  check_binary_data("", "7", "7");
  check_binary_data("", "plain", R"("plain")");
  check_binary_data("text/plain", "7", R"("7")");
  check_binary_data("application/vnd.x+json", R"([1])", R"([1])");
  check_binary_data("application/octet-stream", std::string_view("\0\xff", 2), R"("AP8=")");
  check_binary_data("application/json", "{nope",
                    "rejected byte 1 (line 1, column 2): data: not valid JSON: syntax error\n");
}

void check_binary_refused(std::pair<std::string, std::string> header, std::string_view want) {
  HeaderList headers = binary_headers();
  headers.push_back(std::move(header));
  EXPECT_EQ(decode(make_frame("application/json", "{}", headers)), want);
}

TEST(CloudEvents, BinaryHeadersAreChecked) {
  check_binary_refused({"ce-id", "8"}, "rejected header ce-id: header ce-id appears twice\n");
  check_binary_refused({"ce-a_b", "8"},
                       "rejected header ce-a_b: attribute name 'a_b' may only have a-z and 0-9\n");
  check_binary_refused({"ce-x", "%C0%80"},
                       "rejected header ce-x: byte 0 of the decoded header is not UTF-8\n");
  check_binary_refused({"ce-x", "%00"}, "rejected header ce-x: 'x' contains a control character\n");
  check_binary_refused({"ce-time", "soon"},
                       "rejected header ce-time: 'soon' is not an RFC 3339 time such as "
                       "2026-11-21T08:00:00Z\n");
  check_binary_refused({"ce-datacontenttype", "a/b"},
                       "rejected header content-type: the media type of the data is the header "
                       "Content-Type\n");
  EXPECT_EQ(decode(make_frame("application/json", "{}", {{"ce-id", "1"}})),
            "rejected header ce-specversion: required attribute 'specversion' is missing\n");
}

void check_header(std::string_view value, std::string_view want) {
  const auto got = decode_cloudevents_header(value);
  EXPECT_EQ(got ? *got : "error: " + got.error().message, want) << "for " << value;
}

TEST(CloudEvents, HeaderValues) {
  check_header("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀");
  check_header("%2525", "%25");  // One round only.
  check_header("a%e2%82%ac", "a€");
  // The JavaScript SDK sends values as they are.
  check_header("Euro € \"q\" 50%", "Euro € \"q\" 50%");
  check_header("50% off, 100%zz %4", "50% off, 100%zz %4");
  check_header("\"quoted \\\"x\\\" %41\"", "quoted \"x\" A");
  check_header("\"a\" and \"b\"", "\"a\" and \"b\"");
  check_header("\"open\\\"", "\"open\\\"");
  check_header("\"", "\"");
  check_header("", "");
  check_header("%C0%AF", "error: byte 0 of the decoded header is not UTF-8");
  check_header("ok%ED%A0%80", "error: byte 2 of the decoded header is not UTF-8");
}

// Takes a valid event and adds (or, as the first of two, replaces) members.
void check_member(std::string_view member, std::string_view want) {
  const auto body =
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t",)" + std::string(member) + "}";
  const std::string got = decode(make_frame("application/cloudevents+json", body));
  EXPECT_EQ(got, want) << member;
}

TEST(CloudEvents, AttributesAreChecked) {
  check_member(R"("traceParent":"x")",
               "rejected /traceParent: attribute name 'traceParent' may only have a-z and 0-9\n");
  check_member(R"("a/b":"x")", "rejected /a~1b: attribute name 'a/b' may only have a-z and 0-9\n");
  check_member(R"("x":{"a":1})",
               "rejected /x: 'x' must be a string, boolean or integer, got an object\n");
  check_member(R"("x":1.5)",
               "rejected /x: 'x' must be a string, boolean or integer, got a number\n");
  check_member(R"("x":3000000000)", "rejected /x: 'x' is not a 32-bit integer\n");
  check_member(R"("subject":7)", "rejected /subject: 'subject' must be a string, got a number\n");
  check_member(R"("subject":"a\u0000b")",
               "rejected /subject: 'subject' contains a control character\n");
  check_member(R"("subject":"a\u0085b")",
               "rejected /subject: 'subject' contains a control character\n");
  check_member(R"("id":"2")", "rejected /id: 'id' appears twice\n");
  check_member(R"("time":"2026-11-21")",
               "rejected /time: '2026-11-21' is not an RFC 3339 time such as "
               "2026-11-21T08:00:00Z\n");
  check_member(R"("dataschema":"x")",
               "rejected /dataschema: dataschema 'x' is not an absolute URI\n");
  check_member(R"("datacontenttype":"json")",
               "rejected /datacontenttype: 'json' is not a media type\n");
  check_member(R"("data":1,"data_base64":"AA==")",
               "rejected /data_base64: has both data and data_base64, send one of them\n");
  check_member(R"("data_base64":"A")", "rejected /data_base64: data_base64 is not base64\n");
  check_member(R"("data_base64":7)", "rejected /data_base64: must be a string, got a number\n");
  check_member(R"("x":")" + std::string(8193, 'a') + "\"",
               "rejected /x: 'x' has 8193 bytes, the limit is 8192\n");
}

void check_body(std::string_view body, std::string_view want) {
  EXPECT_EQ(decode(make_frame("application/cloudevents+json", body)), want);
}

TEST(CloudEvents, RequiredAttributes) {
  check_body("7", "rejected all: must be an object, got a number\n");
  check_body("", "rejected byte 0: the body is empty, expected JSON\n");
  check_body(std::string(300, '['),
             "rejected byte 256 (line 1, column 257): not valid JSON: nested deeper than 256 "
             "levels\n");
  check_body(R"({"specversion":"0.3","id":"1","source":"s","type":"t"})",
             "rejected /specversion: specversion '0.3' is not supported, send 1.0\n");
  check_body(R"({"specversion":1.0,"id":"1","source":"s","type":"t"})",
             "rejected /specversion: 'specversion' must be a string, got a number\n");
  check_body(R"({"specversion":"1.0","id":"","source":"s","type":"t"})",
             "rejected /id: required attribute 'id' is empty\n");
  check_body(R"({"specversion":"1.0","id":null,"source":"s","type":"t"})",
             "rejected /id: required attribute 'id' is missing\n");
  check_body(R"({"specversion":"1.0","id":"1","source":"my shop","type":"t"})",
             "rejected /source: source 'my shop' is not a URI reference\n");
}

TEST(CloudEvents, AlertsGetTheirIdentityFromExtensions) {
  check_member(
      R"("status":"Firing","service":"cart","shard":3,"canary":true,)"
      R"("time":"2026-11-21T08:09:00Z","expirytime":"2026-11-21T08:20:00Z","correlationid":"c-1",)"
      R"("severitynumber":17,"sequence":"5","unset":null,"data":{"summary":"Cart is slow",)"
      R"("labels":{"zone":"b","shard":"9","n":1},"annotations":{"hint":"restart"},)"
      R"("runbook_url":"https://r.example/cart"})",
      R"(alert firing error at 2026-11-21T08:09:00Z
  id: 1
  source: /s
  type: t
  severity: 17
  entity: service:cart
  correlation: c-1
  title: Cart is slow
  labels: {alertname="t", canary="true", service="cart", shard="3", source="/s", zone="b"}
  annotations: {hint="restart", sequence="5"}
  link: Runbook https://r.example/cart
  data: {"summary":"Cart is slow","labels":{"zone":"b","shard":"9","n":1},"annotations":{"hint":"restart"},"runbook_url":"https://r.example/cart"}
  starts_at: 2026-11-21T08:09:00Z
  ends_at: 2026-11-21T08:20:00Z
)");
  check_member(R"("status":"resolved","service":"cart","shard":3,"canary":true,)"
               R"("severitytext":"info","data":{"labels":{"zone":"b"}})",
               R"(alert resolved info at 2026-11-21T08:10:00Z
  id: 1
  source: /s
  type: t
  severity: info
  entity: service:cart
  title: t
  labels: {alertname="t", canary="true", service="cart", shard="3", source="/s", zone="b"}
  data: {"labels":{"zone":"b"}}
  ends_at: 2026-11-21T08:10:00Z
)");
}

TEST(CloudEvents, Base64DataIsJsonUnlessItSaysOtherwise) {
  check_member(R"("data_base64":"eyJ0aXRsZSI6IkhpIn0=")", R"(note  info at 2026-11-21T08:10:00Z
  id: 1
  source: /s
  type: t
  title: Hi
  labels: {alertname="t", source="/s"}
  data: {"title":"Hi"}
)");
  check_member(R"("datacontenttype":"text/plain","data_base64":"SGk=")",
               R"(note  info at 2026-11-21T08:10:00Z
  id: 1
  source: /s
  type: t
  title: t
  labels: {alertname="t", source="/s"}
  data: "Hi"
)");
  check_member(R"("datacontenttype":"image/png","data_base64":"/w==")",
               R"(note  info at 2026-11-21T08:10:00Z
  id: 1
  source: /s
  type: t
  title: t
  labels: {alertname="t", source="/s"}
  data: "/w=="
)");
}

TEST(CloudEvents, TimesThatCannotBe) {
  check_member(R"("time":"2026-11-21T09:00:00Z","dedupkey":"k")",
               R"(note  info at 2026-11-21T08:10:00Z
  id: 1
  source: /s
  type: t
  title: t
  labels: {alertname="t", source="/s"}
  dedup_key: k
  annotations: {quell.time_adjusted="2026-11-21T09:00:00Z"}
)");
  check_member(R"("time":"0001-01-01T00:00:00Z")", R"(note  info at 2026-11-21T08:10:00Z
  id: 1
  source: /s
  type: t
  title: t
  labels: {alertname="t", source="/s"}
)");
}

void check_kind(std::string_view type, std::string_view extension, std::string_view data,
                std::string_view want) {
  const auto got = wire::kind_of(type, extension, data);
  EXPECT_EQ(
      std::string(event_kind_name(got.kind)) + ' ' + std::string(event_status_name(got.status)),
      want)
      << type;
}

TEST(CloudEvents, KindFollowsFromStatusAndType) {
  check_kind("t", "firing", "", "alert firing");
  check_kind("io.x.deployment", "Resolved", "", "alert resolved");
  check_kind("t", "broken", "", "note ");
  check_kind("t", "", "acknowledged", "alert acknowledged");
  check_kind("io.x.alert", "", "", "alert firing");
  check_kind("io.x.alert", "", "resolved", "alert resolved");
  check_kind("io.x.Alert.v2", "", "", "alert firing");
  check_kind("io.x.alert.resolved.v1", "", "", "alert resolved");
  check_kind("io.x.alert.triggered", "", "", "alert firing");
  check_kind("io.x.alerting.ping", "", "", "note ");
  check_kind("io.x.deployment.finished", "", "resolved", "change ");
  check_kind("com.github.push", "", "", "change ");
  check_kind("com.github.pull_request.merged", "", "", "change ");
  check_kind("Acme.FeatureFlagToggled", "", "", "change ");
  check_kind("Acme.ConfigMap", "", "", "change ");
  check_kind("acme.reconfigure", "", "", "note ");
  check_kind("acme.order.created", "", "", "note ");
}

TEST(CloudEvents, FiringAndResolvedHaveOneName) {
  EXPECT_EQ(wire::alert_name_of_type("io.x.alert.resolved.v1"), "io.x.alert");
  EXPECT_EQ(wire::alert_name_of_type("io.x.alert.firing"), "io.x.alert");
  EXPECT_EQ(wire::alert_name_of_type("io.x.disk"), "io.x.disk");
  EXPECT_EQ(wire::alert_name_of_type("resolved"), "resolved");
}

TEST(CloudEvents, EntityOfSubject) {
  EXPECT_EQ(wire::entity_of_subject("node:db-1").to_string(), "node:db-1");
  EXPECT_EQ(wire::entity_of_subject("checkout/prod").to_string(), "service:checkout");
  EXPECT_EQ(wire::entity_of_subject("shop/checkout").to_string(), "service:shop/checkout");
  EXPECT_EQ(wire::entity_of_subject("build 7").to_string(), "");
}

void check_handshake(std::string_view origin, std::string_view rate, std::string_view want) {
  const auto got = cloudevents_handshake(origin, rate);
  std::string text = got ? "" : "refused";
  for (const auto& [name, value] : got.value_or(HeaderList{})) text += name + ": " + value + "; ";
  EXPECT_EQ(text, want) << origin;
}

TEST(CloudEvents, Handshake) {
  check_handshake("eventemitter.example.com", "",
                  "Allow: POST, OPTIONS; WebHook-Allowed-Origin: eventemitter.example.com; ");
  check_handshake("eventemitter.example.com", "120",
                  "Allow: POST, OPTIONS; WebHook-Allowed-Origin: eventemitter.example.com; "
                  "WebHook-Allowed-Rate: *; ");
  check_handshake("", "120", "refused");
  check_handshake("a\r\nSet-Cookie: x", "", "refused");
  check_handshake(std::string(300, 'a'), "", "refused");
}

}  // namespace
}  // namespace quell
