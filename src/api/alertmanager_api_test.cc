#include "api/alertmanager_api.h"

#include <gtest/gtest.h>

#include "api/api_world.h"
#include "api/schema_check.h"
#include "base/embedded.h"

namespace quell {

EmbeddedFiles embedded_api();

namespace {

constexpr std::string_view kAm = "/alertmanager/api/v2";

struct AmWorld : ApiWorld {
  AmWorld() {
    fire("alertname=Pool,service=checkout");
    fire("alertname=Pool,service=orders");
    fire("alertname=Slow,service=orders");
    Alert& held = fire("alertname=Flaky");
    alerts.edit(held.key, [](Alert& alert) { alert.status = AlertStatus::Held; });
    Alert& ended = fire("alertname=Over");
    alerts.edit(ended.key, [](Alert& alert) { alert.status = AlertStatus::Resolved; });
    Alert& lapsed = fire("alertname=Lapsed");
    lapsed.lease_until = kStart;
  }
  http::Response am(std::string_view target) { return get(std::string(kAm) + std::string(target)); }
};

// The label sets of the alerts, in order, or the refusal.
std::string names_of(const http::Response& response) {
  if (response.status != 200) return std::to_string(response.status) + ' ' + response.body;
  simdjson::dom::parser parser;
  const auto document = parse_json(parser, response.body);
  std::string line;
  for (const auto item : document->get_array()) {
    line += std::string(json_text(item["labels"], "alertname")) + '/' +
            std::string(json_text(item["labels"], "service")) + ' ';
  }
  return line;
}

void check_am_alerts(std::string_view query, std::string_view want) {
  AmWorld world;
  EXPECT_EQ(names_of(world.am("/alerts" + std::string(query))), want) << query;
}

TEST(AlertmanagerApi, FiltersAsAlertmanagerDoes) {
  check_am_alerts("", "Flaky/ Pool/orders Pool/checkout Slow/orders ");
  check_am_alerts("?active=false", "Flaky/ ");
  check_am_alerts("?unprocessed=false", "Pool/orders Pool/checkout Slow/orders ");
  check_am_alerts("?silenced=false&inhibited=false&active=true",
                  "Flaky/ Pool/orders Pool/checkout Slow/orders ");
  check_am_alerts("?filter=alertname=%22Pool%22", "Pool/orders Pool/checkout ");
  check_am_alerts("?filter=alertname=%22Pool%22&filter=service!=%22orders%22", "Pool/checkout ");
  check_am_alerts("?filter=service=%22%22", "Flaky/ ");
  check_am_alerts("?filter=service!=%22%22", "Pool/orders Pool/checkout Slow/orders ");
  check_am_alerts("?filter=alertname=~%22Po%22", "");
  check_am_alerts("?filter={alertname=~%22Po.*%22,service=~%22o.*%22}", "Pool/orders ");
  check_am_alerts("?receiver=quell", "Flaky/ Pool/orders Pool/checkout Slow/orders ");
  check_am_alerts("?receiver=que.*", "Flaky/ Pool/orders Pool/checkout Slow/orders ");
  check_am_alerts("?receiver=que", "");
}

TEST(AlertmanagerApi, SortsByFingerprint) {
  AmWorld world;
  simdjson::dom::parser parser;
  const std::string body = world.am("/alerts").body;
  const auto document = parse_json(parser, body);
  std::string last;
  for (const auto item : document->get_array()) {
    const std::string fingerprint(json_text(item, "fingerprint"));
    EXPECT_LT(last, fingerprint);
    last = fingerprint;
  }
}

TEST(AlertmanagerApi, ErrorsAreAlertmanagers) {
  check_am_alerts("?filter=nonsense",
                  R"(400 "'nonsense' is not a matcher such as service=\"checkout\" or )"
                  R"(severity=~\"a|b\"")");
  check_am_alerts("?receiver=(",
                  "400 \"failed to parse receiver param: '(' is not a regular "
                  "expression (RE2): missing ): (\"");
  check_am_alerts(
      "?active=maybe",
      R"(422 {"code":601,"message":"active in query must be of type boolean: \"maybe\""})");
}

TEST(AlertmanagerApi, AlertHasTheRealShape) {
  ApiWorld world;
  EXPECT_EQ(world.get("/alertmanager/api/v2/alerts").body, "[]");
  Alert& alert = world.fire("alertname=CheckoutDown,service=checkout,severity=critical");
  alert.annotations = *LabelSet::parse("summary=\"5xx above 5%\"");
  alert.links.push_back({"Source", "http://p:9090/graph?g0.expr=up"});
  alert.starts_at = at("2026-11-21T08:00:00.1234Z");
  EXPECT_EQ(
      world.get("/alertmanager/api/v2/alerts").body,
      R"([{"annotations":{"summary":"5xx above 5%"},"endsAt":"2026-11-21T08:14:00.000Z",)"
      R"("fingerprint":"1e13768c7ec52373","receivers":[{"name":"quell"}],)"
      R"("startsAt":"2026-11-21T08:00:00.123Z","status":{"inhibitedBy":[],"mutedBy":[],)"
      R"("silencedBy":[],"state":"active"},"updatedAt":"2026-11-21T08:00:00.000Z",)"
      R"("generatorURL":"http://p:9090/graph?g0.expr=up",)"
      R"("labels":{"alertname":"CheckoutDown","service":"checkout","severity":"critical"}}])");
}

void check_am_shape(std::string_view target, std::string_view schema) {
  AmWorld world;
  SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
  const auto response = world.am(target);
  EXPECT_EQ(response.status, 200);
  const std::string wrapped = response.body;
  simdjson::dom::parser parser;
  const auto document = parse_json(parser, wrapped);
  ASSERT_TRUE(document);
  if (!document->is_array()) {
    EXPECT_EQ(check(wrapped, schema), "") << target;
    return;
  }
  for (const auto item : document->get_array()) {
    EXPECT_EQ(check(simdjson::minify(simdjson::dom::element(item)), schema), "") << target;
  }
}

TEST(AlertmanagerApi, HasTheDocumentedShapes) {
  check_am_shape("/alerts", "AmAlert");
  check_am_shape("/alerts/groups", "AmGroup");
  check_am_shape("/status", "AmStatusPage");
  check_am_shape("/receivers", "AmReceiver");
  check_am_shape("/silences", "AmSilence");
}

// `{labels}: alert alert; …`
std::string groups_of(const http::Response& response) {
  simdjson::dom::parser parser;
  const auto document = parse_json(parser, response.body);
  std::string line;
  for (const auto group : document->get_array()) {
    line += simdjson::minify(simdjson::dom::element(group["labels"])) + ": " +
            names_of({.body = simdjson::minify(simdjson::dom::element(group["alerts"]))}) + "; ";
  }
  return line;
}

TEST(AlertmanagerApi, GroupsByTheConfiguredLabels) {
  AmWorld world;
  EXPECT_EQ(groups_of(world.am("/alerts/groups")),
            R"({"alertname":"Flaky"}: Flaky/ ; {"alertname":"Pool"}: Pool/orders Pool/checkout ; )"
            R"({"alertname":"Slow"}: Slow/orders ; )");
  world.alertmanager.group_by = {"service"};
  EXPECT_EQ(groups_of(world.am("/alerts/groups?filter=alertname!=%22Slow%22")),
            R"({}: Flaky/ ; {"service":"checkout"}: Pool/checkout ; )"
            R"({"service":"orders"}: Pool/orders ; )");
  world.alertmanager.group_by = {"..."};
  EXPECT_EQ(groups_of(world.am("/alerts/groups?filter=alertname=%22Slow%22")),
            R"({"alertname":"Slow","service":"orders"}: Slow/orders ; )");
}

TEST(AlertmanagerApi, StatusHoldsAConfigurationThatAmtoolReads) {
  AmWorld world;
  EXPECT_EQ(world.am("/status").body,
            R"({"cluster":{"peers":[],"status":"disabled"},"config":{"original":)"
            R"("global:\n  resolve_timeout: 5m\nroute:\n  receiver: \"quell\"\n)"
            R"(  group_by: [\"alertname\"]\nreceivers:\n- name: \"quell\"\n"},)"
            R"("uptime":"2026-11-21T08:00:00.000Z","versionInfo":{"branch":"quell 0.1.0",)"
            R"("buildDate":"","buildUser":"","goVersion":"","revision":"abc",)"
            R"("version":"0.25.0"}})");
}

TEST(AlertmanagerApi, SilencesAreRefusedWithASentence) {
  AmWorld world;
  EXPECT_EQ(world.am("/silences").body, "[]");
  EXPECT_EQ(world.am("/silence/0b1c").status, 404);
  Reply reply = world.reply(ApiWorld::request("POST", "/alertmanager/api/v2/silences", "{}"));
  const auto& response = std::get<http::Response>(reply);
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("\"Quell does not take silences yet"), std::string::npos);
}

// Grafana takes a server for another one when unknown paths below the prefix answer 200.
TEST(AlertmanagerApi, UnknownPathsAre404) {
  AmWorld world;
  for (const std::string_view path : {"/alertmanager", "/alertmanager/", "/alertmanager/api/v1/x",
                                      "/alertmanager/alertmanager/api/v2/status"}) {
    EXPECT_EQ(world.get(path).status, 404) << path;
  }
}

TEST(AlertmanagerApi, KarmaFindsTheVersion) {
  AmWorld world;
  EXPECT_NE(world.get("/alertmanager/metrics").body.find("version=\"0.25.0\"} 1\n"),
            std::string::npos);
}

}  // namespace
}  // namespace quell
