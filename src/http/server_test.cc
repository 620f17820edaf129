#include "http/server.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/packing.h"
#include "http/test_client.h"

namespace quell::http {
namespace {

using std::chrono::milliseconds;

TEST(Server, AnswersOnAConnectionThatIsKept) {
  TestServer server;
  auto client = server.client();
  client.send(post_text("/echo?a=1", "one"));
  const Answer first = client.receive();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "POST /echo a=1 one");
  EXPECT_EQ(first.headers.at("date"), "Sat, 21 Nov 2026 00:00:00 GMT");
  EXPECT_EQ(first.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(first.headers.at("referrer-policy"), "no-referrer");
  client.send(request_text("GET /echo"));
  EXPECT_EQ(client.receive().body, "GET /echo  ");
  const Request request = server.handler.request();
  EXPECT_EQ(request.remote_address, "127.0.0.1");
  EXPECT_TRUE(request.remote_is_loopback);
  EXPECT_EQ(request.header("content-length"), "3");
  EXPECT_EQ(server.server->stats().requests_total, 2u);
  EXPECT_EQ(server.server->stats().connections_total, 1u);
}

TEST(Server, ClosesWhenAsked) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /echo", "Connection: close\r\n"));
  const Answer answer = client.receive();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(client.ended());
}

TEST(Server, SpeaksHttp10) {
  TestServer server;
  auto client = server.client();
  client.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.receive().headers.at("connection"), "keep-alive");
  client.send("GET /echo HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.receive().headers.at("connection"), "close");
  EXPECT_TRUE(client.ended());
}

TEST(Server, AnswersPipelinedRequestsInTheirOrder) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /later") + post_text("/echo", "b") + request_text("GET /later") +
              "\r\n" + request_text("GET /echo"));
  ASSERT_TRUE(server.handler.arrived.wait(4));
  server.handler.responder(1)->send({.body = "third"});
  server.handler.responder(0)->send({.body = "first"});
  EXPECT_EQ(client.receive().body, "first");
  EXPECT_EQ(client.receive().body, "POST /echo  b");
  EXPECT_EQ(client.receive().body, "third");
  EXPECT_EQ(client.receive().body, "GET /echo  ");
}

TEST(Server, TakesMorePipelinedRequestsThanItKeepsAtOnce) {
  TestServer server;
  auto client = server.client();
  std::string text;
  for (int i = 0; i < 500; ++i) text += post_text("/echo", std::to_string(i));
  std::thread sender([&] { client.send(text); });
  for (int i = 0; i < 500; ++i)
    EXPECT_EQ(client.receive().body, "POST /echo  " + std::to_string(i));
  sender.join();
}

TEST(Server, TakesARequestInSingleBytes) {
  TestServer server;
  auto client = server.client();
  boost::system::error_code error;
  client.socket().set_option(boost::asio::ip::tcp::no_delay(true), error);
  for (const char c : post_text("/echo", "slow")) client.send({&c, 1});
  EXPECT_EQ(client.receive().body, "POST /echo  slow");
}

TEST(Server, AnswersFromAnotherThread) {
  TestServer server;
  auto client = server.client();
  for (int i = 0; i < 20; ++i) {
    client.send(request_text("GET /later"));
    ASSERT_TRUE(server.handler.arrived.wait());
    server.handler.responder(static_cast<std::size_t>(i))->send({.status = 202});
    EXPECT_EQ(client.receive().status, 202);
  }
}

TEST(Server, AnswersARequestThatTheHandlerDropped) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /drop"));
  const Answer answer = client.receive();
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
  EXPECT_EQ(answer.body, R"({"type":"about:blank","title":"Internal Server Error","status":500,)"
                         R"("detail":"the request was not answered","code":"internal"})");
}

TEST(Server, AnswersHeadWithoutABody) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("HEAD /echo") + request_text("GET /echo"));
  const Answer head = client.receive(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "12");
  EXPECT_EQ(client.receive().body, "GET /echo  ");
}

TEST(Server, AnswersAClientThatHasStoppedSending) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /later"));
  client.end();
  ASSERT_TRUE(server.handler.arrived.wait());
  server.handler.responder(0)->send({.body = "still"});
  EXPECT_EQ(client.receive().body, "still");
  EXPECT_TRUE(client.ended());
}

