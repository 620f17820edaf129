// Service: a whole running Quell, put together from its parts; what `quell serve` and `quell demo`
// run, and what tests start in their own process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"

namespace quell {

struct ServiceOptions {
  Settings settings{};
  std::string config_path{};  // Empty: no file; then there is nothing to reload.
  std::string config_yaml{};  // As it was read.
  Environment environment{};
};

struct Reloaded {
  bool changed = false;
  std::vector<std::string> restart_needed{};  // Options that take effect at the next start.
};

class Service {
 public:
  virtual ~Service() = default;
  virtual std::uint16_t port() const = 0;
  virtual const std::string& address() const = 0;

  // Reads the configuration again. An error leaves the old one in force. Thread: any but the
  // core's and the HTTP server's.
  virtual Result<Reloaded> reload() = 0;

  // Answers what is in progress, works off the queue, commits, and closes everything.
  virtual void stop() = 0;
};

// Opens the data directory, restores the state, replays what the store does not have yet, and
// serves. Errors: what is wrong with the directory, the address or the configuration.
Result<std::unique_ptr<Service>> start_service(ServiceOptions options, const Clock& clock,
                                               const Log& log);

// The real files: what parse_settings() needs outside of tests.
FileReader real_files();

std::string_view version();   // "0.1.0"
std::string_view revision();  // Of the source; "unknown" when it was not built from git.

}  // namespace quell
