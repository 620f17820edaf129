// Beast 1.81's verb.hpp uses std::ostream without including it.
#include <ostream>

#include <gtest/gtest.h>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <thread>

#include "http/test_client.h"

namespace quell::http {
namespace {

namespace beast = boost::beast;
using std::chrono::milliseconds;

TEST(EventStream, SendsMessagesInOrder) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /events?last_event_id=7",
                           "Accept: text/event-stream\r\nLast-Event-ID: 41\r\n"));
  const Answer head = client.receive();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(head.headers.at("cache-control"), "no-store");
  EXPECT_EQ(head.headers.at("x-accel-buffering"), "no");
  EXPECT_EQ(head.headers.at("x-content-type-options"), "nosniff");
  EXPECT_FALSE(head.headers.contains("content-length"));
  ASSERT_TRUE(server.handler.opened.wait());
  const auto stream = server.handler.stream();
  for (std::uint64_t i = 2; i < 100; ++i) stream->send(i, "incident", "{}");
  EXPECT_EQ(client.receive_until("data: first\n\n"),
            "retry: 2000\n\nid: 1\nevent: hello\ndata: first\n\n");
  for (std::uint64_t i = 2; i < 100; ++i) {
    EXPECT_EQ(client.receive_until("\n\n"),
              "id: " + std::to_string(i) + "\nevent: incident\ndata: {}\n\n");
  }
  EXPECT_EQ(server.handler.request().header("last-event-id"), "41");
  EXPECT_EQ(server.handler.request().parameter("last_event_id"), "7");
  EXPECT_EQ(server.server->stats().streams_open, 1u);
}

TEST(EventStream, EndsAfterWhatIsQueued) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /events"));
  ASSERT_TRUE(server.handler.opened.wait());
  const auto stream = server.handler.stream();
  stream->send(0, "", "last");
  stream->close();
  stream->send(0, "", "not sent");
  EXPECT_TRUE(stream->closed());
  EXPECT_TRUE(client.receive_until("impossible").ends_with("data: last\n\n"));
  ASSERT_TRUE(server.handler.closed.wait());
  EXPECT_EQ(server.server->stats().streams_open, 0u);
}

TEST(EventStream, IsToldThatItsClientLeft) {
  TestServer server;
  {
    auto client = server.client();
    client.send(request_text("GET /events"));
    client.receive_until("first\n\n");
  }
  ASSERT_TRUE(server.handler.closed.wait());
  EXPECT_TRUE(server.handler.stream()->closed());
  server.handler.stream()->send(1, "", "nobody");
  EXPECT_EQ(server.server->stats().streams_open, 0u);
  EXPECT_EQ(server.server->stats().streams_dropped, 0u);
}

TEST(EventStream, IsKeptAliveByComments) {
  TestServer server({.stream_keepalive = milliseconds(20)});
  auto client = server.client();
  client.send(request_text("GET /events"));
  client.receive_until("first\n\n");
  EXPECT_EQ(client.receive_until("\n\n"), ": keep-alive\n\n");
  EXPECT_EQ(client.receive_until("\n\n"), ": keep-alive\n\n");
}

