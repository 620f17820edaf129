#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "app/commands.h"
#include "app/data_on_disk.h"
#include "app/progress_bar.h"
#include "detect/calendar.h"
#include "eval/calibration_eval.h"
#include "eval/kpi_eval.h"
#include "eval/nab_eval.h"
#include "eval/quiet_eval.h"
#include "eval/smd_eval.h"

namespace quell {
namespace {

template <class Report>
Result<std::string> text_of(const Result<Report>& report, bool json,
                            std::string (*as_json)(const Report&),
                            std::string (*as_table)(const Report&)) {
  if (!report) return std::unexpected(report.error());
  return json ? as_json(*report) + "\n" : as_table(*report);
}

Result<std::string> evaluate(const EvalArguments& arguments) {
  auto calendar = Calendar::parse(arguments.timezone);
  if (!calendar) {
    return fail(Errc::InvalidArgument, calendar.error().to_string(), "--timezone");
  }
  const DataFiles files = data_files_on_disk();
  ProgressBar bar;
  const EvalProgress progress = [&](std::string_view part, std::size_t done, std::size_t all) {
    bar.show(part, done, all);
  };
  if (arguments.set == EvalSet::Calibration) {
    return text_of<CalibrationReport>(evaluate_calibration(progress), arguments.json,
                                      calibration_json, calibration_table);
  }
  std::string directory = arguments.directory;
  if (arguments.set == EvalSet::Quiet && directory.empty()) {
    return text_of(evaluate_quiet(files, directory, progress), arguments.json, quiet_json,
                   quiet_table);
  }
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  if (!std::filesystem::is_directory(directory)) {
    return fail(Errc::NotFound, fmt::format("'{}' is no directory", directory));
  }
  switch (arguments.set) {
    case EvalSet::Nab:
      return text_of(evaluate_nab(files, directory, progress, *calendar), arguments.json, nab_json,
                     nab_table);
    case EvalSet::Kpi:
      return text_of(evaluate_kpi(files, directory, progress, *calendar), arguments.json, kpi_json,
                     kpi_table);
    case EvalSet::Smd:
      return text_of(evaluate_smd(files, directory, progress), arguments.json, smd_json, smd_table);
    case EvalSet::Quiet:
      return text_of(evaluate_quiet(files, directory, progress), arguments.json, quiet_json,
                     quiet_table);
    case EvalSet::Calibration: break;  // Above.
  }
  return fail(Errc::InvalidArgument, "no such set");
}

}  // namespace

ExitCode run_eval(const EvalArguments& arguments) {
  const auto text = evaluate(arguments);
  if (!text) {
    fmt::print(stderr, "quell: {}\n", text.error().to_string());
    return ExitCode::Failed;
  }
  fmt::print("{}", *text);
  return ExitCode::Done;
}

}  // namespace quell
