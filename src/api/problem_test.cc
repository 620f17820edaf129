#include "api/problem.h"

#include <gtest/gtest.h>

#include "api/api_world.h"
#include "api/schema_check.h"
#include "base/embedded.h"

namespace quell {

EmbeddedFiles embedded_api();

namespace {

void check_problem(const http::Response& response, std::string_view want) {
  SchemaCheck check(*find_embedded(embedded_api(), "openapi.json"));
  EXPECT_EQ(check(response.body, "Problem"), "");
  EXPECT_EQ(header_of(response, "content-type"), "application/problem+json");
  EXPECT_EQ(response.body, want);
}

TEST(Problem, IsRfc9457) {
  check_problem(problem(Error{Errc::InvalidArgument, "'x' is not a number", "limit"}),
                R"({"type":"about:blank","title":"Bad Request","status":400,)"
                R"("detail":"'x' is not a number","code":"invalid_argument","place":"limit"})");
  check_problem(problem(Error{Errc::Outdated, "at version 3"}),
                R"({"type":"about:blank","title":"Precondition Failed","status":412,)"
                R"("detail":"at version 3","code":"outdated"})");
  check_problem(problem(501, "not_implemented", "no"),
                R"({"type":"about:blank","title":"Not Implemented","status":501,)"
                R"("detail":"no","code":"not_implemented"})");
}

TEST(Problem, SaysWhenToComeAgainAndWhatIsNeeded) {
  EXPECT_EQ(header_of(problem(Error{Errc::Exhausted, "full"}), "retry-after"), "1");
  EXPECT_EQ(header_of(problem(Error{Errc::Unavailable, "away"}), "retry-after"), "1");
  EXPECT_EQ(header_of(problem(Error{Errc::NotFound, "no"}), "retry-after"), "");
  EXPECT_EQ(header_of(problem(Error{Errc::Unauthenticated, "who"}), "www-authenticate"),
            "Bearer realm=\"quell\"");
}

TEST(Problem, EveryCodeHasATitle) {
  for (int code = 0; code <= static_cast<int>(Errc::Timeout); ++code) {
    EXPECT_NE(status_title(http_status(static_cast<Errc>(code))), "Error") << code;
  }
}

}  // namespace
}  // namespace quell
