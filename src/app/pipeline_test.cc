#include "app/pipeline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/time.h"

namespace quell {
namespace {

Frame cloud_event(std::uint64_t offset, std::string_view id, std::string_view time) {
  Frame frame;
  frame.offset = offset;
  frame.arrived_at = parse_rfc3339("2026-11-21T08:00:00Z").value();
  frame.source = "cloudevents";
  frame.content_type = "application/cloudevents+json";
  frame.body = fmt::format(
      R"({{"specversion":"1.0","id":"{}","source":"/shop","type":"order.failed","time":"{}"}})", id,
      time);
  return frame;
}

// The windows of months ago close when an event of today arrives, without any tick in between.
TEST(Pipeline, ABatchHoldsTheWindowsThatItsLastEventClosed) {
  const PackLibrary packs = PackLibrary::built_in();
  Pipeline pipeline(packs);
  pipeline.on_frame(cloud_event(0, "old", "2026-01-02T03:04:05Z"));
  EXPECT_TRUE(pipeline.take_batch().windows.empty());
  pipeline.on_frame(cloud_event(1, "new", "2026-11-21T08:00:00Z"));
  const StoreBatch batch = pipeline.take_batch();
  ASSERT_FALSE(batch.windows.empty());
  EXPECT_EQ(format_rfc3339(batch.windows.front().starts_at), "2026-01-02T03:00:00Z");
}

// One sample of `load` of each of these tenants.
Frame loads_of(std::uint64_t offset, const std::vector<std::string_view>& tenants) {
  Frame frame{.offset = offset, .source = "agent", .content_type = "application/json"};
  frame.arrived_at = parse_rfc3339("2026-11-21T08:00:00Z").value();
  for (const std::string_view tenant : tenants) {
    frame.body += fmt::format(R"({{"tenant_id":"{}","host":"h","metric":"load","value":1}})"
                              "\n",
                              tenant);
  }
  return frame;
}

void check_reset(const Command& command, std::string_view want) {
  const PackLibrary packs = PackLibrary::built_in();
  Pipeline pipeline(packs);
  ASSERT_EQ(pipeline.on_frame(loads_of(0, {"a", "b", "c", "d", "e"})).accepted, 5u);
  Frame frame = loads_of(1, {});
  frame.kind = FrameKind::Command;
  frame.source = "api";
  frame.body = encode_command(command);
  const FrameOutcome outcome = pipeline.on_frame(frame);
  EXPECT_EQ(outcome.command ? fmt::format("{} reset, rest at {}", outcome.accepted, outcome.rest_at)
                            : outcome.command.error().to_string(),
            want)
      << encode_command(command);
}

TEST(Pipeline, ModelsAreResetOfOneTenantAndSomeSlotsAtATime) {
  const auto reset = [](std::string text, std::string tenant, int number, std::uint64_t slot) {
    return Command{.kind = CommandKind::ResetModels,
                   .text = std::move(text),
                   .number = number,
                   .tenant = std::move(tenant),
                   .slot = slot};
  };
  check_reset(reset("load", "", 0, 0), "5 reset, rest at 0");  // As older frames are.
  check_reset(reset("load", "b", 0, 0), "1 reset, rest at 0");
  check_reset(reset("load", "nobody", 0, 0), "0 reset, rest at 0");
  check_reset(reset("load", "", 5, 0), "5 reset, rest at 0");
  check_reset(reset("load", "", 2, 0), "2 reset, rest at 2");
  check_reset(reset("load", "", 2, 2), "2 reset, rest at 4");
  check_reset(reset("load", "", 2, 4), "1 reset, rest at 0");
  check_reset(reset("{host=\"h\"}", "e", 2, 2), "0 reset, rest at 4");
  check_reset(reset("{host=\"h\"}", "e", 2, 4), "1 reset, rest at 0");
  check_reset({.kind = CommandKind::ResetModels, .finding = 7, .tenant = "a"},
              "there is no finding FND-000007 of the tenant 'a'");
}

}  // namespace
}  // namespace quell
