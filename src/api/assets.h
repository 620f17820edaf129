// Assets: the files of the web page and of the documents page, carried in the program.
#pragma once

#include <optional>
#include <string_view>

#include "api/static_view.h"
#include "base/embedded.h"
#include "http/server.h"

namespace quell {

// Answers a GET or HEAD that no route took: a file of ui/dist or of the documents page, or the
// page itself (index.html) for the routes that the page has of its own. Empty: the path belongs to
// the API, or looks like a file that is not there; the answer is then find_route()'s 404.
//
// Files whose names hold a hash (assets/…) are immutable; the others are checked by ETag.
// When the UI was not built, the page says how to build it. Thread: any.
std::optional<http::Response> serve_asset(const http::Request& request, const StaticView& view);

// What a page of ours may do: scripts, styles and images from here only, no frames, no forms.
std::string_view content_security_policy();

}  // namespace quell
