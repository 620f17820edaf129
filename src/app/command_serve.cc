#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <thread>

#include "app/commands.h"
#include "app/pause.h"
#include "app/scenario.h"
#include "app/service.h"
#include "base/embedded.h"
#include "base/json.h"
#include "base/time.h"
#include "fetch/http_client.h"

namespace quell {

EmbeddedFiles embedded_scenarios();  // scenarios/*.scn

namespace {

ExitCode complain(const Error& error) {
  fmt::print(stderr, "quell: {}\n", error.to_string());
  return ExitCode::Failed;
}

// Blocks the signals that end or reload, before any thread begins, so that all inherit it.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return set;
}

Log make_log(const Settings& settings, const Clock& clock) {
  LogLevel level = LogLevel::Info;
  if (settings.log_level == "debug") level = LogLevel::Debug;
  if (settings.log_level == "warning") level = LogLevel::Warning;
  if (settings.log_level == "error") level = LogLevel::Error;
  return Log(clock, level, settings.log_format == "json" ? LogFormat::Json : LogFormat::Logfmt);
}

void announce(const Service& service) {
  const bool v6 = service.address().contains(':');
  fmt::print("listening on http://{}{}{}:{}\n", v6 ? "[" : "", service.address(), v6 ? "]" : "",
             service.port());
  std::fflush(stdout);
}

// Serves until a signal ends it.
void wait_for_end(Service& service, const sigset_t& signals, const Log& log) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) {
      log.info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      return;
    }
    if (auto changed = service.reload(); !changed) {
      log.error("configuration not reloaded, the old one stays in force",
                {{"error", changed.error().to_string()}});
    }
  }
}

}  // namespace

ExitCode run_serve(const ServeArguments& arguments, const Environment& environment) {
  const sigset_t signals = block_signals();
  ServiceOptions options{.config_path = arguments.config, .environment = environment};
  const FileReader files = real_files();
  if (!arguments.config.empty()) {
    auto yaml = files.read(arguments.config);
    if (!yaml) return complain(yaml.error());
    options.config_yaml = *std::move(yaml);
  }
  if (!arguments.data.empty()) options.environment["QUELL_SERVER_DATA"] = arguments.data;
  if (!arguments.listen.empty()) options.environment["QUELL_SERVER_LISTEN"] = arguments.listen;
  auto settings = parse_settings(options.config_yaml, arguments.config, options.environment, files);
  if (!settings) return complain(settings.error());
  options.settings = *std::move(settings);
  const SystemClock clock;
  const Log log = make_log(options.settings, clock);
  for (const std::string& warning : options.settings.warnings) log.warning(warning);
  auto service = start_service(std::move(options), clock, log);
  if (!service) return complain(service.error());
  announce(**service);
  wait_for_end(**service, signals, log);
  (*service)->stop();
  return ExitCode::Done;
}

namespace {

// In the order in which they are told: first what shows most.
std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_scenarios()) {
    if (file.path.ends_with(".scn")) names.emplace_back(file.path.substr(0, file.path.size() - 4));
  }
  std::ranges::sort(names);
  for (const std::string_view first :
       {"alert-storm", "memory-leak-after-deploy", "db-connection-pool"}) {
    const auto found = std::ranges::find(names, first);
    if (found != names.end()) std::rotate(names.begin(), found, found + 1);
  }
  return names;
}

// A data directory of its own that goes when the demo ends.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "quell-demo-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string request_path(const Frame& frame) {
  if (frame.source == "alertmanager-v2") return "/alertmanager/api/v2/alerts";
  return "/ingest/" + frame.source;
}

// Sends the scenario's frames in real time, as the tools would.
void tell(const Scenario& scenario, const std::string& url, const Clock& clock,
          const std::stop_token& stop) {
  fmt::print("telling '{}': {}\n", scenario.name,
             scenario.description.substr(0, scenario.description.find('\n')));
  std::fflush(stdout);
  for (const ScenarioStep& step : scenario.steps) {
    while (clock.now() < step.at && !stop.stop_requested()) {
      pause_for(std::min<Duration>(step.at - clock.now(), std::chrono::seconds(1)), stop);
    }
    if (stop.stop_requested()) return;
    if (step.kind != ScenarioStep::Kind::Frame || step.frame.kind != FrameKind::Ingest) continue;
    fetch::HttpRequest request{.method = "POST", .url = url + request_path(step.frame)};
    request.headers.emplace_back("content-type", step.frame.content_type);
    for (const auto& header : step.frame.headers) {
      if (header.first != "content-type") request.headers.push_back(header);
    }
    request.body = step.frame.body;
    const auto answer = fetch::fetch(request);
    if (!answer) fmt::print(stderr, "quell demo: {}\n", answer.error().to_string());
  }
}

