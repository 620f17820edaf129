#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "app/commands.h"
#include "app/data_on_disk.h"
#include "app/detection_rule_reader.h"
#include "app/progress_bar.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr std::size_t kSeriesShown = 20;

Status write_file(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  const bool written =
      file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = file != nullptr && std::fclose(file) == 0;
  if (written && closed) return {};
  return fail(Errc::Unavailable, fmt::format("cannot write '{}'", path));
}

// Those with the most findings first: they are what the reader came for.
std::string render_all(const DetectionRule& rule, BacktestReport report) {
  const std::size_t findings = report.findings(rule);
  const double per_day = report.findings_per_day(rule);
  std::vector<BacktestSeries>& all = report.series;
  std::ranges::stable_sort(all, std::ranges::greater{},
                           [](const BacktestSeries& s) { return s.findings.size(); });
  std::string text;
  std::size_t episodes = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    episodes += all[i].findings.size();
    if (i < kSeriesShown) text += render_backtest(rule, all[i]) + '\n';
  }
  if (all.size() > kSeriesShown) {
    text += fmt::format("and {} more series; --json has all\n\n", all.size() - kSeriesShown);
  }
  text += render_raised(report.raised);
  const bool is_auto = rule.detector.kind == NamedDetectorKind::Auto;
  return text +
         fmt::format("rule '{}' ({}): {} finding{}{} in {} series, {:.2f} per series and day\n",
                     rule.name, named_detector_name(rule.detector.kind), findings,
                     findings == 1 ? "" : "s",
                     is_auto ? fmt::format(", of {} episode{},", episodes, episodes == 1 ? "" : "s")
                             : std::string(),
                     all.size(), per_day);
}

Result<std::string> backtest(BacktestArguments arguments) {
  TRY(const std::string yaml, data_files_on_disk().read(arguments.rule));
  if (const auto zone = Calendar::parse(arguments.timezone); !zone) {
    return fail(Errc::InvalidArgument, zone.error().to_string(), "--timezone");
  }
  TRY(const DetectionRule rule, read_backtest_rule(yaml, arguments.rule, arguments.timezone));
  TRY(arguments.source.since, parse_duration(arguments.since));
  TRY(arguments.source.step, parse_duration(arguments.step));
  if (arguments.source.step <= Duration{0} || arguments.source.since <= arguments.source.step) {
    return fail(Errc::InvalidArgument, "--step must be more than 0 and less than --since");
  }
  ProgressBar bar;
  TRY(auto samples, read_backtest_samples(
                        arguments.source, rule, SystemClock().now(),
                        [&](std::size_t done, std::size_t all) { bar.show("read", done, all); }));
  BacktestReport report;
  TRY(auto groups, group_backtest(rule, std::move(samples)));
  for (const auto& group : groups) {
    bar.show(group[0].series, report.series.size(), groups.size());
    TRY(auto result, run_backtest(rule, group));
    report.series.push_back(std::move(result));
  }
  if (rule.detector.kind == NamedDetectorKind::Auto) {
    samples.clear();
    for (auto& group : groups) samples.push_back(std::move(group[0]));
    find_of_entities(rule, samples, report);
  }
  if (!arguments.svg.empty()) {
    TRY_STATUS(write_file(arguments.svg, backtest_svg(rule, report.series)));
  }
  return arguments.json ? backtest_json(rule, report) + '\n' : render_all(rule, std::move(report));
}

}  // namespace

ExitCode run_backtest_command(const BacktestArguments& arguments) {
  const auto text = backtest(arguments);
  if (!text) {
    fmt::print(stderr, "quell: {}\n", text.error().to_string());
    return ExitCode::Failed;
  }
  fmt::print("{}", *text);
  return ExitCode::Done;
}

}  // namespace quell
