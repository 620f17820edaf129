// What a thread says of itself to the kernel.
#pragma once

#include <string_view>

namespace quell {

// How `top -H`, `ps -L` and debuggers show it; the kernel keeps 15 bytes.
void name_this_thread(std::string_view name);

// Others are let go first where they want the same processor: for work that nobody waits for.
// For the rest of the thread's life. Thread: the one that calls.
void let_others_go_first();

// This thread runs soon after it wakes, a short while at a time, before others that use their turns
// up: for those that a client's answer waits for. Linux 6.12 or later, elsewhere without effect; it
// needs no privilege and takes no more of the processor than before. For the rest of the thread's
// life. Thread: the one that calls.
void run_soon_after_waking();

// Whether what becomes free stays with the allocator for a while, for the next that is taken, or
// goes back to the system at once. Of all threads; it stays until this is called. Thread: one.
void keep_free_memory(bool keep);

// Gives memory that this thread took and that is free by now back to the system, where the
// allocator keeps it for later. Cost: a look at each of its pages, a few ms for 100 MB.
void return_free_memory();

}  // namespace quell
