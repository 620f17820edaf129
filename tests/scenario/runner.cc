// Plays every scenario of a directory four ways: straight, again (byte-equal), with a restart after
// every frame (byte-equal), and with frames shuffled within the allowed lateness (equal incidents).
//
//   scenario_test DIRECTORY [few]      few: fewer restarts and shuffles, for a build that is slow.
//                                      UPDATE_GOLDEN=1 rewrites the expected blocks.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "app/pipeline.h"
#include "app/render.h"
#include "app/scenario.h"
#include "app/settings.h"
#include "base/prng.h"
#include "tests/support/memory_store.h"

namespace quell {
namespace {

constexpr Duration kLateness = std::chrono::seconds(10);

struct Repeats {
  std::size_t frames_per_restart = 1;
  std::uint64_t shuffles = 8;
};
constexpr Repeats kFewRepeats{.frames_per_restart = 50, .shuffles = 1};

struct Played {
  std::string state;                 // Everything, at the end.
  std::vector<Frame> journal;        // What was fed, ticks included.
  std::vector<std::string> expects;  // What each `expect` should say.
};

class Player {
 public:
  Player(const PackLibrary& packs, const std::string& config) : pipeline_(packs) {
    const auto settings = parse_settings(config, "config", {}, no_files());
    if (!settings) {
      fmt::print(stderr, "{}\n", settings.error().to_string());
      std::exit(2);  // NOLINT(concurrency-mt-unsafe)
    }
    play({.kind = FrameKind::Config, .source = "config", .body = settings->pipeline_text},
         kScenarioStart - std::chrono::hours(1));
  }

  void play(Frame frame, Timestamp at) {
    tick_until(at);
    feed(std::move(frame), at);
  }

  // Ticks as the server's ticker would: when something is due.
  void tick_until(Timestamp at) {
    for (;;) {
      const Timestamp due = pipeline_.next_deadline();
      if (due > at || due == Timestamp::max()) return;
      feed({.kind = FrameKind::Tick}, std::max(due, pipeline_.now()));
    }
  }

  const Pipeline& pipeline() const { return pipeline_; }
  std::vector<Frame> take_journal() { return std::move(journal_); }

 private:
  void feed(Frame frame, Timestamp at) {
    frame.offset = pipeline_.next_offset();
    frame.arrived_at = at;
    pipeline_.on_frame(frame);
    journal_.push_back(std::move(frame));
  }

  Pipeline pipeline_;
  std::vector<Frame> journal_;
};

// The state after the same frames, with a restart after every `frames` of them.
std::string state_after_restarts(const std::vector<Frame>& journal, std::size_t frames,
                                 const PackLibrary& packs) {
  MemoryStore store;
  auto pipeline = std::make_unique<Pipeline>(packs);
  for (std::size_t i = 0; i < journal.size(); ++i) {
    pipeline->on_frame(journal[i]);
    if ((i + 1) % frames != 0) continue;
    store.commit(pipeline->take_batch());
    pipeline = std::make_unique<Pipeline>(packs);
    const auto restored = restart(*pipeline, store, journal);
    QUELL_ASSERT(restored.has_value(), "what was stored can be read");
  }
  return render_state(*pipeline);
}

Played play(const Scenario& scenario, const PackLibrary& packs) {
  Player player(packs, scenario.config);
  Played played;
  for (const ScenarioStep& step : scenario.steps) {
    switch (step.kind) {
      case ScenarioStep::Kind::Frame: player.play(step.frame, step.at); break;
      case ScenarioStep::Kind::Advance:
        player.tick_until(step.at);
        player.play({.kind = FrameKind::Tick}, step.at);
        break;
      case ScenarioStep::Kind::Expect:
        played.expects.push_back(render_incidents(player.pipeline()));
        break;
    }
  }
  played.state = render_state(player.pipeline());
  played.journal = player.take_journal();
  return played;
}

// Delays every ingested frame by less than the lateness; nothing passes a command or an `expect`,
// because people act on what they see.
Scenario shuffled(const Scenario& scenario, std::uint64_t seed) {
  Prng prng(seed);
  Scenario result = scenario;
  auto& steps = result.steps;
  const auto is_barrier = [](const ScenarioStep& step) {
    return step.kind != ScenarioStep::Kind::Frame || step.frame.kind != FrameKind::Ingest;
  };
  for (auto begin = steps.begin(); begin != steps.end();) {
    const auto end = std::find_if(begin, steps.end(), is_barrier);
    const Timestamp latest = end == steps.end() ? Timestamp::max() : end->at;
    for (auto it = begin; it != end; ++it) {
      const auto delay = Duration{
          static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(kLateness.count())))};
      it->at = std::min(it->at + delay, latest);
    }
    std::stable_sort(begin, end, [](const auto& a, const auto& b) { return a.at < b.at; });
    begin = end == steps.end() ? end : end + 1;
  }
  return result;
}

