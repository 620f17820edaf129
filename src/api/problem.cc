#include "api/problem.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"

namespace quell {
namespace {

constexpr std::size_t kQuotedBytes = 200;  // Of what the client sent, in an error that quotes it.

http::Response render(int status, std::string_view code, std::string_view detail,
                      std::string_view place) {
  http::Response response{
      .status = status,
      .headers = {{"content-type", "application/problem+json"}, {"cache-control", "no-store"}}};
  JsonWriter w(response.body);
  w.begin_object()
      .field("type", "about:blank")
      .field("title", status_title(status))
      .field("status", status)
      .field("detail", detail)
      .field("code", code);
  if (!place.empty()) w.field("place", place);
  w.end_object();
  if (status == 429 || status == 503) response.headers.emplace_back("retry-after", "1");
  if (status == 401) {
    response.headers.emplace_back("www-authenticate", "Bearer realm=\"quell\"");
  }
  return response;
}

}  // namespace

http::Response problem(const Error& error) {
  return render(http_status(error.code), errc_name(error.code), error.message, error.place);
}

http::Response problem(int status, std::string_view code, std::string_view detail) {
  return render(status, code, detail, {});
}

http::Response no_such_route(std::string_view path, std::span<const std::string_view> patterns) {
  const std::string_view quoted = utf8_prefix(path, kQuotedBytes);
  std::string detail = fmt::format("there is nothing at {}", quoted);
  if (const auto near = nearest_word(quoted, patterns)) {
    fmt::format_to(std::back_inserter(detail), ", did you mean {}?", *near);
  }
  return render(404, errc_name(Errc::NotFound), detail, {});
}

http::Response wrong_method(std::string_view method, std::string_view path,
                            std::string_view allow) {
  auto response = render(405, "method_not_allowed",
                         fmt::format("{} takes {}, not {}", utf8_prefix(path, kQuotedBytes), allow,
                                     utf8_prefix(method, 32)),
                         {});
  response.headers.emplace_back("allow", allow);
  return response;
}

std::string_view status_title(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Error";
  }
}

}  // namespace quell
