// For the tests of this module: a server with a handler that can be told what to do, and a client
// that sends any bytes.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "base/text.h"
#include "http/server.h"

namespace quell::http {

inline constexpr auto kPatience = std::chrono::seconds(20);  // Then a test has failed.

// Counts what happened on other threads, so that a test can wait for it.
class Events {
 public:
  void happened() { count_.release(); }
  bool wait(int times = 1) {
    for (int i = 0; i < times; ++i) {
      if (!count_.try_acquire_for(kPatience)) return false;
    }
    return true;
  }

 private:
  std::counting_semaphore<> count_{0};
};

// Paths: /echo answers what it got; /later keeps the responder; /drop drops it; /large answers 2 MB
// of text; /events and /ws are streams, /closed is one that is refused; /small takes 10 bytes.
class TestHandler final : public Handler {
 public:
  void handle(Request request, std::unique_ptr<Responder> responder) override {
    requests.with([&](auto& all) { all.push_back(request); });
    if (request.path == "/later") {
      later.with([&](auto& all) { all.push_back(std::move(responder)); });
    } else if (request.path == "/large") {
      responder->send({.headers = {{"Content-Type", "text/plain"}}, .body = large_body()});
    } else if (request.path == "/split") {
      responder->send({.headers = {{"X-Text", "a\r\nX-Evil: b"}}});
    } else if (request.path != "/drop") {
      responder->send(
          {.headers = {{"Content-Type", "text/plain"}},
           .body = request.method + " " + request.path + " " + request.query + " " + request.body});
    }
    arrived.happened();
  }
  std::uint64_t body_limit(std::string_view, std::string_view path) const override {
    return path == "/small" ? 10 : 1 << 20;
  }
  StreamKind stream_kind(std::string_view path) const override {
    if (path == "/events" || path == "/closed") return StreamKind::Events;
    return path == "/ws" ? StreamKind::WebSocket : StreamKind::None;
  }
  Status open_stream(const Request& request, std::shared_ptr<Stream> stream) override {
    requests.with([&](auto& all) { all.push_back(request); });
    if (request.path == "/closed") return fail(Errc::Exhausted, "there are too many streams");
    stream->send(1, "hello", "first");
    streams.with([&](auto& all) { all.push_back(std::move(stream)); });
    opened.happened();
    return {};
  }
  void on_stream_message(const std::shared_ptr<Stream>& stream, std::string text) override {
    stream->send(0, "", "you said " + text);
  }
  void on_stream_closed(const std::shared_ptr<Stream>&) override { closed.happened(); }

  static std::string large_body() { return std::string(2 << 20, 'x'); }
  std::shared_ptr<Stream> stream(std::size_t i = 0) {
    return streams.with([&](auto& all) { return all.at(i); });
  }
  std::unique_ptr<Responder> responder(std::size_t i) {
    return later.with([&](auto& all) { return std::move(all.at(i)); });
  }
  Request request(std::size_t i = 0) {
    return requests.with([&](auto& all) { return all.at(i); });
  }

  Guarded<std::vector<Request>> requests;
  Guarded<std::vector<std::unique_ptr<Responder>>> later;
  Guarded<std::vector<std::shared_ptr<Stream>>> streams;
  Events arrived;
  Events opened;
  Events closed;
};

struct Answer {
  int status = 0;  // 0: the connection ended instead.
  std::map<std::string, std::string> headers{};
  std::string body{};
};

// A blocking client.
class TestClient {
 public:
  explicit TestClient(std::uint16_t port) : socket_(io_) {
    boost::system::error_code error;
    socket_.connect({boost::asio::ip::address_v4::loopback(), port}, error);
    EXPECT_FALSE(error) << error.message();
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  // Errors are what the server's answer is for.
  void send(std::string_view bytes) {
    boost::system::error_code error;
    boost::asio::write(socket_, boost::asio::buffer(bytes), error);
  }
  void end() {
    boost::system::error_code error;
    socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, error);
  }

  // The next answer. `head`: of a HEAD request, which has no body.
  Answer receive(bool head = false) {
    Answer answer;
    const std::size_t end = read_until("\r\n\r\n");
    if (end == std::string::npos) return answer;
    const auto lines = split(std::string_view(unread_).substr(0, end), '\n');
    answer.status = std::atoi(std::string(lines[0].substr(9, 3)).c_str());
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const std::size_t colon = lines[i].find(':');
      answer.headers[to_lower(lines[i].substr(0, colon))] = trim(lines[i].substr(colon + 1));
    }
    unread_.erase(0, end + 4);
    const auto length = answer.headers.find("content-length");
    if (head || length == answer.headers.end()) return answer;
    const auto size = static_cast<std::size_t>(std::stoul(length->second));
    while (unread_.size() < size && read_some()) {
    }
    answer.body = unread_.substr(0, size);
    unread_.erase(0, answer.body.size());
    return answer;
  }

  // All text up to and with `end`; what there is when the connection ends before.
  std::string receive_until(std::string_view end) {
    const std::size_t at = read_until(end);
    std::string text = unread_.substr(0, at == std::string::npos ? at : at + end.size());
    unread_.erase(0, text.size());
    return text;
  }
  // Whether the server ends the connection without sending more.
  bool ended() { return unread_.empty() && !read_some() && !timed_out_; }

  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  bool read_some() {
    char buffer[16 * 1024];
    const ssize_t size = recv(socket_.native_handle(), buffer, sizeof buffer, 0);
    timed_out_ = size < 0 && errno == EAGAIN;
    EXPECT_FALSE(timed_out_) << "the server did not answer";
    if (size <= 0) return false;
    unread_.append(buffer, static_cast<std::size_t>(size));
    return true;
  }
  std::size_t read_until(std::string_view end) {
    for (;;) {
      const std::size_t at = unread_.find(end);
      if (at != std::string::npos || !read_some()) return at;
    }
  }

  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  std::string unread_;
  bool timed_out_ = false;
};

// A server on a free port with its handler.
struct TestServer {
  explicit TestServer(ServerOptions options = {}) {
    options.port = 0;
    auto started = start_server(options, handler, clock);
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    server = *std::move(started);
  }
  TestClient client() const { return TestClient(server->port()); }
  // Whether stop() returns long before its grace is over.
  bool stops_early() {
    auto stopped = std::async(std::launch::async, [&] { server->stop(2 * kPatience); });
    return stopped.wait_for(kPatience) == std::future_status::ready;
  }

  TestHandler handler;
  ManualClock clock{Timestamp(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21))};
  std::unique_ptr<Server> server;
};

// A request without its body: "GET /echo" -> with Host and the given headers.
inline std::string request_text(std::string_view line, std::string_view headers = {}) {
  return std::string(line) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n";
}
inline std::string post_text(std::string_view path, std::string_view body,
                             std::string_view headers = {}) {
  return request_text(
             "POST " + std::string(path),
             "Content-Length: " + std::to_string(body.size()) + "\r\n" + std::string(headers)) +
         std::string(body);
}

}  // namespace quell::http
