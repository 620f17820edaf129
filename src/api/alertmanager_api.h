// The Alertmanager API, version 2, as amtool, karma and Grafana read it.
//
// Method: prometheus/alertmanager api/v2/api.go (0.25): the same shapes, filters and orders.
// Held alerts are shown as `unprocessed`, resolved ones not at all. There are no silences yet.
#pragma once

#include "api/call.h"
#include "api/static_view.h"

namespace quell {

// What we say that we are: karma wants at least 0.22, and this is the version we compare with.
inline constexpr std::string_view kAlertmanagerVersion = "0.25.0";

// Cost on the core thread: one look at every live alert; the rest is deferred.
Result<Reply> am_get_alerts(const Call& call, LiveView& live);
Result<Reply> am_get_alert_groups(const Call& call, LiveView& live);
Result<Reply> am_get_status(const Call& call, LiveView& live);
Result<Reply> am_get_receivers(const Call& call, LiveView& live);
Result<Reply> am_get_silences(const Call& call, LiveView& live);

http::Response am_post_silence(const Call& call, const StaticView& view);
http::Response am_silence(const Call& call, const StaticView& view);  // GET and DELETE by id.
http::Response am_metrics(const Call& call, const StaticView& view);

}  // namespace quell