TEST(Server, SurvivesAnswersToAClientThatHasLeft) {
  TestServer server;
  {
    auto client = server.client();
    client.send(request_text("GET /later") + request_text("GET /later"));
    ASSERT_TRUE(server.handler.arrived.wait(2));
  }
  server.handler.responder(0)->send({.body = TestHandler::large_body()});
  server.handler.responder(1)->send({.body = "gone"});
  auto client = server.client();
  client.send(request_text("GET /echo"));
  EXPECT_EQ(client.receive().status, 200);
}

TEST(Server, TakesChunkedBodies) {
  TestServer server;
  auto client = server.client();
  const std::string head = request_text("POST /echo", "Transfer-Encoding: chunked\r\n");
  client.send(head + "4\r\nfour\r\n6;ext=1\r\n chunk\r\n0\r\nX-Trailer: t\r\n\r\n");
  EXPECT_EQ(client.receive().body, "POST /echo  four chunk");
  EXPECT_EQ(server.handler.request().header("x-trailer"), "");
}

std::string unpacked(std::string_view encoding, std::string_view text) {
  std::string out;
  auto unpacker = Unpacker::make(encoding);
  const auto status = unpacker->append(text, 4 << 20, out);
  return status ? out : status.error().message;
}

// What ends a body without chunks may come apart: the earlier answer says that its beginning was
// read.
TEST(Server, TakesAnEmptyChunkedBodyInParts) {
  TestServer server;
  auto client = server.client();
  const std::string head = request_text("POST /echo", "Transfer-Encoding: chunked\r\n");
  const std::string end = "0\r\n\r\n";
  for (std::size_t first = 0; first < end.size(); ++first) {
    client.send(request_text("GET /echo") + head + end.substr(0, first));
    EXPECT_EQ(client.receive().body, "GET /echo  ");
    client.send(end.substr(first));
    EXPECT_EQ(client.receive().body, "POST /echo  ") << first;
  }
}

TEST(Server, UnpacksBodies) {
  TestServer server;
  auto client = server.client();
  client.send(post_text("/echo", gzip_pack("packed text"), "Content-Encoding: gzip\r\n"));
  EXPECT_EQ(client.receive().body, "POST /echo  packed text");
  EXPECT_EQ(server.handler.request().header("content-encoding"), "");
  client.send(post_text("/echo", "raw", "Content-Encoding: snappy\r\n"));
  EXPECT_EQ(client.receive().body, "POST /echo  raw");
  EXPECT_EQ(server.handler.request(1).header("content-encoding"), "snappy");
}

TEST(Server, PacksAnswersForWhoTakesThem) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /large", "Accept-Encoding: br, gzip;q=0.5\r\n"));
  const Answer packed = client.receive();
  EXPECT_EQ(packed.headers.at("content-encoding"), "gzip");
  EXPECT_EQ(packed.headers.at("vary"), "Accept-Encoding");
  EXPECT_LT(packed.body.size(), 20'000u);
  EXPECT_EQ(unpacked("gzip", packed.body), TestHandler::large_body());
  client.send(request_text("GET /large", "Accept-Encoding: gzip;q=0, *;q=0.1\r\n"));
  EXPECT_EQ(client.receive().body, TestHandler::large_body());
  client.send(request_text("GET /echo", "Accept-Encoding: gzip\r\n"));
  EXPECT_EQ(client.receive().body, "GET /echo  ");
}

TEST(Server, AsksForABodyThatWaitsToBeAskedFor) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("POST /echo", "Expect: 100-continue\r\nContent-Length: 4\r\n"));
  EXPECT_EQ(client.receive().status, 100);
  client.send("body");
  EXPECT_EQ(client.receive().body, "POST /echo  body");
}

TEST(Server, AsksForABodyOnlyAfterEarlierAnswers) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /later") +
              request_text("POST /echo", "Expect: 100-continue\r\nContent-Length: 4\r\n"));
  ASSERT_TRUE(server.handler.arrived.wait());
  server.handler.responder(0)->send({.body = "first"});
  EXPECT_EQ(client.receive().body, "first");
  EXPECT_EQ(client.receive().status, 100);
  client.send("body");
  EXPECT_EQ(client.receive().body, "POST /echo  body");
}

