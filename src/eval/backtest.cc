#include "eval/backtest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/time.h"
#include "detect/detector.h"
#include "detect/isolation_detector.h"
#include "model/sample.h"

namespace quell {
namespace {

constexpr double kBandCoverage = 0.99;
constexpr std::size_t kAutoChunk = 256;  // The band of `auto` is taken once for so many samples.
constexpr Duration kPassStep = std::chrono::seconds(10);
constexpr std::int64_t kPassesMax = 1000;  // In one gap.

// What every detector gives: one reading per sample.
using Readings = std::vector<Reading>;

Readings read_auto(const BacktestSamples& samples, const NamedDetectorOptions& options) {
  Detector detector(DetectSettings{.warmup_samples = options.warmup_samples});
  Readings readings(samples.times.size());
  Observations seen;
  for (std::size_t from = 0; from < readings.size(); from += kAutoChunk) {
    const std::size_t n = std::min(kAutoChunk, readings.size() - from);
    const std::vector<SeriesSlot> slots(n, 0);
    detector.observe(slots, std::span(samples.times).subspan(from, n),
                     std::span(samples.values).subspan(from, n), options.calendar, seen);
    const double band = detector.band(0, kBandCoverage);
    for (std::size_t i = 0; i < n; ++i) {
      const double half = band * static_cast<double>(seen.scale[i]);
      const double value = samples.values[from + i];
      Reading& reading = readings[from + i];
      reading.is_used = (seen.flags[i] & kNotUsed) == 0;
      reading.value = value;
      if (!reading.is_used) continue;
      reading.is_learning = (seen.flags[i] & kLearning) != 0;
      reading.is_unusual = (seen.flags[i] & kUnusual) != 0;
      reading.expected = seen.expected[i];
      reading.lower = reading.expected - half;
      reading.upper = reading.expected + half;
      reading.side = static_cast<std::int8_t>(value > reading.expected ? 1 : -1);
      if (!reading.is_unusual) reading.side = 0;
    }
  }
  return readings;
}

void widen(BacktestSeries::Column& column, double value, const Reading& reading) {
  if (std::isfinite(value)) {
    column.low = column.count == 0 ? value : std::min(column.low, value);
    column.high = column.count == 0 ? value : std::max(column.high, value);
    ++column.count;
  }
  if (!reading.is_learning && std::isfinite(reading.lower) && std::isfinite(reading.upper)) {
    column.band_low =
        std::isnan(column.band_low) ? reading.lower : std::min(column.band_low, reading.lower);
    column.band_high =
        std::isnan(column.band_high) ? reading.upper : std::max(column.band_high, reading.upper);
  }
}

// Of several series, the one that is furthest from its own usual.
struct Furthest {
  std::string_view series{};
  double value = 0;
  double expected = 0;
  double p = 1;  // Of all of them together.
};

// Puts readings through the gate and keeps what comes out.
class Recorder {
 public:
  Recorder(const RuleGateOptions& options, std::string series, Timestamp begin, Timestamp end,
           BacktestSeries& out)
      : gate_(options), out_(out) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    out_.series = std::move(series);
    out_.begin = begin;
    out_.end = end;
    out_.columns.assign(BacktestSeries::kColumns, {.band_low = kNone, .band_high = kNone});
  }

  void sample(Timestamp time, double value, const Reading& reading, const Furthest* of = nullptr) {
    ++out_.samples;
    if (reading.is_learning) ++out_.learning;
    auto& column = column_of(time);
    widen(column, value, reading);
    apply(time, reading, of);
    column.in_finding |= gate_.is_open();
  }

  void apply(Timestamp time, const Reading& reading, const Furthest* of = nullptr) {
    const GateVerdict verdict = gate_.apply(time, reading);
    if (!verdict.reason.empty()) ++out_.held_back[std::string(verdict.reason)];
    if (verdict.state == GateState::Opened) {
      out_.findings.push_back({.onset = verdict.onset, .detected_at = time});
      worst_ = -1;
    }
    if (verdict.state == GateState::Opened || verdict.state == GateState::Open) {
      if (reading.is_used && of != nullptr) {
        note(reading.value, *of);
      } else if (reading.is_used) {
        note(verdict.held ? *verdict.held : reading);
      }
    }
    if (verdict.state == GateState::Closed && !out_.findings.empty()) {
      out_.findings.back().ended_at = time;
    }
  }

