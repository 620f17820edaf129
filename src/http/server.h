// The HTTP server as the rest of Quell sees it: plain requests in, plain answers out.
//
// Boost.Beast and Asio live in this module and nowhere else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace quell::http {

using Headers = std::vector<std::pair<std::string, std::string>>;  // Names in lower case.

struct Request {
  std::string method;
  std::string path;   // Percent-decoded, without the query. Always begins with '/'.
  std::string query;  // As sent, without the '?'.
  Headers headers;
  std::string body;  // De-chunked, and unpacked when Content-Encoding was gzip or deflate.
  std::string remote_address;  // "127.0.0.1"
  bool remote_is_loopback = false;

  std::string_view header(std::string_view lower_case_name) const;
  // The decoded value(s) of a query parameter, in order.
  std::vector<std::string> parameters(std::string_view name) const;
  std::string parameter(std::string_view name) const;  // First, or empty.
};

struct Response {
  int status = 200;
  Headers headers{};  // Content-Type, Location, …; lengths and dates are the server's business.
  std::string body{};
};

// Sends the answer to one request, exactly once, from any thread. Dropping it unused answers 500.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void send(Response response) = 0;
};

// A long-lived stream to one client: Server-Sent Events or a WebSocket. Messages are queued; a
// client that reads too slowly is closed when its queue passes the limit.
// Thread: any. Lives until closed() and the last reference are gone.
class Stream {
 public:
  virtual ~Stream() = default;
  // SSE: `id:`, `event:` and `data:` lines. WebSocket: one text frame with `data`.
  virtual void send(std::uint64_t id, std::string_view event, std::string_view data) = 0;
  virtual bool closed() const = 0;
  virtual void close() = 0;
};

class Handler {
 public:
  virtual ~Handler() = default;

  // Thread: an I/O thread; must not block. Keep `responder` to answer later.
  virtual void handle(Request request, std::unique_ptr<Responder> responder) = 0;

  // A client asks for a stream: GET with `Accept: text/event-stream`, or a WebSocket upgrade.
  // Return an error to refuse it. The last id that the client saw is in `last-event-id`
  // (header) or the query parameter `last_event_id`.
  virtual Status open_stream(const Request& request, std::shared_ptr<Stream> stream) = 0;

  // A text frame that a WebSocket client sent.
  virtual void on_stream_message(const std::shared_ptr<Stream>& stream, std::string text) = 0;

  // The largest body that this path takes, in bytes; asked when the headers are known.
  virtual std::uint64_t body_limit(std::string_view method, std::string_view path) const = 0;
  // Whether a GET of this path opens a stream.
  virtual bool is_stream(std::string_view path) const = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8420;  // 0: any free port.
  int threads = 1;
  std::uint32_t connections_max = 10'000;
  std::uint32_t header_bytes_max = 16 * 1024;
  Duration header_timeout = std::chrono::seconds(10);  // From accept or keep-alive to full headers.
  Duration body_timeout = std::chrono::seconds(60);
  Duration idle_timeout = std::chrono::seconds(120);  // Keep-alive without a request.
  std::uint32_t stream_queue_bytes_max = 4 << 20;
};

struct ServerStats {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_total = 0;
  std::uint64_t connections_refused = 0;  // Over the limit.
  std::uint64_t requests_total = 0;
  std::uint64_t requests_bad = 0;  // Not HTTP, too large, timed out.
  std::uint64_t streams_open = 0;
  std::uint64_t streams_dropped = 0;  // Slow readers.
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

class Server {
 public:
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  virtual ServerStats stats() const = 0;
  // Stops accepting, lets requests in progress finish for at most `grace`, then closes everything.
  virtual void stop(Duration grace) = 0;
};

// Errors: Unavailable, naming the address, when it cannot be listened on.
Result<std::unique_ptr<Server>> start_server(const ServerOptions& options, Handler& handler);

}  // namespace quell::http
