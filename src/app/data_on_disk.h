// The files that `quell eval` and `quell backtest` read.
#pragma once

#include "eval/data_files.h"

namespace quell {

// Files up to 1 GB. Errors name the path.
DataFiles data_files_on_disk();

}  // namespace quell
