#include "api/assets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/router.h"
#include "base/hash.h"
#include "base/text.h"

namespace quell {

EmbeddedFiles embedded_api();

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kContentTypes{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".webp", "image/webp"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
    {".wasm", "application/wasm"},
}};

constexpr std::string_view kNotBuilt =
    "<!doctype html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Quell</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"></head>\n"
    "<body><h1>Quell runs, without its page</h1>\n"
    "<p>This program was built without the web page. To have it, run\n"
    "<code>npm ci</code> and <code>npm run build</code> in <code>ui/</code>, then configure and\n"
    "build again; or use <code>./run.sh</code>, which does all of it.</p>\n"
    "<p>The API works: see <a href=\"/docs\">its documents</a>, or\n"
    "<a href=\"/api/v1/incidents\">the incidents</a>.</p></body></html>\n";

std::string_view content_type(std::string_view path) {
  const auto dot = path.rfind('.');
  const std::string_view ending = dot == path.npos ? std::string_view() : path.substr(dot);
  const auto found = std::ranges::find(kContentTypes, ending,
                                       &std::pair<std::string_view, std::string_view>::first);
  return found == kContentTypes.end() ? "application/octet-stream" : found->second;
}

// Vite puts what it has named by a hash into assets/.
bool is_immutable(std::string_view path) {
  return path.starts_with("assets/");
}

bool has_etag(std::string_view if_none_match, std::string_view etag) {
  for (const std::string_view part : split(if_none_match, ',')) {
    std::string_view one = trim(part);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == etag || one == "*") return true;
  }
  return false;
}

http::Response file_response(const http::Request& request, std::string_view path,
                             std::string_view bytes) {
  const std::string etag = fmt::format("\"{:016x}\"", hash64(bytes));
  const std::string_view cache =
      is_immutable(path) ? "public, max-age=31536000, immutable" : "no-cache";
  http::Response response{
      .headers = {{"content-type", std::string(content_type(path))},
                  {"cache-control", std::string(cache)},
                  {"etag", etag},
                  {"content-security-policy", std::string(content_security_policy())},
                  {"cross-origin-opener-policy", "same-origin"},
                  {"x-frame-options", "DENY"}}};
  if (has_etag(request.header("if-none-match"), etag)) {
    response.status = 304;
  } else {
    response.body = bytes;
  }
  return response;
}

// What the page's own addresses begin with (ui/src/app.tsx). A probe of any other must not be told
// that all is well.
constexpr std::array<std::string_view, 8> kPages{
    "", "incidents", "alerts", "health", "events", "deadletters", "sources", "findings"};

bool is_page(std::string_view path) {
  return std::ranges::find(kPages, path.substr(0, path.find('/'))) != kPages.end();
}

// Whether the last segment names a file; the routes of the page have no dots there.
bool looks_like_file(std::string_view path) {
  return path.substr(path.rfind('/') + 1).find('.') != std::string_view::npos;
}

}  // namespace

std::string_view content_security_policy() {
  return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
         "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
         "form-action 'none'; frame-ancestors 'none'";
}

std::optional<http::Response> serve_asset(const http::Request& request, const StaticView& view) {
  if (request.method != "GET" && request.method != "HEAD") return std::nullopt;
  if (is_api_path(request.path) || request.path.empty()) return std::nullopt;
  const std::string_view path = std::string_view(request.path).substr(1);
  if (path.starts_with("docs/") && path.ends_with(".html") == false) {
    const auto file = find_embedded(embedded_api(), path);
    return file ? std::optional(file_response(request, path, *file)) : std::nullopt;
  }
  if (const auto file = find_embedded(view.ui, path)) return file_response(request, path, *file);
  if (looks_like_file(path)) return std::nullopt;
  const bool known = is_page(path);
  if (!known && request.header("accept").find("text/html") == std::string_view::npos) {
    return std::nullopt;
  }
  const auto index = find_embedded(view.ui, "index.html");
  http::Response response = file_response(request, "index.html", index.value_or(kNotBuilt));
  if (!known) response.status = 404;  // The page says so, too.
  return response;
}

}  // namespace quell
