#include "eval/backtest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json.h"
#include "base/time.h"
#include "detect/detector.h"

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

// Puts readings through the gate and keeps what comes out.
class Recorder {
 public:
  Recorder(const RuleGateOptions& options, const BacktestSamples& samples, BacktestSeries& out)
      : gate_(options), out_(out) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    out_.series = samples.series;
    out_.begin = samples.times.front();
    out_.end = samples.times.back();
    out_.columns.assign(BacktestSeries::kColumns, {.band_low = kNone, .band_high = kNone});
  }

  void sample(Timestamp time, double value, const Reading& reading) {
    ++out_.samples;
    if (reading.is_learning) ++out_.learning;
    auto& column = column_of(time);
    widen(column, value, reading);
    apply(time, reading);
    column.in_finding |= gate_.is_open();
  }

  void apply(Timestamp time, const Reading& reading) {
    const GateVerdict verdict = gate_.apply(time, reading);
    if (!verdict.reason.empty()) ++out_.held_back[std::string(verdict.reason)];
    if (verdict.state == GateState::Opened) {
      out_.findings.push_back({.onset = verdict.onset, .detected_at = time});
      worst_ = -1;
    }
    if (verdict.state == GateState::Opened || verdict.state == GateState::Open) {
      if (reading.is_used) note(verdict.held ? *verdict.held : reading);
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

}  // namespace

Result<BacktestSeries> run_backtest(const DetectionRule& rule, const BacktestSamples& samples) {
  if (samples.times.empty()) {
    return fail(Errc::InvalidArgument, fmt::format("'{}' has no samples", samples.series));
  }
  BacktestSeries out;
  Recorder recorder(rule.gate, samples, out);
  if (rule.detector.kind == NamedDetectorKind::Auto) {
    const Readings readings = read_auto(samples, rule.detector);
    for (std::size_t i = 0; i < readings.size(); ++i) {
      recorder.sample(samples.times[i], samples.values[i], readings[i]);
    }
    return out;
  }
  if (rule.detector.kind == NamedDetectorKind::Isolation && rule.detector.series != 1) {
    return fail(Errc::InvalidArgument, "a backtest looks at one series at a time");
  }
  TRY(const auto detector, make_named_detector(rule.detector));
  run_named(*detector, samples, recorder);
  return out;
}

double findings_per_day(std::span<const BacktestSeries> all) {
  double days = 0;
  double findings = 0;
  for (const BacktestSeries& series : all) {
    days += to_seconds(series.end - series.begin) / 86'400;
    findings += static_cast<double>(series.findings.size());
  }
  return days > 0 ? findings / days : 0;
}

std::string backtest_json(const DetectionRule& rule, std::span<const BacktestSeries> all) {
  std::string text;
  JsonWriter w(text);
  std::size_t count = 0;
  for (const BacktestSeries& series : all) count += series.findings.size();
  w.begin_object()
      .field("rule", rule.name)
      .field("detector", named_detector_name(rule.detector.kind))
      .field("findings", count)
      .field("findings_per_series_and_day", findings_per_day(all));
  w.key("series").begin_array();
  for (const BacktestSeries& series : all) {
    w.begin_object()
        .field("series", series.series)
        .field("samples", series.samples)
        .field("learning", series.learning)
        .field("begin", series.begin)
        .field("end", series.end);
    w.key("findings").begin_array();
    for (const BacktestFinding& f : series.findings) {
      w.begin_object().field("onset", f.onset).field("detected_at", f.detected_at);
      w.field("ended_at", f.ended_at)
          .field("direction", f.side > 0   ? "up"
                              : f.side < 0 ? "down"
                                           : "none")
          .field("value", f.value)
          .field("expected", f.expected)
          .field("low", f.lower)
          .field("high", f.upper);
      if (f.crosses_at) w.field("crosses_at", *f.crosses_at);
      w.end_object();
    }
    w.end_array().key("held_back").begin_object();
    for (const auto& [reason, n] : series.held_back) w.field(reason, n);
    w.end_object().end_object();
  }
  w.end_array().end_object();
  return text;
}

}  // namespace quell