 private:
  BacktestSeries::Column& column_of(Timestamp time) {
    const double whole = std::max(1.0, static_cast<double>((out_.end - out_.begin).count()));
    const double share = static_cast<double>((time - out_.begin).count()) / whole;
    const auto last = static_cast<double>(BacktestSeries::kColumns - 1);
    return out_.columns[static_cast<std::size_t>(std::clamp(share * (last + 1), 0.0, last))];
  }

  void note(const Reading& reading) {
    const double half = std::max(1e-300, (reading.upper - reading.lower) / 2);
    double away = std::abs(reading.value - reading.expected);
    if (std::isfinite(half)) away /= half;
    BacktestFinding& finding = out_.findings.back();
    if (reading.crosses_at) finding.crosses_at = reading.crosses_at;
    if (!(away > worst_)) return;
    worst_ = away;
    finding.side = reading.side;
    finding.value = reading.value;
    finding.expected = reading.expected;
    finding.lower = reading.lower;
    finding.upper = reading.upper;
  }

  void note(double score, const Furthest& of) {
    BacktestFinding& finding = out_.findings.back();
    finding.p = std::min(finding.p, of.p);
    if (!(score > worst_)) return;
    worst_ = score;
    finding.furthest = of.series;
    finding.side = static_cast<std::int8_t>(of.value >= of.expected ? 1 : -1);
    finding.value = of.value;
    finding.expected = of.expected;
    finding.lower = -std::numeric_limits<double>::infinity();
    finding.upper = std::numeric_limits<double>::infinity();
  }

  RuleGate gate_;
  BacktestSeries& out_;
  double worst_ = -1;
};

// Time that passes between two samples is said to the detector, as ticks do it.
void pass_gap(NamedDetector& detector, Recorder& recorder, Timestamp from, Timestamp to) {
  const Duration step = std::max<Duration>(kPassStep, (to - from) / kPassesMax);
  for (Timestamp now = from + step; now < to; now += step) {
    const Reading reading = detector.pass(now);
    if (reading.is_unusual) recorder.apply(now, reading);
  }
}

void run_named(NamedDetector& detector, const BacktestSamples& samples, Recorder& recorder) {
  for (std::size_t i = 0; i < samples.times.size(); ++i) {
    if (i > 0 && detector.kind() == NamedDetectorKind::Absence) {
      pass_gap(detector, recorder, samples.times[i - 1], samples.times[i]);
    }
    const Reading reading = detector.observe(samples.times[i], samples.values[i]);
    recorder.sample(samples.times[i], samples.values[i], reading);
  }
}

// As RuleWatches gathers them: one sample of each series makes a sample of all.
class Rounds {
 public:
  Rounds(std::span<const BacktestSamples> members, IsolationDetector& detector, Recorder& recorder)
      : members_(members),
        detector_(detector),
        recorder_(recorder),
        values_(members.size(), std::numeric_limits<double>::quiet_NaN()),
        came_(members.size(), false) {}

  void run() {
    struct Row {
      Timestamp time{};
      std::uint32_t member = 0;
      std::uint32_t index = 0;
    };
    std::vector<Row> rows;
    for (std::uint32_t m = 0; m < members_.size(); ++m) {
      for (std::uint32_t i = 0; i < members_[m].times.size(); ++i) {
        rows.push_back({members_[m].times[i], m, i});
      }
    }
    std::ranges::stable_sort(rows, {}, &Row::time);
    for (const Row& row : rows) {
      const double value = members_[row.member].values[row.index];
      if (!is_stale_marker(value)) take(row.member, row.time, value);
    }
  }

 private:
  void take(std::uint32_t member, Timestamp time, double value) {
    if (came_[member]) close(time);
    came_[member] = true;
    values_[member] = value;
    ++count_;
    round_ = std::max(round_, time);
    if (count_ == members_.size()) close(time);
  }

  void close(Timestamp time) {
    const Reading reading = detector_.observe(round_, values_);
    const std::size_t at = detector_.furthest();
    const Furthest of{.series = members_[at].series,
                      .value = values_[at],
                      .expected = detector_.expected(at),
                      .p = detector_.p()};
    recorder_.sample(time, reading.value, reading, &of);
    std::ranges::fill(values_, std::numeric_limits<double>::quiet_NaN());
    came_.assign(came_.size(), false);
    count_ = 0;
  }

