#include "app/settings_table.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <vector>

#include "base/time.h"

namespace quell {
namespace {

template <class T>
using Access = T& (*)(Settings&);

// Reading goes through the same accessor as writing.
template <class T>
T read(Access<T> access, const Settings& settings) {
  return access(const_cast<Settings&>(settings));
}

TableOption text(std::string_view path, Access<std::string> access, std::string_view help) {
  return {path,
          "text",
          help,
          false,
          [access](Settings& s, std::string_view v) -> Status {
            access(s) = v;
            return {};
          },
          [access](const Settings& s) { return read(access, s); }};
}

TableOption word(std::string_view path, Access<std::string> access,
                 const std::vector<std::string>& words, std::string_view help) {
  return {path,
          "word",
          help,
          false,
          [access, words](Settings& s, std::string_view v) -> Status {
            for (const std::string& known : words) {
              if (known != v) continue;
              access(s) = v;
              return {};
            }
            return fail(Errc::InvalidArgument,
                        fmt::format("'{}' is not one of {}", v, fmt::join(words, ", ")));
          },
          [access](const Settings& s) { return read(access, s); }};
}

TableOption duration(std::string_view path, Access<Duration> access, Duration min, Duration max,
                     bool decides, std::string_view help) {
  return {path,
          "duration",
          help,
          decides,
          [=](Settings& s, std::string_view v) -> Status {
            TRY(const Duration d, parse_duration(v));
            if (d < min || d > max) {
              return fail(Errc::InvalidArgument,
                          fmt::format("{} is not from {} to {}", v, format_duration(min),
                                      format_duration(max)));
            }
            access(s) = d;
            return {};
          },
          [access](const Settings& s) { return format_duration(read(access, s)); }};
}

template <class T>
TableOption integer(std::string_view path, Access<T> access, T min, T max, bool decides,
                    std::string_view help) {
  return {
      path,
      "integer",
      help,
      decides,
      [=](Settings& s, std::string_view v) -> Status {
        T number{};
        const auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), number);
        if (error != std::errc{} || end != v.data() + v.size() || number < min || number > max) {
          return fail(Errc::InvalidArgument,
                      fmt::format("'{}' is not a number from {} to {}", v, min, max));
        }
        access(s) = number;
        return {};
      },
      [access](const Settings& s) { return std::to_string(read(access, s)); }};
}

TableOption fraction(std::string_view path, Access<double> access, std::string_view help) {
  return {path,
          "number",
          help,
          true,
          [=](Settings& s, std::string_view v) -> Status {
            double number = 0;
            const auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), number);
            if (error != std::errc{} || end != v.data() + v.size() || number < 0 || number > 1) {
              return fail(Errc::InvalidArgument,
                          fmt::format("'{}' is not a number from 0 to 1", v));
            }
            access(s) = number;
            return {};
          },
          [access](const Settings& s) { return fmt::format("{}", read(access, s)); }};
}

constexpr std::uint64_t kMiB = 1ull << 20;

// In the largest unit that is exact.
std::string size_text(std::uint64_t bytes) {
  if (bytes % kMiB == 0) return fmt::format("{}MB", bytes / kMiB);
  return bytes % 1024 == 0 ? fmt::format("{}KB", bytes / 1024) : std::to_string(bytes);
}

// `256MB` is 256 × 2^20 bytes.
TableOption size(std::string_view path, Access<std::uint64_t> access, std::uint64_t min,
                 std::uint64_t max, std::string_view help, bool decides = false) {
  return {path,
          "size",
          help,
          decides,
          [=](Settings& s, std::string_view v) -> Status {
            std::uint64_t number = 0;
            const auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), number);
            const std::string_view unit(end, static_cast<std::size_t>(v.data() + v.size() - end));
            const int shift = unit == "KB"   ? 10
                              : unit == "MB" ? 20
                              : unit == "GB" ? 30
                              : unit.empty() ? 0
                                             : -1;
            if (error != std::errc{} || shift < 0 || number > (max >> shift) ||
                (number << shift) < min) {
              return fail(Errc::InvalidArgument,
                          fmt::format("'{}' is not a size such as 64MB, from {} to {}", v,
                                      size_text(min), size_text(max)));
            }
            access(s) = number << shift;
            return {};
          },
          [access](const Settings& s) { return size_text(read(access, s)); }};
}

TableOption probability(std::string_view path, Access<double> access, std::string_view help) {
  TableOption option = fraction(path, access, help);
  option.set = [=, parse = option.set](Settings& s, std::string_view v) -> Status {
    const double before = access(s);
    TRY_STATUS(parse(s, v));
    if (access(s) >= 1e-12 && access(s) <= 0.5) return {};
    access(s) = before;
    return fail(Errc::InvalidArgument, fmt::format("'{}' is not a number from 1e-12 to 0.5", v));
  };
  return option;
}

