// Collector: asks the configured targets and servers when it is time, and hands what comes back to
// the journal.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/log.h"
#include "collect/poll.h"
#include "collect/scrape.h"
#include "collect/settings.h"
#include "journal/journal.h"

namespace quell {

struct CollectorHooks {
  // The newest sample of a metric, where there is one: queries go on from there.
  std::function<std::optional<Timestamp>(std::string_view tenant, std::string_view metric)>
      last_sample{};
};

// Method: one thread for each thing to ask, up to kThreadsMax, so that what hangs does not hold up
// the others; each takes what is due first, and nothing is asked twice at once.
// Targets are spread over their interval by their address, so that they do not come all at once.
// Thread: any, for all of it.
class Collector {
 public:
  static constexpr std::size_t kThreadsMax = 64;

  Collector(Journal& journal, const Clock& clock, const Log& log, CollectorHooks hooks);
  ~Collector() { stop(); }

  // Begins what is new, goes on with what is the same, and ends what is gone: its series get stale
  // markers. Threads are started when there is something to ask.
  void set(const CollectSettings& settings);
  std::vector<CollectFacts> facts() const;
  // Requests that are on their way are given up.
  void stop();

 private:
  struct Task;
  struct State {
    Timestamp looked_at{};  // When a thread looked last.
    std::vector<std::shared_ptr<Task>> tasks{};
  };

  void run(const std::stop_token& stop);
  // Takes the task that is due first, if it is due; else says how long to wait at most.
  std::shared_ptr<Task> take_due(Timestamp now, Duration& wait);
  void ask(Task& task, const std::stop_token& stop);
  Status hand_over(Frame frame, std::string_view what);

  Journal& journal_;
  const Clock& clock_;
  const Log& log_;
  const CollectorHooks hooks_;
  mutable Guarded<State> state_;
  struct Threads {
    bool is_stopped = false;
    std::vector<std::jthread> all{};
  };
  Guarded<Threads> threads_;
};

}  // namespace quell
