// Models of series as a file: taken from one server, given to another (detect/model_file.h).
#pragma once

#include "api/call.h"

namespace quell {

Result<Reply> export_models(const Call& call, LiveView& live);
Result<Reply> import_models(const Call& call, LiveView& live);

}  // namespace quell
