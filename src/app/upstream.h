// Upstream: a Prometheus-compatible server that has the long history. PromQL queries that begin
// before what Quell keeps are passed on to it as they are.
#pragma once

#include <string>

#include "base/clock.h"
#include "http/server.h"

namespace quell {

struct UpstreamSetting {
  std::string url{};    // http or https, without /api/v1; empty: there is none.
  std::string token{};  // Bearer.
};

// Whether a request to /api/v1/query or /query_range needs samples from before what is kept: by its
// time, or by the ranges and offsets of its expression. What cannot be read does not: the answer
// says what is wrong with it.
bool asks_upstream(const http::Request& request, Timestamp now, Duration kept);

// Its answer, or an error in Prometheus' form. Nothing of the client's headers is passed on but the
// content type of a form. Thread: any; blocks.
http::Response ask_upstream(const UpstreamSetting& upstream, const http::Request& request);

}  // namespace quell
