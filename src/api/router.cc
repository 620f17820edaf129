#include "api/router.h"

#include <algorithm>
#include <unordered_map>

#include "api/problem.h"
#include "base/hash.h"
#include "base/text.h"

namespace quell {
namespace {

using Parameters = std::vector<std::pair<std::string_view, std::string>>;

// Takes the first segment off `path`, which begins with '/'.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const auto end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool matches_pattern(std::string_view pattern, std::string_view path, Parameters& parameters) {
  parameters.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view want = take_segment(pattern);
    const std::string_view got = take_segment(path);
    if (want.starts_with('{')) {
      if (got.empty()) return false;
      parameters.emplace_back(want.substr(1, want.size() - 2), std::string(got));
    } else if (want != got) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

// The routes of one pattern, one per method.
struct PatternRoutes {
  std::string_view pattern{};
  std::vector<const Route*> routes{};

  const Route* find(std::string_view method) const {
    const auto found = std::ranges::find(routes, method, &Route::method);
    return found == routes.end() ? nullptr : *found;
  }
  std::string allow() const {
    std::string text;
    for (const Route* route : routes) {
      if (!text.empty()) text += ", ";
      text += route->method;
    }
    return text;
  }
};

struct RouteIndex {
  std::vector<PatternRoutes> patterns{};
  std::unordered_map<std::string_view, std::size_t, StringHash, std::equal_to<>> literal{};
  std::vector<std::size_t> parametric{};
  std::vector<std::string_view> names{};  // For "did you mean".
};

RouteIndex make_index() {
  RouteIndex index;
  for (const Route& route : routes()) {
    auto found = std::ranges::find(index.patterns, route.pattern, &PatternRoutes::pattern);
    if (found == index.patterns.end()) {
      const std::size_t position = index.patterns.size();
      if (route.pattern.find('{') == std::string_view::npos) {
        index.literal.emplace(route.pattern, position);
      } else {
        index.parametric.push_back(position);
      }
      index.names.push_back(route.pattern);
      found = index.patterns.insert(index.patterns.end(), {.pattern = route.pattern});
    }
    found->routes.push_back(&route);
  }
  return index;
}

const PatternRoutes* find_pattern(const RouteIndex& index, std::string_view path,
                                  Parameters& parameters) {
  if (const auto it = index.literal.find(path); it != index.literal.end()) {
    return &index.patterns[it->second];
  }
  for (const std::size_t i : index.parametric) {
    if (matches_pattern(index.patterns[i].pattern, path, parameters)) return &index.patterns[i];
  }
  parameters.clear();
  return nullptr;
}

}  // namespace

RouteMatch find_route(std::string_view method, std::string_view path) {
  static const RouteIndex kIndex = make_index();
  RouteMatch match;
  if (path.empty() || path[0] != '/') {
    match.refusal = no_such_route(path, kIndex.names);
    return match;
  }
  const PatternRoutes* found = find_pattern(kIndex, path, match.parameters);
  if (found == nullptr) {
    match.refusal = no_such_route(path, kIndex.names);
    return match;
  }
  match.route = found->find(method == "HEAD" ? "GET" : method);
  if (match.route == nullptr) match.refusal = wrong_method(method, path, found->allow());
  return match;
}

bool is_api_path(std::string_view path) {
  for (const std::string_view prefix : {"/api", "/ingest", "/alertmanager", "/v1", "/-"}) {
    if (path == prefix) return true;
    if (path.starts_with(prefix) && path[prefix.size()] == '/') return true;
  }
  return false;
}

std::string frame_source(const RouteMatch& match) {
  QUELL_ASSERT(match.route != nullptr && match.route->where == Where::Ingest,
               "only requests to sources become frames");
  if (!match.route->source.empty()) return std::string(match.route->source);
  return match.parameters.front().second;
}

http::Response run_inline(const Route& route, const Call& call, const StaticView& view) {
  return std::get<InlineHandler>(route.handler)(call, view);
}

Reply run_core(const Route& route, const Call& call, LiveView& live) {
  auto reply = std::get<CoreHandler>(route.handler)(call, live);
  if (reply) return std::move(*reply);
  return problem(reply.error());
}

http::Response run_worker(const Route& route, const Call& call, const History& history) {
  auto response = std::get<WorkerHandler>(route.handler)(call, history);
  return response ? std::move(*response) : problem(response.error());
}

http::Response run_deferred(Deferred& deferred, const History& history) {
  auto response = deferred.make(history);
  return response ? std::move(*response) : problem(response.error());
}

}  // namespace quell
