#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "app/commands.h"
#include "eval/calibration_eval.h"
#include "eval/kpi_eval.h"
#include "eval/nab_eval.h"
#include "eval/smd_eval.h"

namespace quell {
namespace {

constexpr std::size_t kDataBytesMax = std::size_t{1} << 30;

Result<std::string> read_data_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    const bool is_absent = errno == ENOENT || errno == ENOTDIR;
    return fail(is_absent ? Errc::NotFound : Errc::Unavailable,
                fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
  }
  std::string content;
  char buffer[65536];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
    content.append(buffer, n);
    if (content.size() > kDataBytesMax) break;
  }
  const bool is_bad = std::ferror(file) != 0;
  std::fclose(file);
  if (is_bad) return fail(Errc::Unavailable, fmt::format("cannot read '{}'", path));
  if (content.size() > kDataBytesMax) {
    return fail(Errc::TooLarge, fmt::format("'{}' is larger than 1 GB", path));
  }
  return content;
}

Result<std::vector<std::string>> list_data_files(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(directory, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    if (!it->is_directory()) names.push_back(it->path().filename().string());
  }
  if (error) {
    return fail(Errc::NotFound, fmt::format("cannot list '{}': {}", directory, error.message()));
  }
  std::ranges::sort(names);
  return names;
}

// A bar on the terminal, a redrawn line; nothing where stderr is none.
class ProgressBar {
 public:
  void show(std::string_view part, std::size_t done, std::size_t all) {
    if (!is_terminal_ || all == 0) return;
    constexpr std::size_t kWidth = 30;
    const std::size_t filled = std::min(kWidth, kWidth * done / all);
    fmt::print(stderr, "\r\x1b[K[{:#<{}}{:.<{}}] {}/{} {}", "", filled, "", kWidth - filled, done,
               all, part.substr(0, 40));
    std::fflush(stderr);
  }
  ~ProgressBar() {
    if (is_terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  bool is_terminal_ = isatty(STDERR_FILENO) != 0;
};

template <class Report>
Result<std::string> text_of(const Result<Report>& report, bool json,
                            std::string (*as_json)(const Report&),
                            std::string (*as_table)(const Report&)) {
  if (!report) return std::unexpected(report.error());
  return json ? as_json(*report) + "\n" : as_table(*report);
}

Result<std::string> evaluate(const EvalArguments& arguments) {
  const DataFiles files{.read = read_data_file, .list = list_data_files};
  ProgressBar bar;
  const EvalProgress progress = [&](std::string_view part, std::size_t done, std::size_t all) {
    bar.show(part, done, all);
  };
  if (arguments.set == EvalSet::Calibration) {
    return text_of<CalibrationReport>(evaluate_calibration(progress), arguments.json,
                                      calibration_json, calibration_table);
  }
  std::string directory = arguments.directory;
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  if (!std::filesystem::is_directory(directory)) {
    return fail(Errc::NotFound, fmt::format("'{}' is no directory", directory));
  }
  switch (arguments.set) {
    case EvalSet::Nab:
      return text_of(evaluate_nab(files, directory, progress), arguments.json, nab_json, nab_table);
    case EvalSet::Kpi:
      return text_of(evaluate_kpi(files, directory, progress), arguments.json, kpi_json, kpi_table);
    case EvalSet::Smd:
      return text_of(evaluate_smd(files, directory, progress), arguments.json, smd_json, smd_table);
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
