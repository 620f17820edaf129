#include "eval/kpi_eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/json.h"
#include "detect/calibration.h"
#include "detect/detector.h"
#include "eval/eval_text.h"
#include "eval/run_series.h"
#include "eval/series_csv.h"

namespace quell {
namespace {

// From "Time-Series Anomaly Detection Service at Microsoft" (KDD 2019), on the test half, with the
// threshold searched on it; as quoted in the papers that followed.
struct KpiPeer {
  std::string_view name{};
  double f1 = 0;
};
constexpr std::array<KpiPeer, 5> kKpiPeers{
    {{"SR-CNN", 0.771}, {"SR", 0.622}, {"DSPOT", 0.521}, {"DONUT", 0.347}, {"SPOT", 0.217}}};

// Only what is scored must be labelled.
Status append_series(DataReader& reader, const std::string& path, bool needs_labels,
                     RecordedSeries& series) {
  TRY(const std::string text, reader.read(path));
  auto parsed = parse_series_csv(text, path);
  if (!parsed && parsed.error().code == Errc::NotFound) return {};  // A header and nothing else.
  TRY(RecordedSeries part, std::move(parsed));
  sort_by_time(part);
  if (part.labels.empty() && needs_labels) {
    return fail(Errc::InvalidArgument,
                "expected a column 'label' of 0 and 1 beside 'timestamp' and 'value'", path + ":1");
  }
  part.labels.resize(part.size());
  series.seconds.insert(series.seconds.end(), part.seconds.begin(), part.seconds.end());
  series.values.insert(series.values.end(), part.values.begin(), part.values.end());
  series.labels.insert(series.labels.end(), part.labels.begin(), part.labels.end());
  return {};
}

struct SeriesFiles {
  std::string name{};
  bool has_train = false;
  bool has_test = false;
};

Result<std::vector<SeriesFiles>> find_series(const DataReader& reader,
                                             const std::string& directory) {
  std::vector<SeriesFiles> all;
  for (const std::string_view part : {"Train", "Test"}) {
    const auto names = reader.list(fmt::format("{}/{}", directory, part), ".csv");
    if (!names && names.error().code != Errc::NotFound) return std::unexpected(names.error());
    if (!names) continue;
    for (const std::string& name : *names) {
      if (name.starts_with('.')) continue;  // What desktops leave behind.
      auto at = std::ranges::find(all, name, &SeriesFiles::name);
      if (at == all.end()) at = all.insert(all.end(), {.name = name});
      (part == "Train" ? at->has_train : at->has_test) = true;
    }
  }
  if (all.empty()) {
    return fail(
        Errc::NotFound,
        fmt::format("no .csv or .csv.xz in '{0}/Train' or '{0}/Test'; expected the KPIs of the "
                    "AIOps 2018 competition, one file each",
                    directory));
  }
  std::ranges::sort(all, {}, &SeriesFiles::name);
  return all;
}

// A detection: an episode that begins, or one that goes on behind a gap.
std::vector<std::uint8_t> detections(const Observations& seen) {
  std::vector<std::uint8_t> detected(seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    detected[i] = (seen.flags[i] & (kOpened | kRestated)) != 0 ? 1 : 0;
  }
  return detected;
}

}  // namespace

Result<KpiReport> evaluate_kpi(const DataFiles& files, const std::string& directory,
                               const EvalProgress& progress, const Calendar& calendar) {
  DataReader reader(files);
  TRY(const std::vector<SeriesFiles> all, find_series(reader, directory));
  KpiReport report{.finding_p = DetectSettings{}.finding_p};
  double days = 0;
  double usual = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    progress(all[i].name, i, all.size());
    RecordedSeries series;
    if (all[i].has_train) {
      TRY_STATUS(
          append_series(reader, directory + "/Train/" + all[i].name, !all[i].has_test, series));
    }
    const std::size_t train_size = series.size();
    if (all[i].has_test) {
      TRY_STATUS(append_series(reader, directory + "/Test/" + all[i].name, true, series));
    }
    if (series.size() == 0) continue;
    const std::size_t from =
        all[i].has_test && train_size < series.size() ? train_size : train_size / 2;
    const auto detected = detections(run_series(series, {}, calendar));
    KpiCounts counts = score_kpi(series.seconds, series.labels, detected, from);
    report.counts.add(counts);
    report.points += series.size();
    report.scored_points += series.size() - from;
    report.with_test += all[i].has_test ? 1 : 0;
    days += static_cast<double>(series.seconds.back() - series.seconds[from]) / 86'400;
    usual += static_cast<double>(std::count(
        series.labels.begin() + static_cast<std::ptrdiff_t>(from), series.labels.end(), 0));
    report.series.push_back({.name = all[i].name, .counts = std::move(counts)});
  }
  report.false_per_day = days > 0 ? static_cast<double>(report.counts.false_points) / days : 0;
  report.declared_per_day = days > 0 ? report.finding_p * usual / days : 0;
  report.data_hash = reader.hash();
  return report;
}

std::string kpi_json(const KpiReport& report) {
  std::string out;
  JsonWriter w(out);
  w.begin_object()
      .field("f1", report.counts.f1())
      .field("precision", report.counts.precision())
      .field("recall", report.counts.recall())
      .end_object();
  return out;
}

std::string kpi_table(const KpiReport& report) {
  std::string out = fmt::format(
      "KPI: {} series, {} points, of which {} are scored ({}), data {:016x}\n\n"
      "{:44}    F1  precision  recall\n"
      "{:44} {:5.3f}      {:5.3f}   {:5.3f}\n",
      report.series.size(), report.points, report.scored_points,
      report.with_test == 0                      ? "the second half of each"
      : report.with_test == report.series.size() ? "Test"
                                                 : "Test, else the second half",
      report.data_hash, "",
      fmt::format("Quell, threshold fixed beforehand (p {:g})", report.finding_p),
      report.counts.f1(), report.counts.precision(), report.counts.recall());
  for (const KpiPeer& peer : kKpiPeers) {
    out += fmt::format("{:44} {:5.3f}          -       -\n", peer.name, peer.f1);
  }
  out += fmt::format(
      "\nDelay {}, gaps are normal points. Peers: published for the test half of the same series, "
      "with\n"
      "their thresholds searched on it; not run again here.\n",
      kKpiDelay);
  out += fmt::format(
      "\n{} of {} segments found; false detections per series and day: {:.2f}, declared {:.2f}\n",
      report.counts.segments_found, report.counts.segments, report.false_per_day,
      report.declared_per_day);
  std::vector<double> delays(report.counts.delays.begin(), report.counts.delays.end());
  std::ranges::sort(delays);
  out += "Points before the first detection, of the segments found:\n";
  out += quantile_line(delays);
  out += "\n  series                                       segments   F1     precision  recall\n";
  for (const auto& s : report.series) {
    out += fmt::format("  {:42} {:4} of {:4}  {:5.3f}   {:5.3f}     {:5.3f}\n",
                       s.name.substr(0, 42), s.counts.segments_found, s.counts.segments,
                       s.counts.f1(), s.counts.precision(), s.counts.recall());
  }
  return out;
}

}  // namespace quell
