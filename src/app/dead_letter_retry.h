// Processing a dead letter again: its frame is journaled once more, with a header that says which
// dead letter it is for. So the second attempt is an input like any other, and replays. Only the
// letter's own record is worked off (dead_letter_record.h), as of the time when it arrived first.
#pragma once

#include <optional>
#include <string_view>

#include "model/frame.h"
#include "store/store.h"

namespace quell {

inline constexpr std::string_view kRetryHeader = "quell-dead-letter";

// A copy of `original`, to be appended, that names `letter`.
Frame retry_frame(Frame original, const DeadLetter& letter);

// The dead letter that the frame is another attempt at, as it was before.
std::optional<DeadLetter> retried_dead_letter(const Frame& frame);

}  // namespace quell
