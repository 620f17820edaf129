#include "http/grpc_server.h"

#include <gtest/gtest.h>

namespace quell::http {
namespace {

class NoHandler final : public Handler {
 public:
  void handle(Request, std::unique_ptr<Responder>) override {}
  std::uint64_t body_limit(std::string_view, std::string_view) const override { return 100; }
  StreamKind stream_kind(std::string_view) const override { return StreamKind::None; }
  Status open_stream(const Request&, std::shared_ptr<Stream>) override { return {}; }
  void on_stream_message(const std::shared_ptr<Stream>&, std::string) override {}
};

void check_status(int http, int want) {
  EXPECT_EQ(grpc_status(http), want) << http;
}

TEST(GrpcServer, StatusesThatClientsTryAgain) {
  check_status(200, 0);
  check_status(400, 3);
  check_status(401, 16);
  check_status(403, 7);
  check_status(404, 12);
  check_status(413, 8);
  check_status(415, 12);
  check_status(429, 14);
  check_status(503, 14);
  check_status(500, 14);
}

TEST(GrpcServer, Addresses) {
  NoHandler handler;
  auto server = start_grpc_server({.port = 0}, handler);
  ASSERT_TRUE(server.has_value());
  EXPECT_NE((*server)->port(), 0);
  const auto taken = start_grpc_server({.port = (*server)->port()}, handler);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, Errc::Unavailable);
  EXPECT_TRUE(taken.error().message.starts_with("cannot listen on 127.0.0.1:"));
  const auto name = start_grpc_server({.address = "example.org"}, handler);
  EXPECT_EQ(name.error().message, "'example.org' is not an IP address");
}

}  // namespace
}  // namespace quell::http
