#include "eval/quiet_eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <span>

#include "base/json.h"
#include "base/prng.h"
#include "eval/entity_watch.h"
#include "eval/machine_files.h"
#include "model/frame.h"

namespace quell {
namespace {

constexpr std::int64_t kBeginSeconds = 1'704'067'200;  // 2024-01-01, a Monday.
constexpr std::int64_t kDaySeconds = 86'400;
constexpr double kDay = 86'400;

// One machine, row by row.
class Watched {
 public:
  Watched(std::size_t series, std::int64_t interval_seconds)
      : row_(series), watch_(members(series), {}), interval_(interval_seconds) {}

  std::span<double> row() { return row_; }
  // What row() holds, an interval after the last one.
  void observe() {
    now_ += interval_;
    watch_.observe(now_, row_);
  }
  const EntityWatch& watch() const { return watch_; }

 private:
  static std::vector<EntityWatch::Member> members(std::size_t series) {
    std::vector<EntityWatch::Member> members;
    for (std::size_t i = 0; i < series; ++i) {
      const std::string metric = fmt::format("channel_{}", i);
      const auto labels = SeriesLabels::from({{kMetricLabel, metric}, {"host", "machine"}});
      QUELL_ASSERT(labels.has_value(), "labels of a machine are good");
      members.push_back({.tenant = std::string(kDefaultTenant), .labels = *labels});
    }
    return members;
  }

  std::vector<double> row_;
  EntityWatch watch_;
  std::chrono::seconds interval_;
  Timestamp now_{std::chrono::seconds(kBeginSeconds)};
};

Timestamp at_row(std::size_t row, std::int64_t interval) {
  return Timestamp{std::chrono::seconds(kBeginSeconds)} +
         std::chrono::seconds(static_cast<std::int64_t>(row) * interval);
}

// Findings that began in rows [0, rows), the first day apart from the rest.
void count_quiet(std::span<const Finding> found, std::size_t rows, QuietReport::Machine& out) {
  const Timestamp day = at_row(0, 1) + std::chrono::seconds(kDaySeconds);
  const Timestamp end = at_row(rows, out.interval_seconds);
  const double days =
      static_cast<double>(static_cast<std::int64_t>(rows) * out.interval_seconds) / kDay;
  out.first.days = std::min(1.0, days);
  out.later.days = days - out.first.days;
  for (const Finding& finding : found) {
    if (finding.detected_at >= end) continue;
    QuietReport::Count& count = finding.detected_at < day ? out.first : out.later;
    ++count.findings;
    count.incidents += opens_incident(finding) ? 1 : 0;
  }
}

void count_episodes(const EntityWatch& watch, QuietReport::Machine& out) {
  out.samples = watch.samples();
  out.episodes = watch.opened();
}

void count_segments(std::span<const Finding> found, std::span<const std::uint8_t> labels,
                    std::size_t train_rows, QuietReport::Machine& out) {
  for (std::size_t from = 0; from < labels.size(); ++from) {
    if (labels[from] == 0) continue;
    std::size_t to = from;
    while (to + 1 < labels.size() && labels[to + 1] != 0) ++to;
    // Row 0 is an interval after the beginning.
    const Timestamp begin = at_row(train_rows + from + 1, out.interval_seconds);
    const Timestamp end = at_row(train_rows + to + 1, out.interval_seconds);
    bool is_found = false;
    bool is_paged = false;
    for (const Finding& finding : found) {
      if (finding.detected_at > end || finding.last_time < begin) continue;
      is_found = true;
      is_paged = is_paged || opens_incident(finding);
    }
    ++out.segments;
    out.segments_found += is_found ? 1 : 0;
    out.segments_paged += is_paged ? 1 : 0;
    from = to;
  }
}

// ---------------------------------------------------------------------------------------------
// Generated machines.

double uniform(Prng& prng) {
  return (static_cast<double>(prng.next() >> 11) + 0.5) * 0x1p-53;
}

double normal(Prng& prng) {
  return std::sqrt(-2 * std::log(uniform(prng))) * std::cos(2 * std::numbers::pi * uniform(prng));
}

constexpr std::size_t kSeriesMade = 200;
constexpr double kPerGroup = 10;  // Series that share half of their noise: one program's.

// What a machine's series look like: constants, counts in steps, noise of several shapes, levels
// that wander, all with more or less of a day's course.
class MadeMachine {
 public:
  explicit MadeMachine(std::uint64_t seed) : prng_(seed) {
    for (std::size_t i = 0; i < kSeriesMade; ++i) {
      series_.push_back({.size = std::exp(3 * normal(prng_)),
                         .course = prng_.chance(50) ? 0.4 * uniform(prng_) : 0,
                         .share = prng_.chance(50) ? 0.9 * uniform(prng_) : 0});
    }
    together_.resize(static_cast<std::size_t>(kSeriesMade / kPerGroup));
  }

