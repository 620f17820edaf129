// What the texts of a request's first line and headers mean: targets, hosts, origins, accepts.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace quell::http {

// Undoes percent-encoding. Returns nothing when a '%' is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text);
// For query parameters: '+' is a space, and a bare '%' stays what it is.
std::string query_decode(std::string_view text);

struct Target {
  std::string path;
  std::string query;
  std::string authority;  // Of an absolute target (`GET http://host/…`), else empty.
};
// Takes `/path?query`, `http://host/path?query` and `*`.
// Errors: InvalidArgument, for what is neither, wrong percent-encoding, NUL, and text not UTF-8.
Result<Target> parse_target(std::string_view target);

// `[::1]:8420` -> `[::1]`, `Example.org:80` -> `Example.org`.
std::string_view host_without_port(std::string_view host);

// Whether a server on a loopback address may answer for this Host.
bool is_local_host(std::string_view host, std::span<const std::string> allowed_hosts);

// Whether a web page of `origin` (the header) belongs to the server that is called `host`.
bool is_same_origin(std::string_view origin, std::string_view host);

// Whether a list header (`gzip, br;q=0.5`) takes `what`: named, or by `*`, with a q above 0.
// For media types `what` is `type/subtype`, and `type/*` and `*/*` take it too.
bool accepts(std::string_view list, std::string_view what);
// Whether a list header has the token, in any case.
bool has_token(std::string_view list, std::string_view token);

}  // namespace quell::http
