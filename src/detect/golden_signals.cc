#include "detect/golden_signals.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace quell {
namespace {

// `_` stands for a dot, too: system.cpu.utilization and system_cpu_utilization. Sorted.
constexpr std::array<std::string_view, 50> kNames{
    "container_cpu_cfs_throttled_periods_total",
    "container_cpu_usage",
    "container_cpu_usage_seconds_total",
    "container_memory_usage",
    "container_memory_working_set_bytes",
    "container_oom_events_total",
    "cpu_load",
    "cpu_usage_idle",
    "disk_used_percent",
    "k8s_container_restarts",
    "k8s_pod_cpu_usage",
    "k8s_pod_memory_working_set",
    "kube_pod_container_status_restarts_total",
    "kubelet_volume_stats_available_bytes",
    "mem_available_percent",
    "mem_used_percent",
    "node_cpu_seconds_total",
    "node_disk_io_time_seconds_total",
    "node_filesystem_avail_bytes",
    "node_filesystem_files_free",
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
    "node_vmstat_oom_kill",
    "probe_success",
    "system_cpu_load_average_1m",
    "system_cpu_time",
    "system_cpu_time_seconds_total",
    "system_cpu_utilization",
    "system_cpu_utilization_ratio",
    "system_disk_io_time",
    "system_filesystem_usage",
    "system_filesystem_usage_bytes",
    "system_filesystem_utilization",
    "system_memory_usage",
    "system_memory_usage_bytes",
    "system_memory_utilization",
    "up",
    "windows_cpu_time_total",
    "windows_logical_disk_free_bytes",
    "windows_memory_available_bytes",
    "windows_os_physical_memory_free_bytes",
    "windows_pagefile_free_bytes",
};

constexpr char plain(char c) {
  return c == '.' ? '_' : c;
}

constexpr bool is_before(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, plain, plain);
}
static_assert(std::ranges::is_sorted(kNames, is_before));

}  // namespace

bool is_golden_signal(const Series& series) {
  return std::ranges::binary_search(kNames, series.metric(), is_before);
}

}  // namespace quell