  void fill(std::int64_t seconds, std::span<double> row) {
    const double course = std::sin(2 * std::numbers::pi * static_cast<double>(seconds) / kDay);
    for (double& shared : together_) shared = 0.9 * shared + 0.44 * normal(prng_);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = next(i, course);
  }

 private:
  struct Made {
    double size = 1;
    double course = 0;  // Share of the level that the day makes.
    double share = 0;   // How much of the last noise is in the next one.
    double memory = 0;
    double level = 0;
  };

  double next(std::size_t i, double course) {
    Made& one = series_[i];
    const double own = 0.7 * normal(prng_) + 0.7 * together_[i % together_.size()];
    one.memory = one.share * one.memory + own;
    const double level = 1 + one.course * course;
    switch (i % 5) {
      case 0: return one.size;
      case 1: return std::floor(20 * level + one.memory);
      case 2: return one.size * level * std::exp(0.5 * one.memory);
      case 3: one.level = 0.999 * one.level + 0.02 * own; return one.size * (level + one.level);
      default: return one.size * (level + 0.1 * one.memory);
    }
  }

  Prng prng_;
  std::vector<Made> series_;
  std::vector<double> together_;
};

QuietReport::Machine watch_made(std::uint64_t seed, std::int64_t interval, std::int64_t days) {
  QuietReport::Machine out{.name = fmt::format("generated {}, {} s", seed, interval),
                           .series = kSeriesMade,
                           .interval_seconds = interval};
  MadeMachine machine(seed);
  Watched watched(kSeriesMade, interval);
  const auto rows = static_cast<std::size_t>(days * kDaySeconds / interval);
  for (std::size_t row = 0; row < rows; ++row) {
    machine.fill(static_cast<std::int64_t>(row) * interval, watched.row());
    watched.observe();
  }
  count_quiet(watched.watch().findings(), rows, out);
  count_episodes(watched.watch(), out);
  return out;
}

void evaluate_made(const EvalProgress& progress, std::size_t machines, QuietReport& report) {
  struct Kind {
    std::int64_t interval = 60;
    std::int64_t days = 1;
  };
  constexpr Kind kKinds[] = {{60, 14}, {60, 14}, {60, 14}, {15, 7}, {15, 7}, {15, 7}, {1, 2}};
  const std::size_t many = std::min(machines, std::size(kKinds));
  for (std::size_t i = 0; i < many; ++i) {
    progress("generated machines", i, many);
    report.machines.push_back(watch_made(i + 1, kKinds[i].interval, kKinds[i].days));
  }
}

QuietReport::Machine watch_recorded(const RecordedMachine& machine, const MachineEntry& entry) {
  QuietReport::Machine out{.name = entry.name, .series = entry.channels, .interval_seconds = 60};
  Watched watched(entry.channels, out.interval_seconds);
  const auto run = [&](const std::vector<float>& part, std::size_t rows) {
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t c = 0; c < entry.channels; ++c) {
        watched.row()[c] = static_cast<double>(part[c * rows + row]);
      }
      watched.observe();
    }
  };
  run(machine.train, entry.train_rows);
  count_episodes(watched.watch(), out);
  run(machine.test, entry.test_rows);
  const std::vector<Finding> found = watched.watch().findings();
  count_quiet(found, entry.train_rows, out);
  count_segments(found, machine.labels, entry.train_rows, out);
  return out;
}

struct Sums {
  QuietReport::Count first{}, later{};
  std::uint64_t samples = 0, episodes = 0;
  std::uint64_t segments = 0, segments_found = 0, segments_paged = 0;
};

