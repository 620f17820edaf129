// Problems: errors as RFC 9457 documents, one form for every refusal of the API.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "http/server.h"

namespace quell {

// {"type":"about:blank","title","status","detail","code","place"?}. Exhausted and Unavailable
// carry Retry-After: 1.
http::Response problem(const Error& error);
// For statuses that no Errc has, such as 501.
http::Response problem(int status, std::string_view code, std::string_view detail);

// 404 that names the nearest of `patterns`; 405 with Allow.
http::Response no_such_route(std::string_view path, std::span<const std::string_view> patterns);
http::Response wrong_method(std::string_view method, std::string_view path, std::string_view allow);

// The words of RFC 9110 for a status.
std::string_view status_title(int status);

}  // namespace quell
