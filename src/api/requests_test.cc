// Alerts, events, dead letters and the server itself, through the router.
#include <gtest/gtest.h>

#include "api/api_checks.h"
#include "api/api_world.h"
#include "api/event_requests.h"
#include "api/schema_check.h"
#include "api/system_requests.h"
#include "base/embedded.h"
#include "model/command.h"
#include "stream/rollup.h"

namespace quell {

EmbeddedFiles embedded_api();

namespace {

// One member of each item, the cursor and the total: "a b | s1 of 2".
std::string list_of(const http::Response& response, std::string_view key) {
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

struct AlertWorld : ApiWorld {
  AlertWorld() {
    fire("alertname=Pool,service=checkout", Severity::Critical);
    fire("alertname=Slow,service=orders", Severity::Warning).incident = 7;
    Alert& held = fire("alertname=Flaky,service=search", Severity::Info);
    alerts.edit(held.key, [](Alert& alert) { alert.status = AlertStatus::Held; });
  }
};

void check_alerts(std::string_view query, std::string_view want) {
  AlertWorld world;
  EXPECT_EQ(list_of(world.get("/api/v1/alerts" + std::string(query)), "title"), want) << query;
}

TEST(AlertRequests, List) {
  check_alerts("", "Flaky Slow Pool |  of 3");
  check_alerts("?status=firing", "Slow Pool |  of 2");
  check_alerts("?status=held&status=resolved", "Flaky |  of 1");
  check_alerts("?severity_min=warning", "Slow Pool | ");
  check_alerts("?filter=service=~%22o.*%22", "Slow | ");
  check_alerts("?q=CHECKOUT", "Pool | ");
  check_alerts("?incident=INC-000007", "Slow | ");
  check_alerts("?tenant=other", "| ");
  check_alerts("?status=open", "400 status: 'open' is not one of firing, held, resolved");
  check_alerts("?severity_min=bad",
               "400 severity_min: 'bad' is not one of info, warning, error, critical");
  check_alerts("?stauts=firing",
               "400 stauts: there is no parameter 'stauts', did you mean 'status'?");
  check_alerts("?incident=x", "400 incident: 'x' is not an incident id such as INC-000001");
}

TEST(AlertRequests, PagesFollowTheCursor) {
  AlertWorld world;
  std::string titles;
  std::string target = "/api/v1/alerts?limit=1";
  for (int page = 0; page < 3; ++page) {
    const std::string line = list_of(world.get(target), "title");
    titles += line.substr(0, line.find('|'));
    const auto cursor = line.find("| ") + 2;
    target = "/api/v1/alerts?limit=1&cursor=" + line.substr(cursor, line.find(" of") - cursor);
  }
  EXPECT_EQ(titles, "Flaky Slow Pool ");
  EXPECT_EQ(target, "/api/v1/alerts?limit=1&cursor=");
}

TEST(AlertRequests, OneOfTheLiveOnesOrOfThePast) {
  AlertWorld world;
  EXPECT_EQ(shape_error(world, "/api/v1/alerts", "AlertList"), "");
  const auto fingerprint =
      format_fingerprint(LabelSet::parse("alertname=Pool,service=checkout")->fingerprint());
  EXPECT_EQ(shape_error(world, "/api/v1/alerts/" + fingerprint, "AlertSummary"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/alerts/" + fingerprint + "/trace", "Trace"), "");
  const Alert old{.key = {.tenant = "t", .fingerprint = 1}, .title = "Old"};
  world.past.alerts[old.key] = old;
  EXPECT_EQ(shape_error(world, "/api/v1/alerts/0000000000000001?tenant=t", "AlertSummary"), "");
  EXPECT_EQ(detail_of(world.get("/api/v1/alerts/0000000000000001")),
            "404 tenant default has no alert 0000000000000001");
  EXPECT_EQ(detail_of(world.get("/api/v1/alerts/1")),
            "400 fingerprint: '1' is not a fingerprint of 16 hex digits");
}

struct PastWorld : ApiWorld {
  PastWorld() {
    for (std::uint64_t offset = 5; offset > 0; --offset) {
      past.rows.push_back({.offset = offset, .index = 1, .arrived_at = kStart});
      past.rows.back().event.title = "e" + std::to_string(offset);
      past.letters.push_back({.offset = offset, .index = 0, .resolved = offset == 3});
      past.letters.back().rejected.reason = "r" + std::to_string(offset);
    }
    frames[5] = Frame{.source = "cloudevents", .body = "{}"};
  }
};

TEST(EventRequests, ListPagesByPosition) {
  PastWorld world;
  EXPECT_EQ(list_of(world.get("/api/v1/events?limit=2"), "title"), "e5 e4 | e4-1");
  EXPECT_EQ(list_of(world.get("/api/v1/events?limit=2&cursor=e4-1"), "title"), "e3 e2 | e2-1");
  EXPECT_EQ(list_of(world.get("/api/v1/events?limit=2&cursor=e2-1"), "title"), "e1 | ");
  EXPECT_EQ(list_of(world.get("/api/v1/events?limit=5"), "title"), "e5 e4 e3 e2 e1 | ");
  EXPECT_EQ(shape_error(world, "/api/v1/events", "EventList"), "");
}

TEST(EventRequests, ParametersBecomeTheQuery) {
  PastWorld world;
  world.get(
      "/api/v1/events?q=pool&source=/a&kind=change&severity_min=error&since=1h&alert="
      "1e13768c7ec52373&incident=INC-000007&tenant=t&limit=7");
  const EventQuery& asked = world.past.asked;
  EXPECT_EQ(asked.text, "pool");
  EXPECT_EQ(asked.source, "/a");
  EXPECT_EQ(asked.kind, EventKind::Change);
  EXPECT_EQ(asked.severity_min, Severity::Error);
  EXPECT_EQ(asked.since, world.now - std::chrono::hours(1));
  EXPECT_EQ(asked.alert, Fingerprint{0x1e13768c7ec52373});
  EXPECT_EQ(asked.incident, 7u);
  EXPECT_EQ(asked.tenant, "t");
  EXPECT_EQ(asked.limit, 8u);  // One more tells whether there are more.
  EXPECT_EQ(detail_of(world.get("/api/v1/events?kind=log")),
            "400 kind: 'log' is not one of alert, change, note");
}

TEST(EventRequests, OneWithItsFrame) {
  PastWorld world;
  EXPECT_EQ(shape_error(world, "/api/v1/events/5/1", "EventDetail"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/events/4/1", "EventDetail"), "");  // Its frame is gone.
  EXPECT_EQ(detail_of(world.get("/api/v1/events/5/0")), "404 there is no event 5/0");
  EXPECT_EQ(detail_of(world.get("/api/v1/events/5/99999999999")),
            "404 there is no event 5/99999999999");
  EXPECT_EQ(detail_of(world.get("/api/v1/events/a/0")), "400 offset: 'a' is not a whole number");
}

TEST(DeadLetters, ListAndShow) {
  PastWorld world;
  EXPECT_EQ(list_of(world.get("/api/v1/deadletters"), "reason"), "r5 r4 r2 r1 | ");
  EXPECT_EQ(list_of(world.get("/api/v1/deadletters?include_resolved=true"), "reason"),
            "r5 r4 r3 r2 r1 | ");
  EXPECT_EQ(shape_error(world, "/api/v1/deadletters", "DeadLetterList"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/deadletters/5-0", "DeadLetterDetail"), "");
  EXPECT_EQ(detail_of(world.get("/api/v1/deadletters/9-0")), "404 there is no dead letter 9-0");
  EXPECT_EQ(detail_of(world.get("/api/v1/deadletters/9")),
            "400 id: '9' is not a dead letter id such as 4711-0");
  EXPECT_EQ(detail_of(world.get("/api/v1/deadletters?include_resolved=maybe")),
            "400 include_resolved: 'maybe' is neither true nor false");
}

TEST(DeadLetters, RetryIsACommand) {
  PastWorld world;
  Reply one = world.reply(ApiWorld::request("POST", "/api/v1/deadletters/5-0/retry"));
  EXPECT_EQ(std::get<Submission>(one).body,
            R"({"kind":"retry_dead_letters","actor":"api","dead_letter":"5-0"})");
  Reply all = world.reply(ApiWorld::request("POST", "/api/v1/deadletters/retry"));
  auto& submission = std::get<Submission>(all);
  EXPECT_EQ(submission.body, R"({"kind":"retry_dead_letters","actor":"api"})");
  EXPECT_EQ(submission.answer(world.live, {.retried = 5, .resolved = 3}).body,
            R"({"retried":5,"resolved":3,"failed":2,"without_frame":0,"next":null})");
  const Applied page{.retried = 1000, .resolved = 1000, .next_before = DeadLetterId{4711, 3}};
  EXPECT_EQ(submission.answer(world.live, page).body,
            R"({"retried":1000,"resolved":1000,"failed":0,"without_frame":0,"next":"4711-3"})");
  Reply more = world.reply(ApiWorld::request("POST", "/api/v1/deadletters/retry?before=4711-3"));
  EXPECT_EQ(std::get<Submission>(more).body,
            R"({"kind":"retry_dead_letters","actor":"api","before":"4711-3"})");
  Reply bad = world.reply(ApiWorld::request("POST", "/api/v1/deadletters/retry?before=x"));
  EXPECT_EQ(detail_of(std::get<http::Response>(bad)),
            "400 before: 'x' is not a dead letter id such as 4711-0");
}

// What a person posted, as `kind severity status entity title {labels} source`, or the refusal.
std::string posted(std::string_view body) {
  const Frame frame{.arrived_at = ApiWorld::kStart,
                    .source = std::string(kPostedEventSource),
                    .body = std::string(body)};
  const Decoded decoded = decode_posted_event(frame);
  if (decoded.events.empty()) {
    return decoded.rejected.at(0).place + ": " + decoded.rejected.at(0).reason;
  }
  const Event& e = decoded.events[0];
  return std::string(event_kind_name(e.kind)) + ' ' + std::string(severity_name(e.severity)) + ' ' +
         std::string(event_status_name(e.status)) + ' ' + e.entity.to_string() + ' ' + e.title +
         ' ' + e.labels.to_string() + ' ' + e.source;
}

void check_posted(std::string_view body, std::string_view want) {
  EXPECT_EQ(posted(body), want) << body;
}

TEST(PostedEvents, AreNotesChangesOrAlerts) {
  check_posted(R"({"title":"Hi"})", "note info   Hi {} /quell/api");
  check_posted(R"({"title":"v2","kind":"change","entity":"checkout","actor":"kim"})",
               "change info  service:checkout v2 {} /quell/people/kim");
  check_posted(R"({"title":"Down","kind":"alert","severity":"critical","labels":{"a":"b"}})",
               R"(alert critical firing  Down {a="b"} /quell/api)");
  check_posted(R"({"title":"Down","kind":"alert","entity":"db","status":"resolved"})",
               R"(alert info resolved service:db Down {alertname="Down", entity="db"} /quell/api)");
  check_posted("{}", "/title: is needed and must not be empty");
  check_posted(R"({"title":"a","kind":"x"})", "/kind: 'x' is not one of note, change, alert");
  check_posted(R"({"title":"a","severity":"x"})",
               "/severity: 'x' is not one of info, warning, error, critical");
  check_posted(R"({"title":"a","time":"x"})",
               "/time: 'x' is not an RFC 3339 time such as 2026-11-21T08:00:00Z");
  check_posted(R"({"title":"a","labels":{"b":1}})", "/labels/b: must be a string, got a number");
  check_posted(R"({"titel":"a"})", "/titel: there is no member 'titel', did you mean 'title'?");
  check_posted("{", "byte 1 (line 1, column 2): not valid JSON: incomplete JSON");
}

TEST(PostedEvents, AreAnsweredWithTheEvent) {
  ApiWorld world;
  Reply reply = world.reply(
      ApiWorld::request("POST", "/api/v1/events?tenant=t", R"({"title":"Hi","text":"There"})"));
  auto& submission = std::get<Submission>(reply);
  EXPECT_EQ(submission.kind, FrameKind::Ingest);
  EXPECT_EQ(submission.source, "note");
  EXPECT_EQ(submission.tenant, "t");
  const auto response =
      submission.answer(world.live, {.offset = 7, .arrived_at = ApiWorld::kStart});
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(header_of(response, "location"), "/api/v1/events/7/0");
  SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
  EXPECT_EQ(check(response.body, "EventItem"), "");
}

struct WindowWorld : ApiWorld {
  HealthWindows windows{};
  WindowWorld() {
    live.windows = &windows;
    Event event{.source = "/a", .type = "t", .time = now, .tenant = std::string(kDefaultTenant)};
    event.severity = Severity::Critical;
    event.correlation_id = "c-1";
    for (int i = 0; i < 3; ++i) windows.on_event(event, now);
    for (int i = 1; i <= 2; ++i) {
      HealthWindow closed{.tenant = std::string(kDefaultTenant), .closed = true};
      closed.starts_at = kStart - i * HealthWindows::kLength;
      closed.ends_at = closed.starts_at + HealthWindows::kLength;
      closed.zscore = 1.5;
      closed.top_error_sources.push_back({.source = "/a", .count = 2});
      closed.correlated_groups.push_back({.correlation_id = "c", .count = 3, .sources = {"/a"}});
      WindowRow row{.tenant = closed.tenant, .starts_at = closed.starts_at};
      encode_health_window(closed, row.record);
      past.window_rows.push_back(std::move(row));
    }
  }
};

void check_windows(std::string_view query, std::string_view want) {
  WindowWorld world;
  EXPECT_EQ(list_of(world.get("/api/v1/health/windows" + std::string(query)), "starts_at"), want);
}

TEST(WindowRequests, OpenOnesThenThePast) {
  WindowWorld world;
  EXPECT_EQ(shape_error(world, "/api/v1/health/windows", "WindowList"), "");
  check_windows("", "2026-11-21T08:10:00Z 2026-11-21T07:55:00Z 2026-11-21T07:50:00Z | ");
  check_windows("?limit=2", "2026-11-21T08:10:00Z 2026-11-21T07:55:00Z | ");
  check_windows("?since=2026-11-21T07:55:00Z", "2026-11-21T08:10:00Z 2026-11-21T07:55:00Z | ");
  check_windows("?scope=/a", "2026-11-21T08:10:00Z | ");
  check_windows("?scope=*",
                "2026-11-21T08:10:00Z 2026-11-21T08:10:00Z 2026-11-21T07:55:00Z "
                "2026-11-21T07:50:00Z | ");
  check_windows("?tenant=other", "| ");
  check_windows("?from=1h",
                "400 from: there is no parameter 'from'; there are scope, tenant, since, limit");
  check_windows("?limit=x", "400 limit: 'x' is not a number from 1 to 1000");
}

struct MetricWorld : ApiWorld {
  SeriesTable series{};
  SampleBook samples{};
  MetricWorld() {
    live.series = &series;
    live.samples = &samples;
    const auto labels = SeriesLabels::from({{"__name__", "cpu"}, {"host", "db-1"}}).value();
    WireSamples in{.made = std::string(labels.bytes()), .tenants = {"t"}};
    in.series.push_back(
        {.key_size = static_cast<std::uint32_t>(in.made.size()), .count = 3, .is_made = true});
    for (int i = 0; i < 3; ++i) {
      in.times.push_back(kStart + std::chrono::minutes(i));
      in.values.push_back(i + 0.5);
    }
    SampleBatch batch;
    SeriesRefusals refused;
    series.resolve(in, "agent", SeriesTable::Unknown::Make, batch, refused);
    samples.add(batch, series, 0, now);
  }
};

void check_samples(std::string_view query, std::string_view want) {
  MetricWorld world;
  const auto response = world.get("/api/v1/metrics/cpu" + std::string(query));
  EXPECT_EQ(response.status == 200 ? response.body : detail_of(response), want) << query;
}

// Two samples of the hour before, as a rollup.
MetricHistory past_of_cpu() {
  const auto labels = SeriesLabels::from({{"__name__", "cpu"}, {"host", "db-1"}}).value();
  const Timestamp then = ApiWorld::kStart - std::chrono::hours(1);
  const std::vector<Point> points{{then, 1}, {then + std::chrono::minutes(1), 3}};
  MetricChunk chunk{.series = make_series("t", labels)};
  encode_points(points, chunk.samples);
  return {.rollups = roll_up({chunk}, {}).rows};
}

TEST(MetricRequests, SamplesOfOneMetric) {
  MetricWorld world;
  EXPECT_EQ(shape_error(world, "/api/v1/metrics", "MetricNames"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/metrics/cpu", "MetricResult"), "");
  EXPECT_EQ(world.get("/api/v1/metrics").body, R"({"items":["cpu"]})");
  check_samples(
      "?limit=2",
      R"({"metric":"cpu","kind":"gauge","unit":"","help":"","rollup_seconds":300,"matched":1,"series":[)"
      R"({"tenant":"t","host":"db-1","unit":"","entity":"host:db-1","tags":{},)"
      R"("labels":{"host":"db-1"},)"
      R"("samples":[[1795248060000,1.5],[1795248120000,2.5]],"rollups":[]}]})");
  check_samples(
      "?host=db-1&tenant=t&until=2026-11-21T08:00:00Z",
      R"({"metric":"cpu","kind":"gauge","unit":"","help":"","rollup_seconds":300,"matched":1,"series":[)"
      R"({"tenant":"t","host":"db-1","unit":"","entity":"host:db-1","tags":{},)"
      R"("labels":{"host":"db-1"},"samples":[[1795248000000,0.5]],"rollups":[]}]})");
  check_samples(
      "?filter=host%3D~%22db.*%22&limit=1&until=2026-11-21T08:00:00Z",
      R"({"metric":"cpu","kind":"gauge","unit":"","help":"","rollup_seconds":300,"matched":1,"series":[)"
      R"({"tenant":"t","host":"db-1","unit":"","entity":"host:db-1","tags":{},)"
      R"("labels":{"host":"db-1"},"samples":[[1795248000000,0.5]],"rollups":[]}]})");
  check_samples("?filter=host%3D%22web%22", "404 there are no samples of the metric 'cpu' here");
  check_samples("?host=db-2", "404 there are no samples of the metric 'cpu' here");
  check_samples("?limit=10001", "400 limit: '10001' is not a number from 1 to 10000");
  world.past.metrics = past_of_cpu();
  EXPECT_EQ(shape_error(world, "/api/v1/metrics/cpu", "MetricResult"), "");
  EXPECT_TRUE(world.get("/api/v1/metrics/cpu?limit=4")
                  .body.ends_with(R"("rollups":[[1795244400000,1795244460000,2,1,3,2,3]]}]})"));
  EXPECT_TRUE(world.get("/api/v1/metrics/cpu?limit=3").body.ends_with(R"("rollups":[]}]})"));
}

TEST(MetricRequests, WhoHasTheMostSeries) {
  MetricWorld world;
  EXPECT_EQ(shape_error(world, "/api/v1/series", "SeriesReport"), "");
  EXPECT_EQ(world.get("/api/v1/series?limit=1").body,
            R"({"series":1,"series_total_max":2000000,"series_bytes":271,)"
            R"("series_bytes_max":2147483648,"sample_bytes":1048576,"sources":[)"
            R"({"tenant":"t","source":"agent","series":1,"series_max":1000000,"refused":0,)"
            R"("top_metrics":[{"metric":"cpu","series":1,"labels":[{"name":"host","values":1}]}],)"
            R"("refused_metrics":[]}]})");
  EXPECT_EQ(ApiWorld().get("/api/v1/series").status, 200);
}

TEST(SystemRequests, HaveTheDocumentedShapes) {
  AlertWorld world;
  world.live.sources = [] {
    return std::vector<SourceFacts>{{.name = "agent", .path = "/ingest/agent", .kind = "agent"}};
  };
  world.live.topology = std::make_shared<const Topology>(*Topology::parse(
      "services:\n  - name: checkout\n    owner: pay\n    depends_on: [orders]\n", "t.yaml"));
  EXPECT_EQ(shape_error(world, "/api/v1/status", "Status"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/sources", "SourceList"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/config", "Config"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/topology", "Topology"), "");
  EXPECT_EQ(world.get("/api/v1/topology").body,
            R"({"entities":[{"entity":"service:checkout","owner":"pay"},)"
            R"({"entity":"service:orders","owner":null}],)"
            R"("edges":[{"from":"service:checkout","to":"service:orders"}]})");
}

TEST(SystemRequests, HealthAndReadiness) {
  ApiWorld world;
  EXPECT_EQ(world.get("/healthz").body, "OK\n");
  EXPECT_EQ(world.get("/-/ready").status, 200);
  world.constants.ready = false;
  world.constants.not_ready_why = "replaying the journal";
  EXPECT_EQ(world.get("/healthz").status, 200);
  const auto response = world.get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "replaying the journal\n");
}

TEST(SystemRequests, Documents) {
  ApiWorld world;
  simdjson::dom::parser parser;
  const auto openapi = world.get("/api/openapi.json");
  EXPECT_EQ(json_text(*parse_json(parser, openapi.body), "openapi"), "3.1.0");
  const auto docs = world.get("/docs");
  EXPECT_EQ(header_of(docs, "content-type"), "text/html; charset=utf-8");
  EXPECT_NE(header_of(docs, "content-security-policy").find("script-src 'self'"),
            std::string::npos);
}

void check_mask(std::string_view yaml, std::string_view want) {
  EXPECT_EQ(mask_secrets(yaml), want);
}

TEST(MaskSecrets, KeepsTheRest) {
  check_mask("a: b\n# token: old\n", "a: b\n# token: \"***\"\n");
  check_mask("tokens: [{name: a, token: s3}, {token: 'x,y', name: b}]",
             "tokens: [{name: a, token: \"***\"}, {token: \"***\", name: b}]");
  check_mask("token: abc\nname: x", "token: \"***\"\nname: x");
  check_mask("  - {name: a}\n  - api_key: 'x y'  # why", "  - {name: a}\n  - api_key: \"***\"");
  check_mask("tokens:\n  - name: kim\n    token: s3\n",
             "tokens:\n  - name: kim\n    token: \"***\"\n");
  check_mask("secrets:\n  - one\n  - two\nnext: 1", "secrets:\n  - ***\n  - ***\nnext: 1");
  check_mask("secret: |\n  line 1\n  line 2\nnext: 1", "secret: |\n  ***\n  ***\nnext: 1");
  check_mask("url: https://kim:pw@host/x?a=b@c", "url: https://***@host/x?***");
  check_mask("scrape:\n  - targets: [\"http://a:b@h/m?key=s3\", 'https://h/m?k=1&l=2']\n",
             "scrape:\n  - targets: [\"http://***@h/m?***\", 'https://h/m?***']\n");
  check_mask("  path: /metrics?key=s3 # why?", "  path: /metrics?*** # why?");
  check_mask("{path: '/m?key=s3', text: 'is /a?b'}", "{path: '/m?***', text: 'is /a?***'}");
  check_mask("text: why? http://h/?", "text: why? http://h/?");
  check_mask(
      "- headers:\n    Authorization: Basic abc\n    # Cookie: x=1\n    X: >\n      {b: c\n"
      "  name: a\n",
      "- headers:\n    Authorization: \"***\"\n    # Cookie: \"***\"\n    X: \"***\"\n"
      "      {b: \"***\"\n  name: a\n");
  check_mask("headers: {Authorization: Basic abc,\n  Cookie: c}\nname: a",
             "headers: \"***\"\n  Cookie: \"***\"\nname: a");
  check_mask("- {name: a, token: t, headers: {Cookie: c}}\n- {name: b}",
             "- {name: a, token: \"***\", headers: \"***\"\n- {name: b}");
  check_mask("{\"headers\":{\"Cookie\":\"c\"}}", "{\"headers\": \"***\"");
  check_mask("from: headers.x", "from: headers.x");
  check_mask("\nkey: k", "\nkey: \"***\"");
  check_mask("monkey: k", "monkey: k");
}

}  // namespace
}  // namespace quell
