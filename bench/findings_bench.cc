// How often findings begin: on machines whose quiet days and faults are known (SMD), and what a
// sample costs on its way to findings.
//
//   findings_bench DIRECTORY     of index.csv and NAME.bin or NAME.bin.xz, as `quell eval smd` reads
//
// Each machine is an entity, each of its channels a series with a sample a minute. The first part of
// the data is quiet; of the second it is known which minutes are not.
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "base/text.h"
#include "detect/finding_tracker.h"
#include "eval/data_files.h"
#include "stream/test_samples.h"

namespace {

using namespace quell;

std::string read_all(const std::string& path) {
  std::string content;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return content;
  char buffer[65536];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
    content.append(buffer, n);
  }
  std::fclose(file);
  return content;
}

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Machine {
  std::string name{};
  std::size_t channels = 0, train = 0, test = 0;
  std::string bytes{};

  double value(std::size_t row, std::size_t channel) const {
    const bool is_train = row < train;
    const std::size_t rows = is_train ? train : test;
    const std::size_t at = is_train ? channel * rows + row
                                    : channels * train + channel * rows + (row - train);
    float v = 0;
    std::memcpy(&v, bytes.data() + at * sizeof v, sizeof v);
    return static_cast<double>(v);
  }
  bool is_fault(std::size_t row) const {
    if (row < train) return false;
    return bytes[channels * (train + test) * sizeof(float) + (row - train)] != 0;
  }
};

struct Counts {
  double quiet_days = 0, days = 0;
  std::uint64_t quiet_findings = 0, quiet_errors = 0, false_findings = 0, false_errors = 0;
  std::uint64_t faults = 0, found = 0, found_as_error = 0;
  std::uint64_t samples = 0;
  double seconds = 0;

  void add(const Counts& c) {
    quiet_days += c.quiet_days, days += c.days;
    quiet_findings += c.quiet_findings, quiet_errors += c.quiet_errors;
    false_findings += c.false_findings, false_errors += c.false_errors;
    faults += c.faults, found += c.found, found_as_error += c.found_as_error;
    samples += c.samples, seconds += c.seconds;
  }
};

Counts run(const Machine& machine, const FindingOptions& options) {
  SeriesTable table;
  TestRequest request;
  for (std::size_t c = 0; c < machine.channels; ++c) {
    request.add(fmt::format("channel_{}{{host=\"{}\"}}", c, machine.name), 0, {0});
  }
  SampleBatch batch = resolved(table, std::move(request));
  Detector detector({.finding_p = options.series_p, .warmup_samples = options.warmup});
  FindingTracker tracker;
  tracker.set_options(options);
  tracker.follow(table);
  const std::size_t rows = machine.train + machine.test;
  std::vector<FindingNews> news;
  Observations seen;
  const Calendar calendar;
  const double start = cpu_seconds();
  for (std::size_t row = 0; row < rows; ++row) {
    const Timestamp now = test_at(60.0 * static_cast<double>(row));
    for (std::size_t c = 0; c < machine.channels; ++c) {
      batch.times[c] = now;
      batch.values[c] = machine.value(row, c);
    }
    detector.observe(batch.slots, batch.times, batch.values, calendar, seen);
    tracker.on_samples({batch.slots, batch.times, batch.values, seen}, detector, table, now, news);
    tracker.on_time(now, table, news);
  }
  Counts counts;
  counts.seconds = cpu_seconds() - start;
  counts.samples = rows * machine.channels;
  counts.quiet_days = static_cast<double>(machine.train) / 1440;
  counts.days = static_cast<double>(machine.test) / 1440;
  std::vector<bool> covered(rows), covered_by_error(rows);
  const auto row_of = [&](Timestamp t) {
    const auto row = (t - test_at(0)) / std::chrono::minutes(1);
    return static_cast<std::size_t>(std::max<std::int64_t>(0, row));
  };
  tracker.findings().newest_first(UINT64_MAX, [&](std::uint64_t, const Finding& f) {
    const std::size_t first = row_of(f.onset);
    const std::size_t last = std::min(rows - 1, row_of(f.ended_at.value_or(f.updated_at)));
    const bool is_error = f.severity >= Severity::Error;
    bool is_true = false;
    for (std::size_t row = first; row <= last; ++row) {
      covered[row] = true;
      if (is_error) covered_by_error[row] = true;
      is_true = is_true || machine.is_fault(row);
    }
    if (first < machine.train) {
      ++counts.quiet_findings;
      counts.quiet_errors += is_error ? 1 : 0;
    } else if (!is_true) {
      ++counts.false_findings;
      counts.false_errors += is_error ? 1 : 0;
    }
    return true;
  });
  for (std::size_t row = machine.train; row < rows;) {
    if (!machine.is_fault(row)) {
      ++row;
      continue;
    }
    bool is_found = false, is_error = false;
    for (; row < rows && machine.is_fault(row); ++row) {
      is_found = is_found || covered[row];
      is_error = is_error || covered_by_error[row];
    }
    ++counts.faults;
    counts.found += is_found ? 1 : 0;
    counts.found_as_error += is_error ? 1 : 0;
  }
  return counts;
}

void print(const std::string& name, const Counts& c) {
  fmt::print("{:<14} quiet: {:5.2f} findings and {:5.2f} errors a day; then {:3} of {:3} faults "
             "found, {:3} as errors, {:5.2f} other findings and {:5.2f} errors a day; {:5.1f} ns\n",
             name, static_cast<double>(c.quiet_findings) / c.quiet_days,
             static_cast<double>(c.quiet_errors) / c.quiet_days, c.found, c.faults,
             c.found_as_error, static_cast<double>(c.false_findings) / c.days,
             static_cast<double>(c.false_errors) / c.days,
             1e9 * c.seconds / static_cast<double>(c.samples));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: findings_bench DIRECTORY [finding_p [incident_p]]\n");
    return 2;
  }
  FindingOptions options;
  if (argc > 2) options.finding_p = std::stod(argv[2]);
  if (argc > 3) options.incident_p = std::stod(argv[3]);
  const std::string directory = argv[1];
  const DataFiles files{.read = [](const std::string& path) -> Result<std::string> {
    std::string content = read_all(path);
    if (content.empty()) return fail(Errc::NotFound, path + " cannot be read");
    return content;
  }};
  DataReader reader(files);
  Counts all;
  const auto index = reader.read(directory + "/index.csv");
  if (!index) {
    fmt::print(stderr, "{}\n", index.error().to_string());
    return 1;
  }
  for (const std::string_view line : split(*index, '\n')) {
    const auto fields = split(line, ',');
    if (fields.size() < 4 || fields[0] == "name") continue;
    Machine machine{.name = std::string(fields[0])};
    machine.channels = std::stoul(std::string(fields[1]));
    machine.train = std::stoul(std::string(fields[2]));
    machine.test = std::stoul(std::string(fields[3]));
    auto bytes = reader.read(directory + "/" + machine.name + ".bin");
    if (!bytes) {
      fmt::print(stderr, "{}\n", bytes.error().to_string());
      return 1;
    }
    machine.bytes = std::move(*bytes);
    const Counts counts = run(machine, options);
    print(machine.name, counts);
    all.add(counts);
  }
  print("all", all);
}
