#include "detect/golden_signals.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace quell {
namespace {

// `_` stands for a dot, too: system.cpu.utilization and system_cpu_utilization. Sorted.
constexpr auto kNames = std::to_array<std::string_view>({
    "container_cpu_cfs_throttled_periods_total",
    "container_cpu_usage",
    "container_cpu_usage_seconds_total",
    "container_memory_usage",
    "container_memory_working_set",
    "container_memory_working_set_bytes",
    "cpu_load",
    "cpu_usage_idle",
    "disk_inodes_free",
    "disk_used_percent",
    "diskio_io_time",
    "k8s_container_restarts",
    "k8s_node_cpu_usage",
    "k8s_node_memory_working_set",
    "k8s_pod_cpu_usage",
    "k8s_pod_memory_working_set",
    "kube_deployment_status_replicas_unavailable",
    "kube_node_status_condition",
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_inodes_free",
    "mem_available_percent",
    "mem_used_percent",
    "net_err_in",
    "net_err_out",
    "node_cpu_seconds_total",
    "node_disk_io_time_seconds_total",
    "node_filesystem_avail_bytes",
    "node_filesystem_files_free",
    "node_filesystem_readonly",
    "node_load1",
    "node_memory_MemAvailable_bytes",
    "node_network_receive_errs_total",
    "node_network_transmit_errs_total",
    "node_nf_conntrack_entries",
    "node_pressure_cpu_waiting_seconds_total",
    "node_pressure_io_stalled_seconds_total",
    "node_pressure_io_waiting_seconds_total",
    "node_pressure_memory_stalled_seconds_total",
    "node_pressure_memory_waiting_seconds_total",
    "node_procs_blocked",
    "probe_success",
    "swap_used_percent",
    "system_cpu_load_average_1m",
    "system_cpu_time",
    "system_cpu_time_seconds_total",
    "system_cpu_utilization",
    "system_cpu_utilization_ratio",
    "system_disk_io_time",
    "system_disk_io_time_seconds_total",
    "system_filesystem_usage",
    "system_filesystem_usage_bytes",
    "system_filesystem_utilization",
    "system_filesystem_utilization_ratio",
    "system_load1",
    "system_memory_usage",
    "system_memory_usage_bytes",
    "system_memory_utilization",
    "system_memory_utilization_ratio",
    "system_network_errors",
    "system_paging_utilization",
    "up",
    "windows_cpu_time_total",
    "windows_logical_disk_free_bytes",
    "windows_memory_available_bytes",
    "windows_memory_physical_free_bytes",
    "windows_os_paging_free_bytes",
    "windows_os_physical_memory_free_bytes",
    "windows_pagefile_free_bytes",
    "windows_system_processor_queue_length",
});
static_assert(kNames.size() < UINT8_MAX);

constexpr char plain(char c) {
  return c == '.' ? '_' : c;
}

constexpr bool is_before(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, plain, plain);
}
static_assert(std::ranges::is_sorted(kNames, is_before));

}  // namespace

GoldenSignal golden_signal_of(const Series& series) {
  const auto found = std::ranges::lower_bound(kNames, series.metric(), is_before);
  if (found == kNames.end() || is_before(series.metric(), *found)) return 0;
  return static_cast<GoldenSignal>(1 + (found - kNames.begin()));
}

}  // namespace quell
