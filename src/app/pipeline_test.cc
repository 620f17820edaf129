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

}  // namespace
}  // namespace quell
