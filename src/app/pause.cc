#include "app/pause.h"

#include <condition_variable>
#include <mutex>

namespace quell {

void pause_for(Duration length) {
  pause_for(length, {});
}

void pause_for(Duration length, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wakes;
  std::unique_lock lock(mutex);
  wakes.wait_for(lock, std::move(stop), length, [] { return false; });
}

}  // namespace quell