// true or false.
TableOption flag(std::string_view path, Access<bool> access, std::string_view help) {
  return {path,
          "boolean",
          help,
          true,
          [access](Settings& s, std::string_view v) -> Status {
            if (v != "true" && v != "false") {
              return fail(Errc::InvalidArgument, fmt::format("'{}' is neither true nor false", v));
            }
            access(s) = v == "true";
            return {};
          },
          [access](const Settings& s) { return read(access, s) ? "true" : "false"; }};
}

TableOption direction(std::string_view path, Access<Direction> access, std::string_view help) {
  return {path,
          "word",
          help,
          true,
          [access](Settings& s, std::string_view v) -> Status {
            const auto known = parse_direction(v);
            if (!known) {
              return fail(Errc::InvalidArgument,
                          fmt::format("'{}' is not one of both, up, down", v));
            }
            access(s) = *known;
            return {};
          },
          [access](const Settings& s) { return std::string(direction_name(read(access, s))); }};
}

// The text, and the calendar that it names.
TableOption timezone(std::string_view path, Access<std::string> access, Access<Calendar> calendar,
                     std::string_view help) {
  return {path,
          "time zone",
          help,
          true,
          [=](Settings& s, std::string_view v) -> Status {
            TRY(calendar(s), Calendar::parse(v));
            access(s) = v;
            return {};
          },
          [access](const Settings& s) { return read(access, s); }};
}

TableOption severity(std::string_view path, Access<Severity> access, std::string_view help) {
  return {path,
          "severity",
          help,
          true,
          [=](Settings& s, std::string_view v) -> Status {
            for (const auto known :
                 {Severity::Info, Severity::Warning, Severity::Error, Severity::Critical}) {
              if (severity_name(known) != v) continue;
              access(s) = known;
              return {};
            }
            return fail(Errc::InvalidArgument,
                        fmt::format("'{}' is not one of info, warning, error, critical", v));
          },
          [access](const Settings& s) { return std::string(severity_name(read(access, s))); }};
}

#define QUELL_AT(type, member) [](Settings& s) -> type& { return s.member; }

constexpr Duration kDay = std::chrono::hours(24);
constexpr Duration kMinute = std::chrono::minutes(1);
constexpr Duration kNone{0};

void add_serving(std::vector<TableOption>& t) {
  t.push_back(text("server.listen", QUELL_AT(std::string, listen),
                   "Address and port. Port 0 takes any free one. Anything but loopback needs "
                   "`server.tokens`."));
  t.push_back(text("server.grpc_listen", QUELL_AT(std::string, grpc_listen),
                   "Address and port of OTLP/gRPC, such as 127.0.0.1:4317; none: there is none."));
  t.push_back(text("server.data", QUELL_AT(std::string, data), "Directory of journal and store."));
  t.push_back(text("server.external_url", QUELL_AT(std::string, external_url),
                   "How people reach this server; used in links."));
  t.push_back(integer<std::uint32_t>("server.threads", QUELL_AT(std::uint32_t, http_threads), 1, 64,
                                     false, "Threads that read and write connections."));
  t.push_back(integer<std::uint32_t>("server.connections_max",
                                     QUELL_AT(std::uint32_t, connections_max), 10, 1'000'000, false,
                                     "Connections at once; more are answered 503."));
  t.push_back(size("server.body_max", QUELL_AT(std::uint64_t, body_bytes_max), kMiB / 1024,
                   1024 * kMiB, "Largest request body, unpacked; larger ones are answered 413."));
  t.push_back(word("log.level", QUELL_AT(std::string, log_level),
                   {"debug", "info", "warning", "error"}, "Least level that is logged."));
  t.push_back(word("log.format", QUELL_AT(std::string, log_format), {"logfmt", "json"},
                   "Form of the log lines."));
}

