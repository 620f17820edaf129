// What a thread says of itself to the kernel.
#pragma once

#include <string_view>

namespace quell {

// How `top -H`, `ps -L` and debuggers show it; the kernel keeps 15 bytes.
void name_this_thread(std::string_view name);

// Others are let go first where they want the same processor: for work that nobody waits for.
// For the rest of the thread's life. Thread: the one that calls.
void let_others_go_first();

}  // namespace quell