// What the server says to `text`, and that it then ends the connection.
void check_refused(std::string_view text, std::string_view want, ServerOptions options = {}) {
  TestServer server(std::move(options));
  auto client = server.client();
  client.send(text);
  const Answer answer = client.receive(text.starts_with("HEAD"));
  const auto detail = answer.body.find("\"detail\":\"");
  const std::string got =
      std::to_string(answer.status) + " " +
      (detail == std::string::npos ? answer.body : answer.body.substr(detail + 10));
  EXPECT_EQ(got.substr(0, got.rfind("\",\"code\"")), want) << "for " << text.substr(0, 200);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(server.server->stats().requests_bad, 1u);
}

TEST(Server, RefusesWhatIsNotHttp) {
  check_refused("NONSENSE\r\n\r\n", "400 the request is not HTTP/1.1: bad method");
  check_refused("GET /\r\n\r\n", "400 the request is not HTTP/1.1: bad target");
  check_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 this server speaks HTTP/1.1 and HTTP/1.0");
  check_refused("\x16\x03\x01\x02\x00\x01",
                "400 this looks like TLS; this server speaks plain HTTP here");
  check_refused("GET / HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n",
                "400 the request is not HTTP/1.1: bad field");
  check_refused("GET / HTTP/1.1\r\nHost: localhost\r\nA: b\nC: d\r\n\r\n",
                "400 the request is not HTTP/1.1: bad value");
  check_refused("GET / HTTP/1.1\r\n\r\n",
                "400 the request has no Host header, which HTTP/1.1 needs");
  check_refused("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
                "400 the request has more than one Host");
}

TEST(Server, RefusesTargetsThatAreNotPaths) {
  check_refused(request_text("GET /a%2"),
                "400 the path has a '%' that is not followed by two hexadecimal digits");
  check_refused(request_text("GET /a%zz"),
                "400 the path has a '%' that is not followed by two hexadecimal digits");
  check_refused(request_text("GET /a%00"), "400 the path has a NUL byte (%00)");
  check_refused(request_text("GET /a%ff"), "400 the path is not UTF-8 at byte 2");
  check_refused(request_text("GET a"), "400 the request target 'a' is not a path");
  check_refused(request_text("CONNECT a:1"), "400 the request target 'a:1' is not a path");
}

TEST(Server, RefusesRequestsOfTwoReadings) {
  const std::string both = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n";
  check_refused(request_text("POST /echo", both) + "0\r\n\r\n",
                "400 the request is not HTTP/1.1: bad Transfer-Encoding");
  check_refused(request_text("POST /echo", "Content-Length: 4\r\nContent-Length: 5\r\n"),
                "400 the request is not HTTP/1.1: multiple Content-Length");
  check_refused(request_text("POST /echo", "Content-Length: -1\r\n"),
                "400 the request is not HTTP/1.1: bad Content-Length");
  check_refused(request_text("POST /echo", "Transfer-Encoding: gzip, chunked\r\n"),
                "501 Transfer-Encoding 'gzip, chunked' is not supported, only chunked is");
  check_refused("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                "400 HTTP/1.0 has no Transfer-Encoding");
  check_refused(request_text("POST /echo", "Transfer-Encoding: chunked\r\n") + "zz\r\n",
                "400 the request is not HTTP/1.1: bad chunk");
  check_refused(request_text("POST /echo", "Expect: magic\r\n"),
                "417 Expect 'magic' is not supported, only 100-continue is");
}

TEST(Server, RefusesBodiesOverTheLimitOfTheirPath) {
  const std::string want = "413 the body is larger than the limit of 10 bytes for /small";
  check_refused(post_text("/small", "12345678901"), want);
  check_refused(request_text("POST /small", "Content-Length: 99999999999\r\n"), want);
  check_refused(request_text("POST /small", "Transfer-Encoding: chunked\r\n") +
                    "6\r\n123456\r\n5\r\n12345\r\n0\r\n\r\n",
                want);
  check_refused(request_text("POST /small", "Expect: 100-continue\r\nContent-Length: 11\r\n"),
                want);
}

TEST(Server, RefusesBodiesThatUnpackToMoreThanTheLimit) {
  const std::string bomb = gzip_pack(std::string(64 << 20, '\0'));
  ASSERT_LT(bomb.size(), 1u << 20);
  check_refused(post_text("/echo", bomb, "Content-Encoding: gzip\r\n"),
                "413 the unpacked body is larger than the limit of 1048576 bytes");
  check_refused(
      post_text("/echo", "no", "Content-Encoding: gzip\r\n"),
      "400 the body is not what its Content-Encoding says (gzip): incorrect header check");
  check_refused(post_text("/echo", gzip_pack("text").substr(0, 20), "Content-Encoding: gzip\r\n"),
                "400 the packed body ends too early");
}

TEST(Server, ReadsTheRestOfARefusedBodySoThatTheAnswerArrives) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("POST /small", "Content-Length: 8388608\r\n"));
  for (int i = 0; i < 8; ++i) client.send(std::string(1 << 20, 'x'));
  EXPECT_EQ(client.receive().status, 413);
}

