// Commands that talk to a running server: incidents, show, trace, ack, resolve, merge, reopen,
// note, deadletters, findings, send; and version.
#pragma once

#include "app/commands.h"

namespace CLI {
class App;
}

namespace quell {

// Adds the commands to `app`. What they end with goes into `code`.
void add_client_commands(CLI::App& app, const Environment& environment, ExitCode& code);

}  // namespace quell