std::string read_file(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The file as it would read if every expectation held.
std::string with_expectations(const std::string& text, const std::vector<std::string>& expects) {
  std::istringstream in(text);
  std::string out;
  std::string line;
  std::size_t next = 0;
  while (std::getline(in, line)) {
    out += line + "\n";
    if (line != "expect") continue;
    while (std::getline(in, line) && line != "----") {
    }
    out += expects[next++] + "----\n";
  }
  return out;
}

bool check(const std::filesystem::path& path, const Repeats& repeats, const PackLibrary& packs) {
  const std::string text = read_file(path);
  const auto scenario = parse_scenario(text, path.string());
  if (!scenario) {
    fmt::print("{}\n", scenario.error().to_string());
    return false;
  }
  bool good = true;
  const auto complain = [&](std::string_view what) {
    fmt::print("{}: {}\n", path.string(), what);
    good = false;
  };
  const Played straight = play(*scenario, packs);
  if (play(*scenario, packs).state != straight.state) {
    complain("a second run gives another state");
  }
  if (state_after_restarts(straight.journal, repeats.frames_per_restart, packs) != straight.state) {
    complain("restarts change the state");
  }
  for (std::uint64_t seed = 1; seed <= repeats.shuffles; ++seed) {
    const Played other = play(shuffled(*scenario, seed), packs);
    if (other.expects == straight.expects) continue;
    complain(fmt::format("another order of arrival (seed {}) gives other incidents:\n{}-- not\n{}",
                         seed, fmt::join(other.expects, "--\n"),
                         fmt::join(straight.expects, "--\n")));
    break;
  }
  const std::string want = with_expectations(text, straight.expects);
  if (straight.expects.empty()) complain("expects nothing");
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  if (want != text && std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << want;
  } else if (want != text) {
    complain(fmt::format("other incidents than expected; got:\n{}",
                         fmt::join(straight.expects, "--\n")));
  }
  return good;
}

int run(const std::filesystem::path& directory, const Repeats& repeats) {
  const PackLibrary packs = PackLibrary::built_in();
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".scn") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  int failed = 0;
  for (const auto& path : files) {
    const bool good = check(path, repeats, packs);
    fmt::print("{} {}\n", good ? "ok    " : "FAILED", path.filename().string());
    failed += good ? 0 : 1;
  }
  fmt::print("{} scenarios, {} failed\n", files.size(), failed);
  return failed == 0 && !files.empty() ? 0 : 1;
}

}  // namespace
}  // namespace quell

int main(int argc, char** argv) {
  const bool few = argc == 3 && std::string_view(argv[2]) == "few";
  if (argc != 2 && !few) {
    fmt::print(stderr, "usage: scenario_test DIRECTORY [few]\n");
    return 2;
  }
  return quell::run(argv[1], few ? quell::kFewRepeats : quell::Repeats{});
}
