// What the label names that people use mean: entity, severity, correlation id, title.
//
// Every source of labels (Alertmanager, CloudEvents extensions, provider packs) asks here, so that
// the same labels mean the same thing wherever they come from. docs/sources/labels.md is this file
// for users.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/entity.h"
#include "model/labels.h"
#include "model/severity.h"

namespace quell {

// The thing that `labels` speak of. The first of these that is there:
//   1. service, service_name, service.name                                  -> service
//   2. app, application, app_name, app.kubernetes.io/name, app_kubernetes_io_name -> service
//   3. deployment, statefulset, daemonset, cronjob, job_name                -> workload
//   4. database, db -> database;  cache;  queue;  topic
//   5. job, when there is a namespace too                                   -> service
//   6. pod, pod_name, k8s.pod.name                                          -> pod
//   7. node, nodename, k8s.node.name                                        -> node
//   8. host, hostname, host.name                                            -> host
//   9. instance: `db-1:9100` -> host:db-1; a URL or path -> instance
//  10. job -> service;  11. namespace;  12. cluster
// A service, app or job that only measures others (kube-state-metrics, kubelet, cadvisor,
// *exporter) counts as number 10: the alert is about what it measured.
//
// Cost: one walk over the labels, about 5 ns each.
Entity entity_from_labels(const LabelSet& labels);

struct SeverityWord {
  Severity severity = Severity::Info;
  std::string_view text{};  // As it was written; a view into the labels.
};
// From the label `severity`, else `priority`, else `level`. A word that is not known gives
// `fallback` and is kept as the text.
SeverityWord severity_from_labels(const LabelSet& labels, Severity fallback);

// The first of correlation_id, correlationid, correlationId, trace_id, traceid, traceId. Empty:
// none.
std::string_view correlation_id_from_labels(const LabelSet& labels);

// One line for people: the annotation summary, title, message or description, else the label
// alertname, else empty. At most `bytes_max`, cut at a character.
std::string_view title_from_labels(const LabelSet& labels, const LabelSet& annotations,
                                   std::size_t bytes_max);

// The first line of `text` that is not blank, trimmed, at most `bytes_max`, cut at a character.
std::string_view title_line(std::string_view text, std::size_t bytes_max);

}  // namespace quell