TEST(EventStream, IsDroppedWhenItsClientDoesNotRead) {
  TestServer server({.stream_queue_bytes_max = 100'000});
  auto client = server.client();
  client.send(request_text("GET /events"));
  ASSERT_TRUE(server.handler.opened.wait());
  const auto stream = server.handler.stream();
  const auto message = std::make_shared<const StreamMessage>(0, "", std::string(10'000, 'x'));
  for (int i = 0; i < 10'000 && !stream->closed(); ++i) stream->send(message);
  EXPECT_TRUE(stream->closed());
  ASSERT_TRUE(server.handler.closed.wait());
  EXPECT_EQ(server.server->stats().streams_dropped, 1u);
  EXPECT_EQ(server.server->stats().streams_open, 0u);
}

TEST(EventStream, BeginsAfterEarlierAnswers) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /later") + request_text("GET /events"));
  ASSERT_TRUE(server.handler.opened.wait());
  server.handler.stream()->send(2, "", "second");
  server.handler.responder(0)->send({.body = "before"});
  EXPECT_EQ(client.receive().body, "before");
  EXPECT_EQ(client.receive().headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(client.receive_until("second\n\n"),
            "retry: 2000\n\nid: 1\nevent: hello\ndata: first\n\nid: 2\ndata: second\n\n");
}

void check_not_opened(std::string_view text, int status, std::string_view want) {
  TestServer server;
  auto client = server.client();
  client.send(text);
  const Answer answer = client.receive();
  EXPECT_EQ(answer.status, status) << text;
  EXPECT_NE(answer.body.find("\"detail\":\"" + std::string(want) + "\""), std::string::npos)
      << answer.body;
  client.send(request_text("GET /echo"));  // The connection goes on.
  EXPECT_EQ(client.receive().body, "GET /echo  ");
  EXPECT_EQ(server.server->stats().streams_open, 0u);
}

const std::string kUpgrade =
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
const std::string kKey = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

TEST(Streams, AreRefusedWithAReason) {
  check_not_opened(request_text("GET /closed"), 429, "there are too many streams");
  check_not_opened(request_text("GET /events", "Accept: application/json\r\n"), 406,
                   "this is an event stream: accept text/event-stream");
  check_not_opened(request_text("GET /ws"), 426, "this is a WebSocket of version 13");
  check_not_opened(request_text("GET /ws", kUpgrade), 400, "there is no Sec-WebSocket-Key");
  check_not_opened(request_text("GET /ws", kUpgrade + kKey + "Origin: http://evil.example\r\n"),
                   403, "a page of 'http://evil.example' may not open this WebSocket");
  check_not_opened(request_text("GET /ws", kUpgrade + kKey + "Origin: null\r\n"), 403,
                   "a page of 'null' may not open this WebSocket");
}

TEST(WebSocket, AnswersTheHandshakeOfTheStandard) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /ws", kUpgrade + kKey + "Origin: http://localhost\r\n"));
  const Answer answer = client.receive();
  EXPECT_EQ(answer.status, 101);
  // RFC 6455, section 1.3.
  EXPECT_EQ(answer.headers.at("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(client.receive_until("first"),
            "\x81\x05"
            "first");
  client.send(
      "\x81\x82\x01\x02\x03\x04"
      "\x69\x6b");  // Text "hi", masked.
  EXPECT_EQ(client.receive_until("hi"), "\x81\x0byou said hi");
  client.send(
      "\x89\x81\x01\x02\x03\x04"
      "\x71");  // Ping "p", masked.
  EXPECT_EQ(client.receive_until("p"), "\x8a\x01p");
}

// Beast's own client.
class WebSocketClient {
 public:
  explicit WebSocketClient(const TestServer& server) : client_(server.client()) {
    boost::system::error_code error;
    socket_.handshake("localhost", "/ws", error);
    EXPECT_FALSE(error) << error.message();
  }
  std::string receive() {
    beast::flat_buffer buffer;
    boost::system::error_code error;
    socket_.read(buffer, error);
    return error ? "error: " + error.message() : beast::buffers_to_string(buffer.data());
  }
  void send(const std::string& text, bool is_text = true) {
    boost::system::error_code error;
    socket_.text(is_text);
    socket_.write(boost::asio::buffer(text), error);
  }
  beast::websocket::stream<boost::asio::ip::tcp::socket&, false>& socket() { return socket_; }

 private:
  TestClient client_;
  beast::websocket::stream<boost::asio::ip::tcp::socket&, false> socket_{client_.socket()};
};

TEST(WebSocket, CarriesMessagesBothWays) {
  TestServer server;
  WebSocketClient client(server);
  EXPECT_EQ(client.receive(), "first");
  for (int i = 0; i < 100; ++i) client.send(std::to_string(i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.receive(), "you said " + std::to_string(i));
  const std::string large(60'000, 'x');
  client.send(large);
  EXPECT_EQ(client.receive(), "you said " + large);
  EXPECT_EQ(server.server->stats().streams_open, 1u);
  boost::system::error_code error;
  client.socket().close(beast::websocket::close_code::normal, error);
  EXPECT_FALSE(error) << error.message();
  ASSERT_TRUE(server.handler.closed.wait());
  EXPECT_EQ(server.server->stats().streams_open, 0u);
}

TEST(WebSocket, EndsAfterWhatIsQueued) {
  TestServer server;
  WebSocketClient client(server);
  ASSERT_TRUE(server.handler.opened.wait());
  server.handler.stream()->send(0, "", "last");
  server.handler.stream()->close();
  EXPECT_EQ(client.receive(), "first");
  EXPECT_EQ(client.receive(), "last");
  EXPECT_EQ(client.receive(),
            "error: The WebSocket stream was gracefully closed at both endpoints");
  ASSERT_TRUE(server.handler.closed.wait());
}

void check_closed_for(const std::string& sent, bool is_text, std::uint16_t want) {
  TestServer server;
  WebSocketClient client(server);
  EXPECT_EQ(client.receive(), "first");
  client.send(sent, is_text);
  client.receive();
  EXPECT_EQ(client.socket().reason().code, want);
  ASSERT_TRUE(server.handler.closed.wait());
}

TEST(WebSocket, EndsForWhatItDoesNotTake) {
  check_closed_for(std::string(64 * 1024 + 1, 'x'), true, beast::websocket::close_code::too_big);
  check_closed_for("\xff", true, beast::websocket::close_code::bad_payload);
  check_closed_for("bytes", false, beast::websocket::close_code::unknown_data);
}

TEST(WebSocket, IsPinged) {
  TestServer server({.stream_keepalive = milliseconds(20)});
  WebSocketClient client(server);
  EXPECT_EQ(client.receive(), "first");
  int pings = 0;
  client.socket().control_callback([&](beast::websocket::frame_type type, beast::string_view) {
    if (type != beast::websocket::frame_type::ping) return;
    if (++pings == 2) server.handler.stream()->send(0, "", "enough");
  });
  EXPECT_EQ(client.receive(), "enough");
}

TEST(WebSocket, IsDroppedWhenItsClientDoesNotRead) {
  TestServer server({.stream_queue_bytes_max = 100'000});
  WebSocketClient client(server);
  ASSERT_TRUE(server.handler.opened.wait());
  const auto stream = server.handler.stream();
  const auto message = std::make_shared<const StreamMessage>(0, "", std::string(10'000, 'x'));
  for (int i = 0; i < 10'000 && !stream->closed(); ++i) stream->send(message);
  ASSERT_TRUE(server.handler.closed.wait());
  EXPECT_EQ(server.server->stats().streams_dropped, 1u);
}

TEST(Streams, EndWhenTheServerStops) {
  TestServer server;
  auto events = server.client();
  events.send(request_text("GET /events"));
  events.receive_until("first\n\n");
  WebSocketClient web_socket(server);
  EXPECT_EQ(web_socket.receive(), "first");
  std::thread stopper([&] { server.server->stop(kPatience); });
  EXPECT_TRUE(events.ended());
  web_socket.receive();
  EXPECT_EQ(web_socket.socket().reason().code, beast::websocket::close_code::going_away);
  stopper.join();
  ASSERT_TRUE(server.handler.closed.wait(2));
  server.handler.stream(0)->send(1, "", "late");
  server.handler.stream(1)->send(1, "", "late");
}

TEST(Streams, OfClientsThatDoNotReadDoNotKeepAServerThatStops) {
  TestServer server({.stream_queue_bytes_max = 64 << 20});
  auto events = server.client();
  events.send(request_text("GET /events"));
  ASSERT_TRUE(server.handler.opened.wait());
  WebSocketClient blocked(server);
  ASSERT_TRUE(server.handler.opened.wait());
  WebSocketClient silent(server);  // Never answers the server's close.
  ASSERT_TRUE(server.handler.opened.wait());
  // More than the buffers of a socket take.
  const auto message = std::make_shared<const StreamMessage>(0, "", std::string(100'000, 'x'));
  for (int i = 0; i < 300; ++i) {
    server.handler.stream(0)->send(message);
    server.handler.stream(1)->send(message);
  }
  EXPECT_TRUE(server.stops_early());
  EXPECT_TRUE(server.handler.closed.wait(3));
}

TEST(Streams, ManyShareAMessage) {
  TestServer server({.threads = 2});
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<TestClient>(server.server->port()));
    clients.back()->send(request_text("GET /events"));
  }
  ASSERT_TRUE(server.handler.opened.wait(200));
  for (int n = 0; n < 50; ++n) {
    const auto message = std::make_shared<const StreamMessage>(n + 2, "", std::to_string(n));
    server.handler.streams.with([&](auto& all) {
      for (const auto& stream : all) stream->send(message);
    });
  }
  for (const auto& client : clients) {
    client->receive_until("first\n\n");
    for (int n = 0; n < 50; ++n) {
      ASSERT_EQ(client->receive_until("\n\n"),
                "id: " + std::to_string(n + 2) + "\ndata: " + std::to_string(n) + "\n\n");
    }
  }
}

}  // namespace
}  // namespace quell::http
