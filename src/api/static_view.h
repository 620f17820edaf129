// StaticView: what can be answered on an I/O thread: constants of the process and its readiness.
#pragma once

#include <string>

#include "base/embedded.h"

namespace quell {

struct StaticView {
  std::string version{};
  std::string revision{};
  EmbeddedFiles ui{};           // ui/dist; empty when it was not built.
  bool ready = false;           // The live state is restored, and the process is not stopping.
  std::string not_ready_why{};  // "starting: 40,000 of 1,000,000 frames replayed".
};

}  // namespace quell
