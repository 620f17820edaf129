// The series of the metric benchmarks: like those of a Kubernetes cluster, ten labels, some 290
// bytes.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "model/series.h"

namespace quell::bench {

// The labels of the series with that number, in the bytes of SeriesLabels; about 400 metrics.
inline std::string series_key(std::uint64_t number) {
  const std::uint64_t metric = number % 400;
  const std::uint64_t instance = number / 400;
  std::string key;
  const auto add = [&](std::string_view name, const std::string& value) {
    append_series_label(key, name, value);
  };
  add("__name__", fmt::format("container_network_receive_bytes_total_{}", metric));
  add("cluster", "prod-eu-west-1");
  add("container", fmt::format("app-{}", instance % 50));
  add("instance",
      fmt::format("10.{}.{}.{}:9100", instance % 7, instance / 256 % 256, instance % 256));
  add("job", "kubernetes-pods");
  add("namespace", fmt::format("team-{}", instance % 40));
  add("node", fmt::format("ip-10-0-{}.eu-west-1.compute.internal", instance % 200));
  add("pod", fmt::format("app-{}-7f9c{:08x}", instance % 50,
                         static_cast<std::uint32_t>(instance * 2654435761u)));
  add("region", "eu-west-1");
  add("service", fmt::format("svc-{}", instance % 100));
  return key;
}

}  // namespace quell::bench
