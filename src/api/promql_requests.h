// Prometheus' HTTP API for queries, over the series that Quell keeps: what Grafana asks for.
//
// Method: prometheus.io/docs/prometheus/latest/querying/api. GET, or POST of a form. Answers and
// errors have Prometheus' shape. The tenant is the header X-Scope-OrgID or the parameter `tenant`.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "api/call.h"

namespace quell {

// Whether Prometheus' API answers it: all operations here; of `list_series` those with a `match[]`.
bool is_promql(std::string_view operation, const http::Request& request);
// {"status":"error","errorType","error"}. What can be tried again (503) and who is unknown (401)
// have the headers of other refusals (api/problem.h).
http::Response promql_refusal(const Error& error);

// A request whose form, if any, is part of its query.
http::Request promql_parameters(const http::Request& request);
// Unix seconds with a fraction, or RFC 3339.
std::optional<std::int64_t> promql_time_ms(std::string_view text);

Result<Reply> promql_query(const Call& call, LiveView& live);
Result<Reply> promql_query_range(const Call& call, LiveView& live);
Result<Reply> promql_labels_request(const Call& call, LiveView& live);
Result<Reply> promql_label_values(const Call& call, LiveView& live);
Result<Reply> promql_series(const Call& call, LiveView& live);
Result<Reply> promql_metadata(const Call& call, LiveView& live);
Result<Reply> promql_build_info(const Call& call, LiveView& live);

// GET /api/v1/series: Prometheus' answer when there is a `match[]`, else Quell's report
// (api/metric_requests.h).
Result<Reply> series_or_report(const Call& call, LiveView& live);

}  // namespace quell
