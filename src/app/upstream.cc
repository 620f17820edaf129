#include "app/upstream.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/promql_requests.h"
#include "base/time.h"
#include "fetch/http_client.h"
#include "promql/value.h"

namespace quell {
namespace {

http::Response unreachable(const std::string& why) {
  return promql_refusal(
      {Errc::Unavailable, "metrics.upstream, which has this history, cannot be asked: " + why, {}});
}

}  // namespace

bool asks_upstream(const http::Request& request, Timestamp now, Duration kept) {
  const http::Request parameters = promql_parameters(request);
  const bool is_range = request.path.ends_with("/query_range");
  const std::string text = parameters.parameter(is_range ? "start" : "time");
  const auto start = text.empty() && !is_range ? to_unix_ms(now) : promql_time_ms(text);
  if (!start) return false;
  const std::int64_t kept_since = to_unix_ms(now - kept);
  if (*start < kept_since) return true;  // Whatever the expression is: upstream may know more.
  const auto query = promql::parse_query(parameters.parameter("query"));
  return query && std::ranges::any_of(query->selectors, [&](const promql::Selector* selector) {
           return promql::times_needed(*selector, {.start_ms = *start}).first < kept_since;
         });
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
