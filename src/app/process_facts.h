// What the operating system says about this process.
#pragma once

#include "api/metrics_page.h"

namespace quell {

ProcessFacts process_facts(Timestamp started_at);

}  // namespace quell
