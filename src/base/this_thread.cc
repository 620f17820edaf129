#include "base/this_thread.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <string>

// mimalloc's, which the program is linked with, and tests are not.
extern "C" void mi_collect(bool force) __attribute__((weak));
extern "C" long mi_option_get(int option) __attribute__((weak));
extern "C" void mi_option_set(int option, long value) __attribute__((weak));

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

void run_soon_after_waking() {
  constexpr std::uint64_t kTurnNs = 100'000;  // The least that the kernel takes.
  struct {  // sched_attr of sched_setattr(2), its first version; glibc 2.36 has neither.
    std::uint32_t size = 48;
    std::uint32_t policy = 0;
    std::uint64_t flags = 0x08;  // SCHED_FLAG_KEEP_POLICY
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = kTurnNs;  // Of an ordinary thread: how long its turns are.
    std::uint64_t deadline = 0;
    std::uint64_t period = 0;
  } attributes;
  static_assert(sizeof(attributes) == 48);
  attributes.nice = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  (void)syscall(SYS_sched_setattr, 0, &attributes, 0);  // In vain is not a fault.
}

// The allocator gives a span back when its delay is over and another one beside it becomes free,
// which after a burst may never come; without the delay, at once, so that a burst takes a fifth
// longer.
void keep_free_memory(bool keep) {
  if (mi_option_get == nullptr || mi_option_set == nullptr) return;
  constexpr int kDecommitDelay = 15;  // mi_option_decommit_delay; in 2.1 mi_option_purge_delay.
  static const long kUsual = mi_option_get(kDecommitDelay);
  mi_option_set(kDecommitDelay, keep ? kUsual : 0);
}

void return_free_memory() {
  if (mi_collect != nullptr) mi_collect(true);
}

}  // namespace quell
