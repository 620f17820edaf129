#include "app/process_facts.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace quell {

ProcessFacts process_facts(Timestamp started_at) {
  ProcessFacts facts;
  facts.started_at = started_at;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    facts.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    unsigned long total = 0;
    unsigned long resident = 0;
    if (std::fscanf(file, "%lu %lu", &total, &resident) == 2) {
      const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
      facts.virtual_bytes = total * page;
      facts.resident_bytes = resident * page;
    }
    std::fclose(file);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.max_fds = limit.rlim_cur;
  const auto count = [](const char* directory) {
    std::error_code error;
    std::uint64_t n = 0;
    for (auto it = std::filesystem::directory_iterator(directory, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
      ++n;
    }
    return n;
  };
  facts.open_fds = count("/proc/self/fd");
  facts.threads = count("/proc/self/task");
  return facts;
}

}  // namespace quell
