#include "fetch/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "base/text.h"

namespace quell::fetch {
namespace {

struct Answer {
  HttpResponse response;
  std::size_t bytes_max = 0;
  bool too_large = false;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  if (answer.response.body.size() + size * count > answer.bytes_max) {
    answer.too_large = true;
    return 0;
  }
  answer.response.body.append(data, size * count);
  return size * count;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) answer.response.headers.clear();  // After a 100 Continue.
  const auto colon = line.find(':');
  if (colon != line.npos) {
    answer.response.headers.emplace_back(to_lower(line.substr(0, colon)),
                                         std::string(trim(line.substr(colon + 1))));
  }
  return size * count;
}

long milliseconds(Duration d) {
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(d).count());
}

std::string host_of(const std::string& url) {
  const auto begin = url.find("://");
  const auto from = begin == url.npos ? 0 : begin + 3;
  return url.substr(from, url.find('/', from) - from);
}

Error error_of(CURLcode code, const char* detail, const HttpRequest& request,
               const Answer& answer) {
  const std::string host = host_of(request.url);
  const char* why = detail[0] != '\0' ? detail : curl_easy_strerror(code);
  if (answer.too_large) {
    return {Errc::TooLarge,
            fmt::format("the answer of {} is larger than {} bytes", host, request.answer_bytes_max),
            {}};
  }
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return {Errc::Timeout, fmt::format("{} did not answer in time: {}", host, why), {}};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {Errc::InvalidArgument,
              fmt::format("'{}' is not an http address: {}", request.url, why),
              {}};
    default: return {Errc::Unavailable, fmt::format("cannot reach {}: {}", host, why), {}};
  }
}

struct Cleanup {
  void operator()(CURL* c) const { curl_easy_cleanup(c); }
  void operator()(curl_slist* l) const { curl_slist_free_all(l); }
};

}  // namespace

Result<HttpResponse> fetch(const HttpRequest& request) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, Cleanup> curl(curl_easy_init());
  if (ready != CURLE_OK || !curl) return fail(Errc::Unavailable, "libcurl cannot be started");
  std::unique_ptr<curl_slist, Cleanup> headers;
  const auto add = [&](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  for (const auto& [name, value] : request.headers) add(name + ": " + value);
  add("Expect:");  // No waiting for 100 Continue.
  Answer answer{.response = {}, .bytes_max = request.answer_bytes_max};
  char detail[CURL_ERROR_SIZE] = "";
  CURL* c = curl.get();
  curl_easy_setopt(c, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout));
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
  curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, &answer);
  if (!request.body.empty() || request.method == "POST") {
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  if (request.method == "HEAD") curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
  const CURLcode code = curl_easy_perform(c);
  if (code != CURLE_OK) return std::unexpected(error_of(code, detail, request, answer));
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  answer.response.status = static_cast<int>(status);
  return std::move(answer.response);
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace quell::fetch
