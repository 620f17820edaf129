#include "app/ingest_answer.h"

#include <gtest/gtest.h>

#include "api/schema_check.h"
#include "base/embedded.h"

namespace quell {

EmbeddedFiles embedded_api();

namespace {

void check_answer(std::string source, const FrameOutcome& outcome, int status,
                  std::string_view body) {
  const Frame frame{.offset = 41, .source = std::move(source)};
  const auto answer = ingest_answer(frame, outcome, "https://quell.example");
  EXPECT_EQ(answer.status, status);
  EXPECT_EQ(answer.body, body);
  SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
  EXPECT_EQ(check(answer.body, status == 202 ? "Accepted" : "Problem"), "") << answer.body;
}

TEST(IngestAnswer, IsAsTheApiDescribesIt) {
  check_answer("generic", {.accepted = 3, .duplicates = 1}, 202,
               R"({"status":"accepted","accepted":3,"duplicates":1,"offset":41})");
  check_answer("alertmanager", {.accepted = 1, .alerts = {{"default", Fingerprint{7}}}}, 202,
               R"({"status":"accepted","accepted":1,"duplicates":0,"offset":41,)"
               R"("report_urls":["https://quell.example/alerts/0000000000000007"]})");
  check_answer("agent", {.accepted = 1, .rejected = {{"no host", "line 2", ""}, {"bad", "", ""}}},
               202,
               R"({"status":"accepted","accepted":1,"duplicates":0,"offset":41,"rejected":[)"
               R"({"reason":"no host","place":"line 2"},{"reason":"bad","place":null}]})");
  check_answer("agent", {.rejected = {{"no host", "line 1", ""}}}, 400,
               R"({"type":"about:blank","title":"Bad Request","status":400,)"
               R"("detail":"line 1: no host","code":"invalid_argument","accepted":0,)"
               R"("duplicates":0,"offset":41,"rejected":[{"reason":"no host","place":"line 1"}]})");
}

}  // namespace
}  // namespace quell
