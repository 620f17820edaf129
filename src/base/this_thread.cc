#include "base/this_thread.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

// mimalloc's, which the program is linked with, and tests are not.
extern "C" void mi_collect(bool force) __attribute__((weak));

namespace quell {

void name_this_thread(std::string_view name) {
  constexpr std::size_t kMost = 15;
  (void)pthread_setname_np(pthread_self(), std::string(name.substr(0, kMost)).c_str());
}

void let_others_go_first() {
  constexpr int kMore = 10;
  const auto thread = static_cast<id_t>(gettid());  // On Linux each thread has its own.
  // It needs no privilege, and in vain is not a fault.
  (void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kMore);
}

void return_free_memory() {
  if (mi_collect != nullptr) mi_collect(true);
}

}  // namespace quell
