#include "eval/nab_eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/json.h"
#include "base/time.h"
#include "detect/calibration.h"
#include "detect/detector.h"
#include "eval/eval_text.h"
#include "eval/run_series.h"
#include "eval/series_csv.h"

namespace quell {
namespace {

struct LabelledFile {
  std::string name{};  // `realTweets/Twitter_volume_AAPL.csv`
  std::vector<std::pair<std::string, std::string>> windows{};  // First and last time.
};

// Published in NAB's README and results (scoreboard of v1.1); see docs/benchmarks.md.
struct NabPeer {
  std::string_view name{};
  std::array<double, 3> scores{};
};
constexpr std::array<NabPeer, 9> kNabPeers{{{"ARTime", {74.9, 65.1, 80.4}},
                                            {"Numenta HTM", {70.1, 63.2, 74.3}},
                                            {"CAD OSE", {69.9, 67.0, 73.2}},
                                            {"earthgecko Skyline", {58.2, 46.2, 63.9}},
                                            {"KNN CAD", {58.0, 43.4, 64.8}},
                                            {"Random Cut Forest", {51.7, 38.4, 59.7}},
                                            {"Twitter ADVec", {47.1, 33.6, 53.5}},
                                            {"Windowed Gaussian", {39.6, 20.9, 47.4}},
                                            {"random", {11.0, 1.2, 19.5}}}};

Result<std::vector<LabelledFile>> parse_windows(std::string_view text, const std::string& path) {
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, text);
  if (!root) {
    return fail(Errc::InvalidArgument, root.error().message,
                fmt::format("{}: {}", path, root.error().place));
  }
  simdjson::dom::object object;
  if (root->get_object().get(object) != simdjson::SUCCESS) {
    return fail(Errc::InvalidArgument, "expected an object of windows by file", path);
  }
  std::vector<LabelledFile> files;
  for (const auto& [name, windows] : object) {
    LabelledFile file{.name = std::string(name)};
    simdjson::dom::array list;
    if (windows.get_array().get(list) != simdjson::SUCCESS) {
      return fail(Errc::InvalidArgument, fmt::format("'{}': expected a list of windows", name),
                  path);
    }
    for (const auto& window : list) {
      std::string_view first;
      std::string_view last;
      if (window.at(0).get(first) != simdjson::SUCCESS ||
          window.at(1).get(last) != simdjson::SUCCESS) {
        return fail(Errc::InvalidArgument, fmt::format("'{}': expected pairs of times", name),
                    path);
      }
      file.windows.emplace_back(first, last);
    }
    files.push_back(std::move(file));
  }
  std::ranges::sort(files, {}, &LabelledFile::name);
  return files;
}

std::string format_seconds(std::int64_t seconds) {
  return format_rfc3339(Timestamp(std::chrono::seconds(seconds)));
}

// The rows of the labelled windows: from the first one at or after a window's beginning to the last
// one at or before its end.
Result<std::vector<NabWindow>> find_windows(const RecordedSeries& series, const LabelledFile& file,
                                            const std::string& labels_path) {
  std::vector<NabWindow> windows;
  for (const auto& [first, last] : file.windows) {
    const auto from = parse_recorded_time(first);
    const auto to = parse_recorded_time(last);
    if (!from || !to) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'{}': {}", file.name, (from ? to : from).error().message),
                  labels_path);
    }
    NabWindow window{.first = series.size(), .last = 0};
    bool is_empty = true;
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (series.seconds[i] < *from || series.seconds[i] > *to) continue;
      window.first = std::min(window.first, i);
      window.last = i;
      is_empty = false;
    }
    if (is_empty) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'{}': the window from '{}' to '{}' holds no row of the file",
                              file.name, first, last),
                  labels_path);
    }
    windows.push_back(window);
  }
  std::ranges::sort(windows, {}, &NabWindow::first);
  for (std::size_t i = 1; i < windows.size(); ++i) {
    if (windows[i].first <= windows[i - 1].last) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'{}': two windows overlap at '{}'", file.name,
                              format_seconds(series.seconds[windows[i].first])),
                  labels_path);
    }
  }
  return windows;
}

