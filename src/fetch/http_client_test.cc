// What needs no server; tests/fetch/ has the rest.
#include "fetch/http_client.h"

#include <gtest/gtest.h>

namespace quell::fetch {
namespace {

void check_error(const HttpRequest& request, Errc code, std::string_view want) {
  const auto got = fetch(request);
  ASSERT_FALSE(got) << "for " << request.url;
  EXPECT_EQ(got.error().code, code);
  EXPECT_EQ(got.error().message, want) << "for " << request.url;
}

TEST(Fetch, SaysWhatIsWrongWithAnAddress) {
  check_error(
      {.url = "file:///etc/passwd"}, Errc::InvalidArgument,
      "'file:///etc/passwd' is not an HTTP address: it does not begin with http:// or https://");
  check_error(
      {.url = "127.0.0.1:8420"}, Errc::InvalidArgument,
      "'127.0.0.1:8420' is not an HTTP address: it does not begin with http:// or https://");
  check_error({.url = "http://a b/"}, Errc::InvalidArgument,
              "'http://a b/' is not an HTTP address: Bad hostname");
  check_error({.url = "http://localhost/", .headers = {{"X-A", "b\r\nX-Evil: c"}}},
              Errc::InvalidArgument, "the header X-A has a line end in it");
}

}  // namespace
}  // namespace quell::fetch
