// HTTP requests to other programs: libcurl, wrapped. Blocking; for the command line and for what
// Quell goes and gets.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace quell::fetch {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url{};  // http or https only.
  Headers headers{};
  std::string body{};
  Duration connect_timeout = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(30);
  std::size_t answer_bytes_max = 256ull << 20;
};

struct HttpResponse {
  int status = 0;
  Headers headers{};  // Names in lower case.
  std::string body{};
};

// Errors: Unavailable when there is no connection, Timeout, TooLarge, InvalidArgument for the URL;
// each names host and port. An answer of any status is not an error. Redirects are not followed.
// Thread: any. Cost: one connection per call.
Result<HttpResponse> fetch(const HttpRequest& request);

// `text` with everything but letters, digits and -._~ percent-encoded.
std::string percent_encode(std::string_view text);

}  // namespace quell::fetch
