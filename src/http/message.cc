#include "http/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/packing.h"
#include "base/text.h"
#include "http/header_values.h"

namespace quell::http {
namespace {

constexpr std::size_t kPackMin = 1024;  // Below, packing saves no packet.

bool has_header(const Response& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const auto& header) { return equals_ignore_case(header.first, name); });
}

bool is_server_business(std::string_view name) {
  constexpr std::array<std::string_view, 4> kOurs = {"content-length", "connection", "date",
                                                     "transfer-encoding"};
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [&](std::string_view ours) { return equals_ignore_case(name, ours); });
}

void append_clean(std::string& out, std::string_view value) {
  const std::size_t start = out.size();
  out += value;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: break;
  }
  return status < 400 ? "Status" : "Error";
}

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

void append_head(std::string& out, const Response& response, const HeadOptions& options) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                 reason_phrase(response.status), options.date);
  out += "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n";
  for (const auto& [name, value] : response.headers) {
    if (is_server_business(name)) continue;
    append_clean(out, name);
    out += ": ";
    append_clean(out, value);
    out += "\r\n";
  }
  if (!options.no_length && !has_no_body(response.status)) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
  }
  if (options.close) {
    out += "Connection: close\r\n";
  } else if (options.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

bool is_packable(std::string_view content_type) {
  const std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (type.starts_with("text/") || type.ends_with("+json") || type.ends_with("+xml")) return true;
  constexpr std::array<std::string_view, 6> kPackable = {
      "application/json", "application/javascript", "application/xml",
      "application/yaml", "application/x-ndjson",   "application/openmetrics-text"};
  return std::find(kPackable.begin(), kPackable.end(), type) != kPackable.end();
}

void pack_body(Response& response, std::string_view accept_encoding) {
  if (response.body.size() <= kPackMin || has_header(response, "content-encoding")) return;
  std::string_view type;
  for (const auto& [name, value] : response.headers) {
    if (equals_ignore_case(name, "content-type")) type = value;
  }
  if (!is_packable(type)) return;
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (!accepts(accept_encoding, "gzip")) return;
  response.body = gzip_pack(response.body);
  response.headers.emplace_back("Content-Encoding", "gzip");
}

std::string format_http_date(Timestamp t) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(t - day));
  return fmt::format(
      "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday(day).c_encoding()],
      static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
      static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
      time.seconds().count());
}

Response problem_response(int status, std::string_view code, std::string_view detail) {
  Response response{.status = status, .headers = {{"Content-Type", "application/problem+json"}}};
  JsonWriter(response.body)
      .begin_object()
      .field("type", "about:blank")
      .field("title", reason_phrase(status))
      .field("status", status)
      .field("detail", detail)
      .field("code", code)
      .end_object();
  return response;
}

Response problem_response(const Error& error) {
  return problem_response(http_status(error.code), errc_name(error.code), error.to_string());
}

std::string_view Request::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

std::vector<std::string> Request::parameters(std::string_view name) const {
  std::vector<std::string> values;
  if (query.empty()) return values;
  for (const std::string_view pair : split(query, '&')) {
    const std::size_t equals = pair.find('=');
    if (query_decode(pair.substr(0, equals)) != name) continue;
    values.push_back(equals == std::string_view::npos ? std::string()
                                                      : query_decode(pair.substr(equals + 1)));
  }
  return values;
}

std::vector<std::string> Request::parameter_names() const {
  std::vector<std::string> names;
  for (const std::string_view pair : split(query, '&')) {
    if (!pair.empty()) names.push_back(query_decode(pair.substr(0, pair.find('='))));
  }
  return names;
}

std::string Request::parameter(std::string_view name) const {
  auto values = parameters(name);
  return values.empty() ? std::string() : std::move(values.front());
}

StreamMessage::StreamMessage(std::uint64_t id, std::string_view event, std::string_view data)
    : data_(data) {
  event_stream_.reserve(data.size() + event.size() + 40);
  if (id != 0) fmt::format_to(std::back_inserter(event_stream_), "id: {}\n", id);
  if (!event.empty()) {
    event_stream_ += "event: ";
    append_clean(event_stream_, event);
    event_stream_ += '\n';
  }
  for (std::string_view line : split(data, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    event_stream_ += "data: ";
    append_clean(event_stream_, line);  // A lone CR would end the line, too.
    event_stream_ += '\n';
  }
  event_stream_ += '\n';
}

}  // namespace quell::http
