#include "api/router.h"

#include <gtest/gtest.h>

#include <set>

#include "api/api_world.h"
#include "base/embedded.h"
#include "base/json.h"

namespace quell {

EmbeddedFiles embedded_api();

namespace {

std::set<std::string> documented_operations() {
  simdjson::dom::parser parser;
  const auto text = find_embedded(embedded_api(), "openapi.json");
  const auto document = parse_json(parser, *text);
  std::set<std::string> operations;
  simdjson::dom::object paths;
  EXPECT_EQ((*document)["paths"].get(paths), simdjson::SUCCESS);
  for (const auto [path, item] : paths) {
    for (const auto [method, operation] : simdjson::dom::object(item)) {
      std::string line;
      for (const char c : std::string_view(method)) line += static_cast<char>(c - 'a' + 'A');
      line += ' ' + std::string(path) + ' ' + std::string(json_text(operation, "operationId"));
      operations.insert(line);
    }
  }
  return operations;
}

TEST(Router, EveryRouteIsDocumentedAndEveryDocumentedOperationIsARoute) {
  std::set<std::string> table;
  for (const Route& route : routes()) {
    table.insert(std::string(route.method) + ' ' + std::string(route.pattern) + ' ' +
                 std::string(route.operation));
  }
  EXPECT_EQ(table.size(), routes().size());
  const auto documented = documented_operations();
  for (const std::string& line : table) EXPECT_TRUE(documented.contains(line)) << line;
  for (const std::string& line : documented) EXPECT_TRUE(table.contains(line)) << line;
}

TEST(Router, HandlersFitTheirPlace) {
  for (const Route& route : routes()) {
    const auto want = route.where == Where::Inline   ? 1u
                      : route.where == Where::Core   ? 2u
                      : route.where == Where::Worker ? 3u
                                                     : 0u;
    EXPECT_EQ(route.handler.index(), want) << route.operation;
    // A POST that only reads: a question that is too long for a URL.
    const bool asks = route.operation.starts_with("post_promql_");
    EXPECT_TRUE(route.method == "GET" || asks || route.role != Role::Read) << route.operation;
  }
}

void check_route(std::string_view method, std::string_view path, std::string_view want) {
  const RouteMatch match = find_route(method, path);
  std::string got;
  if (match.refusal) {
    simdjson::dom::parser parser;
    got = std::to_string(match.refusal->status) + ' ' +
          std::string(json_text(*parse_json(parser, match.refusal->body), "detail"));
    const std::string allow = header_of(*match.refusal, "allow");
    if (!allow.empty()) got += " (" + allow + ")";
  } else {
    got = match.route->operation;
    for (const auto& [name, value] : match.parameters) {
      got += ' ' + std::string(name) + '=' + value;
    }
  }
  EXPECT_EQ(got, want) << method << ' ' << path;
}

TEST(Router, FindsRoutes) {
  check_route("GET", "/api/v1/incidents", "list_incidents");
  check_route("HEAD", "/api/v1/incidents", "list_incidents");
  check_route("POST", "/api/v1/incidents/INC-000001/ack", "ack_incident id=INC-000001");
  check_route("POST", "/api/v1/deadletters/retry", "retry_deadletters");
  check_route("POST", "/api/v1/deadletters/7-1/retry", "retry_deadletter id=7-1");
  check_route("GET", "/api/v1/events/4711/2", "get_event offset=4711 index=2");
  check_route("POST", "/ingest/cloudevents", "ingest_cloudevents");
  check_route("POST", "/ingest/github", "ingest_pack pack=github");
  check_route("GET", "/api/v1/incident",
              "404 there is nothing at /api/v1/incident, did you mean /api/v1/incidents?");
  check_route("GET", "/alertmanager/alertmanager/api/v2/status",
              "404 there is nothing at /alertmanager/alertmanager/api/v2/status, did you mean "
              "/alertmanager/api/v2/status?");
  check_route("GET", "/", "404 there is nothing at /");
  check_route("GET", "", "404 there is nothing at ");
  check_route("GET", "/api/v1/incidents/",
              "404 there is nothing at /api/v1/incidents/, did you mean /api/v1/incidents?");
  check_route("DELETE", "/api/v1/events",
              "405 /api/v1/events takes GET, POST, not DELETE (GET, POST)");
  check_route("GET", "/ingest/github", "405 /ingest/github takes POST, not GET (POST)");
}

TEST(Router, SourcesOfFrames) {
  EXPECT_EQ(frame_source(find_route("POST", "/ingest/github")), "github");
  EXPECT_EQ(frame_source(find_route("POST", "/ingest/agent")), "agent");
  EXPECT_EQ(frame_source(find_route("POST", "/alertmanager/api/v2/alerts")), "alertmanager-v2");
}

TEST(Router, KnowsWhatIsNeverThePage) {
  for (const std::string_view path : {"/api", "/api/v9", "/ingest/x", "/alertmanager/x", "/-/x"}) {
    EXPECT_TRUE(is_api_path(path)) << path;
  }
  for (const std::string_view path : {"/", "/apis", "/incidents/INC-000001"}) {
    EXPECT_FALSE(is_api_path(path)) << path;
  }
}

}  // namespace
}  // namespace quell
