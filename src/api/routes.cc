// The route table. One line per operation of openapi.json, in its order.
#include "api/alert_requests.h"
#include "api/alertmanager_api.h"
#include "api/event_requests.h"
#include "api/finding_requests.h"
#include "api/incident_requests.h"
#include "api/metric_requests.h"
#include "api/model_requests.h"
#include "api/promql_requests.h"
#include "api/router.h"
#include "api/system_requests.h"
#include "api/window_requests.h"

namespace quell {
namespace {

constexpr std::string_view kGet = "GET";
constexpr std::string_view kPost = "POST";

// The columns that most lines share.
constexpr Route read(std::string_view pattern, std::string_view operation, CoreHandler handler) {
  return {kGet, pattern, operation, Where::Core, Role::Read, {}, handler};
}
constexpr Route past(std::string_view pattern, std::string_view operation, WorkerHandler handler) {
  return {kGet, pattern, operation, Where::Worker, Role::Read, {}, handler};
}
constexpr Route change(std::string_view pattern, std::string_view operation, CoreHandler handler) {
  return {kPost, pattern, operation, Where::Core, Role::Write, {}, handler};
}
// A question that is too long for a URL.
constexpr Route form(std::string_view pattern, std::string_view operation, CoreHandler handler) {
  return {kPost, pattern, operation, Where::Core, Role::Read, {}, handler};
}
constexpr Route open(std::string_view pattern, std::string_view operation, InlineHandler handler) {
  return {kGet, pattern, operation, Where::Inline, Role::None, {}, handler};
}
constexpr Route ingest(std::string_view pattern, std::string_view operation,
                       std::string_view source) {
  return {kPost, pattern, operation, Where::Ingest, Role::Ingest, source, {}};
}
constexpr Route stream(std::string_view pattern, std::string_view operation) {
  return {kGet, pattern, operation, Where::Stream, Role::Read, {}, {}};
}

#define QUELL_INCIDENT "/api/v1/incidents/{id}"
#define QUELL_AM "/alertmanager/api/v2"

constexpr Route kRoutes[] = {
    read("/api/v1/incidents", "list_incidents", list_incidents),
    read(QUELL_INCIDENT, "get_incident", get_incident),
    read(QUELL_INCIDENT "/trace", "get_incident_trace", get_incident_trace),
    read(QUELL_INCIDENT "/alerts", "list_incident_alerts", list_incident_alerts),
    change(QUELL_INCIDENT "/ack", "ack_incident", change_incident),
    change(QUELL_INCIDENT "/investigate", "investigate_incident", change_incident),
    change(QUELL_INCIDENT "/mitigate", "mitigate_incident", change_incident),
    change(QUELL_INCIDENT "/resolve", "resolve_incident", change_incident),
    change(QUELL_INCIDENT "/close", "close_incident", change_incident),
    change(QUELL_INCIDENT "/reopen", "reopen_incident", change_incident),
    change(QUELL_INCIDENT "/note", "note_incident", change_incident),
    change(QUELL_INCIDENT "/assign", "assign_incident", change_incident),
    change(QUELL_INCIDENT "/severity", "set_incident_severity", change_incident),
    change(QUELL_INCIDENT "/title", "set_incident_title", change_incident),
    change(QUELL_INCIDENT "/merge", "merge_incident", change_incident),
    change(QUELL_INCIDENT "/split", "split_incident", change_incident),
    read("/api/v1/alerts", "list_alerts", list_alerts),
    read("/api/v1/alerts/{fingerprint}", "get_alert", get_alert),
    read("/api/v1/alerts/{fingerprint}/trace", "get_alert_trace", get_alert_trace),
    past("/api/v1/events", "list_events", list_events),
    change("/api/v1/events", "post_event", post_event),
    past("/api/v1/events/{offset}/{index}", "get_event", get_event),
    past("/api/v1/deadletters", "list_deadletters", list_dead_letters),
    past("/api/v1/deadletters/{id}", "get_deadletter", get_dead_letter),
    change("/api/v1/deadletters/{id}/retry", "retry_deadletter", retry_dead_letters),
    change("/api/v1/deadletters/retry", "retry_deadletters", retry_dead_letters),
    read("/api/v1/health/windows", "list_windows", list_windows),
    read("/api/v1/metrics", "list_metrics", list_metrics),
    read("/api/v1/metrics/{metric}", "get_metric", get_metric),
    read("/api/v1/series", "list_series", series_or_report),
    form("/api/v1/series", "post_promql_series", promql_series),
    read("/api/v1/query", "promql_query", promql_query),
    form("/api/v1/query", "post_promql_query", promql_query),
    read("/api/v1/query_range", "promql_query_range", promql_query_range),
    form("/api/v1/query_range", "post_promql_query_range", promql_query_range),
    read("/api/v1/labels", "promql_labels", promql_labels_request),
    form("/api/v1/labels", "post_promql_labels", promql_labels_request),
    read("/api/v1/label/{name}/values", "promql_label_values", promql_label_values),
    read("/api/v1/metadata", "promql_metadata", promql_metadata),
    read("/api/v1/status/buildinfo", "promql_build_info", promql_build_info),
    read("/api/v1/findings", "list_findings", list_findings),
    read("/api/v1/findings/{id}", "get_finding", get_finding),
    change("/api/v1/findings/{id}/feedback", "give_finding_feedback", give_finding_feedback),
    read("/api/v1/detection/rules", "list_detection_rules", list_detection_rules),
    read("/api/v1/models", "list_models", list_models),
    change("/api/v1/models/reset", "reset_models", reset_models),
    read("/api/v1/models/export", "export_models", export_models),
    change("/api/v1/models/import", "import_models", import_models),
    read("/api/v1/topology", "get_topology", get_topology),
    read("/api/v1/sources", "list_sources", list_sources),
    {kGet, "/api/v1/collectors", "list_collectors", Where::App, Role::Read, {}, {}},
    read("/api/v1/config", "get_config", get_config),
    {kPost, "/api/v1/config/reload", "reload_config", Where::App, Role::Write, {}, {}},
    read("/api/v1/status", "get_status", get_status),
    read("/api/v1/identity", "get_identity", get_identity),
    stream("/api/v1/stream", "open_stream"),
    stream("/api/v1/ws", "open_websocket"),
    open("/api/openapi.json", "get_openapi", get_openapi),
    open("/docs", "get_docs", get_docs),
    {kGet, "/metrics", "get_own_metrics", Where::App, Role::Read, {}, {}},
    open("/healthz", "healthz", get_healthy),
    open("/-/healthy", "healthy", get_healthy),
    open("/livez", "livez", get_healthy),
    open("/readyz", "readyz", get_ready),
    open("/-/ready", "ready", get_ready),
    ingest("/ingest/cloudevents", "ingest_cloudevents", "cloudevents"),
    {"OPTIONS", "/ingest/cloudevents", "handshake_cloudevents", Where::App, Role::None, {}, {}},
    ingest("/ingest/alertmanager", "ingest_alertmanager", "alertmanager"),
    ingest("/ingest/agent", "ingest_agent", "agent"),
    ingest("/ingest/pagerduty-events", "ingest_pagerduty_events", "pagerduty-events"),
    ingest("/ingest/pagerduty-events/v2/enqueue", "ingest_pagerduty_events_v2", "pagerduty-events"),
    ingest("/ingest/pagerduty-events/v2/change/enqueue", "ingest_pagerduty_changes",
           "pagerduty-changes"),
    ingest("/ingest/{pack}", "ingest_pack", {}),
    ingest("/api/v1/write", "remote_write", "prometheus"),
    ingest("/ingest/{pack}/api/v1/write", "ingest_remote_write", {}),
    ingest("/v1/metrics", "otlp_metrics", "otlp"),
    ingest("/ingest/{pack}/v1/metrics", "ingest_otlp_metrics", {}),
    read(QUELL_AM "/alerts", "am_get_alerts", am_get_alerts),
    ingest(QUELL_AM "/alerts", "am_post_alerts", "alertmanager-v2"),
    read(QUELL_AM "/alerts/groups", "am_get_alert_groups", am_get_alert_groups),
    read(QUELL_AM "/status", "am_get_status", am_get_status),
    read(QUELL_AM "/receivers", "am_get_receivers", am_get_receivers),
    read(QUELL_AM "/silences", "am_get_silences", am_get_silences),
    {kPost,
     QUELL_AM "/silences",
     "am_post_silence",
     Where::Inline,
     Role::Write,
     {},
     am_post_silence},
    {kGet, QUELL_AM "/silence/{id}", "am_get_silence", Where::Inline, Role::Read, {}, am_silence},
    {"DELETE",
     QUELL_AM "/silence/{id}",
     "am_delete_silence",
     Where::Inline,
     Role::Write,
     {},
     am_silence},
    open("/alertmanager/-/healthy", "am_healthy", get_healthy),
    open("/alertmanager/-/ready", "am_ready", get_ready),
    open("/alertmanager/metrics", "am_metrics", am_metrics),
};

#undef QUELL_INCIDENT
#undef QUELL_AM

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

}  // namespace quell
