#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/dead_letter_record.h"
#include "app/dead_letter_retry.h"
#include "app/pipeline.h"
#include "app/settings.h"
#include "base/time.h"
#include "tests/support/memory_store.h"

namespace quell {
namespace {

const Timestamp kArrived = *parse_rfc3339("2026-11-21T08:00:00Z");

Frame posted(std::string source, std::string body) {
  return {.arrived_at = kArrived,
          .source = std::move(source),
          .content_type = "application/json",
          .body = std::move(body)};
}

DeadLetter letter_at(std::string place, std::uint32_t index = 0) {
  return {.offset = 0,
          .index = index,
          .arrived_at = kArrived,
          .tenant = "default",
          .source = "test",
          .rejected = {"what was wrong", std::move(place), "excerpt"}};
}

// What is left of the body, with runs of spaces as one.
void check_record(const std::string& source, const std::string& body, const std::string& place,
                  std::string_view want, std::string_view want_name) {
  const auto record = record_of(posted(source, body), letter_at(place));
  ASSERT_TRUE(record) << place;
  std::string got;
  for (const char c : record->frame.body) {
    if (c != ' ' || !got.ends_with(' ')) got += c;
  }
  EXPECT_EQ(got, want);
  EXPECT_EQ(record->name, want_name);
  EXPECT_EQ(record->frame.body.size(), body.size());
}

TEST(DeadLetterRecord, IsCutOutOfTheFrame) {
  check_record("alertmanager-v2", R"([{"a":"]"},{"b":1}, {"c":[2]}])", "/1/startsAt",
               R"([ {"b":1} ])", "/1");
  check_record("alertmanager", R"({"x":[1],"alerts":[{"a":1},{"b":"\"]"}],"y":2})", "/alerts/1/x",
               R"({"x":[1],"alerts":[ {"b":"\"]"}],"y":2})", "/alerts/1");
  check_record("agent", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}", "line 2, column 4", " \n{\"b\":2}\n ",
               "line 2");
  check_record("agent", R"({"tags":{"0":1}})", "/tags/0", R"({"tags":{"0":1}})", "");
  check_record("pagerduty-events", R"({"payload":{}})", "/payload/summary", R"({"payload":{}})",
               "");
  check_record("grafana", R"({"alerts":[{"a":1},{"b":2}]})", "/alerts/0",
               R"({"alerts":[{"a":1} ]})", "/alerts/0");
  check_record("azure", "{\"a\":1}\n{\"data\":[1,[2],3]}\n", "line 2 /data/1",
               " \n{\"data\":[ [2] ]}\n", "line 2 /data/1");
}

void check_no_record(const std::string& source, const std::string& body, const DeadLetter& letter) {
  EXPECT_FALSE(record_of(posted(source, body), letter));
}

TEST(DeadLetterRecord, IsNotThereForWhatCannotBeToldApart) {
  check_no_record("alertmanager-v2", "[1]", letter_at("", 1000));  // "12 more were refused"
  check_no_record("alertmanager-v2", "[1]", letter_at("/1"));
  check_no_record("agent", "{}\n", letter_at("line 9"));
  check_no_record("grafana", "payload=%7B%22alerts%22%3A%5B%5D%7D", letter_at("/alerts/0"));
}

std::string alert(std::string_view name, std::string_view ends_at = "2026-11-21T09:00:00Z") {
  return fmt::format(R"({{"labels":{{"alertname":"{}"}},"endsAt":"{}"}})", name, ends_at);
}

// Feeds frames as a server does, one second after the other.
class World {
 public:
  explicit World(std::string_view config = "") {
    feed({.kind = FrameKind::Config,
          .source = "config",
          .body = parse_settings(config, "config", {}, no_files()).value().pipeline_text});
  }

  FrameOutcome feed(Frame frame) {
    frame.offset = pipeline_->next_offset();
    frame.arrived_at = now_ += std::chrono::seconds(1);
    journal_.push_back(frame);
    FrameOutcome outcome = pipeline_->on_frame(frame);
    StoreBatch batch = pipeline_->take_batch();
    for (DeadLetter& letter : batch.dead_letters) letters_.push_back(letter);
    store_.commit(batch);
    return outcome;
  }
  FrameOutcome retry(const Frame& original, const DeadLetter& letter) {
    return feed(retry_frame(original, letter));
  }
  void restart() {
    pipeline_ = std::make_unique<Pipeline>(packs_);
    ASSERT_TRUE(quell::restart(*pipeline_, store_, journal_));
  }

  Pipeline& pipeline() { return *pipeline_; }
  // Every version of every letter, as written.
  const std::vector<DeadLetter>& letters() const { return letters_; }
  std::uint64_t samples() const { return pipeline_->counters().samples; }

  std::string alerts() const {
    std::set<std::string> lines;
    pipeline_->alerts().newest_first(UINT64_MAX, [&](std::uint64_t, const Alert& a) {
      lines.insert(fmt::format("{} {} {} since {}", a.title, alert_status_name(a.status),
                               a.event_count, format_rfc3339(a.starts_at)));
      return true;
    });
    return fmt::format("{}", fmt::join(lines, "\n"));
  }

 private:
  const PackLibrary packs_ = PackLibrary::built_in();
  std::unique_ptr<Pipeline> pipeline_ = std::make_unique<Pipeline>(packs_);
  MemoryStore store_;
  std::vector<Frame> journal_;
  std::vector<DeadLetter> letters_;
  Timestamp now_ = kArrived;
};

