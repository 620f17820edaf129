#include "api/metrics_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace quell {
namespace {

std::string_view type_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::Counter: return "counter";
    case MetricKind::Gauge: return "gauge";
    case MetricKind::Histogram: return "histogram";
  }
  return "untyped";
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void append_number(std::string& out, double v) {
  if (std::isnan(v)) {
    out += "NaN";
  } else if (std::isinf(v)) {
    out += v > 0 ? "+Inf" : "-Inf";
  } else if (v == std::floor(v) && std::abs(v) < 9e15) {
    fmt::format_to(std::back_inserter(out), "{}", static_cast<std::int64_t>(v));
  } else {
    fmt::format_to(std::back_inserter(out), "{}", v);
  }
}

void append_line(std::string& out, std::string_view name, const MetricSample& sample,
                 std::string_view le, double value) {
  out += name;
  if (!sample.labels.empty() || !le.empty()) {
    out += '{';
    bool first = true;
    for (const auto& [label, text] : sample.labels) {
      if (!first) out += ',';
      first = false;
      out += label + "=\"";
      append_escaped(out, text, true);
      out += '"';
    }
    if (!le.empty()) {
      if (!first) out += ',';
      out += "le=\"";
      out += le;
      out += '"';
    }
    out += '}';
  }
  out += ' ';
  append_number(out, value);
  out += '\n';
}

// OpenMetrics writes bounds as floats: 1.0.
std::string bound_text(double bound, MetricsFormat format) {
  std::string text;
  append_number(text, bound);
  const bool whole = text.find_first_of(".e") == text.npos;
  return format == MetricsFormat::OpenMetrics && whole ? text + ".0" : text;
}

void append_histogram(std::string& out, const MetricFamily& family, const MetricSample& sample,
                      MetricsFormat format) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < sample.buckets.size(); ++i) {
    below += sample.buckets[i];
    const std::string le =
        i < family.bounds.size() ? bound_text(family.bounds[i], format) : std::string("+Inf");
    append_line(out, family.name + "_bucket", sample, le, static_cast<double>(below));
  }
  append_line(out, family.name + "_sum", sample, {}, sample.value);
  append_line(out, family.name + "_count", sample, {}, static_cast<double>(below));
}

void append_family(std::string& out, const MetricFamily& family, MetricsFormat format) {
  // OpenMetrics names the family of a counter without the _total of its samples.
  std::string_view name = family.name;
  if (format == MetricsFormat::OpenMetrics && family.kind == MetricKind::Counter &&
      name.ends_with("_total")) {
    name.remove_suffix(6);
  }
  fmt::format_to(std::back_inserter(out), "# HELP {} ", name);
  append_escaped(out, family.help, format == MetricsFormat::OpenMetrics);
  fmt::format_to(std::back_inserter(out), "\n# TYPE {} {}\n", name, type_name(family.kind));
  for (const MetricSample& sample : family.samples) {
    if (family.kind == MetricKind::Histogram) {
      append_histogram(out, family, sample, format);
    } else {
      append_line(out, family.name, sample, {}, sample.value);
    }
  }
}

// The weight of one media range of an Accept header: `…;q=0.5`.
double quality(std::string_view range) {
  for (const std::string_view part : split(range, ';')) {
    const std::string_view parameter = trim(part);
    if (!parameter.starts_with("q=")) continue;
    double q = 0;
    const auto text = parameter.substr(2);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), q);
    return error == std::errc{} ? q : 0;
  }
  return 1;
}

}  // namespace

std::vector<MetricFamily> process_metrics(const ProcessFacts& f) {
  const auto number = [](std::uint64_t n) { return static_cast<double>(n); };
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(f.started_at.time_since_epoch());
  return {
      counter_value("process_cpu_seconds_total", "User and system time.", f.cpu_seconds),
      gauge_value("process_resident_memory_bytes", "Resident memory.", number(f.resident_bytes)),
      gauge_value("process_virtual_memory_bytes", "Virtual memory.", number(f.virtual_bytes)),
      gauge_value("process_open_fds", "Open file descriptors.", number(f.open_fds)),
      gauge_value("process_max_fds", "Limit of open file descriptors.", number(f.max_fds)),
      gauge_value("process_threads", "Threads.", number(f.threads)),
      gauge_value("process_start_time_seconds", "Start, in Unix seconds.",
                  static_cast<double>(ms.count()) / 1e3),
  };
}

MetricFamily build_info(std::string_view version, std::string_view revision) {
  return {.name = "quell_build_info",
          .help = "The version that runs; always 1.",
          .kind = MetricKind::Gauge,
          .samples = {
              {.labels = {{"version", std::string(version)}, {"revision", std::string(revision)}},
               .value = 1}}};
}

MetricFamily gauge_value(std::string_view name, std::string_view help, double value) {
  return {.name = std::string(name),
          .help = std::string(help),
          .kind = MetricKind::Gauge,
          .samples = {{.value = value}}};
}

MetricFamily counter_value(std::string_view name, std::string_view help, double value) {
  return {.name = std::string(name),
          .help = std::string(help),
          .kind = MetricKind::Counter,
          .samples = {{.value = value}}};
}

MetricsFormat metrics_format(std::string_view accept) {
  double open_metrics = 0;
  double plain = 0;
  for (const std::string_view range : split(accept, ',')) {
    const std::string_view type = trim(range.substr(0, range.find(';')));
    if (equals_ignore_case(type, "application/openmetrics-text")) {
      // A version that is not 1.x is something else; none means 1.0.
      const auto version = range.find("version=");
      const bool ours = version == range.npos || range.substr(version + 8).starts_with('1') ||
                        range.substr(version + 8).starts_with("0.0.1");
      if (ours) open_metrics = std::max(open_metrics, quality(range));
    } else if (equals_ignore_case(type, "text/plain")) {
      plain = std::max(plain, quality(range));
    }
  }
  return open_metrics > 0 && open_metrics >= plain ? MetricsFormat::OpenMetrics
                                                   : MetricsFormat::PrometheusText;
}

std::string write_metrics(std::span<const MetricFamily> families, MetricsFormat format) {
  std::string out;
  for (const MetricFamily& family : families) append_family(out, family, format);
  if (format == MetricsFormat::OpenMetrics) out += "# EOF\n";
  return out;
}

http::Response metrics_response(std::span<const MetricFamily> families, std::string_view accept) {
  const MetricsFormat format = metrics_format(accept);
  const std::string_view type = format == MetricsFormat::OpenMetrics
                                    ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                    : "text/plain; version=0.0.4; charset=utf-8";
  return {.headers = {{"content-type", std::string(type)}, {"cache-control", "no-store"}},
          .body = write_metrics(families, format)};
}

}  // namespace quell
