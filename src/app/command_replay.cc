#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "app/commands.h"
#include "app/listen_address.h"
#include "app/pipeline.h"
#include "app/progress_bar.h"
#include "app/render.h"
#include "app/scenario.h"
#include "app/service.h"
#include "base/disk.h"
#include "base/json.h"
#include "journal/segment_log.h"
#include "normalize/check_pack.h"

namespace quell {
namespace {

ExitCode report(const Error& error) {
  fmt::print(stderr, "quell: {}\n", error.to_string());
  return ExitCode::Failed;
}

// Feeds frames to a pipeline of its own, with the recorded configuration or another.
class Replay {
 public:
  explicit Replay(const std::string& pipeline_text)
      : pipeline_(packs_), pipeline_text_(pipeline_text) {}

  void configure(Timestamp at) {
    feed({.kind = FrameKind::Config, .source = "config", .body = pipeline_text_}, at);
  }

  // Frames of a journal: ticks are among them.
  void recorded(Frame frame) {
    if (!pipeline_text_.empty() && frame.kind == FrameKind::Config) frame.body = pipeline_text_;
    const Timestamp at = frame.arrived_at;
    feed(std::move(frame), at);
  }

  // A frame at its time, with the ticks before it that a server would have made.
  void told(Frame frame, Timestamp at) {
    while (pipeline_.next_deadline() <= at) {
      feed({.kind = FrameKind::Tick}, std::max(pipeline_.next_deadline(), pipeline_.now()));
    }
    feed(std::move(frame), at);
  }

  const Pipeline& pipeline() const { return pipeline_; }

 private:
  void feed(Frame frame, Timestamp at) {
    frame.offset = next_++;
    frame.arrived_at = std::max(at, pipeline_.now());
    pipeline_.on_frame(frame);
  }

