// How the command line shows the server's answers to people. Colours only on a terminal.
#pragma once

#include <string>
#include <string_view>

#include "app/progress_bar.h"
#include "base/result.h"

namespace quell {

void print_incidents(const std::string& json);
void print_incident(const std::string& json);
void print_trace(const std::string& json);
void print_changed(const std::string& json);
void print_findings(const std::string& json);
void print_finding(const std::string& json);
void print_dead_letters(const std::string& json);
void print_dead_letter(const std::string& json);
// Whether all were resolved; says how many unless `quiet`.
bool print_retry(const std::string& json, bool quiet);
void print_accepted(const std::string& json);

// One line out of a problem document, or of any other refusal.
std::string describe_problem(int status, std::string_view body);

// What read_input() reads, so that its progress can be told.
enum class InputKind { Bytes, Lines };  // Lines: each is an event.

// A file, or standard input when `path` is empty or "-", which `bar` counts.
Result<std::string> read_input(const std::string& path, InputKind kind, ProgressBar& bar);

}  // namespace quell
