// The metrics page: Prometheus text 0.0.4, or OpenMetrics 1.0 for those who ask for it.
//
// Method: prometheus/docs content/docs/instrumenting/exposition_formats.md; OpenMetrics 1.0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "http/server.h"

namespace quell {

// What the operating system says about this process.
struct ProcessFacts {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  std::uint64_t threads = 0;
  Timestamp started_at{};
};
// process_cpu_seconds_total, process_resident_memory_bytes, … with the names that everybody uses.
std::vector<MetricFamily> process_metrics(const ProcessFacts& facts);

// quell_build_info{version,revision} 1
MetricFamily build_info(std::string_view version, std::string_view revision);
// A gauge or a counter whose value somebody else holds.
MetricFamily gauge_value(std::string_view name, std::string_view help, double value);
MetricFamily counter_value(std::string_view name, std::string_view help, double value);

enum class MetricsFormat : std::uint8_t { PrometheusText, OpenMetrics };
// OpenMetrics only when `accept` names it and does not prefer plain text.
MetricsFormat metrics_format(std::string_view accept);

std::string write_metrics(std::span<const MetricFamily> families, MetricsFormat format);
http::Response metrics_response(std::span<const MetricFamily> families, std::string_view accept);

}  // namespace quell
