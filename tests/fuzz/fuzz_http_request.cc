// HTTP/1 requests as a connection reads them: in one piece or byte by byte, the same comes of what
// is complete, and nothing is larger than its limit.
#include <algorithm>
#include <string>

#include "base/text.h"
#include "fuzz.h"
#include "http/header_values.h"
#include "http/request_parser.h"

namespace quell {
namespace {

constexpr std::uint64_t kBodyMax = 2048;
constexpr int kHeadTooLarge = 431;

class Nobody final : public http::Handler {
 public:
  void handle(http::Request, std::unique_ptr<http::Responder>) override {}
  std::uint64_t body_limit(std::string_view method, std::string_view) const override {
    return method == "PUT" ? 16 : kBodyMax;
  }
  bool unpacks(std::string_view path) const override { return path != "/packed"; }
  http::StreamKind stream_kind(std::string_view) const override { return http::StreamKind::None; }
  Status open_stream(const http::Request&, std::shared_ptr<http::Stream>) override { return {}; }
  void on_stream_message(const std::shared_ptr<http::Stream>&, std::string) override {}
};

const http::ServerContext& context() {
  static Nobody nobody;
  static const http::ServerContext made{
      .options = {.header_bytes_max = 1024}, .handler = &nobody, .loopback_only = true};
  return made;
}

struct Parsed {
  int refused = 0;  // The status.
  bool is_done = false;
  http::Request request{};

  bool waits() const { return refused == 0 && !is_done; }
};

Parsed parse(std::string_view input, std::size_t piece) {
  http::RequestParser parser(context());
  const auto goes_on = [&] { return !parser.is_done() && !parser.refusal(); };
  std::string unread;
  while (goes_on() && !input.empty()) {
    unread += input.substr(0, piece);
    input.remove_prefix(std::min(piece, input.size()));
    for (std::size_t used = 1; used > 0 && goes_on() && !unread.empty();) {
      used = parser.read(unread);
      unread.erase(0, used);
    }
  }
  Parsed parsed{.is_done = !parser.refusal() && parser.is_done()};
  if (parser.refusal()) parsed.refused = parser.refusal()->status;
  if (parsed.is_done) parsed.request = std::move(parser.request());
  return parsed;
}

void check(const http::Request& request) {
  QUELL_ASSERT(request.path == "*" || request.path.starts_with('/'), "a path is one");
  QUELL_ASSERT(!request.path.contains('\0'), "without NUL");
  QUELL_ASSERT(request.body.size() <= kBodyMax, "a body is not larger than its limit");
  for (const auto& [name, value] : request.headers) {
    QUELL_ASSERT(name == to_lower(name), "names are in lower case");
    QUELL_ASSERT(!value.contains('\n'), "a value is one line");
    (void)http::accepts(value, "text/html");
    (void)http::has_token(value, "upgrade");
    (void)http::is_same_origin(value, request.header("host"));
  }
  for (const std::string& name : request.parameter_names()) {
    QUELL_ASSERT(!request.parameters(name).empty(), "a parameter that is named is there");
  }
}

}  // namespace

void fuzz_one(std::string_view input) {
  const Parsed whole = parse(input, input.size());
  QUELL_ASSERT(whole.refused == 0 || whole.refused / 100 == 4 || whole.refused / 100 == 5,
               "a refusal is an error");
  for (const std::size_t piece : {1u, 7u}) {
    const Parsed parts = parse(input, piece);
    // Beast limits what has gathered of a head, which is another part of it in pieces.
    if (parts.refused == kHeadTooLarge || whole.refused == kHeadTooLarge) continue;
    QUELL_ASSERT(!whole.waits() || parts.waits(), "pieces wait for more where the whole does");
    if (parts.waits() && !whole.is_done) continue;  // A head can be wrong before it is complete.
    QUELL_ASSERT(parts.refused == whole.refused, "pieces are refused as the whole is");
    QUELL_ASSERT(parts.is_done == whole.is_done, "and end where it ends");
    QUELL_ASSERT(parts.request.method == whole.request.method &&
                     parts.request.path == whole.request.path &&
                     parts.request.query == whole.request.query &&
                     parts.request.headers == whole.request.headers &&
                     parts.request.body == whole.request.body,
                 "with the same content");
  }
  if (whole.is_done) check(whole.request);
}

}  // namespace quell
