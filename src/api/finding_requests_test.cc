// Findings and models, through the router.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/api_checks.h"
#include "stream/test_samples.h"

namespace quell {
namespace {

FindingSignal signal(std::string_view metric, double score) {
  FindingSignal s;
  s.series = make_series("default", test_labels(fmt::format("{}{{host=\"db-1\"}}", metric)));
  s.onset = ApiWorld::kStart;
  s.last_time = ApiWorld::kStart + std::chrono::seconds(30);
  s.samples = 4;
  s.score = score;
  s.peak = {ApiWorld::kStart, 9, 2, 0.5f};
  s.band = 3;
  s.fired = 1;
  s.points = {{ApiWorld::kStart, 9, 2, 0.5f}};
  return s;
}

struct FindingWorld : ApiWorld {
  FindingWorld() {
    live.findings = &findings;
    live.open_findings = 1;
    live.series = &table;
    live.samples = &samples;
    live.detector = &detector;
    add(1, "db-1", FindingStatus::Ended);
    add(2, "db-2", FindingStatus::Open);
    SampleBatch batch = resolved(table, TestRequest().add("load{host=\"db-1\"}", 0, {1, 2, 3}));
    samples.add(batch, table, 0, test_at(3));
    Observations seen;
    detector.observe(batch.slots, batch.times, batch.values, Calendar(), seen);
  }
  void add(FindingId id, std::string_view host, FindingStatus status) {
    Finding f;
    f.id = id;
    f.tenant = "default";
    f.entity = {"host", std::string(host)};
    f.status = status;
    f.title = fmt::format("load on {} is 9", host);
    f.onset = kStart + std::chrono::minutes(id);
    f.detected_at = f.updated_at = f.last_time = f.onset;
    if (status == FindingStatus::Ended) f.ended_at = f.onset;
    f.series_count = 3;
    f.signals = {signal("load", 30), signal("cpu", 20)};
    f.why = "because";
    f.add_note(f.onset, "began: because");
    findings.insert(id, std::move(f));
  }
  FindingBook findings{};
  SeriesTable table{};
  SampleBook samples{};
  Detector detector{};
};

void check_findings(std::string_view query, std::string_view want) {
  FindingWorld world;
  const auto response = world.get("/api/v1/findings" + std::string(query));
  if (response.status != 200) {
    EXPECT_EQ(detail_of(response), want) << query;
    return;
  }
  simdjson::dom::parser parser;
  const auto document = parse_json(parser, response.body);
  std::string ids;
  for (const auto item : (*document)["items"].get_array()) {
    ids += std::string(json_text(item, "id")) + ' ';
  }
  EXPECT_EQ(ids + "| " + std::string(json_text(*document, "next")), want) << query;
}

TEST(FindingRequests, List) {
  check_findings("", "FND-000002 FND-000001 | ");
  check_findings("?limit=1", "FND-000002 | f2");
  check_findings("?status=open", "FND-000002 | ");
  check_findings("?entity=host:db-1", "FND-000001 | ");
  check_findings("?metric=cpu", "FND-000002 FND-000001 | ");
  check_findings("?metric=disk", "| ");
  check_findings("?tenant=other", "| ");
  check_findings("?incident=INC-000001", "| ");
  check_findings("?since=2026-11-21T08:01:30Z", "FND-000002 | ");
  check_findings("?until=2026-11-21T08:01:30Z", "FND-000001 | ");
  check_findings("?status=closed", "400 status: 'closed' is not one of open, ended");
  check_findings("?metrics=cpu",
             "400 metrics: there is no parameter 'metrics', did you mean 'metric'?");
}

TEST(FindingRequests, AnswersHaveTheDocumentedShape) {
  FindingWorld world;
  EXPECT_EQ(shape_error(world, "/api/v1/findings", "FindingList"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/findings/FND-000001", "FindingDetail"), "");
  EXPECT_EQ(shape_error(world, "/api/v1/models?series=load", "ModelList"), "");
}

// The hosts of the models, how many matched, and where the rest begins.
void check_models(std::string_view query, std::string_view want) {
  FindingWorld world;
  TestRequest more;
  for (int i = 2; i <= 5; ++i) more.add(fmt::format("load{{host=\"db-{}\"}}", i), 0, {1});
  (void)resolved(world.table, std::move(more));
  const auto response = world.get("/api/v1/models?series=load" + std::string(query));
  simdjson::dom::parser parser;
  const auto document = parse_json(parser, response.body);
  ASSERT_TRUE(document) << response.body;
  std::string text;
  const auto items = (*document)["items"].get_array().value();
  for (const auto item : items) {
    text += std::string(item["labels"]["host"].get_string().value()) + ' ';
  }
  const auto next = json_integer(*document, "next");
  EXPECT_EQ(text + fmt::format("of {}, next {}", json_integer(*document, "matched").value_or(-1),
                               next ? std::to_string(*next) : "none"),
            want)
      << query;
}

TEST(FindingRequests, ModelsSayWhereTheOthersBegin) {
  check_models("", "db-1 db-2 db-3 db-4 db-5 of 5, next none");
  check_models("&limit=2", "db-1 db-2 of 5, next 2");
  check_models("&limit=2&after=2", "db-3 db-4 of 3, next 4");
  check_models("&limit=2&after=4", "db-5 of 1, next none");
  check_models("&after=99", "of 0, next none");
}

// A reset is a command, and another one as long as there is a rest.
void check_reset(std::string_view body, http::Headers headers, std::string_view want) {
  FindingWorld world;
  Reply reply = world.reply(
      ApiWorld::request("POST", "/api/v1/models/reset", std::string(body), std::move(headers)));
  auto* submission = std::get_if<Submission>(&reply);
  ASSERT_NE(submission, nullptr);
  EXPECT_EQ(submission->body, want);
}

TEST(FindingRequests, ResetsAreOfATenantAndInSlices) {
  check_reset(R"({"series":"load"})", {},
              R"({"kind":"reset_models","actor":"api","text":"load","number":20000,)"
              R"("tenant":"default"})");
  check_reset(R"({"series":"load","tenant":"acme"})", {},
              R"({"kind":"reset_models","actor":"api","text":"load","number":20000,)"
              R"("tenant":"acme"})");
  check_reset(R"({"series":"load"})", {{"x-scope-orgid", "acme"}},
              R"({"kind":"reset_models","actor":"api","text":"load","number":20000,)"
              R"("tenant":"acme"})");
  check_reset(R"({"finding":"FND-000001"})", {},
              R"({"kind":"reset_models","actor":"api","finding":"FND-000001"})");

  FindingWorld world;
  Reply reply =
      world.reply(ApiWorld::request("POST", "/api/v1/models/reset", R"({"series":"load"})"));
  auto& submission = std::get<Submission>(reply);
  EXPECT_EQ(submission.rest({.count = 7, .rest_at = 20000}),
            R"({"kind":"reset_models","actor":"api","text":"load","number":20000,)"
            R"("tenant":"default","slot":20000})");
  EXPECT_EQ(submission.rest({.count = 4}), "");
  EXPECT_EQ(submission.answer(world.live, {.count = 4}).body, R"({"reset":11})");
}

void check_refused(std::string_view target, std::string_view want) {
  FindingWorld world;
  EXPECT_EQ(detail_of(world.get(target)), want) << target;
}

TEST(FindingRequests, WhatIsNotThereIsSaid) {
  check_refused("/api/v1/findings/FND-000009", "404 there is no finding FND-000009");
  check_refused("/api/v1/findings/x", "400 id: 'x' is not a finding id such as FND-000001");
  check_refused("/api/v1/models?series=%7Bhost=%22a%22%7D",
                "400 series: name one metric, such as node_load1{host=\"a\"}");
}

void check_feedback(const std::string& body, std::string_view want) {
  FindingWorld world;
  const std::string path = "/api/v1/findings/FND-000002/feedback";
  Reply reply = world.reply(ApiWorld::request("POST", path, body));
  if (auto* submission = std::get_if<Submission>(&reply)) {
    EXPECT_EQ(submission->body, want);
    SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
    EXPECT_EQ(check(submission->answer(world.live, {}).body, "FindingFeedback"), "");
    return;
  }
  EXPECT_EQ(detail_of(std::get<http::Response>(reply)), want);
}

TEST(FindingRequests, FeedbackIsACommand) {
  check_feedback(
      R"({"verdict":"noise","actor":"ann"})",
      R"({"kind":"finding_feedback","actor":"ann","text":"noise","finding":"FND-000002"})");
  check_feedback(R"({"verdict":"bad"})", "400 /verdict: 'bad' is not one of useful, noise");
  check_feedback("{}", "400 /verdict: is needed and must not be empty");
}

}  // namespace
}  // namespace quell
