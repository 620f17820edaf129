#include "eval/calibration_eval.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numbers>

#include "base/json.h"
#include "base/prng.h"
#include "detect/calibration.h"
#include "detect/detector.h"
#include "eval/run_series.h"

namespace quell {
namespace {

constexpr std::size_t kWarm = 10'000;
constexpr std::size_t kLength = 40'000;
constexpr double kSeldom = 1e-4;

double uniform(Prng& prng) {
  return (static_cast<double>(prng.next() >> 11) + 0.5) * 0x1p-53;
}

double normal(Prng& prng) {
  return std::sqrt(-2 * std::log(uniform(prng))) * std::cos(2 * std::numbers::pi * uniform(prng));
}

// The day's course, -1 to 1.
double course(std::int64_t seconds) {
  return std::sin(2 * std::numbers::pi * static_cast<double>(seconds % 86'400) / 86'400);
}

double poisson(Prng& prng, double mean) {
  double product = uniform(prng);
  double count = 0;
  for (; product > std::exp(-mean); product *= uniform(prng)) ++count;
  return count;
}

using Make = double (*)(Prng& prng, std::int64_t seconds, double& memory);

double remembered(Prng& prng, double share, double& memory) {
  return memory = share * memory + normal(prng);
}

struct Generator {
  std::string_view name{};
  std::int64_t interval = 60;
  Make make = nullptr;
};
constexpr std::array<Generator, 12> kKinds{{
    {"normal", 15, [](Prng& p, std::int64_t, double&) { return 100 + normal(p); }},
    {"normal", 60, [](Prng& p, std::int64_t, double&) { return 100 + normal(p); }},
    {"normal", 300, [](Prng& p, std::int64_t, double&) { return 100 + normal(p); }},
    {"uniform", 60, [](Prng& p, std::int64_t, double&) { return uniform(p); }},
    {"log-normal", 60, [](Prng& p, std::int64_t, double&) { return std::exp(normal(p)); }},
    {"exponential, two-sided", 60,
     [](Prng& p, std::int64_t, double&) {
       const double size = -std::log(uniform(p));
       return p.chance(50) ? size : -size;
     }},
    {"Poisson, mean 3", 60, [](Prng& p, std::int64_t, double&) { return poisson(p, 3); }},
    {"day and noise", 60,
     [](Prng& p, std::int64_t t, double&) { return 50 + 10 * course(t) + normal(p); }},
    {"day and noise", 300,
     [](Prng& p, std::int64_t t, double&) { return 50 + 10 * course(t) + normal(p); }},
    {"day, noise by its level", 60,
     [](Prng& p, std::int64_t t, double&) {
       return (50 + 30 * course(t)) * (1 + 0.1 * normal(p));
     }},
    {"memory 0.9", 60, [](Prng& p, std::int64_t, double& m) { return remembered(p, 0.9, m); }},
    {"day and memory 0.8", 60,
     [](Prng& p, std::int64_t t, double& m) { return 20 * course(t) + remembered(p, 0.8, m); }},
}};

RecordedSeries generate(const Generator& kind, std::uint64_t seed) {
  RecordedSeries series;
  Prng prng(seed);
  double memory = 0;
  for (std::size_t i = 0; i < kLength; ++i) {
    series.seconds.push_back(static_cast<std::int64_t>(i) * kind.interval);
    series.values.push_back(kind.make(prng, series.seconds.back(), memory));
  }
  return series;
}

double ratio(std::uint64_t part, std::uint64_t all) {
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
}

}  // namespace

double CalibrationReport::measured() const {
  double sum = 0;
  for (const Kind& kind : kinds) sum += ratio(kind.opened, kind.samples);
  return kinds.empty() ? 0 : sum / static_cast<double>(kinds.size());
}

CalibrationReport evaluate_calibration(const EvalProgress& progress, std::uint64_t series_of_each) {
  CalibrationReport report{
      .series_of_each = series_of_each, .declared = DetectSettings{}.finding_p, .seldom = kSeldom};
  for (std::size_t k = 0; k < kKinds.size(); ++k) {
    progress(kKinds[k].name, k, kKinds.size());
    CalibrationReport::Kind out{.name = std::string(kKinds[k].name),
                                .interval_seconds = kKinds[k].interval};
    for (std::uint64_t seed = 1; seed <= series_of_each; ++seed) {
      const Observations seen = run_series(generate(kKinds[k], seed));
      const auto opens = [&](std::size_t i) -> std::uint64_t {
        return (seen.flags[i] & kOpened) != 0 ? 1 : 0;
      };
      for (std::size_t i = report.kYoungFrom; i < report.kYoungTo; ++i) {
        ++out.young_samples;
        out.young_opened += opens(i);
      }
      for (std::size_t i = kWarm; i < seen.size(); ++i) {
        const double p = score_to_p(static_cast<double>(seen.score[i]));
        ++out.samples;
        out.rare += p <= report.declared ? 1 : 0;
        out.opened += opens(i);
        report.seldom_rare += p <= kSeldom ? 1 : 0;
      }
    }
    report.kinds.push_back(std::move(out));
  }
  return report;
}

std::string calibration_json(const CalibrationReport& report) {
  std::string out;
  JsonWriter w(out);
  w.begin_object().field("declared", report.declared).field("measured", report.measured());
  w.end_object();
  return out;
}

std::string calibration_table(const CalibrationReport& report) {
  std::string out = fmt::format(
      "Series without anomalies, {0} of each kind (seeds 1 to {0}) with {1} samples behind the "
      "first {2}.\nYoung: from the {3}th sample of a series to its {4}th.\n"
      "Declared: {5} findings per 1,000 samples.\n\n"
      "{6:26} interval  rare samples  findings  per 1,000  young per   findings per series and "
      "day\n"
      "{6:26}            per 1,000               samples  1,000 samples  declared   measured\n",
      report.series_of_each, kLength - kWarm, kWarm, report.kYoungFrom, report.kYoungTo,
      1'000 * report.declared, "");
  std::uint64_t samples = 0;
  for (const auto& kind : report.kinds) {
    const double per_day = 86'400.0 / static_cast<double>(kind.interval_seconds);
    const double measured = ratio(kind.opened, kind.samples);
    samples += kind.samples;
    out += fmt::format("{:26} {:6} s  {:12.2f}  {:8}  {:9.2f}  {:9.2f}  {:11.2f}  {:9.2f}\n",
                       kind.name, kind.interval_seconds, 1'000 * ratio(kind.rare, kind.samples),
                       kind.opened, 1'000 * measured,
                       1'000 * ratio(kind.young_opened, kind.young_samples),
                       report.declared * per_day, measured * per_day);
  }
  out += fmt::format(
      "\nMean of the kinds: {:.2f} findings per 1,000 samples, {:.2f} of what is declared.\n"
      "Samples with p <= {:g}: {:.2f} of what is declared.\n",
      1'000 * report.measured(), report.measured() / report.declared, report.seldom,
      ratio(report.seldom_rare, samples) / report.seldom);
  return out;
}

}  // namespace quell
