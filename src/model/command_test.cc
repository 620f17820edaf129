#include "model/command.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

void check_command(const Command& command, std::string_view want) {
  EXPECT_EQ(encode_command(command), want);
  const auto back = decode_command(want);
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(*back, command) << want;
}

TEST(Command, GoesThroughJsonAndBack) {
  check_command({.kind = CommandKind::Acknowledge, .incident = 1, .actor = "kim"},
                R"({"kind":"acknowledge","incident":"INC-000001","actor":"kim"})");
  check_command(
      {.kind = CommandKind::SetSeverity, .incident = 7, .number = 2, .expected_version = 0},
      R"({"kind":"set_severity","incident":"INC-000007","number":2,"expected_version":0})");
  check_command({.kind = CommandKind::Merge, .incident = 2, .text = "same", .other = 1},
                R"({"kind":"merge","incident":"INC-000002","text":"same","other":"INC-000001"})");
  check_command({.kind = CommandKind::Split, .incident = 2, .alerts = {0x1e13768c7ec52373, 1}},
                R"({"kind":"split","incident":"INC-000002",)"
                R"("alerts":["1e13768c7ec52373","0000000000000001"]})");
  check_command({.kind = CommandKind::RetryDeadLetters, .dead_letter = DeadLetterId{4711, 3}},
                R"({"kind":"retry_dead_letters","dead_letter":"4711-3"})");
  check_command(
      {.kind = CommandKind::ImportModels, .actor = "kim", .data = std::string("\0\xff", 2)},
      R"({"kind":"import_models","actor":"kim","data":"AP8="})");
  check_command({.kind = CommandKind::ResetModels,
                 .actor = "kim",
                 .text = "load",
                 .number = 20000,
                 .tenant = "acme",
                 .slot = 40000},
                R"({"kind":"reset_models","actor":"kim","text":"load","number":20000,)"
                R"("tenant":"acme","slot":40000})");
}

void check_decode_error(std::string_view json, std::string_view want) {
  const auto got = decode_command(json);
  EXPECT_EQ(got ? "ok" : got.error().to_string(), want) << json;
}

TEST(Command, ErrorsSayWhere) {
  check_decode_error(R"({"kind":"explode"})", "/kind: 'explode' is not a command");
  check_decode_error(R"([])", "/kind: '' is not a command");
  check_decode_error(R"({"kind":"split","alerts":["x"]})",
                     "/alerts/0: 'x' is not a fingerprint of 16 hex digits");
  check_decode_error(R"({"kind":"merge","other":"INC-x"})",
                     "/other: 'INC-x' is not an incident id such as INC-000001");
  check_command({.kind = CommandKind::RetryDeadLetters, .before = DeadLetterId{4711, 3}},
                R"({"kind":"retry_dead_letters","before":"4711-3"})");
  check_decode_error(R"({"kind":"retry_dead_letters","dead_letter":"7"})",
                     "/dead_letter: '7' is not a dead letter id such as 4711-0");
  check_decode_error(R"({"kind":"note","new_member":1})", "ok");
}

}  // namespace
}  // namespace quell
