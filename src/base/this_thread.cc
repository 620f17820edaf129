#include "base/this_thread.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

namespace quell {

void name_this_thread(std::string_view name) {
  constexpr std::size_t kMost = 15;
  (void)pthread_setname_np(pthread_self(), std::string(name.substr(0, kMost)).c_str());
}

void let_others_go_first() {
  constexpr int kNice = 10;
  // On Linux that is one thread's; it needs no privilege. In vain is not a fault.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

}  // namespace quell
