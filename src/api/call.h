// Call: one request on its way through the API, and what a handler may answer with.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/auth.h"
#include "api/live_view.h"
#include "base/clock.h"
#include "base/result.h"
#include "http/server.h"
#include "model/alert.h"
#include "model/command.h"
#include "model/frame.h"
#include "store/store.h"

namespace quell {

// What may be read from any thread: the past.
struct History {
  const Store& store;
  // Errors: NotFound when retention has removed the frame.
  std::function<Result<Frame>(std::uint64_t offset)> read_frame{};
  // For deadlines; may be empty.
  std::function<Timestamp()> now{};
};

// Good until the handler returns: what it needs later it must copy.
struct Call {
  const http::Request& request;
  std::vector<std::pair<std::string_view, std::string>> parameters{};  // Of the path.
  Identity identity{};
  Timestamp now{};

  std::string_view parameter(std::string_view name) const {
    for (const auto& [key, value] : parameters) {
      if (key == name) return value;
    }
    return {};
  }
};

// The rest of an answer, to be made off the core thread from snapshots and the past.
struct Deferred {
  std::move_only_function<Result<http::Response>(const History&)> make{};
  std::size_t bytes = 0;  // About what it holds until then, where that can be much.
};

// What the core did with a submitted frame.
struct Applied {
  std::uint64_t offset = 0;  // Of the frame.
  Timestamp arrived_at{};
  IncidentId incident = 0;    // Commands on incidents: the one to show (split: the new one).
  std::uint64_t retried = 0;  // RetryDeadLetters.
  std::uint64_t resolved = 0;
  std::uint64_t without_frame = 0;  // RetryDeadLetters: not tried, nobody keeps what came.
  std::optional<DeadLetterId> next_before{};  // RetryDeadLetters: there are more, before this one.
  std::uint64_t count = 0;                    // ResetModels, ImportModels: of them.
  std::uint64_t waiting = 0;                  // ImportModels: of these, for their series.
  std::uint64_t rest_at = 0;  // ResetModels: the slot from which on nothing is done; 0: all is.
};

// A change: to be journaled as a frame of this kind, applied when it comes by, then answered.
struct Submission {
  FrameKind kind = FrameKind::Command;
  std::string source{};
  std::string tenant{kDefaultTenant};
  std::string body{};
  // The body of a further frame that belongs to the request, or nothing when this was the last one;
  // not set: there is one only. So the core never works on one request for long. Thread: the
  // core's.
  std::move_only_function<std::string(const Applied&)> rest{};
  // The answer to the last frame that was applied. A refused one is answered with the pipeline's
  // own reply. Thread: the core's, right after the frame.
  std::move_only_function<http::Response(LiveView&, const Applied&)> answer{};
};

using Reply = std::variant<http::Response, Deferred, Submission>;

inline http::Response json_response(std::string body, int status = 200) {
  return {.status = status,
          .headers = {{"content-type", "application/json"}, {"cache-control", "no-store"}},
          .body = std::move(body)};
}

}  // namespace quell
