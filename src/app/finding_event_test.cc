#include <gtest/gtest.h>

#include "app/detect_stage.h"
#include "base/time.h"

namespace quell {
namespace {

Finding storm_of(std::string title) {
  Finding finding{.id = 7, .tenant = "default"};
  finding.is_storm = true;
  finding.title = std::move(title);
  finding.updated_at = parse_rfc3339("2026-11-21T08:00:00Z").value();
  finding.last_time = finding.updated_at;
  return finding;
}

// An id that came before with other content is a sender's mistake, and a dead letter.
TEST(FindingEvent, WhatSaysSomethingElseInOneFrameHasAnotherId) {
  const Finding first = storm_of("metrics of 11 entities");
  Finding rarer = first;
  rarer.p = 1e-9;
  Finding later = first;
  later.last_time += std::chrono::seconds(1);
  const std::string id = finding_event(first, false).id;
  EXPECT_TRUE(id.starts_with("FND-000007/2026-11-21T08:00:00Z/firing/")) << id;
  EXPECT_EQ(finding_event(first, false).id, id);
  EXPECT_NE(finding_event(storm_of("metrics of 12 entities"), false).id, id);
  EXPECT_NE(finding_event(rarer, false).id, id);
  EXPECT_NE(finding_event(later, false).id, id);
  EXPECT_NE(finding_event(first, true).id, id);
}

}  // namespace
}  // namespace quell
