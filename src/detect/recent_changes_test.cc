#include "detect/recent_changes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/time.h"

namespace quell {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const Timestamp kNoon = *parse_rfc3339("2026-11-21T12:00:00Z");

Event change_of(std::string_view host, Timestamp time) {
  Event event;
  event.kind = EventKind::Change;
  event.tenant = "default";
  event.entity = {"host", std::string(host)};
  event.title = fmt::format("change of {}", host);
  event.time = time;
  return event;
}

Series series_of(std::string_view host) {
  return *make_series("default", SeriesLabels::from({{"__name__", "up"}, {"host", host}}).value());
}

TEST(RecentChanges, TheLastOneOfAnEntityForADay) {
  RecentChanges changes;
  changes.on_change(change_of("a", kNoon));
  changes.on_change(change_of("a", kNoon - hours(1)));  // Came late.
  const auto* found = changes.find(series_of("a"), kNoon + seconds(60), hours(1));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->time, kNoon);
  EXPECT_EQ(changes.find(series_of("b"), kNoon + seconds(60), hours(1)), nullptr);
  EXPECT_EQ(changes.find(series_of("a"), kNoon - seconds(1), hours(1)), nullptr);
  EXPECT_EQ(changes.find(series_of("a"), kNoon + hours(25), hours(48)), nullptr);
  EXPECT_EQ(changes.find(series_of("a"), kMinTime, hours(1)), nullptr);
  EXPECT_EQ(changes.find(series_of("a"), kMaxTime, hours(1)), nullptr);
}

TEST(RecentChanges, AFloodIsBounded) {
  RecentChanges changes;
  const Timestamp old = *parse_rfc3339("1700-01-01T00:00:00Z");
  for (std::size_t i = 0; i < 3 * RecentChanges::kEntitiesMax; ++i) {
    const bool is_old = i % 3 == 0;
    changes.on_change(change_of(fmt::format("h{}", i), is_old ? old : kNoon + seconds(i)));
    ASSERT_LE(changes.size(), RecentChanges::kEntitiesMax);
  }
  const std::size_t last = 3 * RecentChanges::kEntitiesMax - 1;
  EXPECT_NE(changes.find(series_of(fmt::format("h{}", last)), kNoon + seconds(last), hours(1)),
            nullptr);
}

}  // namespace
}  // namespace quell
