// Requests about health windows.
#pragma once

#include "api/call.h"
#include "base/json.h"
#include "stream/health_window.h"

namespace quell {

// Window.
void write_window(JsonWriter& w, const HealthWindow& window);

// The open windows of the live state, then the closed ones of the past; newest first.
Result<Reply> list_windows(const Call& call, LiveView& live);

}  // namespace quell