TEST(Server, RefusesHeadersOverTheLimit) {
  const std::string want =
      "431 the request's target and headers are larger than the limit of 16384 bytes";
  check_refused(request_text("GET /echo", "X: " + std::string(20'000, 'x') + "\r\n"), want);
  check_refused(request_text("GET /" + std::string(20'000, 'x')), want);
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  check_refused(request_text("GET /echo", many), want);
}

TEST(Server, RefusesHeadersThatArriveTooSlowly) {
  check_refused("GET /echo HTTP/1.1\r\nHost: loc",
                "408 the headers of the request did not arrive in time",
                {.header_timeout = milliseconds(20)});
  check_refused(request_text("POST /echo", "Content-Length: 10\r\n") + "half",
                "408 the body of the request did not arrive in time",
                {.body_timeout = milliseconds(20)});
}

TEST(Server, ClosesConnectionsThatAreIdle) {
  TestServer server({.header_timeout = milliseconds(20), .idle_timeout = milliseconds(20)});
  auto silent = server.client();
  EXPECT_TRUE(silent.ended());
  auto kept = server.client();
  kept.send(request_text("GET /echo"));
  EXPECT_EQ(kept.receive().status, 200);
  EXPECT_TRUE(kept.ended());
  EXPECT_EQ(server.server->stats().requests_bad, 0u);
}

TEST(Server, ClosesConnectionsThatDoNotReadTheirAnswers) {
  TestServer server({.idle_timeout = milliseconds(40)});
  auto client = server.client();
  for (int i = 0; i < 40; ++i) client.send(request_text("GET /large"));
  ASSERT_TRUE(server.handler.arrived.wait(2));
  // More than sockets buffer is waiting; the server gives up, and what arrived is cut off.
  auto other = server.client();
  while (server.server->stats().connections_open > 1) {
    other.send(request_text("GET /echo"));
    ASSERT_EQ(other.receive().status, 200);
  }
}

TEST(Server, WaitsForTheHandlerWithoutATimeout) {
  TestServer server({.header_timeout = milliseconds(20), .idle_timeout = milliseconds(20)});
  auto client = server.client();
  client.send(request_text("GET /later"));
  ASSERT_TRUE(server.handler.arrived.wait());
  auto idle = server.client();
  EXPECT_TRUE(idle.ended());  // Its timeout has passed, so the other's would have, too.
  server.handler.responder(0)->send({.body = "at last"});
  EXPECT_EQ(client.receive().body, "at last");
}

TEST(Server, AnswersOnlyForItsOwnNamesOnLoopback) {
  check_refused("GET /echo HTTP/1.1\r\nHost: evil.example:8420\r\n\r\n",
                "421 this server listens on a loopback address and does not answer for the host "
                "'evil.example:8420'; allow the name in its configuration if it is meant");
  check_refused("GET http://evil.example/echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "421 this server listens on a loopback address and does not answer for the host "
                "'evil.example'; allow the name in its configuration if it is meant");
  TestServer server({.allowed_hosts = {"quell.example"}});
  auto client = server.client();
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:2", "[::1]:3", "quell.example"}) {
    client.send("GET /echo HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    EXPECT_EQ(client.receive().status, 200) << host;
  }
}

TEST(Server, AnswersForEveryNameElsewhere) {
  TestServer server({.address = "0.0.0.0"});
  auto client = server.client();
  client.send("GET /echo HTTP/1.1\r\nHost: quell.example\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
}

TEST(Server, KeepsLineEndsOutOfHeaders) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /split"));
  const Answer answer = client.receive();
  EXPECT_EQ(answer.headers.at("x-text"), "a  X-Evil: b");
  EXPECT_FALSE(answer.headers.contains("x-evil"));
}

TEST(Server, DecodesPathsWithoutMeaningMoreByThem) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /a/../%2e%2e/%C3%A4%2F%25+b?x=%25"));
  EXPECT_EQ(client.receive().body, "GET /a/../../ä/%+b x=%25 ");
  client.send(request_text("OPTIONS *"));
  EXPECT_EQ(client.receive().status, 204);
}

TEST(Server, ServesTwoThousandConnections) {
  TestServer server({.threads = 2});
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 2000; ++i) {
    clients.push_back(std::make_unique<TestClient>(server.server->port()));
    clients.back()->send(post_text("/echo", std::to_string(i)));
  }
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(clients[static_cast<std::size_t>(i)]->receive().body,
              "POST /echo  " + std::to_string(i));
  }
  EXPECT_EQ(server.server->stats().connections_open, 2000u);
}

TEST(Server, RefusesConnectionsOverTheLimit) {
  TestServer server({.connections_max = 2});
  auto first = server.client();
  auto second = server.client();
  for (auto* client : {&first, &second}) {
    client->send(request_text("GET /echo"));
    EXPECT_EQ(client->receive().status, 200);
  }
  auto third = server.client();
  const Answer answer = third.receive();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers.at("retry-after"), "1");
  EXPECT_NE(answer.body.find("the server has reached its limit of 2 connections"),
            std::string::npos);
  EXPECT_TRUE(third.ended());
  EXPECT_EQ(server.server->stats().connections_refused, 1u);
}

TEST(Server, FinishesRequestsInProgressWhenItStops) {
  TestServer server;
  auto busy = server.client();
  auto idle = server.client();
  idle.send(request_text("GET /echo"));
  EXPECT_EQ(idle.receive().status, 200);
  busy.send(request_text("GET /later"));
  ASSERT_TRUE(server.handler.arrived.wait(2));
  std::thread stopper([&] { server.server->stop(kPatience); });
  EXPECT_TRUE(idle.ended());
  server.handler.responder(0)->send({.body = "done"});
  const Answer answer = busy.receive();
  EXPECT_EQ(answer.body, "done");
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(busy.ended());
  stopper.join();
  EXPECT_EQ(server.server->stats().connections_open, 0u);
}

TEST(Server, StopsAtOnceWhenNothingIsInProgress) {
  TestServer server;
  auto silent = server.client();
  auto idle = server.client();
  idle.send(request_text("GET /echo"));
  EXPECT_EQ(idle.receive().status, 200);
  EXPECT_TRUE(server.stops_early());
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(idle.ended());
}

TEST(Server, ClosesWhatDoesNotFinishInTime) {
  TestServer server;
  auto client = server.client();
  client.send(request_text("GET /later"));
  ASSERT_TRUE(server.handler.arrived.wait());
  server.server->stop(milliseconds(10));
  EXPECT_TRUE(client.ended());
  server.handler.responder(0)->send({.body = "too late"});
}

TEST(Server, SaysWhyItCannotListen) {
  TestServer server;
  TestHandler handler;
  const auto second = start_server({.port = server.server->port()}, handler, server.clock);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::Unavailable);
  EXPECT_EQ(second.error().message,
            "cannot listen on 127.0.0.1:" + std::to_string(server.server->port()) +
                ": Address already in use");
  const auto unknown = start_server({.address = "example.org"}, handler, server.clock);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "'example.org' is not an IP address to listen on");
}

}  // namespace
}  // namespace quell::http
