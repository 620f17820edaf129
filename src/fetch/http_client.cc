#include "fetch/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "base/text.h"
#include "base/time.h"

namespace quell::fetch {
namespace {

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};
template <class T>
using CurlPtr = std::unique_ptr<T, CurlDeleter>;

// One request on its way; what libcurl's callbacks get.
struct Exchange {
  const HttpRequest* request = nullptr;
  const std::function<bool(const ServerEvent&)>* on_event = nullptr;
  CURL* curl = nullptr;
  HttpResponse response{};
  EventStreamReader events{};
  bool loopback = false;
  bool enough = false;  // on_event wants no more.
  bool too_large = false;

  bool is_event_stream() const {
    return on_event != nullptr && response.status == 200 &&
           to_lower(response.header("content-type")).starts_with("text/event-stream");
  }
};

std::size_t on_header(char* data, std::size_t, std::size_t size, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {  // Also after a `100 Continue`.
    exchange.response.headers.clear();
    long status = 0;
    curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, &status);
    exchange.response.status = static_cast<int>(status);
  }
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    exchange.response.headers.emplace_back(to_lower(line.substr(0, colon)),
                                           trim(line.substr(colon + 1)));
  }
  return size;
}

// Returning another size than `size` ends the transfer.
std::size_t on_body(char* data, std::size_t, std::size_t size, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view bytes(data, size);
  if (exchange.is_event_stream()) {
    exchange.enough = !exchange.events.read(bytes, *exchange.on_event);
    return exchange.enough ? 0 : size;
  }
  exchange.too_large = exchange.response.body.size() + size > exchange.request->answer_bytes_max;
  if (exchange.too_large) return 0;
  exchange.response.body += bytes;
  return size;
}

// Called about once a second, and whenever something moves. Not 0 ends the transfer.
int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t sent) {
  const HttpRequest& request = *static_cast<Exchange*>(context)->request;
  if (request.on_sent) request.on_sent(static_cast<std::uint64_t>(sent));
  return request.stop.stop_requested() ? 1 : 0;
}

// `127.0.0.1:8420`, for messages. Errors: InvalidArgument.
Result<std::string> host_and_port(const std::string& url) {
  const CurlPtr<CURLU> parts(curl_url());
  const auto bad = [&](std::string_view why) {
    return fail(Errc::InvalidArgument, fmt::format("'{}' is not an HTTP address: {}", url, why));
  };
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return bad("it does not begin with http:// or https://");
  }
  if (const CURLUcode code = curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0);
      code != CURLUE_OK) {
    return bad(curl_url_strerror(code));
  }
  const auto part = [&](CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    curl_url_get(parts.get(), which, &text, flags);
    const CurlPtr<char> owner(text);
    return std::string(text != nullptr ? text : "");
  };
  return part(CURLUPART_HOST) + ":" + part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

bool is_loopback(std::string_view peer) {
  return peer.starts_with("127.") || peer.starts_with("localhost:") || peer.starts_with("[::1]:");
}

long milliseconds(Duration d) {
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(d).count());
}

void set_options(CURL* curl, Exchange& exchange, curl_slist* headers, char* error_text) {
  const HttpRequest& request = *exchange.request;
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  if (exchange.loopback) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "quell");
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");  // Whatever libcurl unpacks.
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout));
  if (exchange.on_event == nullptr) {
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
  } else {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(request.timeout).count();
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(seconds));
  }
  if (request.stop.stop_possible() || request.on_sent) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  }
  if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request.method != "GET" || !request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

Result<HttpResponse> run(const HttpRequest& request,
                         const std::function<bool(const ServerEvent&)>* on_event) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  QUELL_ASSERT(kReady == CURLE_OK, "libcurl starts");
  TRY(const std::string peer, host_and_port(request.url));
  const CurlPtr<CURL> curl(curl_easy_init());
  QUELL_ASSERT(curl != nullptr, "libcurl has memory");
  Exchange exchange{.request = &request, .on_event = on_event, .curl = curl.get()};
  exchange.loopback = is_loopback(peer);
  CurlPtr<curl_slist> headers;
  const auto add_header = [&](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  add_header("Expect:");        // Bodies are sent without asking first.
  add_header("Content-Type:");  // No form, unless said below.
  if (on_event != nullptr) add_header("Accept: text/event-stream");
  for (const auto& [name, value] : request.headers) {
    if (value.find_first_of("\r\n") != std::string::npos) {
      return fail(Errc::InvalidArgument, fmt::format("the header {} has a line end in it", name));
    }
    add_header(value.empty() ? name + ";" : name + ": " + value);
  }
  char error_text[CURL_ERROR_SIZE] = "";
  set_options(curl.get(), exchange, headers.get(), error_text);

  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_OK || exchange.enough) return std::move(exchange.response);
  if (exchange.too_large) {
    return fail(Errc::TooLarge, fmt::format("the answer of {} is larger than the limit of {} bytes",
                                            peer, request.answer_bytes_max));
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return fail(Errc::Unavailable, fmt::format("the request to {} was given up", peer));
  }
  const std::string_view why = error_text[0] != '\0' ? error_text : curl_easy_strerror(code);
  double connected = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_CONNECT_TIME, &connected);
  if (code == CURLE_OPERATION_TIMEDOUT) {
    if (connected == 0) {
      return fail(Errc::Timeout, fmt::format("cannot connect to {} within {}", peer,
                                             format_duration(request.connect_timeout)));
    }
    return fail(Errc::Timeout,
                fmt::format("{} did not answer within {}", peer, format_duration(request.timeout)));
  }
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT) {
    return fail(Errc::Unavailable, fmt::format("cannot connect to {}: {}", peer, why));
  }
  return fail(Errc::Unavailable, fmt::format("the connection to {} failed: {}", peer, why));
}

}  // namespace

std::string_view HttpResponse::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

Result<HttpResponse> fetch(const HttpRequest& request) {
  return run(request, nullptr);
}

Result<HttpResponse> fetch_events(const HttpRequest& request,
                                  const std::function<bool(const ServerEvent&)>& on_event) {
  return run(request, &on_event);
}

}  // namespace quell::fetch
