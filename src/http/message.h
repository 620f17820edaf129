// Answers as bytes: the status line and headers that the server writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/server.h"

namespace quell::http {

std::string_view reason_phrase(int status);

bool has_no_body(int status);  // 1xx, 204, 304.

struct HeadOptions {
  std::string_view date{};
  bool close = false;      // `Connection: close`.
  bool http_1_0 = false;   // Then a kept connection is said to be kept.
  bool no_length = false;  // The body has no known end (an event stream).
};

// Appends the status line and all headers. Headers that are the server's business are left out of
// the handler's, and line ends in values become spaces, so that no answer can be split in two.
void append_head(std::string& out, const Response& response, const HeadOptions& options);

// Whether packing is worth it: text, JSON, JavaScript, XML, SVG, YAML.
bool is_packable(std::string_view content_type);

// Packs the body if the client takes gzip and it is worth it.
void pack_body(Response& response, std::string_view accept_encoding);

// `Sun, 06 Nov 1994 08:49:37 GMT`.
std::string format_http_date(Timestamp t);

}  // namespace quell::http
