#include "load_bodies.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/time.h"

namespace quell::bench {
namespace {

constexpr std::uint64_t kBytesMax = 2ull << 30;

constexpr std::array<std::string_view, 8> kServices = {"checkout", "cart",   "payment", "search",
                                                       "catalog",  "orders", "login",   "shipping"};
constexpr std::array<std::string_view, 6> kAlerts = {
    "HighErrorRate", "HighLatency", "PodCrashLooping", "DiskFull", "QueueBacklog", "TargetDown"};
constexpr std::array<std::string_view, 3> kSeverities = {"critical", "warning", "info"};
constexpr std::array<std::string_view, 6> kMetrics = {"cpu_load",   "memory_used", "disk_used",
                                                      "network_rx", "requests",    "errors"};

template <std::size_t N>
std::string_view pick(const std::array<std::string_view, N>& from, std::size_t i) {
  return from[i % N];
}

// One alert as Prometheus 2 posts it to /api/v2/alerts: about 600 bytes.
void append_alert(std::string& out, std::size_t i, Timestamp now) {
  const std::string_view service = pick(kServices, i);
  const std::string_view alert = pick(kAlerts, i / kServices.size());
  const std::string pod = fmt::format("{}-7d9f8b6c5d-{:06x}", service, i);
  JsonWriter json(out);
  json.begin_object();
  json.key("annotations").begin_object();
  json.field("description",
             fmt::format("{} of {} in namespace shop has been above its threshold for more than "
                         "five minutes (current value 0.{}).",
                         alert, pod, i % 90 + 10));
  json.field("summary", fmt::format("{} on {}", alert, service)).end_object();
  json.field("endsAt", now + std::chrono::minutes(10));
  json.field("startsAt", now - std::chrono::hours(1));
  json.field("generatorURL", "http://prometheus.example:9090/graph?g0.expr=job%3Arate5m&g0.tab=1");
  json.key("labels").begin_object();
  json.field("alertname", alert).field("cluster", i % 2 == 0 ? "eu-1" : "us-1");
  json.field("instance", fmt::format("10.{}.{}.{}:9100", i >> 16 & 255, i >> 8 & 255, i & 255));
  json.field("job", service).field("namespace", "shop").field("pod", pod);
  json.field("service", service).field("severity", pick(kSeverities, i)).end_object();
  json.end_object();
}

// One measurement as the agent posts it: about 200 bytes.
void append_sample(std::string& out, std::size_t i, Timestamp now) {
  JsonWriter json(out);
  json.begin_object().field("tenant_id", "default");
  json.field("host", fmt::format("web-{}", i / kMetrics.size()));
  json.field("metric", pick(kMetrics, i));
  json.field("value", static_cast<double>(i * 7919 % 1000) / 10);
  json.field("ts_event", now).field("unit", "percent");
  json.key("tags").begin_object().field("region", "eu-west-1").field("team", "shop").end_object();
  json.end_object();
}

std::string make_body(const BodyOptions& options, std::size_t first) {
  const bool agent = options.mode == "agent";
  std::string body(agent ? "" : "[");
  for (int n = 0; n < options.batch; ++n) {
    const std::size_t i =
        (first + static_cast<std::size_t>(n)) % static_cast<std::size_t>(options.identities);
    if (agent) {
      append_sample(body, i, options.now);
      body += '\n';
    } else {
      if (n > 0) body += ',';
      append_alert(body, i, options.now);
    }
  }
  if (!agent) body += ']';
  return body;
}

}  // namespace

Result<std::vector<std::string>> make_bodies(const BodyOptions& options) {
  constexpr std::array<std::string_view, 3> kModes = {"am-batch", "am-single", "agent"};
  if (std::find(kModes.begin(), kModes.end(), options.mode) == kModes.end()) {
    return fail(Errc::InvalidArgument, fmt::format("unknown mode '{}'; there are am-batch, "
                                                   "am-single and agent",
                                                   options.mode));
  }
  if (options.batch < 1 || options.identities < 1) {
    return fail(Errc::InvalidArgument, "batch and identities must be at least 1");
  }
  const auto batch = static_cast<std::size_t>(options.batch);
  const std::size_t count = (static_cast<std::size_t>(options.identities) + batch - 1) / batch;
  std::vector<std::string> bodies;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bodies.push_back(make_body(options, i * batch));
    bytes += bodies.back().size();
    if (bytes > kBytesMax) {
      return fail(Errc::InvalidArgument, "the prepared bodies would need more than 2 GB");
    }
  }
  return bodies;
}

std::string_view content_type_of(std::string_view mode) {
  return mode == "agent" ? "application/x-ndjson" : "application/json";
}

}  // namespace quell::bench
