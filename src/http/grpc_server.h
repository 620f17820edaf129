// A gRPC server for unary calls: each call becomes a request to the Handler, as if it had come by
// HTTP/1.1.
//
// nghttp2 lives here and nowhere else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "http/server.h"

namespace quell::http {

struct GrpcMethod {
  std::string_view method;  // "/package.Service/Method"
  std::string_view path;    // Of the request that it becomes.
};

struct GrpcOptions {
  std::string address = "127.0.0.1";  // Numeric, or "localhost".
  std::uint16_t port = 4317;          // 0: any free port.
  std::span<const GrpcMethod> methods{};
  std::uint32_t connections_max = 1000;  // More are closed at once.
  std::uint32_t calls_max = 100;         // Of one connection at the same time.
  std::uint32_t header_bytes_max = 16 * 1024;
  std::uint64_t pending_bytes_max = 256ull << 20;    // Of all calls that are not complete.
  Duration call_timeout = std::chrono::seconds(60);  // Without a byte, for a call to be complete.
  Duration idle_timeout = std::chrono::minutes(30);  // Without a call.
};

class GrpcServer {
 public:
  virtual ~GrpcServer() = default;  // Stops.
  virtual std::uint16_t port() const = 0;
  // Closes everything. The handler is not called any more.
  virtual void stop() = 0;
};

// Method: HTTP/2 without TLS (prior knowledge), gRPC's HTTP/2 protocol: a call is one message,
// plain or packed with gzip or deflate, which becomes the body of a POST of
// `application/x-protobuf`; its metadata are the headers. An answer of 200 is the reply; another
// status becomes that of gRPC: 400 INVALID_ARGUMENT, 401 UNAUTHENTICATED, 429 and 503 UNAVAILABLE
// (clients try again), …, with the message of the google.rpc.Status or problem document. The
// Handler's body_limit() is the limit of a message as it comes. One thread. Errors: Unavailable,
// naming the address; InvalidArgument.
Result<std::unique_ptr<GrpcServer>> start_grpc_server(const GrpcOptions& options, Handler& handler);

// The number of gRPC's status for one of HTTP.
int grpc_status(int http_status);

}  // namespace quell::http
