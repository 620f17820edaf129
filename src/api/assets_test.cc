#include "api/assets.h"

#include <gtest/gtest.h>

#include "api/api_world.h"

namespace quell {
namespace {

constexpr EmbeddedFile kFiles[] = {{"index.html", "<html>page</html>"},
                                   {"assets/index-4f2a.js", "run()"},
                                   {"favicon.svg", "<svg/>"}};

std::string serve(std::string_view path, http::Headers headers = {},
                  std::string_view method = "GET", EmbeddedFiles ui = kFiles) {
  const auto response =
      serve_asset(ApiWorld::request(method, path, {}, std::move(headers)), {.ui = ui});
  if (!response) return "not ours";
  return std::to_string(response->status) + ' ' + header_of(*response, "content-type") + " [" +
         header_of(*response, "cache-control") + "] " + response->body.substr(0, 32);
}

void check_asset(std::string_view path, std::string_view want) {
  EXPECT_EQ(serve(path), want) << path;
}

TEST(Assets, FilesAndThePage) {
  check_asset("/", "200 text/html; charset=utf-8 [no-cache] <html>page</html>");
  check_asset("/incidents/INC-000001", "200 text/html; charset=utf-8 [no-cache] <html>page</html>");
  check_asset("/assets/index-4f2a.js",
              "200 text/javascript; charset=utf-8 [public, max-age=31536000, immutable] run()");
  check_asset("/favicon.svg", "200 image/svg+xml [no-cache] <svg/>");
  check_asset("/docs/docs.css",
              "200 text/css; charset=utf-8 [no-cache] :root {\n  --text: #1b1f24; --sof");
  check_asset("/assets/gone.js", "not ours");
  check_asset("/docs/../index.html", "not ours");
  check_asset("/docs/gone.js", "not ours");
}

TEST(Assets, ThePageNeverHidesTheApi) {
  for (const std::string_view path :
       {"/api", "/api/v1/x", "/ingest/x", "/alertmanager/api/v2/x", "/alertmanager", "/-/x"}) {
    check_asset(path, "not ours");
  }
  EXPECT_EQ(serve("/", {}, "POST"), "not ours");
}

TEST(Assets, AProbeOfAWrongPathIsNotToldThatAllIsWell) {
  check_asset("/health", "200 text/html; charset=utf-8 [no-cache] <html>page</html>");
  check_asset("/livz", "not ours");
  EXPECT_EQ(serve("/livz", {{"accept", "text/html,*/*"}}).substr(0, 3), "404");
}

TEST(Assets, UnchangedFilesAreNotSentAgain) {
  const auto first = serve_asset(ApiWorld::request("GET", "/"), {.ui = kFiles});
  const std::string etag = header_of(*first, "etag");
  EXPECT_EQ(serve("/", {{"if-none-match", "\"x\", W/" + etag}}).substr(0, 3), "304");
  EXPECT_EQ(serve("/", {{"if-none-match", "\"x\""}}).substr(0, 3), "200");
}

TEST(Assets, PagesMayOnlyDoWhatOursDo) {
  const auto response = serve_asset(ApiWorld::request("GET", "/"), {.ui = kFiles});
  EXPECT_EQ(header_of(*response, "content-security-policy"), content_security_policy());
  EXPECT_EQ(content_security_policy().find("unsafe"), std::string_view::npos);
}

TEST(Assets, WithoutAPageItSaysHowToBuildIt) {
  const auto response = serve_asset(ApiWorld::request("GET", "/"), {});
  EXPECT_EQ(response->status, 200);
  EXPECT_NE(response->body.find("npm run build"), std::string::npos);
}

}  // namespace
}  // namespace quell
