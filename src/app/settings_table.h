// The option table: every plain option with its type, default, range and meaning, declared once.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"
#include "base/result.h"

namespace quell {

struct TableOption {
  std::string_view path{};  // "section.key"
  std::string_view type{};
  std::string_view help{};
  bool decides = false;  // Part of the pipeline: journaled, and the same in a replay.
  std::function<Status(Settings&, std::string_view)> set{};
  std::function<std::string(const Settings&)> show{};
};

// In the order of the documentation; options of one section are together.
std::span<const TableOption> settings_table();
// Options that differ, and that a running server cannot take over.
std::vector<std::string> restart_needed(const Settings& running, const Settings& wanted);
const TableOption* find_option(std::string_view path);
std::string variable_of(const TableOption& option);  // QUELL_SERVER_LISTEN
const TableOption* find_option_by_variable(std::string_view variable);

}  // namespace quell