Sums sums_of(const QuietReport& report) {
  Sums sums;
  const auto add = [](QuietReport::Count& to, const QuietReport::Count& one) {
    to.days += one.days;
    to.findings += one.findings;
    to.incidents += one.incidents;
  };
  for (const auto& machine : report.machines) {
    add(sums.first, machine.first);
    add(sums.later, machine.later);
    sums.samples += machine.samples;
    sums.episodes += machine.episodes;
    sums.segments += machine.segments;
    sums.segments_found += machine.segments_found;
    sums.segments_paged += machine.segments_paged;
  }
  return sums;
}

double episode_rate(const Sums& sums) {
  return sums.samples > 0 ? static_cast<double>(sums.episodes) / static_cast<double>(sums.samples)
                          : 0;
}

double per_day(std::uint64_t count, const QuietReport::Count& of) {
  return of.days > 0 ? static_cast<double>(count) / of.days : 0;
}

}  // namespace

Result<QuietReport> evaluate_quiet(const DataFiles& files, const std::string& directory,
                                   const EvalProgress& progress, std::size_t made) {
  QuietReport report;
  if (directory.empty()) {
    evaluate_made(progress, made, report);
    return report;
  }
  DataReader reader(files);
  TRY(const std::vector<MachineEntry> entries, read_machine_index(reader, directory));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    progress(entries[i].name, i, entries.size());
    const auto machine = read_machine(reader, directory, entries[i]);
    if (!machine && machine.error().code == Errc::NotFound) {
      ++report.absent;
      continue;
    }
    if (!machine) return std::unexpected(machine.error());
    report.machines.push_back(watch_recorded(*machine, entries[i]));
  }
  if (report.machines.empty()) {
    return fail(Errc::NotFound, fmt::format("none of the {} entities that {}/index.csv names is "
                                            "in '{}'",
                                            entries.size(), directory, directory));
  }
  report.data_hash = reader.hash();
  return report;
}

std::string quiet_json(const QuietReport& report) {
  const Sums sums = sums_of(report);
  std::string out;
  JsonWriter w(out);
  w.begin_object()
      .field("findings_per_day", per_day(sums.later.findings, sums.later))
      .field("incidents_per_day", per_day(sums.later.incidents, sums.later))
      .field("episodes_per_sample", episode_rate(sums));
  w.end_object();
  return out;
}

std::string quiet_table(const QuietReport& report) {
  std::string out = fmt::format(
      "Findings, and those that open an incident, of a machine in a day{}\n\n"
      "{:24} series  days   first day: findings, incidents   then, a day: findings  incidents\n",
      report.data_hash == 0 ? "; generated, nothing is wrong"
                            : fmt::format("; data {:016x}", report.data_hash),
      "");
  for (const auto& m : report.machines) {
    out += fmt::format("{:24} {:6}  {:4.1f}   {:19}  {:9}   {:22.2f}  {:9.2f}\n", m.name, m.series,
                       m.first.days + m.later.days, m.first.findings, m.first.incidents,
                       per_day(m.later.findings, m.later), per_day(m.later.incidents, m.later));
  }
  const Sums sums = sums_of(report);
  out += fmt::format("{:24} {:6}  {:4.0f}   {:19.1f}  {:9.2f}   {:22.2f}  {:9.3f}\n", "mean", "",
                     sums.first.days + sums.later.days, per_day(sums.first.findings, sums.first),
                     per_day(sums.first.incidents, sums.first),
                     per_day(sums.later.findings, sums.later),
                     per_day(sums.later.incidents, sums.later));
  out += fmt::format(
      "\nEpisodes of single series: {:.2f} in 1,000 samples behind their warm-up ({} of {}); "
      "declared "
      "{:.2f}.\n",
      1'000 * episode_rate(sums), sums.episodes, sums.samples, 1'000 * DetectSettings{}.finding_p);
  if (sums.segments > 0) {
    out += fmt::format(
        "\nLabelled segments behind it: {}; a finding touches {}, one that opens an incident {}.\n",
        sums.segments, sums.segments_found, sums.segments_paged);
  }
  return out;
}

}  // namespace quell
