#include <gtest/gtest.h>

#include "base/packing.h"
#include "http/header_values.h"
#include "http/message.h"

namespace quell::http {
namespace {

void check_target(std::string_view target, std::string_view want) {
  const auto got = parse_target(target);
  EXPECT_EQ(got ? got->path + "|" + got->query + "|" + got->authority : got.error().message, want)
      << "for " << target;
}

TEST(Target, IsAPathOrAnAbsoluteAddress) {
  check_target("/", "/||");
  check_target("/a%20b?c=%20d", "/a b|c=%20d|");
  check_target("/a?b?c", "/a|b?c|");
  check_target("/a?", "/a||");
  check_target("http://host:1/a?b", "/a|b|host:1");
  check_target("HTTP://host", "/||host");
  check_target("http://host?b", "/|b|host");
  check_target("*", "*||");
  check_target("ftp://host/", "the request target 'ftp://host/' is not a path");
  check_target("/%", "the path has a '%' that is not followed by two hexadecimal digits");
  check_target("/%c3%28", "the path is not UTF-8 at byte 1");
}

void check_parameter(std::string_view query, std::string_view name, std::string_view want) {
  Request request;
  request.query = query;
  std::string got;
  for (const auto& value : request.parameters(name)) got += "[" + value + "]";
  EXPECT_EQ(got, want) << "for " << query;
}

TEST(Query, DecodesParameters) {
  check_parameter("a=1&b=2&a=3", "a", "[1][3]");
  check_parameter("a=x+y%2Bz", "a", "[x y+z]");
  check_parameter("a=100%&b", "a", "[100%]");
  check_parameter("a=100%&b", "b", "[]");
  check_parameter("match%5B%5D=x", "match[]", "[x]");
  check_parameter("a=b=c", "a", "[b=c]");
  check_parameter("", "", "");
}

void check_accepts(std::string_view list, std::string_view what, bool want) {
  EXPECT_EQ(accepts(list, what), want) << what << " in " << list;
}

TEST(Accept, TakesTheClosestRange) {
  check_accepts("gzip", "gzip", true);
  check_accepts("br, GZIP;q=1.0", "gzip", true);
  check_accepts("*", "gzip", true);
  check_accepts("*, gzip;q=0", "gzip", false);
  check_accepts("gzip;q=0.000", "gzip", false);
  check_accepts("", "gzip", false);
  check_accepts("text/html, text/*;q=0.1", "text/event-stream", true);
  check_accepts("text/html,*/*;q=0.8", "text/event-stream", true);
  check_accepts("*/*, text/event-stream;q=0", "text/event-stream", false);
  check_accepts("application/json", "text/event-stream", false);
}

TEST(Host, IsKnownByNameWithoutPort) {
  EXPECT_EQ(host_without_port("[::1]:8420"), "[::1]");
  EXPECT_EQ(host_without_port("a.example:1"), "a.example");
  EXPECT_TRUE(is_local_host("LocalHost:99", {}));
  EXPECT_FALSE(is_local_host("localhost.evil.example", {}));
  EXPECT_FALSE(is_local_host("127.0.0.1.evil.example:1", {}));
  EXPECT_FALSE(is_local_host("", {}));
}

TEST(Origin, IsTheSameOnlyWithItsPort) {
  EXPECT_TRUE(is_same_origin("http://localhost:8420", "localhost:8420"));
  EXPECT_TRUE(is_same_origin("https://Quell.example", "quell.example"));
  EXPECT_FALSE(is_same_origin("http://localhost:1", "localhost:8420"));
  EXPECT_FALSE(is_same_origin("null", "localhost:8420"));
}

// Unpacks in pieces of `step` bytes.
std::string unpack(std::string_view encoding, std::string_view packed, std::size_t step) {
  std::string out;
  auto unpacker = Unpacker::make(encoding);
  if (!unpacker) return "not unpacked";
  for (std::size_t i = 0; i < packed.size(); i += step) {
    const auto status = unpacker->append(packed.substr(i, step), 1'000'000, out);
    if (!status) return status.error().message;
  }
  const auto status = unpacker->finish();
  return status ? out : status.error().message;
}

TEST(Unpacker, TakesGzipAndDeflate) {
  const std::string text = "some text that is long enough, some text that is long enough";
  const std::string gzip = gzip_pack(text);
  EXPECT_EQ(unpack("gzip", gzip, 1000), text);
  EXPECT_EQ(unpack("X-GZIP", gzip, 1), text);
  EXPECT_EQ(unpack("gzip", gzip + gzip, 7), text + text);  // Two members: RFC 1952.
  // `hello` with zlib framing and without.
  EXPECT_EQ(unpack("deflate", {"\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15", 13}, 1),
            "hello");
  EXPECT_EQ(unpack("deflate", {"\xcb\x48\xcd\xc9\xc9\x07\x00", 7}, 1), "hello");
  EXPECT_EQ(unpack("gzip", "", 1), "");
  EXPECT_EQ(unpack("br", "x", 1), "not unpacked");
  EXPECT_EQ(unpack("gzip, gzip", "x", 1), "not unpacked");
}

TEST(Unpacker, StopsAtTheLimit) {
  const std::string exact = gzip_pack(std::string(1'000'000, 'a'));
  EXPECT_EQ(unpack("gzip", exact, 1000).size(), 1'000'000u);
  EXPECT_EQ(unpack("gzip", gzip_pack(std::string(1'000'001, 'a')), 1000),
            "the unpacked body is larger than the limit of 1000000 bytes");
}

TEST(Unpacker, ReadsBackAnySize) {
  for (std::size_t size = 0; size < 70'000; size = size * 2 + 1) {
    const std::string text(size, 'z');
    EXPECT_EQ(unpack("gzip", gzip_pack(text), 4096), text) << size;
  }
}

TEST(StreamMessage, IsAnEventOfLines) {
  EXPECT_EQ(StreamMessage(7, "incident", "{}").event_stream(),
            "id: 7\nevent: incident\ndata: {}\n\n");
  EXPECT_EQ(StreamMessage(0, "", "a\nb\r\n\rid: 9").event_stream(),
            "data: a\ndata: b\ndata:  id: 9\n\n");
  EXPECT_EQ(StreamMessage(0, "a\nid: 9", "").event_stream(), "event: a id: 9\ndata: \n\n");
  EXPECT_EQ(StreamMessage(7, "x", "a\nb").data(), "a\nb");
}

TEST(Problem, IsADocumentOfRfc9457) {
  const auto response =
      problem_response(Error{Errc::Conflict, "the incident has changed", "/version"});
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.body, R"({"type":"about:blank","title":"Conflict","status":409,)"
                           R"("detail":"/version: the incident has changed","code":"conflict"})");
}

TEST(HttpDate, IsAFixdate) {
  EXPECT_EQ(format_http_date(Timestamp(std::chrono::seconds(784111777))),
            "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(Packable, IsText) {
  EXPECT_TRUE(is_packable("application/json; charset=utf-8"));
  EXPECT_TRUE(is_packable("Text/HTML"));
  EXPECT_TRUE(is_packable("image/svg+xml"));
  EXPECT_TRUE(is_packable("application/openmetrics-text; version=1.0.0"));
  EXPECT_FALSE(is_packable("image/png"));
  EXPECT_FALSE(is_packable(""));
}

}  // namespace
}  // namespace quell::http
