// Commands of people, as the journal stores them: decoding and encoding are each other's inverse.
#include "fuzz.h"
#include "model/command.h"

namespace quell {

void fuzz_one(std::string_view input) {
  (void)parse_dead_letter_id(input);
  auto command = decode_command(input);
  if (!command) {
    QUELL_ASSERT(!command.error().message.empty(), "an error has a message");
    return;
  }
  auto again = decode_command(encode_command(*command));
  QUELL_ASSERT(again.has_value() && *again == *command, "an encoded command is the same command");
}

}  // namespace quell
