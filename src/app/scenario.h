// Scenario: a told incident: timed input in real wire formats, and the incidents that must come of
// it. The same file is a test, a demo and a page of the docs (docs/scenarios.md).
//
//   # Text up to the first verb describes the scenario.
//   config                         YAML block up to `----`: the configuration.
//   at 10s post alertmanager-v2    block: the body, sent 10 s after the start.
//   at 12s post pack/github x-github-event=push
//   at 20s alert alertname=A service=b severity=critical summary="c"     (an Alertmanager post)
//   at 90s resolve alertname=A service=b severity=critical summary="c"
//   at 30s storm 5000 over 20s alertname=A pod=app-{i} …    many `alert`s, {i} counts from 0
//   at 40s command acknowledge 1 by ana
//   advance 5m                     time passes until then.
//   expect                         block: the incidents, as render_incidents() writes them.
//
// In bodies, {{10s}} is the time 10 s after the start (RFC 3339); {{-5m}} 5 min before it;
// {{s:10s}}, {{ms:10s}} and {{ns:10s}} are numbers since 1970.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/frame.h"

namespace quell {

struct ScenarioStep {
  enum class Kind : std::uint8_t { Frame, Advance, Expect };
  Kind kind = Kind::Frame;
  Timestamp at{};
  Frame frame{};         // Kind::Frame; arrived_at is `at`.
  std::string expect{};  // Kind::Expect.
  int line = 0;
};

struct Scenario {
  std::string name{};         // Of the file, without its ending.
  std::string description{};  // The comment at its head.
  std::string config{};       // YAML; may be empty.
  Timestamp start{};
  std::vector<ScenarioStep> steps{};
};

struct ScenarioClock {
  Timestamp start{};
  double speed = 1;  // All offsets are divided by it.
};

// The start of scenarios that run as tests.
inline constexpr Timestamp kScenarioStart =
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + std::chrono::hours(8);

// Errors: InvalidArgument with `file:line`, for unknown verbs, bad times and open blocks.
Result<Scenario> parse_scenario(std::string_view text, std::string_view file,
                                const ScenarioClock& clock = {.start = kScenarioStart});

}  // namespace quell
