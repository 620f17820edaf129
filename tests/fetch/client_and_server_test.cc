// The HTTP client of fetch/ against the HTTP server of http/.
#include <gtest/gtest.h>

#include <algorithm>

#include "fetch/http_client.h"
#include "http/server.h"

namespace quell {
namespace {

class Echo final : public http::Handler {
 public:
  void handle(http::Request request, std::unique_ptr<http::Responder> responder) override {
    if (request.path == "/silent") {
      silent.push_back(std::move(responder));
    } else if (request.path == "/large") {
      responder->send(
          {.headers = {{"Content-Type", "text/plain"}}, .body = std::string(100'000, 'x')});
    } else {
      responder->send({.status = 201,
                       .headers = {{"X-Got", std::string(request.header("x-sent"))}},
                       .body = request.method + " " + request.path + " " +
                               std::string(request.header("content-type")) + " " + request.body});
    }
  }
  std::uint64_t body_limit(std::string_view, std::string_view) const override { return 1 << 20; }
  http::StreamKind stream_kind(std::string_view path) const override {
    return path.starts_with("/events") ? http::StreamKind::Events : http::StreamKind::None;
  }
  Status open_stream(const http::Request& request, std::shared_ptr<http::Stream> stream) override {
    if (request.path == "/events/no") return fail(Errc::Exhausted, "there are too many");
    for (std::uint64_t i = 1; i <= 5; ++i) stream->send(i, "count", std::to_string(i));
    if (request.path == "/events/5") stream->close();
    return {};
  }
  void on_stream_message(const std::shared_ptr<http::Stream>&, std::string) override {}

  std::vector<std::unique_ptr<http::Responder>> silent;  // One I/O thread: no lock.
};

class FetchTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = http::start_server({.port = 0}, echo, clock);
    ASSERT_TRUE(started) << started.error().message;
    server = *std::move(started);
  }
  std::string url(std::string_view path) const { return "http://" + peer() + std::string(path); }
  std::string peer() const { return "127.0.0.1:" + std::to_string(server->port()); }

  Echo echo;
  ManualClock clock;
  std::unique_ptr<http::Server> server;
};

TEST_F(FetchTest, SendsMethodHeadersAndBody) {
  const auto got = fetch::fetch({.method = "PUT",
                                 .url = url("/a%20b?c"),
                                 .headers = {{"X-Sent", "value"}, {"Content-Type", "text/x"}},
                                 .body = "body"});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 201);
  EXPECT_TRUE(got->ok());
  EXPECT_EQ(got->header("x-got"), "value");
  EXPECT_EQ(got->body, "PUT /a b text/x body");
}

TEST_F(FetchTest, SendsOnlyWhatItWasGiven) {
  EXPECT_EQ(fetch::fetch({.url = url("/a")})->body, "GET /a  ");
  EXPECT_EQ(fetch::fetch({.method = "POST", .url = url("/a")})->body, "POST /a  ");
  EXPECT_EQ(fetch::fetch({.method = "DELETE", .url = url("/a")})->body, "DELETE /a  ");
  const auto head = fetch::fetch({.method = "HEAD", .url = url("/a")});
  EXPECT_EQ(head->status, 201);
  EXPECT_EQ(head->body, "");
}

TEST_F(FetchTest, SendsLargeBodiesAndUnpacksAnswers) {
  const std::string body(1 << 20, 'b');
  EXPECT_EQ(fetch::fetch({.method = "POST", .url = url("/"), .body = body})->body.size(),
            body.size() + 8);
  const auto packed = fetch::fetch({.url = url("/large")});
  EXPECT_EQ(packed->header("content-encoding"), "gzip");
  EXPECT_EQ(packed->body, std::string(100'000, 'x'));
}

TEST_F(FetchTest, SaysHowMuchWasSent) {
  for (const std::size_t size : {1u, 1u << 20}) {
    std::vector<std::uint64_t> sent;
    const auto got = fetch::fetch({.method = "POST",
                                   .url = url("/"),
                                   .body = std::string(size, 'b'),
                                   .on_sent = [&](std::uint64_t bytes) { sent.push_back(bytes); }});
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_FALSE(sent.empty());
    EXPECT_TRUE(std::ranges::is_sorted(sent));
    EXPECT_EQ(sent.back(), size);
  }
}

TEST_F(FetchTest, ReturnsRefusals) {
  const auto got =
      fetch::fetch({.method = "POST", .url = url("/"), .body = std::string(2 << 20, 'b')});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 413);
  EXPECT_FALSE(got->ok());
  EXPECT_EQ(got->header("content-type"), "application/problem+json");
}

void check_error(const fetch::HttpRequest& request, Errc code, const std::string& want) {
  const auto got = fetch::fetch(request);
  ASSERT_FALSE(got) << "for " << request.url;
  EXPECT_EQ(got.error().code, code);
  EXPECT_EQ(got.error().message, want) << "for " << request.url;
}

TEST_F(FetchTest, NamesThePeerInErrors) {
  check_error({.url = url("/silent"), .timeout = std::chrono::milliseconds(50)}, Errc::Timeout,
              peer() + " did not answer within 50ms");
  check_error({.url = url("/large"), .answer_bytes_max = 99'999}, Errc::TooLarge,
              "the answer of " + peer() + " is larger than the limit of 99999 bytes");
  server->stop(Duration(0));
  const auto refused = fetch::fetch({.url = url("/")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Unavailable);
  EXPECT_TRUE(refused.error().message.starts_with("cannot connect to " + peer() + ": "))
      << refused.error().message;
}

std::string events_of(const fetch::HttpRequest& request, int stop_after = 100) {
  std::string text;
  const auto got = fetch::fetch_events(request, [&](const fetch::ServerEvent& event) {
    text += event.id + ":" + event.event + ":" + event.data + " ";
    return --stop_after > 0;
  });
  return text + (got ? std::to_string(got->status) : got.error().message);
}

TEST_F(FetchTest, ReadsEvents) {
  EXPECT_EQ(events_of({.url = url("/events/5")}),
            "1:count:1 2:count:2 3:count:3 4:count:4 5:count:5 200");
  EXPECT_EQ(events_of({.url = url("/events/open")}, 2), "1:count:1 2:count:2 200");
  EXPECT_EQ(events_of({.url = url("/events/no")}), "429");
  EXPECT_EQ(events_of({.url = url("/large")}), "200");
}

}  // namespace
}  // namespace quell
