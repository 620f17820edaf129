// Router: which handler answers a request, where it runs, and which role it asks for.
//
// The table (routes.cc) and openapi.json name the same operations; a test compares them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/auth.h"
#include "api/call.h"
#include "api/static_view.h"

namespace quell {

enum class Where : std::uint8_t {
  Inline,  // At once, on the I/O thread: nothing but constants is read.
  Core,    // On the core thread, which owns the live state.
  Worker,  // On any other thread: the past only.
  Ingest,  // No handler: the request becomes a frame of `source`.
  Stream,  // No handler: a stream is opened (api/stream_hub.h).
  App,     // No handler: the application does it (reload_config, get_own_metrics).
};

using InlineHandler = http::Response (*)(const Call&, const StaticView&);
using CoreHandler = Result<Reply> (*)(const Call&, LiveView&);
using WorkerHandler = Result<http::Response> (*)(const Call&, const History&);

struct Route {
  std::string_view method;
  std::string_view pattern;    // "/api/v1/incidents/{id}"
  std::string_view operation;  // operationId in openapi.json.
  Where where = Where::Core;
  Role role = Role::Read;
  std::string_view source{};  // Ingest: of the frame; empty: the parameter `pack` names it.
  std::variant<std::monostate, InlineHandler, CoreHandler, WorkerHandler> handler{};
};

// The table. Literal segments win over parameters.
std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;  // Null: `refusal` is the answer (404, 405).
  std::vector<std::pair<std::string_view, std::string>> parameters{};
  std::optional<http::Response> refusal{};
};

// HEAD is answered as GET. Thread: any. Cost: one hash look-up for paths without parameters.
RouteMatch find_route(std::string_view method, std::string_view path);

// Whether the path belongs to the API, and so never to the page (which has routes of its own).
bool is_api_path(std::string_view path);

// The source of the frame that an Ingest route makes: "cloudevents", "github", …
std::string frame_source(const RouteMatch& match);

// Runs the handler; an error becomes its problem document. Requires: a route of that kind.
http::Response run_inline(const Route& route, const Call& call, const StaticView& view);
Reply run_core(const Route& route, const Call& call, LiveView& live);
http::Response run_worker(const Route& route, const Call& call, const History& history);
http::Response run_deferred(Deferred& deferred, const History& history);

}  // namespace quell
