// quell: the command line. What the program is made of is in service.cc.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "app/client_commands.h"
#include "app/commands.h"
#include "app/service.h"
#include "base/text.h"

extern char** environ;  // NOLINT: POSIX names it so.

namespace {

using quell::ExitCode;

quell::Environment read_environment() {
  quell::Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != text.npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

void add_serve(CLI::App& app, const quell::Environment& environment, ExitCode& code) {
  auto* command = app.add_subcommand("serve", "Run the server");
  auto arguments = std::make_shared<quell::ServeArguments>();
  command->add_option("--config", arguments->config, "Configuration file (YAML)");
  command->add_option("--data", arguments->data, "Directory of journal and store (./quell-data)");
  command->add_option("--listen", arguments->listen, "ADDRESS:PORT (127.0.0.1:8420)");
  command->callback([=, &environment, &code] { code = run_serve(*arguments, environment); });
}

void add_demo(CLI::App& app, const quell::Environment& environment, ExitCode& code) {
  auto* command = app.add_subcommand("demo", "Run a server and tell it incidents, live");
  auto arguments = std::make_shared<quell::DemoArguments>();
  command->add_option("--scenario", arguments->scenario, "One scenario by name; all when left out");
  command->add_option("--speed", arguments->speed, "How much faster than told")
      ->check(CLI::Range(0.1, 1000.0))
      ->capture_default_str();
  command->add_option("--listen", arguments->listen, "ADDRESS:PORT")->capture_default_str();
  command->add_flag("--once", arguments->once, "End when everything has been told");
  command->callback([=, &environment, &code] { code = run_demo(*arguments, environment); });
}

void add_replay(CLI::App& app, const quell::Environment& environment, ExitCode& code) {
  auto* command = app.add_subcommand(
      "replay", "Run recorded input again and print the incidents that come of it");
  auto arguments = std::make_shared<quell::ReplayArguments>();
  command->add_option("FILE", arguments->files, "Scenario files (.scn), or journal directories")
      ->required();
  command->add_option("--config", arguments->config,
                      "Use this configuration instead of the recorded one");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([=, &environment, &code] { code = run_replay(*arguments, environment); });
}

void add_check(CLI::App& app, const quell::Environment& environment, ExitCode& code) {
  auto* command = app.add_subcommand("check", "Check a configuration, or a provider pack");
  auto arguments = std::make_shared<quell::CheckArguments>();
  command->add_option("CONFIG", arguments->config, "Configuration file");
  command->add_option("--pack", arguments->pack, "Provider pack (YAML) to try");
  command->add_option("--sample", arguments->sample, "Request body to try it on");
  command->add_option("--headers", arguments->headers, "File of 'Name: value' request headers");
  command->add_option("--secret", arguments->secret, "Check the signature with this secret");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([=, &environment, &code] { code = run_check(*arguments, environment); });
}

void add_backtest(CLI::App& app, ExitCode& code) {
  auto* command = app.add_subcommand(
      "backtest", "Run a detection rule over recorded samples and print what it would have raised");
  auto arguments = std::make_shared<quell::BacktestArguments>();
  command
      ->add_option("--from", arguments->source.from,
                   "CSV file (timestamp,value), URL of a Prometheus, or data directory")
      ->required();
  command->add_option("--rule", arguments->rule, "File with the rule (YAML)")->required();
  command->add_option("--since", arguments->since, "From a server: how far back")
      ->capture_default_str();
  command->add_option("--step", arguments->step, "From a server: distance of samples")
      ->capture_default_str();
  command->add_option("--token", arguments->source.token, "Bearer token of the server");
  command
      ->add_option("--timezone", arguments->timezone,
                   "Of days and hours, where the rule names none, as detection.timezone")
      ->capture_default_str();
  command->add_option("--svg", arguments->svg, "Write the picture there");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([=, &code] { code = run_backtest_command(*arguments); });
}

void add_eval(CLI::App& app, ExitCode& code) {
  struct Set {
    const char* name;
    quell::EvalSet set;
    const char* help;
  };
  static constexpr Set kSets[] = {
      {"nab", quell::EvalSet::Nab,
       "Numenta Anomaly Benchmark: DIR holds data/ and labels/combined_windows.json"},
      {"kpi", quell::EvalSet::Kpi,
       "KPIs of AIOps 2018: DIR holds Train/ and perhaps Test/ with .csv or .csv.xz"},
      {"smd", quell::EvalSet::Smd,
       "Server Machine Dataset: DIR holds index.csv and NAME.bin or NAME.bin.xz"},
      {"calibration", quell::EvalSet::Calibration,
       "Generated series without anomalies: is as much found as declared?"},
      {"quiet", quell::EvalSet::Quiet,
       "Findings and incidents a day where nothing is wrong: generated machines, or the train part "
       "of those in DIR, as for smd"}};
  auto* command = app.add_subcommand("eval", "Measure detection on labelled public data");
  command->require_subcommand(1);
  for (const Set& set : kSets) {
    auto* one = command->add_subcommand(set.name, set.help);
    auto arguments = std::make_shared<quell::EvalArguments>();
    arguments->set = set.set;
    if (set.set != quell::EvalSet::Calibration) {
      auto* dir = one->add_option("DIR", arguments->directory, "Where the data lies");
      dir->required(set.set != quell::EvalSet::Quiet);
    }
    if (set.set == quell::EvalSet::Nab || set.set == quell::EvalSet::Kpi) {
      one->add_option("--timezone", arguments->timezone, "Of the days of the series")
          ->capture_default_str();
    }
    one->add_flag("--json", arguments->json, "Print JSON");
    one->callback([=, &code] { code = run_eval(*arguments); });
  }
}

// Tells a first word that is no command, with the nearest one that is.
std::optional<std::string> unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return std::nullopt;
  const std::string_view word(argv[1]);
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  const std::vector<std::string_view> views(names.begin(), names.end());
  if (std::ranges::any_of(app.get_subcommands({}), [&](const CLI::App* command) {
        return command->check_name(std::string(word));  // Aliases, too.
      })) {
    return std::nullopt;
  }
  const auto near = quell::nearest_word(word, views);
  return fmt::format("there is no command '{}'{}; `quell --help` lists them",
                     quell::printable(quell::utf8_prefix(word, 64)),
                     near ? fmt::format(", did you mean '{}'?", *near) : "");
}

}  // namespace

int main(int argc, char** argv) {
  const quell::Environment environment = read_environment();
  ExitCode code = ExitCode::Done;
  CLI::App app{"Quell: from thousands of alerts to a few explained incidents."};
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done; 1 it went wrong; 2 wrong usage; 3 the server cannot be reached.\n"
      "Environment: QUELL_… sets options (docs/configuration.md); client commands read QUELL_URL "
      "and QUELL_TOKEN.");
  add_serve(app, environment, code);
  add_demo(app, environment, code);
  add_replay(app, environment, code);
  add_check(app, environment, code);
  add_eval(app, code);
  add_backtest(app, code);
  quell::add_client_commands(app, environment, code);
  app.set_version_flag("--version",
                       fmt::format("quell {} ({})", quell::version(), quell::revision()));
  if (const auto refusal = unknown_command(app, argc, argv)) {
    fmt::print(stderr, "quell: {}\n", *refusal);
    return static_cast<int>(ExitCode::Usage);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::Usage);
  }
  return static_cast<int>(code);
}