void add_keeping(std::vector<TableOption>& t) {
  t.push_back(size("journal.segment_size", QUELL_AT(std::uint64_t, segment_bytes), kMiB,
                   4096 * kMiB, "A new journal file is begun beyond this size."));
  t.push_back(size("journal.pending_max", QUELL_AT(std::uint64_t, pending_bytes_max), kMiB,
                   4096 * kMiB, "Received and not yet durable; beyond it requests get 429."));
  t.push_back(size("journal.queue_max", QUELL_AT(std::uint64_t, queue_bytes_max), kMiB,
                   16384 * kMiB, "Durable and not yet worked on; beyond it requests get 429."));
  t.push_back(duration("journal.keep", QUELL_AT(Duration, journal_keep), kNone, 3650 * kDay, false,
                       "How long frames are kept for replay and back-tests."));
  const auto keep = [&](std::string_view path, Access<Duration> access, std::string_view help) {
    t.push_back(duration(path, access, kNone, 3650 * kDay, false, help));
  };
  keep("retention.events", QUELL_AT(Duration, retention.events), "Events; 0s keeps them for ever.");
  keep("retention.alerts", QUELL_AT(Duration, retention.resolved_alerts), "Resolved alerts.");
  keep("retention.incidents", QUELL_AT(Duration, retention.closed_incidents), "Closed incidents.");
  keep("retention.dead_letters", QUELL_AT(Duration, retention.dead_letters),
       "Dead letters; of open ones the frames as well, up to 64 MB and 10,000, when the journal "
       "has let go of "
       "them.");
  keep("retention.windows", QUELL_AT(Duration, retention.windows), "Health windows.");
  keep("retention.metrics_raw", QUELL_AT(Duration, retention.metrics_raw),
       "Metric samples as they came; older ones become points of five minutes. 0s: none do.");
  keep("retention.metrics", QUELL_AT(Duration, retention.metrics),
       "Metric samples and points of five minutes.");
  t.push_back(size("retention.metrics_bytes", QUELL_AT(std::uint64_t, retention.metrics_bytes_max),
                   kMiB, 1024 * 1024 * kMiB,
                   "What both may take on disk; beyond it the oldest go."));
}

void add_deciding(std::vector<TableOption>& t) {
#define QUELL_IN(type, member) QUELL_AT(type, pipeline.member)
  const auto length = [&](std::string_view path, Access<Duration> access, Duration min,
                          Duration max, std::string_view help) {
    t.push_back(duration(path, access, min, max, true, help));
  };
  t.push_back(integer<int>("alerts.flap_changes", QUELL_IN(int, alerts.flap_changes), 2, 16, true,
                           "Changes of state within the window that count as flapping."));
  length("alerts.flap_window", QUELL_IN(Duration, alerts.flap_window), kMinute, kDay,
         "The window for flapping.");
  length("alerts.flap_calm", QUELL_IN(Duration, alerts.flap_calm), kMinute, kDay,
         "Without a change for this long, flapping is over.");
  length("alerts.resolved_live", QUELL_IN(Duration, alerts.resolved_live), kMinute, 30 * kDay,
         "After this time a resolved alert is history.");
  t.push_back(severity("incidents.open_severity", QUELL_IN(Severity, correlation.open_severity),
                       "A lone alert of at least this severity opens an incident."));
  t.push_back(fraction("incidents.join_score", QUELL_IN(double, correlation.join_score),
                       "Average link to an incident from which an alert joins it."));
  length("incidents.window", QUELL_IN(Duration, correlation.window), kMinute, kDay,
         "Links have full strength within this time, and fade after it.");
  length("incidents.span_max", QUELL_IN(Duration, correlation.span_max), kMinute, 30 * kDay,
         "An incident takes no new alerts this long after its last one began.");
  length("incidents.auto_resolve_after", QUELL_IN(Duration, correlation.auto_resolve_after),
         std::chrono::seconds(1), 30 * kDay, "Quiet time after which an incident resolves.");
  length("incidents.auto_close_after", QUELL_IN(Duration, correlation.auto_close_after), kMinute,
         365 * kDay, "Time after which a resolved incident closes.");
  length("incidents.closed_live", QUELL_IN(Duration, correlation.closed_live), kMinute, 30 * kDay,
         "After this time a closed incident is history.");
  length("incidents.reopen_window", QUELL_IN(Duration, correlation.reopen_window), kNone, 30 * kDay,
         "A member that fires again within this time re-opens its incident.");
  length("incidents.change_lookback", QUELL_IN(Duration, correlation.change_lookback), kNone,
         7 * kDay, "Changes this long before an incident are attached to it.");
}

