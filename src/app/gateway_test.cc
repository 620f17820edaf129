#include "app/gateway.h"

#include <gtest/gtest.h>

#include <future>

#include "api/api_world.h"
#include "base/memory_disk.h"

namespace quell {
namespace {

class KeptAnswer final : public http::Responder {
 public:
  explicit KeptAnswer(http::Response& kept) : kept_(kept) {}
  void send(http::Response response) override { kept_ = std::move(response); }

 private:
  http::Response& kept_;
};

// A gateway whose core has not begun to work: what is sent to it waits.
struct GatewayWorld {
  ManualClock clock{parse_rfc3339("2026-11-21T08:00:00Z").value()};
  MetricList metrics{};
  MemoryDisk disk{};
  std::unique_ptr<Journal> journal =
      open_file_journal({.directory = "/journal"}, disk, clock, [](const Commit&) {}).value();
  MemoryPast past{};
  Core core{std::make_unique<Pipeline>(PackLibrary::built_in()), clock, metrics, {}, 64u << 20};
  Worker worker{"worker", 10};
  Gateway gateway;

  explicit GatewayWorld(GatewayConfig config = {})
      : gateway(std::move(config), core, worker, *journal, past, clock, metrics,
                {.constants = [] { return StaticView{}; }}) {}

  // Status 0: not answered yet.
  void send(http::Request request, http::Response& kept) {
    kept.status = 0;
    gateway.handle(std::move(request), std::make_unique<KeptAnswer>(kept));
  }
};

void check_answer(GatewayConfig config, http::Request request, int status, std::string_view part) {
  GatewayWorld world(std::move(config));
  http::Response response;
  const std::string path = request.path;
  world.send(std::move(request), response);
  EXPECT_EQ(response.status, status) << path;
  EXPECT_TRUE(response.body.contains(part)) << path << " " << response.body;
}

TEST(Gateway, WhoIsUnknownIsToldSoInTheFormOfWhatIsAsked) {
  const auto check = [](std::string_view target, std::string_view part) {
    GatewayConfig config;
    config.auth.tokens = {{"kim", "secret", Role::Read}};
    check_answer(std::move(config), ApiWorld::request("GET", target), 401, part);
  };
  const std::string_view prometheus = R"({"status":"error","errorType":"unauthorized","error":)";
  check("/api/v1/query?query=1", prometheus);
  check("/api/v1/query_range?query=1", prometheus);
  check("/api/v1/series?match[]=a", prometheus);
  check("/api/v1/labels", prometheus);
  check("/api/v1/label/job/values", prometheus);
  const std::string_view problem = R"({"type":"about:blank","title":"Unauthorized")";
  check("/api/v1/series", problem);
  check("/api/v1/incidents", problem);
}

TEST(Gateway, QueriesThatWaitAreLimited) {
  GatewayWorld world;
  std::vector<http::Response> waiting(100);
  const auto query = [] { return ApiWorld::request("GET", "/api/v1/query?query=1"); };
  for (http::Response& response : waiting) world.send(query(), response);
  for (const http::Response& response : waiting) EXPECT_EQ(response.status, 0);
  http::Response refused;
  world.send(query(), refused);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(header_of(refused, "retry-after"), "1");
  EXPECT_EQ(refused.body,
            R"({"status":"error","errorType":"unavailable","error":"too many queries are waiting: )"
            R"(the limit is 100 queries, and 536870912 bytes that they hold"})");
  http::Response other;
  world.send(ApiWorld::request("GET", "/api/v1/incidents"), other);
  EXPECT_EQ(other.status, 0);  // Other requests have their own room.
}

TEST(Gateway, PathsOfAProtocolAreForSourcesOfItsKind) {
  const auto check = [](std::string_view path, std::string_view part) {
    GatewayConfig config;
    config.packs = PackLibrary::built_in();
    config.sources = {{"shop", {.name = "shop", .kind = "github"}}};
    check_answer(std::move(config), ApiWorld::request("POST", path, "{}"), 400, part);
  };
  check("/ingest/shop/v1/metrics",
        "the source 'shop' is of the kind 'github', which does not take OTLP metrics: name a "
        "source of the kind 'otlp', or post to /v1/metrics");
  check("/ingest/agent/v1/metrics", "which does not take OTLP metrics");
  check("/ingest/shop/api/v1/write",
        "the source 'shop' is of the kind 'github', which does not take remote write: name a "
        "source of the kind 'prometheus', or post to /api/v1/write");
  check("/ingest/otlp/api/v1/write", "which does not take remote write");
}

class PromisedAnswer final : public http::Responder {
 public:
  explicit PromisedAnswer(std::promise<http::Response>& promise) : promise_(promise) {}
  void send(http::Response response) override { promise_.set_value(std::move(response)); }

 private:
  std::promise<http::Response>& promise_;
};

TEST(Gateway, ShowsTheFrameOfADeadLetterThatTheJournalHasLetGoOf) {
  GatewayWorld world;
  world.past.letters = {{.offset = 7}};
  world.past.frames = {{7, {.offset = 7, .source = "generic", .body = "as it arrived"}}};
  std::promise<http::Response> promise;
  world.gateway.handle(ApiWorld::request("GET", "/api/v1/deadletters/7-0"),
                       std::make_unique<PromisedAnswer>(promise));
  const auto answer = promise.get_future().get();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.contains("as it arrived")) << answer.body;
}

TEST(QueryRoom, HasRoomForSoManyQueriesAndBytes) {
  QueryRoom room(2, 100);
  auto first = room.enter(60);
  ASSERT_TRUE(first);
  EXPECT_FALSE(room.enter(41));
  auto second = room.enter(40);
  ASSERT_TRUE(second);
  EXPECT_FALSE(room.enter(0));
  EXPECT_FALSE(second->hold(1));
  first.reset();
  EXPECT_TRUE(second->hold(1000));  // Alone it may hold more.
  EXPECT_FALSE(room.enter(1));
  second.reset();
  EXPECT_TRUE(room.enter(100));
}

// What a task holds is given back before the next one runs.
TEST(Worker, DropsATaskWhenItIsDone) {
  std::promise<void> both_wait;
  std::promise<bool> dropped;
  auto held = std::make_shared<int>(1);
  {
    Worker worker("worker", 10);
    ASSERT_TRUE(worker.run([waits = both_wait.get_future()]() mutable { waits.get(); }));
    std::weak_ptr<int> seen = held;
    ASSERT_TRUE(worker.run([held = std::move(held)] {}));
    ASSERT_TRUE(worker.run([seen, &dropped] { dropped.set_value(seen.expired()); }));
    both_wait.set_value();
  }
  EXPECT_TRUE(dropped.get_future().get());
}

}  // namespace
}  // namespace quell
