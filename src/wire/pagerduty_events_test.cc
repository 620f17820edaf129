#include "wire/pagerduty_events.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "wire/test_event.h"

namespace quell {
namespace {

Frame make_frame(std::string_view body, std::uint64_t offset = 7) {
  Frame frame;
  frame.offset = offset;
  frame.arrived_at = test_time("2026-11-21T08:10:00Z");
  frame.source = "pagerduty-events";
  frame.body = body;
  return frame;
}

// Every test body begins with a routing key of the right length.
std::string with_key(std::string_view members) {
  return R"({"routing_key":"0123456789abcdef0123456789abcdef",)" + std::string(members) + "}";
}

std::string answer(const Answered& answered) {
  EXPECT_EQ(answered.reply.content_type, "application/json");
  return fmt::format("{} {}", answered.reply.status, answered.reply.body);
}

TEST(PagerDutyEvents, TriggerBecomesAFiringAlert) {
  WireScratch scratch;
  const auto got = decode_pagerduty_event(
      make_frame(with_key(
          R"("event_action":"trigger","dedup_key":"disk-db-1","client":"Nagios",)"
          R"("client_url":"https://nagios.example","payload":{"summary":"Disk full\non db-1",)"
          R"("source":"db-1.example","severity":"critical","timestamp":"2026-11-21T08:09:00Z",)"
          R"("component":"disk","group":"db","class":"storage","custom_details":{"used":97.5,)"
          R"("service":"orders","trace_id":"t-1","note":"see wiki","none":null}},)"
          R"("links":[{"href":"https://g.example/d","text":"Graph"},{"href":"javascript:x"},7],)"
          R"("images":[{"src":"https://i.example/1.png","alt":"CPU"}])")),
      {}, scratch);
  EXPECT_EQ(decoded_text(got.decoded), R"(alert firing critical at 2026-11-21T08:09:00Z
  source: /pagerduty-events/01121d5b
  type: com.pagerduty.event
  subject: disk-db-1
  severity: critical
  entity: service:orders
  correlation: t-1
  title: Disk full
  labels: {class="storage", component="disk", group="db", source="db-1.example"}
  dedup_key: disk-db-1
  annotations: {note="see wiki", service="orders", trace_id="t-1", used="97.5"}
  link: Graph https://g.example/d
  link: CPU https://i.example/1.png
  link: Nagios https://nagios.example
  starts_at: 2026-11-21T08:09:00Z
)");
  EXPECT_EQ(answer(got),
            R"(202 {"status":"success","message":"Event processed","dedup_key":"disk-db-1"})");
}

TEST(PagerDutyEvents, AcknowledgeAndResolveNeedNoPayload) {
  WireScratch scratch;
  for (const auto& [action, want] :
       {std::pair{"acknowledge", "alert acknowledged info at 2026-11-21T08:10:00Z\n"},
        std::pair{"resolve", "alert resolved info at 2026-11-21T08:10:00Z\n"}}) {
    const auto got = decode_pagerduty_event(
        make_frame(with_key(fmt::format(R"("event_action":"{}","dedup_key":"K")", action))), {},
        scratch);
    ASSERT_EQ(got.decoded.events.size(), 1u);
    EXPECT_TRUE(event_text(got.decoded.events[0]).starts_with(want)) << action;
    EXPECT_EQ(answer(got),
              R"(202 {"status":"success","message":"Event processed","dedup_key":"K"})");
    EXPECT_EQ(got.decoded.events[0].title, fmt::format("{} K", action));
  }
}

constexpr std::string_view kPayload =
    R"("payload":{"summary":"s","source":"h","severity":"error"})";

// Firing and resolved must meet: same routing key and dedup_key, and no other ones.
TEST(PagerDutyEvents, IdentityIsTheRoutingKeyAndTheDedupKey) {
  WireScratch scratch;
  const auto fingerprint = [&](std::string_view key, std::string_view members) {
    const auto got = decode_pagerduty_event(
        make_frame(fmt::format(R"({{"routing_key":"{:a>32}",{}}})", key, members)), {}, scratch);
    return alert_fingerprint(got.decoded.events.at(0));
  };
  const std::string trigger =
      R"("event_action":"trigger","dedup_key":"k",)" + std::string(kPayload);
  const auto first = fingerprint("1", trigger);
  EXPECT_EQ(fingerprint("1", R"("event_action":"resolve","dedup_key":"k")"), first);
  EXPECT_NE(fingerprint("1", R"("event_action":"resolve","dedup_key":"K")"), first);
  EXPECT_NE(fingerprint("2", R"("event_action":"resolve","dedup_key":"k")"), first);
}

TEST(PagerDutyEvents, GeneratedDedupKeyIsTheSameOnReplayOnly) {
  WireScratch scratch;
  const auto body = with_key(R"("event_action":"trigger",)" + std::string(kPayload));
  const auto key = [&](std::uint64_t offset) {
    const auto got = decode_pagerduty_event(make_frame(body, offset), {}, scratch);
    EXPECT_TRUE(got.reply.body.find(got.decoded.events.at(0).dedup_key) != std::string::npos);
    return got.decoded.events.at(0).dedup_key;
  };
  EXPECT_EQ(key(7), key(7));
  EXPECT_NE(key(7), key(8));
  EXPECT_EQ(key(7).size(), 32u);
}

void check_refused(std::string_view body, std::initializer_list<std::string_view> errors) {
  WireScratch scratch;
  const auto got = decode_pagerduty_event(make_frame(body), {}, scratch);
  std::string list;
  for (const std::string_view error : errors) {
    if (!list.empty()) list += ',';
    list.append("\"").append(error) += '"';
  }
  EXPECT_EQ(answer(got), R"(400 {"status":"invalid event","message":"Event object is invalid",)"
                         R"("errors":[)" +
                             list + "]}")
      << body;
  EXPECT_TRUE(got.decoded.events.empty());
  EXPECT_FALSE(got.decoded.rejected.empty());
}

TEST(PagerDutyEvents, ErrorsAreListedAllAtOnce) {
  check_refused("", {"byte 0: the body is empty, expected JSON"});
  check_refused("[]", {"must be an object, got an array"});
  check_refused("{}", {"'routing_key' is missing or blank", "'event_action' is missing or blank",
                       "'dedup_key' is missing or blank"});
  check_refused(R"({"routing_key":"short","event_action":"resolve","dedup_key":"k"})",
                {"Length of 'routing_key' is incorrect (should be 32 characters)"});
  check_refused(with_key(R"("event_action":"page","dedup_key":"k")"),
                {"'event_action' is invalid (must be one of the following: 'trigger', "
                 "'acknowledge' or 'resolve')"});
  check_refused(with_key(R"("event_action":"resolve")"), {"'dedup_key' is missing or blank"});
  check_refused(with_key(R"("event_action":"trigger")"), {"'payload' is missing or blank"});
  check_refused(with_key(R"("event_action":"trigger","payload":7)"),
                {"'payload' is invalid (must be an object)"});
  check_refused(with_key(R"("event_action":"trigger","payload":{"severity":"fatal"})"),
                {"'payload.summary' is missing or blank", "'payload.source' is missing or blank",
                 "'payload.severity' is invalid (must be one of the following: 'critical', "
                 "'warning', 'error' or 'info')"});
  check_refused(with_key(R"("event_action":"trigger","payload":{"summary":7,"source":"h",)"
                         R"("severity":"info"})"),
                {"'payload.summary' is invalid (must be a string)"});
  check_refused(with_key(R"("event_action":"trigger","payload":{"summary":"s","source":"h",)"
                         R"("severity":"info","timestamp":"now"})"),
                {"'payload.timestamp' is invalid (must be ISO 8601)"});
  check_refused(
      with_key(R"("event_action":"resolve","dedup_key":")" + std::string(256, 'k') + "\""),
      {"'dedup_key' is too long (maximum is 255 characters)"});
  check_refused(with_key(R"("event_action":"resolve","dedup_key":"a\u0000")"),
                {"'dedup_key' is invalid (contains NUL)"});
}

TEST(PagerDutyEvents, RefusalsHaveAPlace) {
  WireScratch scratch;
  const auto got = decode_pagerduty_event(
      make_frame(with_key(R"("event_action":"trigger","payload":{"summary":"s","source":"h"})")),
      {}, scratch);
  ASSERT_EQ(got.decoded.rejected.size(), 1u);
  EXPECT_EQ(rejected_text(got.decoded.rejected[0]),
            "rejected /payload/severity: 'payload.severity' is missing or blank\n");
}

TEST(PagerDutyEvents, Change) {
  WireScratch scratch;
  const auto got = decode_pagerduty_change(
      make_frame(with_key(R"("payload":{"summary":"Deploy 4.17","source":"ci-1",)"
                          R"("timestamp":"2026-11-21T09:00:00Z","custom_details":"plain"},)"
                          R"("links":[{"href":"https://ci.example/1"}])")),
      {}, scratch);
  EXPECT_EQ(decoded_text(got.decoded), R"(change  info at 2026-11-21T08:10:00Z
  source: /pagerduty-events/01121d5b
  type: com.pagerduty.change
  entity: host:ci-1
  title: Deploy 4.17
  labels: {source="ci-1"}
  annotations: {custom_details="plain", quell.time_adjusted="2026-11-21T09:00:00Z"}
  link: Link https://ci.example/1
)");
  EXPECT_EQ(answer(got), R"(202 {"status":"success","message":"Change event processed"})");
}

}  // namespace
}  // namespace quell