  std::span<const BacktestSamples> members_;
  IsolationDetector& detector_;
  Recorder& recorder_;
  std::vector<double> values_;  // Of the round in hand; NaN: not yet.
  std::vector<bool> came_;
  std::size_t count_ = 0;
  Timestamp round_ = Timestamp::min();
};

Result<BacktestSeries> run_group(const DetectionRule& rule,
                                 std::span<const BacktestSamples> members) {
  Timestamp begin = Timestamp::max();
  Timestamp end = Timestamp::min();
  for (const BacktestSamples& samples : members) {
    begin = std::min(begin, samples.times.front());
    end = std::max(end, samples.times.back());
  }
  NamedDetectorOptions options = rule.detector;
  options.series = members.size();
  TRY(const auto detector, make_named_detector(options));
  BacktestSeries out;
  const std::string name = members[0].entity.empty() ? "no entity" : members[0].entity;
  Recorder recorder(rule.gate, fmt::format("{} ({} series)", name, members.size()), begin, end,
                    out);
  Rounds(members, static_cast<IsolationDetector&>(*detector), recorder).run();
  return out;
}

}  // namespace

Result<std::vector<std::vector<BacktestSamples>>> group_backtest(const DetectionRule& rule,
                                                                 std::vector<BacktestSamples> all) {
  std::vector<std::vector<BacktestSamples>> groups;
  if (rule.detector.kind != NamedDetectorKind::Isolation) {
    for (BacktestSamples& samples : all) groups.push_back({std::move(samples)});
    return groups;
  }
  std::map<std::string, std::vector<BacktestSamples>> by_entity;
  const std::size_t count = all.size();
  for (BacktestSamples& samples : all) by_entity[samples.entity].push_back(std::move(samples));
  for (auto& [entity, members] : by_entity) {
    if (members.size() > kBacktestGroupMax) {
      return fail(
          Errc::InvalidArgument,
          fmt::format("the rule matches {} series of {}, isolation takes {} at most: "
                      "narrow it with `match`",
                      members.size(), entity.empty() ? "no entity" : entity, kBacktestGroupMax));
    }
    if (members.size() > 1) groups.push_back(std::move(members));
  }
  if (!groups.empty()) return groups;
  return fail(Errc::InvalidArgument,
              fmt::format("isolation looks at several series of an entity together; of the {} that "
                          "there {}, no two have one entity",
                          count, count == 1 ? "is" : "are"));
}

Result<BacktestSeries> run_backtest(const DetectionRule& rule,
                                    std::span<const BacktestSamples> all) {
  for (const BacktestSamples& samples : all) {
    if (!samples.times.empty()) continue;
    return fail(Errc::InvalidArgument, fmt::format("'{}' has no samples", samples.series));
  }
  if (rule.detector.kind == NamedDetectorKind::Isolation) return run_group(rule, all);
  QUELL_ASSERT(all.size() == 1, "only isolation looks at several series at once");
  const BacktestSamples& samples = all[0];
  BacktestSeries out;
  Recorder recorder(rule.gate, samples.series, samples.times.front(), samples.times.back(), out);
  if (rule.detector.kind == NamedDetectorKind::Auto) {
    const Readings readings = read_auto(samples, rule.detector);
    for (std::size_t i = 0; i < readings.size(); ++i) {
      recorder.sample(samples.times[i], samples.values[i], readings[i]);
    }
    return out;
  }
  TRY(const auto detector, make_named_detector(rule.detector));
  run_named(*detector, samples, recorder);
  return out;
}

std::size_t BacktestReport::findings(const DetectionRule& rule) const {
  if (rule.detector.kind == NamedDetectorKind::Auto) return raised.size();
  std::size_t count = 0;
  for (const BacktestSeries& one : series) count += one.findings.size();
  return count;
}

double BacktestReport::findings_per_day(const DetectionRule& rule) const {
  double days = 0;
  for (const BacktestSeries& one : series) days += to_seconds(one.end - one.begin) / 86'400;
  return days > 0 ? static_cast<double>(findings(rule)) / days : 0;
}

}  // namespace quell