TEST(DeadLetterRetry, TouchesNothingElseOfItsFrame) {
  World world;
  const Frame frame =
      posted("alertmanager-v2", fmt::format("[{},{}]", alert("Good"), alert("Bad")));
  world.feed(posted("alertmanager-v2", fmt::format("[{}]", alert("Good"))));
  world.feed(posted("alertmanager-v2", fmt::format("[{}]", alert("Good", "2026-11-21T08:00:02Z"))));
  const FrameOutcome outcome = world.retry(frame, letter_at("/1"));
  EXPECT_EQ(outcome.accepted, 1u);
  EXPECT_EQ(world.alerts(),
            "Bad firing 1 since 2026-11-21T08:00:00Z\nGood resolved 2 since 2026-11-21T08:00:02Z");
  ASSERT_EQ(world.letters().size(), 1u);
  EXPECT_TRUE(world.letters()[0].resolved);
}

// An event without a time has that of its arrival, whichever way it comes in.
TEST(DeadLetterRetry, WhatTheSenderSendsAgainIsADuplicate) {
  World world;
  Frame frame = posted("cloudevents", R"([{"specversion":"1.0","id":"7","source":"/s","type":"t",)"
                                      R"("data":{"title":"one"}}])");
  frame.content_type = "application/cloudevents-batch+json";
  EXPECT_EQ(world.retry(frame, letter_at("/0")).accepted, 1u);
  const std::size_t letters = world.letters().size();
  const FrameOutcome again = world.feed(frame);
  EXPECT_EQ(again.duplicates, 1u);
  EXPECT_EQ(again.dead_letters, 0u);
  EXPECT_EQ(world.letters().size(), letters);
}

TEST(DeadLetterRetry, TakesARecordOnce) {
  World world;
  const Frame frame = posted("agent",
                             "{\"host\":\"a\",\"metric\":\"m\",\"value\":1}\n"
                             "{\"host\":\"a\",\"metric\":\"m\",\"value\":2}\n");
  world.feed(frame);
  EXPECT_EQ(world.samples(), 2u);
  EXPECT_EQ(world.retry(frame, letter_at("line 2, column 3")).accepted, 1u);
  EXPECT_EQ(world.retry(frame, letter_at("line 2, column 3")).accepted, 0u);
  world.restart();
  EXPECT_EQ(world.retry(frame, letter_at("line 2, column 3")).accepted, 0u);
  EXPECT_EQ(world.samples(), 3u);
  for (const DeadLetter& letter : world.letters()) EXPECT_TRUE(letter.resolved);
}

TEST(DeadLetterRetry, KeepsTheReasonAndPlaceOfEachLetter) {
  World world;
  const Frame frame = posted("alertmanager-v2", R"([{"labels":{}},{"labels":{"alertname":""}}])");
  EXPECT_EQ(world.feed(frame).dead_letters, 2u);
  const std::vector<DeadLetter> before = world.letters();
  ASSERT_EQ(before.size(), 2u);
  for (const DeadLetter& letter : before) {
    const FrameOutcome outcome = world.retry(frame, letter);
    EXPECT_EQ(outcome.dead_letters, 0u);
    const DeadLetter& after = world.letters().back();
    EXPECT_EQ(after.rejected.reason, letter.rejected.reason);
    EXPECT_EQ(after.rejected.place, letter.rejected.place);
    EXPECT_EQ(after.index, letter.index);
    EXPECT_EQ(after.attempts, 2u);
    EXPECT_FALSE(after.resolved);
  }
  EXPECT_EQ(world.pipeline().counters().rejected, 2u);
}

// All of it was one letter; what is still wrong afterwards are letters of their own.
TEST(DeadLetterRetry, SplitsALetterOfAWholeFrame) {
  World world;
  const Frame frame = posted(
      "alertmanager-v2", fmt::format(R"([{}, {{"labels":{{}}}}, {{"labels":{{}}}}])", alert("A")));
  const FrameOutcome outcome = world.retry(frame, letter_at(""));
  EXPECT_EQ(outcome.accepted, 1u);
  EXPECT_EQ(outcome.dead_letters, 1u);
  ASSERT_EQ(world.letters().size(), 2u);
  EXPECT_EQ(world.letters()[0].rejected.place, "/1/labels");
  EXPECT_EQ(world.letters()[1].rejected.place, "/2/labels");
  EXPECT_EQ(world.letters()[1].index, 1u);
  EXPECT_EQ(world.retry(frame, letter_at("")).accepted, 0u);
}

TEST(DeadLetterRetry, AnIdWithOtherContentStaysOneLetter) {
  World world;
  const auto event = [](std::string_view title) {
    return fmt::format(R"({{"specversion":"1.0","id":"1","source":"/s","type":"{}"}})", title);
  };
  Frame frame = posted("cloudevents", fmt::format("[{},{},7]", event("a"), event("b")));
  frame.content_type = "application/cloudevents-batch+json";
  EXPECT_EQ(world.feed(frame).dead_letters, 2u);
  ASSERT_EQ(world.letters().size(), 2u);
  EXPECT_NE(world.letters()[0].index, world.letters()[1].index);
  EXPECT_EQ(world.letters()[0].rejected.place, "event 1");
  const DeadLetter letter = world.letters()[0];
  EXPECT_EQ(world.retry(frame, letter).accepted, 0u);
  ASSERT_EQ(world.letters().size(), 3u);
  EXPECT_EQ(world.letters()[2].rejected, letter.rejected);
  EXPECT_EQ(world.letters()[2].index, letter.index);
}

}  // namespace
}  // namespace quell
