// The commands of the program.
#pragma once

#include <string>
#include <vector>

#include "app/backtest_source.h"
#include "app/settings.h"

namespace quell {

// What every command ends with, as the shell sees it.
enum class ExitCode : int {
  Done = 0,
  Failed = 1,       // Bad input, refused, not found.
  Usage = 2,        // Wrong arguments.
  Unreachable = 3,  // The server did not answer.
};

struct ServeArguments {
  std::string config{};  // Path; empty: none.
  std::string data{};    // Overrides server.data.
  std::string listen{};  // Overrides server.listen.
};
ExitCode run_serve(const ServeArguments& arguments, const Environment& environment);

struct DemoArguments {
  std::string scenario{};  // Empty: all, one after another.
  double speed = 10;
  std::string listen{"127.0.0.1:8420"};
  bool once = false;  // End when the scenarios have been told.
};
ExitCode run_demo(const DemoArguments& arguments, const Environment& environment);

struct ReplayArguments {
  std::vector<std::string> files{};  // Scenario files, or a journal's directory.
  std::string config{};              // Instead of the recorded one: a back-test.
  bool json = false;
};
ExitCode run_replay(const ReplayArguments& arguments, const Environment& environment);

struct CheckArguments {
  std::string config{};
  std::string pack{};
  std::string sample{};
  std::string headers{};
  std::string secret{};
  bool json = false;
};
ExitCode run_check(const CheckArguments& arguments, const Environment& environment);

// What detection is measured on: public labelled data, or generated series without anomalies.
enum class EvalSet { Nab, Kpi, Smd, Calibration, Quiet };
struct EvalArguments {
  EvalSet set = EvalSet::Nab;
  std::string directory{};      // Not for Calibration; empty for Quiet: generated machines.
  std::string timezone{"UTC"};  // Nab, Kpi: of the days of series.
  bool json = false;
};
ExitCode run_eval(const EvalArguments& arguments);

struct BacktestArguments {
  BacktestSource source{};
  std::string since{"7d"};
  std::string step{"1m"};
  std::string timezone{"UTC"};  // As detection.timezone of a server.
  std::string rule{};           // A file.
  std::string svg{};            // Where to write the picture; empty: nowhere.
  bool json = false;
};
ExitCode run_backtest_command(const BacktestArguments& arguments);

}  // namespace quell