constexpr Duration kBetweenStories = std::chrono::seconds(10);

// What the story opened is over before the next begins, so that stories do not run into each other.
void end_story(const std::string& name, const std::string& url) {
  const auto answer =
      fetch::fetch({.method = "GET",
                    .url = url + "/api/v1/incidents?limit=1000&status=open&status=acknowledged"
                                 "&status=investigating&status=mitigated"});
  if (!answer || answer->status != 200) return;
  std::string body;
  JsonWriter(body)
      .begin_object()
      .field("actor", "quell demo")
      .field("reason", fmt::format("the story '{}' is over", name))
      .end_object();
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, answer->body);
  simdjson::dom::array items;
  if (!root || (*root)["items"].get(items) != simdjson::SUCCESS) return;
  for (const simdjson::dom::element item : items) {
    fetch::HttpRequest request{
        .method = "POST",
        .url = fmt::format("{}/api/v1/incidents/{}/resolve", url, json_text(item, "id"))};
    request.headers.emplace_back("content-type", "application/json");
    request.body = body;
    if (const auto resolved = fetch::fetch(request); !resolved) {
      fmt::print(stderr, "quell demo: {}\n", resolved.error().to_string());
    }
  }
}

}  // namespace

ExitCode run_demo(const DemoArguments& arguments, const Environment& environment) {
  const auto names = scenario_names();
  if (!arguments.scenario.empty() && std::ranges::find(names, arguments.scenario) == names.end()) {
    fmt::print(stderr, "quell: there is no scenario '{}'; there are: {}\n", arguments.scenario,
               fmt::join(names, ", "));
    return ExitCode::Failed;
  }
  const sigset_t signals = block_signals();
  const TemporaryDirectory data;
  const SystemClock clock;
  ServiceOptions options{.environment = environment};
  options.environment["QUELL_SERVER_DATA"] = data.path();
  options.environment["QUELL_SERVER_LISTEN"] = arguments.listen;
  options.environment.try_emplace("QUELL_LOG_LEVEL", "warning");
  // Incidents should end while somebody looks on.
  options.config_yaml =
      std::string(find_embedded(embedded_scenarios(), "demo.yaml").value_or(std::string_view{}));
  auto settings = parse_settings(options.config_yaml, "demo", options.environment, no_files());
  if (!settings) return complain(settings.error());
  options.settings = *std::move(settings);
  const Log log = make_log(options.settings, clock);
  auto service = start_service(std::move(options), clock, log);
  if (!service) return complain(service.error());
  announce(**service);
  const std::string url = fmt::format("http://{}:{}", (*service)->address(), (*service)->port());
  std::atomic<bool> told{false};
  std::jthread teller([&](const std::stop_token& stop) {
    const bool tells_all = arguments.scenario.empty();
    for (const std::string& name : names) {
      if (!tells_all && name != arguments.scenario) continue;
      const auto text = find_embedded(embedded_scenarios(), name + ".scn");
      const auto scenario = parse_scenario(*text, name, {clock.now(), arguments.speed});
      if (scenario) tell(*scenario, url, clock, stop);
      if (tells_all && name != names.back()) {
        pause_for(kBetweenStories, stop);
        end_story(name, url);
      }
      if (stop.stop_requested()) return;
    }
    fmt::print("{}\n", arguments.once ? "all told"
                                      : "all told; the page stays open until you press Ctrl-C");
    std::fflush(stdout);
    told = true;
    if (arguments.once) kill(getpid(), SIGTERM);
  });
  wait_for_end(**service, signals, log);
  teller.request_stop();
  teller.join();
  (*service)->stop();
  return ExitCode::Done;
}

}  // namespace quell
