// An HTTP client that blocks: for the command line, and for what Quell goes and gets.
//
// libcurl lives in this module and nowhere else.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fetch/event_stream.h"

namespace quell::fetch {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The proxy is the one of the environment, as libcurl reads it; none for a loopback address.
struct HttpRequest {
  std::string method = "GET";
  std::string url{};  // http or https; redirects are not followed.
  Headers headers{};
  std::string body{};
  Duration connect_timeout = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(30);    // For all of it; 0 is none.
  std::uint64_t answer_bytes_max = 256ull << 20;  // Unpacked.
  std::stop_token stop{};  // When it is requested, the call ends within a second: Unavailable.
  // Called now and then with how many bytes of the body are sent, at last with all.
  std::function<void(std::uint64_t bytes)> on_sent{};
};

struct HttpResponse {
  int status = 0;
  Headers headers{};   // Names in lower case.
  std::string body{};  // Unpacked.

  bool ok() const { return status >= 200 && status < 300; }
  std::string_view header(std::string_view lower_case_name) const;  // First, or empty.
};

// An answer of any status is not an error. Thread: any. Cost: one connection for each call.
// Errors: Unavailable when there is no connection or it breaks; Timeout; TooLarge for an answer
// over the limit; InvalidArgument for the URL. The message names host and port.
Result<HttpResponse> fetch(const HttpRequest& request);

// Asks for an event stream and calls `on_event` for each event until it returns false or the server
// ends the stream. A status other than 200, or another content type, is returned with its body and
// has no events. `request.timeout` is for silence: the server is expected to send something, if
// only a comment, that often.
Result<HttpResponse> fetch_events(const HttpRequest& request,
                                  const std::function<bool(const ServerEvent&)>& on_event);

}  // namespace quell::fetch
