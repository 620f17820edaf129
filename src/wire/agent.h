// The agent's JSON: one object, an array of objects, or NDJSON (one object per line).
//
//   {"tenant_id":"acme","host":"db-1","metric":"cpu_load","value":93.5,
//    "ts_event":"2026-11-21T08:09:14Z","unit":"%","tags":{"core":"3"}}
//
// host, metric and value are required; docs/sources/agent.md says what the others default to. The
// host becomes the label `host` of the series, the tags its other labels.
#pragma once

#include <memory>
#include <vector>

#include "model/event.h"
#include "model/frame.h"
#include "model/limits.h"
#include "model/sample.h"

namespace quell {

struct DecodedSamples {
  WireSamples samples{};
  std::vector<Rejected> rejected{};  // Bad lines; the others are kept.
};

// Keeps the series that it has seen, with the bytes that named them: a line that differs from an
// earlier one in value and time only is recognised by the hash of the other bytes, compared with
// them, and never parsed. What it returns does not depend on what it has seen.
//
// Cost: about 0.2 µs per known sample, 1 µs per new series (bench/wire_bench.cc).
// Memory: at most limits.series_cached_max series between frames, about 500 bytes each.
// Thread: one at a time.
// Method: shape prediction as in simdjson's and sparser's raw filtering; here the whole line is
// compared, so that no guess can be wrong.
class AgentDecoder {
 public:
  explicit AgentDecoder(WireLimits limits = {});
  ~AgentDecoder();
  AgentDecoder(const AgentDecoder&) = delete;
  AgentDecoder& operator=(const AgentDecoder&) = delete;

  DecodedSamples decode(const Frame& frame);
  // The same without recognising anything: every line is parsed. For tests.
  DecodedSamples decode_slowly(const Frame& frame);

  std::size_t series_cached() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quell
