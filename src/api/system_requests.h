// Requests about the server itself: status, sources, configuration, topology, health, documents.
#pragma once

#include "api/call.h"
#include "api/static_view.h"
#include "base/json.h"

namespace quell {

Result<Reply> get_status(const Call& call, LiveView& live);
Result<Reply> get_identity(const Call& call, LiveView& live);
Result<Reply> list_sources(const Call& call, LiveView& live);
Result<Reply> get_config(const Call& call, LiveView& live);
Result<Reply> get_topology(const Call& call, LiveView& live);

// Status, as the stream sends it too.
void write_status(JsonWriter& w, const LiveView& live, Timestamp now);

http::Response get_healthy(const Call& call, const StaticView& view);
http::Response get_ready(const Call& call, const StaticView& view);
http::Response get_openapi(const Call& call, const StaticView& view);
http::Response get_docs(const Call& call, const StaticView& view);

// `yaml` with the values of keys that name secrets (token, secret, password, key, …) as "***",
// and the passwords of URLs left out. Comments and layout stay.
std::string mask_secrets(std::string_view yaml);

}  // namespace quell
