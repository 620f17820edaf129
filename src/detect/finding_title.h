// What a finding is called: the series that says most, in words that name it.
#pragma once

#include <string>

#include "model/finding.h"

namespace quell {

// `node_filesystem_avail_bytes{mountpoint="/var"} on db-1 is 0, usual is 2.1e+10 (2e+10
// to 2.2e+10); 7 more series, of node_memory_MemFree_bytes, node_load1`.
std::string title_of_finding(const Finding& finding);

}  // namespace quell
