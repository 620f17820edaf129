#include "api/auth.h"

#include <gtest/gtest.h>

#include "api/api_world.h"

namespace quell {
namespace {

AuthConfig with_tokens() {
  return {.tokens = {{.name = "ui", .secret = "r-1", .roles = Role::Read},
                     {.name = "kim", .secret = "w-1", .roles = Role::Write},
                     {.name = "agent", .secret = "i-1", .roles = Role::Ingest}},
          .sources = {{.source = "alertmanager", .secrets = {"am-1", "am-2"}},
                      {.source = "github", .is_signed = true}},
          .allowed_origins = {"https://quell.example"}};
}

std::string outcome(const AuthConfig& config, const http::Request& request, Role needed,
                    std::string_view source = {}) {
  const auto got = authorize(config, request, needed, source);
  if (!got) return std::to_string(http_status(got.error().code)) + ' ' + got.error().message;
  return got->name.empty() ? "ok" : "ok " + got->name;
}

void check_auth(http::Headers headers, Role needed, std::string_view want,
                std::string_view source = {}, std::string_view target = "/x") {
  EXPECT_EQ(outcome(with_tokens(), ApiWorld::request("POST", target, {}, std::move(headers)),
                    needed, source),
            want);
}

TEST(Auth, TokensHaveRoles) {
  check_auth({{"authorization", "Bearer r-1"}}, Role::Read, "ok ui");
  check_auth({{"authorization", "bearer  w-1 "}}, Role::Write, "ok kim");
  check_auth({{"authorization", "Bearer w-1"}}, Role::Read, "ok kim");
  check_auth({{"authorization", "Bearer r-1"}}, Role::Write,
             "403 the token 'ui' does not have the role 'write'");
  check_auth({{"authorization", "Bearer i-1"}}, Role::Read,
             "403 the token 'agent' does not have the role 'read'");
  check_auth({{"authorization", "Bearer r-2"}}, Role::Read, "401 this token is not known");
  check_auth({{"authorization", "Bearer "}}, Role::Read, "401 this token is not known");
  check_auth({}, Role::Read, "401 a token is needed: Authorization: Bearer <token>");
  check_auth({}, Role::None, "ok");
  // "x:w-1" in base64: any user name, the token as password.
  check_auth({{"authorization", "Basic eDp3LTE="}}, Role::Write, "ok kim");
  check_auth({{"authorization", "Basic !!"}}, Role::Write,
             "401 a token is needed: Authorization: Bearer <token>");
  check_auth({{"cookie", "a=b; quell_token=w-1"}}, Role::Write, "ok kim");
}

TEST(Auth, QueryTokensAreForStreamsAndSourcesOnly) {
  check_auth({}, Role::Read, "ok ui", {}, "/api/v1/stream?token=r-1");
  check_auth({}, Role::Read, "ok ui", {}, "/api/v1/ws?token=r-1");
  check_auth({}, Role::Ingest, "ok agent", "agent", "/ingest/agent?token=i-1");
  check_auth({}, Role::Read, "401 a token is needed: Authorization: Bearer <token>", {},
             "/api/v1/incidents?token=r-1");
}

TEST(Auth, SourcesHaveTokensOfTheirOwn) {
  check_auth({{"authorization", "Bearer am-2"}}, Role::Ingest, "ok alertmanager", "alertmanager");
  check_auth({{"authorization", "Bearer i-1"}}, Role::Ingest, "ok agent", "alertmanager");
  check_auth({{"authorization", "Bearer am-1"}}, Role::Ingest, "401 this token is not known",
             "agent");
  check_auth({{"authorization", "Bearer am-1"}}, Role::Read, "401 this token is not known");
  check_auth({}, Role::Ingest, "ok github", "github");
  check_auth({}, Role::Ingest, "401 a token is needed: Authorization: Bearer <token>", "agent");
}

TEST(Auth, WithoutTokensOnlyThisMachineMayAsk) {
  auto request = ApiWorld::request("GET", "/x");
  EXPECT_EQ(outcome({}, request, Role::Write), "ok");
  request.remote_is_loopback = false;
  EXPECT_EQ(outcome({}, request, Role::Write),
            "401 no tokens are configured (server.tokens): only this machine may ask");
  EXPECT_EQ(outcome({}, request, Role::None), "ok");
  // A source with a secret of its own is protected on this machine too.
  const AuthConfig config{.sources = {{.source = "agent", .secrets = {"s"}}}};
  request.remote_is_loopback = true;
  EXPECT_EQ(outcome(config, request, Role::Ingest, "agent"),
            "401 a token is needed: Authorization: Bearer <token>");
}

void check_origin(http::Headers headers, std::string_view want) {
  headers.emplace_back("host", "quell.internal:8420");
  EXPECT_EQ(outcome({.allowed_origins = {"https://quell.example"}},
                    ApiWorld::request("POST", "/x", {}, std::move(headers)), Role::Write),
            want);
}

TEST(Auth, OtherPagesCannotUseTheBrowsersPlace) {
  check_origin({}, "ok");
  check_origin({{"origin", "http://quell.internal:8420"}}, "ok");
  check_origin({{"origin", "https://quell.example"}}, "ok");
  check_origin({{"origin", "http://localhost:5173"}}, "ok");
  check_origin({{"origin", "https://evil.example"}},
               "403 a page of https://evil.example may not ask this server: only "
               "its own pages may");
  check_origin({{"origin", "http://localhost.evil.example"}},
               "403 a page of http://localhost.evil.example may not ask this server: only "
               "its own pages may");
  check_origin({{"origin", "null"}},
               "403 a page of null may not ask this server: only its own pages may");
  check_auth({{"origin", "https://evil.example"}, {"cookie", "quell_token=w-1"}}, Role::Write,
             "403 a page of https://evil.example may not ask this server: only "
             "its own pages may");
  check_auth({{"origin", "https://evil.example"}, {"authorization", "Bearer w-1"}}, Role::Write,
             "ok kim");
}

}  // namespace
}  // namespace quell
