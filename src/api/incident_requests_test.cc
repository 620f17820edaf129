#include "api/incident_requests.h"

#include <gtest/gtest.h>

#include "api/api_checks.h"
#include "api/api_world.h"
#include "api/schema_check.h"
#include "base/embedded.h"
#include "model/command.h"

namespace quell {

EmbeddedFiles embedded_api();

namespace {

// The ids of a list, and its cursor: "INC-000002 INC-000001 | s1".
std::string ids_of(const http::Response& response, std::string_view key = "id") {
  if (response.status != 200) return detail_of(response);
  simdjson::dom::parser parser;
  const auto document = parse_json(parser, response.body);
  std::string line;
  for (const auto item : (*document)["items"].get_array()) {
    line += std::string(json_text(item, key)) + ' ';
  }
  line += "| " + std::string(json_text(*document, "next"));
  if (const auto total = json_integer(*document, "total")) line += " of " + std::to_string(*total);
  return line;
}

struct ListWorld : ApiWorld {
  ListWorld() {
    fire("alertname=Pool,service=checkout,env=prod");
    fire("alertname=Slow,service=orders,env=test");
    open("Pool exhausted", {"alertname=Pool,service=checkout,env=prod"}, 1);
    open("Orders are slow", {"alertname=Slow,service=orders,env=test"}, 3);
    open("Something else", {}, 4);
    incidents.edit(3, [](Incident& incident) {
      incident.status = IncidentStatus::Resolved;
      incident.assignee = "kim";
      incident.updated_at = kStart + std::chrono::minutes(5);
    });
    past.closed[1001] = Incident{.id = 1001, .title = "Old", .status = IncidentStatus::Closed};
    past.closed[1002] = Incident{.id = 1002, .title = "Older", .status = IncidentStatus::Closed};
  }
};

void check_incidents(std::string_view query, std::string_view want) {
  ListWorld world;
  EXPECT_EQ(ids_of(world.get("/api/v1/incidents" + std::string(query))), want) << query;
}

TEST(IncidentList, Filters) {
  check_incidents("", "INC-000003 INC-000002 INC-000001 | h18446744073709551615");
  check_incidents("?status=open", "INC-000002 INC-000001 |  of 2");
  check_incidents("?status=open&status=resolved",
                  "INC-000003 INC-000002 INC-000001 | h18446744073709551615 of 3");
  check_incidents("?status=open&severity_max=1", "INC-000001 | ");
  check_incidents("?status=open&q=ORDERS%20slow", "INC-000002 | ");
  check_incidents("?status=open&q=checkout", "INC-000001 | ");
  check_incidents("?status=open&q=inc-000002", "INC-000002 | ");
  check_incidents("?status=open&tenant=other", "| ");
  check_incidents("?status=resolved&since=6m", "INC-000003 | h18446744073709551615");
  check_incidents("?status=open&since=6m", "| ");
  check_incidents("?status=open&until=2026-11-21T08:00:00Z", "INC-000002 INC-000001 | ");
}

TEST(IncidentList, MatchersAreForTheIncidentAndItsMembers) {
  check_incidents("?status=open&filter=env=%22prod%22", "INC-000001 | ");
  check_incidents("?status=open&filter=env!=%22prod%22", "INC-000002 | ");
  check_incidents("?status=open&filter=entity=~%22service:.*%22&filter=severity=%223%22",
                  "INC-000002 | ");
  // One member must satisfy all.
  check_incidents("?status=open&filter=env=%22prod%22,service=%22orders%22", "| ");
  check_incidents("?status=resolved&filter=assignee=%22kim%22",
                  "INC-000003 | h18446744073709551615");
  check_incidents("?status=open&filter=title=~%22.*slow%22", "INC-000002 | ");
}

TEST(IncidentList, Pages) {
  check_incidents("?limit=2", "INC-000003 INC-000002 | s2");
  check_incidents("?limit=2&cursor=s2", "INC-000001 | h18446744073709551615");
  check_incidents("?cursor=h18446744073709551615", "INC-001002 INC-001001 | ");
  check_incidents("?limit=1&cursor=h18446744073709551615", "INC-001002 | h1002");
  check_incidents("?limit=1&cursor=h1002", "INC-001001 | ");
  check_incidents("?status=closed", "INC-001002 INC-001001 | ");  // None of them is live.
  check_incidents("?q=older&cursor=h18446744073709551615", "INC-001002 | ");
}

TEST(IncidentList, ErrorsNameTheParameter) {
  check_incidents("?limit=0", "400 limit: '0' is not a number from 1 to 1000");
  check_incidents("?limit=ten", "400 limit: 'ten' is not a number from 1 to 1000");
  check_incidents("?cursor=x7", "400 cursor: 'x7' is not a cursor of this list");
  check_incidents("?cursor=s", "400 cursor: 's' is not a cursor of this list");
  check_incidents("?cursor=-", "400 cursor: '-' is not a cursor of this list");
  check_incidents("?status=firing",
                  "400 status: 'firing' is not one of open, acknowledged, investigating, "
                  "mitigated, resolved, closed");
  check_incidents("?severity_max=9", "400 severity_max: '9' is not a number from 1 to 5");
  check_incidents("?since=yesterday",
                  "400 since: 'yesterday' is neither a time such as 2026-11-21T08:00:00Z nor a "
                  "duration such as 1h");
  check_incidents("?filter=a=~%22(%22",
                  "400 filter: '(' is not a regular expression (RE2): missing ): (");
}

TEST(IncidentRequests, HaveTheDocumentedShapes) {
  ListWorld world;
  EXPECT_EQ(shape_error(world, "/api/v1/incidents", "IncidentList"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/incidents?cursor=h2000", "IncidentList"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/incidents/INC-000001", "IncidentDetail"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/incidents/1002", "IncidentDetail"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/incidents/inc-1/trace", "Trace"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/incidents/1002/trace", "Trace"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/incidents/1/alerts", "AlertList"), "");
  EXPECT_EQ(header_of(world.get("/api/v1/incidents/1"), "etag"), "\"2\"");
  EXPECT_EQ(detail_of(world.get("/api/v1/incidents/99")), "404 there is no incident INC-000099");
  EXPECT_EQ(detail_of(world.get("/api/v1/incidents/x")),
            "400 id: 'x' is not an incident id such as INC-000001");
}

TEST(IncidentRequests, MembersThatLeftTheLiveAlertsComeFromThePast) {
  ListWorld world;
  const AlertKey key{
      .tenant = std::string(kDefaultTenant),
      .fingerprint = LabelSet::parse("alertname=Pool,service=checkout,env=prod")->fingerprint()};
  world.past.alerts[key] = *world.alerts.find(key);
  world.alerts.remove(key);
  EXPECT_EQ(ids_of(world.get("/api/v1/incidents/1/alerts"), "title"), "Pool |  of 1");
}

// What a POST leads to: the command, or the answer.
std::string outcome_of(ApiWorld& world, std::string_view target, std::string body,
                       http::Headers headers = {}) {
  const auto request = ApiWorld::request("POST", target, std::move(body), std::move(headers));
  Reply reply = world.reply(request);
  if (auto* submission = std::get_if<Submission>(&reply)) return submission->body;
  if (auto* deferred = std::get_if<Deferred>(&reply)) {
    return detail_of(run_deferred(*deferred, world.history));
  }
  const auto& response = std::get<http::Response>(reply);
  return response.status == 200 ? "200 " + header_of(response, "etag") : detail_of(response);
}

void check_change(std::string_view path, std::string body, std::string_view want,
                  http::Headers headers = {}) {
  ListWorld world;
  EXPECT_EQ(outcome_of(world, "/api/v1/incidents/" + std::string(path), std::move(body),
                       std::move(headers)),
            want)
      << path;
}

TEST(IncidentChanges, BecomeCommands) {
  check_change("1/ack", "", R"({"kind":"acknowledge","incident":"INC-000001","actor":"api"})");
  check_change("1/resolve", R"({"actor":"kim","reason":"restarted"})",
               R"({"kind":"resolve","incident":"INC-000001","actor":"kim","text":"restarted"})");
  check_change("3/reopen", "{}", R"({"kind":"reopen","incident":"INC-000003","actor":"api"})");
  check_change("1/note", R"({"actor":"kim","text":"a\nb"})",
               R"({"kind":"note","incident":"INC-000001","actor":"kim","text":"a\nb"})");
  check_change("1/assign", R"({"assignee":"team-db"})",
               R"({"kind":"assign","incident":"INC-000001","actor":"api","text":"team-db"})");
  check_change("1/severity", R"({"severity":2})",
               R"({"kind":"set_severity","incident":"INC-000001","actor":"api","number":2})");
  check_change("1/title", R"({"title":"Pool"})",
               R"({"kind":"set_title","incident":"INC-000001","actor":"api","text":"Pool"})");
  check_change("2/merge", R"({"into":"INC-000001"})",
               R"({"kind":"merge","incident":"INC-000002","actor":"api","other":"INC-000001"})");
  check_change("1/ack", "",
               R"({"kind":"acknowledge","incident":"INC-000001","actor":"api",)"
               R"("expected_version":2})",
               {{"if-match", "\"2\""}});
}

TEST(IncidentChanges, AskingTwiceIsNotAnError) {
  check_change("3/resolve", "", "200 \"1\"");
  check_change("1/severity", R"({"severity":1})", "200 \"2\"");
  check_change("3/assign", R"({"assignee":"kim"})", "200 \"1\"");
}

TEST(IncidentChanges, ErrorsSayWhatAndWhere) {
  check_change("1/ack", R"({"reson":"x"})",
               "400 /reson: there is no member 'reson', did you mean 'reason'?");
  check_change("1/ack", "[]", "400 /: the body must be a JSON object");
  check_change("1/ack", R"({"actor":7})", "400 /actor: must be a text");
  check_change("1/note", "{}", "400 /text: is needed and must not be empty");
  check_change("1/note", R"({"text":"\u0000"})", "400 /text: must not have control characters");
  check_change("1/severity", R"({"severity":6})",
               "400 /severity: must be a number from 1 (the worst) to 5");
  check_change("1/merge", R"({"into":"1"})", "400 /into: INC-000001 cannot be merged into itself");
  check_change("1/merge", R"({"into":"77"})", "400 /into: there is no live incident INC-000077");
  check_change("1/split", R"({"alerts":[]})", "400 /alerts: must be a list of 1 to 1000 texts");
  check_change("1/split", R"({"alerts":["0000000000000001"]})",
               "400 /alerts/0: 0000000000000001 is no member of INC-000001");
  check_change("1/reopen", "", "200 \"2\"");
  check_change("3/ack", "", "409 INC-000003 is resolved: re-open it first");
  check_change("1/ack", "", "412 INC-000001 is at version 2, not 7: load it again",
               {{"if-match", "\"7\""}});
  check_change("1/ack", "", "400 If-Match: 'new' is not a version such as \"15\"",
               {{"if-match", "new"}});
  check_change("99/ack", "", "404 there is no incident INC-000099");
  check_change("1002/ack", "", "409 INC-001002 is history and cannot be changed any more");
}

TEST(IncidentChanges, SplitMustLeaveSomethingBehind) {
  ListWorld world;
  const auto fingerprint = format_fingerprint(world.incidents.find(1)->members[0].fingerprint);
  EXPECT_EQ(
      outcome_of(world, "/api/v1/incidents/1/split", "{\"alerts\":[\"" + fingerprint + "\"]}"),
      "409 a split must leave at least one alert behind");
}

TEST(IncidentChanges, AreAnsweredWithTheIncidentAsItThenIs) {
  ListWorld world;
  const auto request = ApiWorld::request("POST", "/api/v1/incidents/1/ack");
  Reply reply = world.reply(request);
  auto& submission = std::get<Submission>(reply);
  EXPECT_EQ(submission.kind, FrameKind::Command);
  EXPECT_EQ(submission.tenant, "default");
  world.incidents.edit(1, [](Incident& incident) {
    append(incident, {.at = ApiWorld::kStart,
                      .kind = IncidentEventKind::StatusChanged,
                      .status = IncidentStatus::Acknowledged});
  });
  const auto response = submission.answer(world.live, {.offset = 9, .incident = 1});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header_of(response, "etag"), "\"3\"");
  SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
  EXPECT_EQ(check(response.body, "IncidentSummary"), "");
  EXPECT_NE(response.body.find("\"status\":\"acknowledged\""), std::string::npos);
}

// A rare filter does not hold up the core: it is searched for in steps.
TEST(IncidentList, LongSearchesAreCut) {
  ApiWorld world;
  for (std::size_t i = 0; i < kListSteps + 10; ++i) world.incidents.add({.tenant = "default"});
  world.incidents.edit(5, [](Incident& incident) { incident.assignee = "kim"; });
  for (std::size_t i = 10; i < kListSteps + 10; ++i) {
    world.incidents.edit(i, [](Incident&) {});
  }
  const std::string target = "/api/v1/incidents?status=open&filter=assignee=%22kim%22";
  const std::string first = ids_of(world.get(target));
  ASSERT_TRUE(first.starts_with("| s")) << first;
  EXPECT_EQ(ids_of(world.get(target + "&cursor=" + first.substr(2))), "INC-000005 | ");
}

}  // namespace
}  // namespace quell