// `directory`/`folder`/`name`, or without the folder. Errors: those of the reader.
Result<std::string> read_below(DataReader& reader, const std::string& directory,
                               std::string_view folder, const std::string& name,
                               std::string& path) {
  path = fmt::format("{}/{}/{}", directory, folder, name);
  auto content = reader.read(path);
  if (content || content.error().code != Errc::NotFound) return content;
  const std::string plain = fmt::format("{}/{}", directory, name);
  auto other = reader.read(plain);
  if (!other && other.error().code == Errc::NotFound) return content;
  path = plain;
  return other;
}

// What NAB calls the anomaly score: that of samples which are worse than anything lately.
std::vector<double> alert_scores(const Observations& seen) {
  std::vector<double> scores(seen.size(), 0);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if ((seen.flags[i] & kNewSeverity) != 0) scores[i] = static_cast<double>(seen.score[i]);
  }
  return scores;
}

std::vector<double> delays_of(const NabCorpus::File& file, std::span<const double> scores,
                              double threshold, NabReport::Category& category) {
  std::vector<double> delays;
  const std::size_t probation = nab_probation_rows(scores.size());
  for (const NabWindow& window : file.windows) {
    ++category.windows;
    for (std::size_t i = std::max(window.first, probation); i <= window.last; ++i) {
      if (scores[i] < threshold) continue;
      ++category.hit;
      delays.push_back(static_cast<double>(i - window.first) /
                       static_cast<double>(window.last - window.first + 1));
      break;
    }
  }
  std::size_t w = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    while (w < file.windows.size() && file.windows[w].last < i) ++w;
    const bool inside = w < file.windows.size() && file.windows[w].first <= i;
    if (!inside && i >= probation && scores[i] >= threshold) ++category.false_rows;
  }
  return delays;
}

void score_corpus(const NabCorpus& corpus, NabReport& report) {
  for (std::size_t k = 0; k < kNabProfiles.size(); ++k) {
    report.best[k] = corpus.best(kNabProfiles[k]);
    report.shipped[k] = corpus.at(kNabProfiles[k], p_to_score(DetectSettings{}.finding_p)).score;
    double sum = 0;
    double squares = 0;
    for (std::uint64_t seed = 1; seed <= kNabSeeds; ++seed) {
      const double score = corpus.out_of_fold(kNabProfiles[k], kNabFolds, seed);
      sum += score;
      squares += score * score;
    }
    constexpr auto kCount = static_cast<double>(kNabSeeds);
    report.out_of_fold[k] = sum / kCount;
    report.fold_spread[k] =
        std::sqrt(std::max(0.0, squares / kCount - sum / kCount * sum / kCount));
  }
}

void describe(const NabCorpus& corpus, const std::vector<std::vector<double>>& scores,
              NabReport& report) {
  std::map<std::string, NabReport::Category> categories;
  for (std::size_t f = 0; f < corpus.size(); ++f) {
    const std::string& name = corpus.file(f).name;
    NabReport::Category& category = categories[name.substr(0, name.find('/'))];
    const auto delays = delays_of(corpus.file(f), scores[f], report.best[0].threshold, category);
    report.delays.insert(report.delays.end(), delays.begin(), delays.end());
  }
  std::ranges::sort(report.delays);
  for (auto& [name, category] : categories) {
    category.name = name;
    report.categories.push_back(category);
  }
}

}  // namespace