  const PackLibrary packs_ = PackLibrary::built_in();
  Pipeline pipeline_;
  std::string pipeline_text_;
  std::uint64_t next_ = 0;
};

Result<std::string> pipeline_text_of(std::string_view yaml, std::string_view name,
                                     const Environment& environment) {
  TRY(Settings settings, parse_settings(yaml, name, environment, real_files()));
  return std::move(settings.pipeline_text);
}

Status replay_scenario(const std::string& path, const std::string& other_config,
                       std::unique_ptr<Replay>& replay) {
  TRY(const std::string text, real_files().read(path));
  TRY(const Scenario scenario, parse_scenario(text, path));
  TRY(std::string config, pipeline_text_of(scenario.config, path, {}));
  replay = std::make_unique<Replay>(other_config.empty() ? config : other_config);
  replay->configure(scenario.start);
  for (const ScenarioStep& step : scenario.steps) {
    if (step.kind == ScenarioStep::Kind::Expect) continue;
    const bool is_frame = step.kind == ScenarioStep::Kind::Frame;
    replay->told(is_frame ? step.frame : Frame{.kind = FrameKind::Tick}, step.at);
  }
  return {};
}

Status replay_journal(const std::string& directory, const std::string& other_config,
                      std::unique_ptr<Replay>& replay) {
  replay = std::make_unique<Replay>(other_config);
  const auto disk = make_posix_disk_to_read();
  const JournalOptions options{.directory = directory};
  TRY(const auto log, SegmentLog::open_to_read(options, *disk));
  const JournalStats stats = log->stats();
  ProgressBar bar;
  return log->read(stats.begin_offset, [&](Frame frame) {
    const std::uint64_t done = frame.offset + 1 - stats.begin_offset;
    replay->recorded(std::move(frame));
    bar.show("frames", done, stats.end_offset - stats.begin_offset);
    return true;
  });
}

}  // namespace

ExitCode run_replay(const ReplayArguments& arguments, const Environment& environment) {
  std::string other_config;
  if (!arguments.config.empty()) {
    const auto yaml = real_files().read(arguments.config);
    if (!yaml) return report(yaml.error());
    auto text = pipeline_text_of(*yaml, arguments.config, environment);
    if (!text) return report(text.error());
    other_config = *std::move(text);
  }
  for (const std::string& path : arguments.files) {
    std::unique_ptr<Replay> replay;
    const bool is_journal = std::filesystem::is_directory(path);
    const std::string inside = path + "/journal";
    const std::string directory = std::filesystem::is_directory(inside) ? inside : path;
    const Status done = is_journal ? replay_journal(directory, other_config, replay)
                                   : replay_scenario(path, other_config, replay);
    if (!done) return report(done.error());
    fmt::print("{}", arguments.json ? render_incidents_json(replay->pipeline()) + "\n"
                                    : render_incidents(replay->pipeline()));
  }
  return ExitCode::Done;
}

namespace {

ExitCode check_config(const CheckArguments& arguments, const std::string& yaml,
                      const Environment& environment) {
  const auto complain = [&](const Error& error) {
    if (!arguments.json) return report(error);
    std::string text;
    JsonWriter(text)
        .begin_object()
        .field("good", false)
        .field("place", error.place)
        .field("error", error.message)
        .end_object();
    fmt::print("{}\n", text);
    return ExitCode::Failed;
  };
  const auto settings = parse_settings(yaml, arguments.config, environment, real_files());
  if (!settings) return complain(settings.error());
  if (const auto listen = listen_address(*settings); !listen) return complain(listen.error());
  for (const std::string& warning : settings->warnings) {
    fmt::print(stderr, "quell: {}\n", warning);
  }
  const PipelineOptions& options = settings->pipeline;
  if (!arguments.json) {
    fmt::print("{}: good ({} rules, {} sources, {} packs, {} entities)\n", arguments.config,
               options.correlation.rules.size(), settings->sources.size(), settings->packs.size(),
               options.topology.owners().size());
    return ExitCode::Done;
  }
  std::string text;
  JsonWriter w(text);
  w.begin_object()
      .field("good", true)
      .field("rules", options.correlation.rules.size())
      .field("sources", settings->sources.size())
      .field("packs", settings->packs.size())
      .field("entities", options.topology.owners().size());
  w.key("warnings").begin_array();
  for (const std::string& warning : settings->warnings) w.value(warning);
  w.end_array().end_object();
  fmt::print("{}\n", text);
  return ExitCode::Done;
}

}  // namespace

ExitCode run_check(const CheckArguments& arguments, const Environment& environment) {
  const FileReader files = real_files();
  if (arguments.pack.empty()) {
    if (arguments.config.empty()) {
      fmt::print(stderr, "quell: check needs CONFIG, or --pack and --sample\n");
      return ExitCode::Usage;
    }
    const auto yaml = files.read(arguments.config);
    if (!yaml) return report(yaml.error());
    return check_config(arguments, *yaml, environment);
  }
  PackSample sample{.pack_file = arguments.pack, .secret = arguments.secret};
  sample.arrived_at = SystemClock().now();
  auto pack = files.read(arguments.pack);
  if (!pack) return report(pack.error());
  sample.pack_text = *std::move(pack);
  if (arguments.sample.empty()) {
    fmt::print(stderr, "quell: --pack needs --sample, a request body to try it on\n");
    return ExitCode::Usage;
  }
  auto body = files.read(arguments.sample);
  if (!body) return report(body.error());
  sample.body = *std::move(body);
  if (!arguments.headers.empty()) {
    const auto text = files.read(arguments.headers);
    if (!text) return report(text.error());
    auto headers = parse_header_lines(*text, arguments.headers);
    if (!headers) return report(headers.error());
    sample.headers = *std::move(headers);
  }
  const auto result = check_pack(sample);
  if (!result) return report(result.error());
  fmt::print("{}", arguments.json ? render_json(*result) : render_text(*result));
  return result->good() ? ExitCode::Done : ExitCode::Failed;
}

}  // namespace quell
