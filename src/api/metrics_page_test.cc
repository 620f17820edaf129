#include "api/metrics_page.h"

#include <gtest/gtest.h>

#include "api/api_world.h"

namespace quell {
namespace {

constexpr double kBounds[] = {0.5, 1};

std::vector<MetricFamily> some_families() {
  static MetricList list;
  static Counter events(list, "quell_test_events_total", "Events that \"came\".\nAll of them.");
  static Gauge depth(list, "quell_test_depth", "Depth.");
  static Histogram seconds(list, "quell_test_seconds", "Time.", kBounds);
  static CounterFamily sources(list, "quell_test_sources_total", "By source.", "source");
  static const bool kOnce = [] {
    events.add(3);
    depth.set(0.25);
    for (const double v : {0.25, 0.75, 4.0}) seconds.observe(v);
    sources.at("a\"b\\c\n").add(7);
    return true;
  }();
  EXPECT_TRUE(kOnce);
  return list.collect();
}

TEST(MetricsPage, PrometheusText) {
  EXPECT_EQ(write_metrics(some_families(), MetricsFormat::PrometheusText),
            R"(# HELP quell_test_events_total Events that "came".\nAll of them.
# TYPE quell_test_events_total counter
quell_test_events_total 3
# HELP quell_test_depth Depth.
# TYPE quell_test_depth gauge
quell_test_depth 0.25
# HELP quell_test_seconds Time.
# TYPE quell_test_seconds histogram
quell_test_seconds_bucket{le="0.5"} 1
quell_test_seconds_bucket{le="1"} 2
quell_test_seconds_bucket{le="+Inf"} 3
quell_test_seconds_sum 5
quell_test_seconds_count 3
# HELP quell_test_sources_total By source.
# TYPE quell_test_sources_total counter
quell_test_sources_total{source="a\"b\\c\n"} 7
)");
}

TEST(MetricsPage, OpenMetrics) {
  EXPECT_EQ(write_metrics(some_families(), MetricsFormat::OpenMetrics),
            R"(# HELP quell_test_events Events that \"came\".\nAll of them.
# TYPE quell_test_events counter
quell_test_events_total 3
# HELP quell_test_depth Depth.
# TYPE quell_test_depth gauge
quell_test_depth 0.25
# HELP quell_test_seconds Time.
# TYPE quell_test_seconds histogram
quell_test_seconds_bucket{le="0.5"} 1
quell_test_seconds_bucket{le="1.0"} 2
quell_test_seconds_bucket{le="+Inf"} 3
quell_test_seconds_sum 5
quell_test_seconds_count 3
# HELP quell_test_sources By source.
# TYPE quell_test_sources counter
quell_test_sources_total{source="a\"b\\c\n"} 7
# EOF
)");
}

void check_accept(std::string_view accept, std::string_view want) {
  EXPECT_EQ(header_of(metrics_response({}, accept), "content-type"), want) << accept;
}

constexpr std::string_view kPlain = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kOpen = "application/openmetrics-text; version=1.0.0; charset=utf-8";

TEST(MetricsPage, FormatByAccept) {
  check_accept("", kPlain);
  check_accept("*/*", kPlain);
  check_accept("text/html", kPlain);
  check_accept("application/openmetrics-text", kOpen);
  // Prometheus 2.42, and 3.x.
  check_accept(
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
      "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      kOpen);
  check_accept(
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
      "text/plain;version=0.0.4;q=0.3",
      kOpen);
  check_accept("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.2", kPlain);
  check_accept("application/openmetrics-text;version=2.0.0", kPlain);
  check_accept("application/openmetrics-text;q=0", kPlain);
}

TEST(MetricsPage, ProcessAndBuild) {
  std::vector<MetricFamily> families =
      process_metrics({.cpu_seconds = 1.5,
                       .resident_bytes = 4096,
                       .open_fds = 7,
                       .started_at = at("1970-01-02T00:00:00.5Z")});
  families.push_back(build_info("0.1.0", "abc"));
  const std::string page = write_metrics(families, MetricsFormat::PrometheusText);
  for (const std::string_view line :
       {"process_cpu_seconds_total 1.5\n", "process_resident_memory_bytes 4096\n",
        "process_open_fds 7\n", "process_start_time_seconds 86400.5\n",
        "quell_build_info{version=\"0.1.0\",revision=\"abc\"} 1\n"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
  }
}

}  // namespace
}  // namespace quell
