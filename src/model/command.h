// Command: what a person or a client asked to change, as the body of a Command frame.
//
// The API checks a request, makes a Command of it and has it journaled; the core applies it when
// the frame comes by. So a replay makes the same changes, and a refused command is refused again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/alert.h"
#include "model/labels.h"

namespace quell {

enum class CommandKind : std::uint8_t {
  Acknowledge,
  Investigate,
  Mitigate,
  Resolve,
  Close,
  Reopen,
  Note,              // `text`.
  Assign,            // `text` is the person or team; empty means nobody.
  SetSeverity,       // `number`, 1–5.
  SetTitle,          // `text`.
  Merge,             // `incident` goes into `other`.
  Split,             // `alerts` leave `incident` and become one of their own.
  RetryDeadLetters,  // `dead_letter`, or when it is empty the newest that are older than `before`.
  FindingFeedback,   // `finding`; `text` is "useful" or "noise".
  // `text` is a metric, or matchers; on `__name__` too. Only of `tenant`, unless it is empty. When
  // `number` is not 0, of at most so many slots from `slot` on. Or `finding`: of its series.
  ResetModels,
  ImportModels,  // `data` is a file of them (detect/model_file.h).
};
std::string_view command_kind_name(CommandKind kind);  // "acknowledge", "set_severity", …
std::optional<CommandKind> parse_command_kind(std::string_view word);

// Names one rejected datum: a frame, and the position within it. Printed as `4711-0`.
struct DeadLetterId {
  std::uint64_t offset = 0;
  std::uint32_t index = 0;
  bool operator==(const DeadLetterId&) const = default;
};
std::string format_dead_letter_id(const DeadLetterId& id);
Result<DeadLetterId> parse_dead_letter_id(std::string_view text);

struct Command {
  CommandKind kind = CommandKind::Acknowledge;
  IncidentId incident = 0;
  std::string actor{};  // The person, or the name of the token.
  std::string text{};   // Note, title, assignee, or reason.
  IncidentId other = 0;
  int number = 0;
  std::vector<Fingerprint> alerts{};
  // The change is meant for this version of the incident only (If-Match); otherwise unconditional.
  std::optional<std::uint64_t> expected_version{};
  std::optional<DeadLetterId> dead_letter{};
  std::optional<DeadLetterId> before{};
  std::uint64_t finding = 0;
  std::string data{};  // Any bytes.
  std::string tenant{};
  std::uint64_t slot = 0;
  bool operator==(const Command&) const = default;
};

// JSON text with the fields that are not empty, in a fixed order.
std::string encode_command(const Command& command);
// Errors: InvalidArgument, with a JSON pointer. Unknown members are ignored, so that an older
// program can read a newer journal.
Result<Command> decode_command(std::string_view json);

}  // namespace quell
