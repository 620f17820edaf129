#include "app/upstream.h"

#include <fmt/format.h>

#include "api/promql_requests.h"
#include "base/json.h"
#include "fetch/http_client.h"

namespace quell {
namespace {

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
  const http::Request parameters = promql_parameters(request);
  std::string text = parameters.parameter("start");
  if (text.empty()) text = parameters.parameter("time");
  const auto ms = promql_time_ms(text);
  return ms && Timestamp(std::chrono::milliseconds(*ms)) < kept_since;
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
  // Servers with tenants know them by this header; others pass it over.
  const std::string_view tenant = request.header("x-scope-orgid");
  if (!tenant.empty()) forwarded.headers.emplace_back("X-Scope-OrgID", tenant);
  const auto answer = fetch::fetch(forwarded);
  if (!answer) return unreachable(answer.error().to_string());
  const bool is_json = answer->header("content-type").starts_with("application/json");
  if (!is_json) return unreachable(fmt::format("it answers {} without JSON", answer->status));
  return {.status = answer->status,
          .headers = {{"content-type", "application/json"}, {"quell-answered-by", "upstream"}},
          .body = answer->body};
}

}  // namespace quell
