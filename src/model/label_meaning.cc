#include "model/label_meaning.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/text.h"

namespace quell {
namespace {

// In order of precedence: the smallest one that is there names the entity.
enum class Rank : std::uint8_t {
  Service,
  App,
  Workload,
  Database,
  Cache,
  Queue,
  Topic,
  JobInNamespace,
  Pod,
  Node,
  Host,
  Instance,
  Job,  // Also a service or app that only measures others.
  Namespace,
  Cluster,
  None,
};

struct Name {
  std::string_view name;
  Rank rank;
};

constexpr std::array kNames{
    Name{"service", Rank::Service},
    Name{"service_name", Rank::Service},
    Name{"service.name", Rank::Service},
    Name{"app", Rank::App},
    Name{"application", Rank::App},
    Name{"app_name", Rank::App},
    Name{"app.kubernetes.io/name", Rank::App},
    Name{"app_kubernetes_io_name", Rank::App},
    Name{"deployment", Rank::Workload},
    Name{"statefulset", Rank::Workload},
    Name{"daemonset", Rank::Workload},
    Name{"cronjob", Rank::Workload},
    Name{"job_name", Rank::Workload},
    Name{"database", Rank::Database},
    Name{"db", Rank::Database},
    Name{"cache", Rank::Cache},
    Name{"queue", Rank::Queue},
    Name{"topic", Rank::Topic},
    Name{"pod", Rank::Pod},
    Name{"pod_name", Rank::Pod},
    Name{"k8s.pod.name", Rank::Pod},
    Name{"node", Rank::Node},
    Name{"nodename", Rank::Node},
    Name{"k8s.node.name", Rank::Node},
    Name{"host", Rank::Host},
    Name{"hostname", Rank::Host},
    Name{"host.name", Rank::Host},
    Name{"instance", Rank::Instance},
    Name{"job", Rank::Job},
    Name{"namespace", Rank::Namespace},
    Name{"cluster", Rank::Cluster},
};

// For each length, which of kNames have it: most labels are ruled out by their length alone.
constexpr std::size_t kNameBytesMax = 22;
constexpr auto kNamesByLength = [] {
  std::array<std::uint32_t, kNameBytesMax + 1> masks{};
  for (std::size_t i = 0; i < kNames.size(); ++i) masks[kNames[i].name.size()] |= 1u << i;
  return masks;
}();

Rank rank_of(std::string_view name) {
  if (name.size() > kNameBytesMax) return Rank::None;
  for (std::uint32_t mask = kNamesByLength[name.size()]; mask != 0; mask &= mask - 1) {
    const Name& known = kNames[static_cast<std::size_t>(std::countr_zero(mask))];
    if (known.name[0] == name[0] && known.name == name) return known.rank;
  }
  return Rank::None;
}

bool only_measures_others(std::string_view name) {
  return name.ends_with("exporter") || name == "kube-state-metrics" || name == "kubelet" ||
         name == "cadvisor";
}

Entity entity_of_instance(std::string_view instance) {
  if (instance.find_first_of("/ ") != instance.npos) return {"instance", std::string(instance)};
  const auto colon = instance.rfind(':');
  if (colon != instance.npos &&
      instance.find_first_not_of("0123456789", colon + 1) == instance.npos) {
    std::string_view host = instance.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!host.empty() && (host.find(':') == host.npos || instance[0] == '[')) {
      return {"host", std::string(host)};
    }
  }
  return {"host", std::string(instance)};
}

Entity make_entity(Rank rank, std::string_view name) {
  const auto named = [&](std::string_view kind) {
    return Entity{std::string(kind), std::string(name)};
  };
  switch (rank) {
    case Rank::Service:
    case Rank::App:
    case Rank::JobInNamespace:
    case Rank::Job: return named("service");
    case Rank::Workload: return named("workload");
    case Rank::Database: return named("database");
    case Rank::Cache: return named("cache");
    case Rank::Queue: return named("queue");
    case Rank::Topic: return named("topic");
    case Rank::Pod: return named("pod");
    case Rank::Node: return named("node");
    case Rank::Host: return named("host");
    case Rank::Instance: return entity_of_instance(name);
    case Rank::Namespace: return named("namespace");
    case Rank::Cluster: return named("cluster");
    case Rank::None: return {};
  }
  return {};
}

// The value of the first of `names` that `labels` have.
template <std::size_t N>
std::string_view first_of(const LabelSet& labels, const std::array<std::string_view, N>& names) {
  std::uint64_t lengths = 0;  // One bit for each length that a name has.
  for (const std::string_view name : names) lengths |= 1ull << name.size();
  std::size_t best = N;
  std::string_view value;
  for (const Label label : labels) {
    if (label.name.size() >= 64 || (lengths >> label.name.size() & 1) == 0) continue;
    for (std::size_t i = 0; i < best; ++i) {
      if (names[i][0] != label.name[0] || names[i] != label.name) continue;
      best = i;
      value = label.value;
    }
  }
  return value;
}

}  // namespace

Entity entity_from_labels(const LabelSet& labels) {
  Rank best = Rank::None;
  std::string_view name;
  bool has_namespace = false;
  const auto offer = [&](Rank rank, std::string_view value) {
    if (rank >= best) return;
    best = rank;
    name = value;
  };
  // Labels are sorted by name: `job` comes before `namespace`, so it is decided at the end.
  std::string_view job;
  for (const Label label : labels) {
    Rank rank = rank_of(label.name);
    if (rank == Rank::None) continue;
    if (rank == Rank::Namespace) has_namespace = true;
    if (rank == Rank::Job) job = label.value;
    if (rank <= Rank::App && only_measures_others(label.value)) rank = Rank::Job;
    offer(rank, label.value);
  }
  if (has_namespace && !job.empty() && !only_measures_others(job)) {
    offer(Rank::JobInNamespace, job);
  }
  return make_entity(best, name);
}

SeverityWord severity_from_labels(const LabelSet& labels, Severity fallback) {
  static constexpr std::array<std::string_view, 3> kSeverityNames{"severity", "priority", "level"};
  const std::string_view word = first_of(labels, kSeverityNames);
  if (word.empty()) return {fallback, {}};
  return {parse_severity(word).value_or(fallback), word};
}

std::string_view correlation_id_from_labels(const LabelSet& labels) {
  static constexpr std::array<std::string_view, 6> kCorrelationNames{
      "correlation_id", "correlationid", "correlationId", "trace_id", "traceid", "traceId"};
  return first_of(labels, kCorrelationNames);
}

std::string_view title_line(std::string_view text, std::size_t bytes_max) {
  while (!text.empty()) {
    const auto end = std::min({text.find('\n'), text.find('\r'), text.size()});
    const std::string_view line = trim(text.substr(0, end));
    if (!line.empty()) return utf8_prefix(line, bytes_max);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

std::string_view title_from_labels(const LabelSet& labels, const LabelSet& annotations,
                                   std::size_t bytes_max) {
  static constexpr std::array<std::string_view, 4> kTitleNames{"summary", "title", "message",
                                                               "description"};
  const auto title = title_line(first_of(annotations, kTitleNames), bytes_max);
  if (!title.empty()) return title;
  return title_line(labels.get("alertname"), bytes_max);
}

}  // namespace quell
