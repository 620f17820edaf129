// The HTTP server as the rest of Quell sees it: plain requests in, plain answers out.
//
// Boost.Beast and Asio live in this module and nowhere else.
#pragma once

#include <cstdint>
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
  std::string path;   // Percent-decoded, without the query: UTF-8 without NUL that begins with '/'.
                      // Only a name: `..` and `//` mean nothing.
  std::string query;  // As sent, without the '?'.
  Headers headers;
  // De-chunked, and unpacked when Content-Encoding was gzip or deflate (the header is then gone),
  // unless the handler wants it packed. Any other Content-Encoding is left for the handler.
  std::string body;
  std::string remote_address;  // "127.0.0.1"
  bool remote_is_loopback = false;

  std::string_view header(std::string_view lower_case_name) const;  // First, or empty.
  // The decoded value(s) of a query parameter, in order.
  std::vector<std::string> parameters(std::string_view name) const;
  std::string parameter(std::string_view name) const;  // First, or empty.
  std::vector<std::string> parameter_names() const;    // Of all, in order.
};

struct Response {
  int status = 200;
  Headers headers{};  // Content-Type, Location, …; lengths, dates, packing and the security headers
                      // are the server's business.
  std::string body{};
};

// The RFC 9457 problem document that every refusal of Quell is.
Response problem_response(int status, std::string_view code, std::string_view detail);
// The same for an Error: status and code from its Errc, the place in front of the sentence.
Response problem_response(const Error& error);

// Sends the answer to one request, exactly once, from any thread. Dropping it unused answers 500.
// Outliving the server is allowed; the answer is then nobody's.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void send(Response response) = 0;
};

// One message for any number of streams; written out once and shared between them.
class StreamMessage {
 public:
  // `id` 0 and an empty `event` are left out; `data` may have several lines.
  StreamMessage(std::uint64_t id, std::string_view event, std::string_view data);

  std::string_view event_stream() const {
    return event_stream_;
  }                                                // `id:`, `event:`, `data:` lines.
  std::string_view data() const { return data_; }  // What a WebSocket gets.

 private:
  std::string event_stream_;
  std::string data_;
};

// A long-lived stream to one client: Server-Sent Events or a WebSocket. Messages are queued; a
// client that reads too slowly is closed when its queue passes the limit.
// Thread: any. May outlive its client and the server; it is then closed.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void send(std::shared_ptr<const StreamMessage> message) = 0;
  void send(std::uint64_t id, std::string_view event, std::string_view data) {
    send(std::make_shared<const StreamMessage>(id, event, data));
  }
  virtual bool closed() const = 0;
  virtual void close() = 0;  // After what is queued.
};

enum class StreamKind : std::uint8_t { None, Events, WebSocket };

// What the server calls. Thread: the I/O threads; nothing here may block.
class Handler {
 public:
  virtual ~Handler() = default;

  // Keep `responder` to answer later. Requests of one connection come in order, and may come before
  // earlier ones were answered (pipelining); the server puts the answers in order.
  virtual void handle(Request request, std::unique_ptr<Responder> responder) = 0;

  // The largest body that this path takes, in bytes, unpacked; asked when the headers are known.
  virtual std::uint64_t body_limit(std::string_view method, std::string_view path) const = 0;

  // Whether the server unpacks gzip and deflate for this path; else the body stays as it came, with
  // its Content-Encoding, and the limit counts packed bytes.
  virtual bool unpacks(std::string_view path) const {
    (void)path;
    return true;
  }

  // What a GET of this path opens. Events: Server-Sent Events. WebSocket: answered 426 when the
  // client does not ask for one.
  virtual StreamKind stream_kind(std::string_view path) const = 0;

  // A client asks for a stream. Return an error to refuse it. The last id that the client saw is in
  // the header `last-event-id` or the query parameter `last_event_id`. Sending at once is allowed.
  virtual Status open_stream(const Request& request, std::shared_ptr<Stream> stream) = 0;
  // A text message that a WebSocket client sent.
  virtual void on_stream_message(const std::shared_ptr<Stream>& stream, std::string text) = 0;
  // The client or the server ended the stream. Called once for every stream that was opened.
  virtual void on_stream_closed(const std::shared_ptr<Stream>& stream) { (void)stream; }
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // Numeric, or "localhost".
  std::uint16_t port = 8420;          // 0: any free port.
  int threads = 1;
  std::uint32_t connections_max = 10'000;  // More are answered 503.
  std::uint32_t header_bytes_max = 16 * 1024;
  Duration header_timeout =
      std::chrono::seconds(10);  // From a request's first byte to full headers.
  // From full headers to full body, and one more second for each 16 KiB that arrived.
  Duration body_timeout = std::chrono::seconds(60);
  Duration idle_timeout = std::chrono::seconds(120);  // Without a request, or without any progress
                                                      // in sending an answer.
  Duration linger_timeout = std::chrono::seconds(5);  // For reading what follows a refused request.
  Duration stream_keepalive = std::chrono::seconds(15);
  std::uint32_t stream_queue_bytes_max = 4 << 20;
  std::uint32_t stream_message_bytes_max = 64 * 1024;  // From a WebSocket client.
  // Names, without port, that a request's Host may have. When the address is a loopback address,
  // any other than these, `localhost`, `127.0.0.1` and `[::1]` is refused with 421: a web page
  // elsewhere could have made its own name point here (DNS rebinding).
  std::vector<std::string> allowed_hosts{};
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
  virtual ~Server() = default;  // Stops with no grace.
  virtual std::uint16_t port() const = 0;
  virtual ServerStats stats() const = 0;
  // Stops accepting, closes streams (slow readers of them too), lets requests in progress finish
  // for at most `grace`, then closes everything. Returns as soon as nothing is open. The handler is
  // not called any more. Not from an I/O thread.
  virtual void stop(Duration grace) = 0;
};

// Serves until stop(). `handler` and `clock` (for the Date header only) must outlive the server.
// Errors: Unavailable, naming the address, when it cannot be listened on; InvalidArgument.
Result<std::unique_ptr<Server>> start_server(const ServerOptions& options, Handler& handler,
                                             const Clock& clock);

}  // namespace quell::http