Result<NabReport> evaluate_nab(const DataFiles& files, const std::string& directory,
                               const EvalProgress& progress, const Calendar& calendar) {
  DataReader reader(files);
  std::string labels_path;
  const auto labels = read_below(reader, directory, "labels", "combined_windows.json", labels_path);
  if (!labels && labels.error().code == Errc::NotFound) {
    return fail(
        Errc::NotFound,
        fmt::format("no labels/combined_windows.json in '{}'; expected the root of NAB, with "
                    "data/ and labels/",
                    directory));
  }
  if (!labels) return std::unexpected(labels.error());
  TRY(const std::vector<LabelledFile> labelled, parse_windows(*labels, labels_path));
  NabCorpus corpus;
  NabReport report;
  std::vector<std::vector<double>> scores;
  for (std::size_t i = 0; i < labelled.size(); ++i) {
    progress(labelled[i].name, i, labelled.size());
    std::string path;
    const auto text = read_below(reader, directory, "data", labelled[i].name, path);
    if (!text && text.error().code == Errc::NotFound) {
      ++report.absent;
      continue;
    }
    if (!text) return std::unexpected(text.error());
    TRY(const RecordedSeries series, parse_series_csv(*text, path));
    TRY(std::vector<NabWindow> windows, find_windows(series, labelled[i], labels_path));
    scores.push_back(alert_scores(run_series(series, {}, calendar)));
    corpus.add(labelled[i].name, std::move(windows), scores.back());
    report.rows += series.size();
  }
  if (corpus.size() == 0) {
    return fail(Errc::NotFound, fmt::format("none of the {} files that {} names is in '{}/data'",
                                            labelled.size(), labels_path, directory));
  }
  progress("scoring", labelled.size(), labelled.size());
  report.files = corpus.size();
  report.windows = corpus.window_count();
  report.data_hash = reader.hash();
  score_corpus(corpus, report);
  describe(corpus, scores, report);
  return report;
}

std::string nab_json(const NabReport& report) {
  std::string out;
  JsonWriter w(out);
  w.begin_object();
  for (std::size_t k = 0; k < kNabProfiles.size(); ++k) {
    w.field(kNabProfiles[k].name, report.best[k].score);
  }
  w.key("out_of_fold").begin_object();
  for (std::size_t k = 0; k < kNabProfiles.size(); ++k) {
    w.field(kNabProfiles[k].name, report.out_of_fold[k]);
  }
  w.end_object().end_object();
  return out;
}

std::string nab_table(const NabReport& report) {
  std::string out = fmt::format(
      "NAB: {} files{}, {} rows, {} windows, data {:016x}\n\n"
      "{:38} standard  low FP  low FN\n",
      report.files,
      report.absent == 0 ? "" : fmt::format(" ({} more are labelled, but absent)", report.absent),
      report.rows, report.windows, report.data_hash, "");
  const auto line = [&](std::string_view name, const std::array<double, 3>& s) {
    out += fmt::format("{:38} {:8.1f} {:7.1f} {:7.1f}\n", name, s[0], s[1], s[2]);
  };
  line("Quell, NAB's rule (in-sample threshold)",
       {report.best[0].score, report.best[1].score, report.best[2].score});
  line("Quell, out of fold (10 folds by file)", report.out_of_fold);
  line("Quell, threshold as shipped", report.shipped);
  for (const NabPeer& peer : kNabPeers) line(peer.name, peer.scores);
  out += fmt::format(
      "\nPeers: NAB's published results, by the same rule (threshold chosen on the scored files).\n"
      "Out of fold: the threshold of each file comes from other files; mean of seeds 1 to {},\n"
      "standard deviation {:.1f}, {:.1f} and {:.1f}. One setting for all files and data sets.\n",
      kNabSeeds, report.fold_spread[0], report.fold_spread[1], report.fold_spread[2]);
  out +=
      fmt::format("\nThreshold of the standard profile {:.2f}: {} of {} windows, {} false rows\n",
                  report.best[0].threshold, report.best[0].windows_hit, report.windows,
                  report.best[0].false_rows);
  for (const auto& c : report.categories) {
    out += fmt::format("  {:24} {:3} of {:3} windows, {:3} false rows\n", c.name, c.hit, c.windows,
                       c.false_rows);
  }
  out += "\nDelay from the beginning of a window, as a share of it (0.5: where the label lies):\n";
  out += quantile_line(report.delays);
  return out;
}

}  // namespace quell