void add_metrics(std::vector<TableOption>& t) {
  const auto count = [&](std::string_view path, Access<std::uint64_t> access,
                         std::string_view help) {
    t.push_back(integer<std::uint64_t>(path, access, 1, 100'000'000, true, help));
  };
  count("metrics.series_max", QUELL_IN(std::uint64_t, metrics.series.series_max),
        "Series of one tenant from one source; beyond it new ones are refused, known ones go on.");
  count("metrics.series_total_max", QUELL_IN(std::uint64_t, metrics.series.series_total_max),
        "Series of all tenants and sources together.");
  t.push_back(size("metrics.series_memory", QUELL_IN(std::uint64_t, metrics.series.bytes_max), kMiB,
                   1024 * 1024 * kMiB,
                   "Memory for the labels of all series, and 240 bytes for each.", true));
  t.push_back(size("metrics.sample_memory", QUELL_IN(std::uint64_t, metrics.sample_memory), kMiB,
                   1024 * 1024 * kMiB,
                   "Memory for recent samples, compressed; the newest of all series fill it.",
                   true));
  t.push_back(duration("metrics.series_idle", QUELL_IN(Duration, metrics.series_idle), 15 * kMinute,
                       30 * kDay, true, "A series that got no sample for this long leaves."));
}

void add_detection(std::vector<TableOption>& t) {
  t.push_back(flag("detection.enabled", QUELL_IN(bool, detection.enabled),
                   "Whether series learn what is usual, and findings are made."));
  t.push_back(probability("detection.series_p", QUELL_IN(double, detection.series_p),
                          "A series becomes unusual with a sample as rare as this."));
  t.push_back(probability("detection.finding_p", QUELL_IN(double, detection.finding_p),
                          "A finding begins when the series of an entity are together so rare."));
  t.push_back(probability("detection.incident_p", QUELL_IN(double, detection.incident_p),
                          "A finding as rare as this, of three metrics for a minute, is an error, "
                          "which opens an incident; others are warnings, which join one."));
  t.push_back(integer<std::uint32_t>("detection.warmup", QUELL_IN(std::uint32_t, detection.warmup),
                                     30, 4000, true,
                                     "Samples of a series before it can be unusual."));
  t.push_back(integer<std::uint32_t>(
      "detection.incident_warmup", QUELL_IN(std::uint32_t, detection.incident_warmup), 30, 4000,
      true, "Samples of a series before it helps to make an error."));
  t.push_back(timezone("detection.timezone", QUELL_IN(std::string, detection.timezone),
                       QUELL_IN(Calendar, detection.calendar),
                       "Where the days and weeks of series begin, such as Europe/Berlin; rules "
                       "that name none take it, too."));
  t.push_back(direction("detection.direction", QUELL_IN(Direction, detection.usual.gate.direction),
                        "Deviations that count: both, up or down."));
  t.push_back(fraction("detection.min_effect", QUELL_IN(double, detection.usual.gate.min_effect),
                       "Smaller deviations, as a share of what was expected, do not count."));
  t.push_back(duration("detection.min_duration",
                       QUELL_IN(Duration, detection.usual.gate.min_duration), kNone, kDay, true,
                       "How long a series must be unusual before it counts."));
  t.push_back(integer<std::uint64_t>(
      "detection.named_series_max", QUELL_IN(std::uint64_t, detection.named_series_max), 0,
      1'000'000, true,
      "Series that may have a detector of their own by a rule: up to 3 kB each, with isolation "
      "another 14 kB for each entity."));
#undef QUELL_IN
}

#undef QUELL_AT

std::vector<TableOption> make_table() {
  std::vector<TableOption> table;
  add_serving(table);
  add_keeping(table);
  add_deciding(table);
  add_metrics(table);
  add_detection(table);
  return table;
}

}  // namespace

std::span<const TableOption> settings_table() {
  static const std::vector<TableOption> kTable = make_table();
  return kTable;
}

std::vector<std::string> restart_needed(const Settings& running, const Settings& wanted) {
  static constexpr std::string_view kAtStart[] = {
      "server.listen",          "server.grpc_listen", "server.data", "server.threads",
      "server.connections_max", "log.level",          "log.format",  "journal.segment_size",
      "journal.pending_max",    "journal.queue_max"};
  std::vector<std::string> paths;
  for (const std::string_view path : kAtStart) {
    const TableOption* option = find_option(path);
    QUELL_ASSERT(option != nullptr, "the list names options of the table");
    if (option->show(running) != option->show(wanted)) paths.emplace_back(path);
  }
  if (running.allowed_hosts != wanted.allowed_hosts) paths.emplace_back("server.allowed_hosts");
  return paths;
}

const TableOption* find_option(std::string_view path) {
  for (const TableOption& option : settings_table()) {
    if (option.path == path) return &option;
  }
  return nullptr;
}

std::string variable_of(const TableOption& option) {
  std::string name = "QUELL_";
  for (const char c : option.path) {
    name += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return name;
}

const TableOption* find_option_by_variable(std::string_view variable) {
  for (const TableOption& option : settings_table()) {
    if (variable_of(option) == variable) return &option;
  }
  return nullptr;
}

}  // namespace quell
