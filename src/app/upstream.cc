#include "app/upstream.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "fetch/http_client.h"

namespace quell {
namespace {

std::optional<Timestamp> read_time(const std::string& text) {
  constexpr double kMost = 9e9;  // Seconds that fit into 64 bits of nanoseconds.
  double seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  if (error == std::errc{} && stop == end && seconds > -kMost && seconds < kMost) {
    return Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
  }
  const auto time = parse_rfc3339(text);
  return time ? std::optional(*time) : std::nullopt;
}

http::Response unreachable(const std::string& why) {
  std::string body;
  JsonWriter(body)
      .begin_object()
      .field("status", "error")
      .field("errorType", "unavailable")
      .field("error", "metrics.upstream, which has this history, cannot be asked: " + why)
      .end_object();
  return {
      .status = 503, .headers = {{"content-type", "application/json"}}, .body = std::move(body)};
}

}  // namespace

bool asks_upstream(const http::Request& request, Timestamp kept_since) {
  http::Request joined;
  joined.query = request.query + '&' + request.body;  // Of a GET the body is empty.
  std::string text = joined.parameter("start");
  if (text.empty()) text = joined.parameter("time");
  const auto time = read_time(text);
  return time && *time < kept_since;
}

http::Response ask_upstream(const UpstreamSetting& upstream, const http::Request& request) {
  fetch::HttpRequest forwarded{.method = request.method == "POST" ? "POST" : "GET",
                               .url = upstream.url + request.path};
  if (!request.query.empty()) forwarded.url += '?' + request.query;
  if (forwarded.method == "POST") {
    forwarded.headers.emplace_back("content-type", "application/x-www-form-urlencoded");
    forwarded.body = request.body;
  }
  if (!upstream.token.empty()) {
    forwarded.headers.emplace_back("authorization", "Bearer " + upstream.token);
  }
  const auto answer = fetch::fetch(forwarded);
  if (!answer) return unreachable(answer.error().to_string());
  const bool is_json = answer->header("content-type").starts_with("application/json");
  if (!is_json) return unreachable(fmt::format("it answers {} without JSON", answer->status));
  return {.status = answer->status,
          .headers = {{"content-type", "application/json"}, {"quell-answered-by", "upstream"}},
          .body = answer->body};
}

}  // namespace quell
