// Another time zone in the configuration of a running server, across crashes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>

#include "app/pipeline.h"
#include "app/settings.h"
#include "base/time.h"
#include "tests/support/kills.h"

namespace quell {
namespace {

constexpr Timestamp kMonday = std::chrono::sys_days{std::chrono::year{2026} / 6 / 1};
constexpr Duration kRound = std::chrono::minutes(10);
constexpr int kDay = 144;  // Rounds.

class Server {
 public:
  explicit Server(const PackLibrary& packs)
      : packs_(packs), pipeline_(std::make_unique<Pipeline>(packs)) {}

  void configure(std::string_view zone) {
    const auto settings =
        parse_settings(fmt::format("detection: {{timezone: {}}}", zone), "c", {}, no_files());
    ASSERT_TRUE(settings) << settings.error().to_string();
    send({.kind = FrameKind::Config, .source = "config", .body = settings->pipeline_text});
  }
  // A sample of each of the hosts `first` to `first + count`, more from 7 to 8 o'clock by UTC.
  void report(int first, int count) {
    now_ += kRound;
    const bool is_busy = (now_ - kMonday) / std::chrono::hours(1) % 24 == 7;
    const auto value = (is_busy ? 200 : 100) + (now_ - kMonday) / kRound % 7;
    std::string body;
    for (int host = first; host < first + count; ++host) {
      body += fmt::format(R"({{"host":"h{}","metric":"cpu","value":{},"ts_event":{}}})"
                          "\n",
                          host, value, to_ns(now_) / 1'000'000);
    }
    send({.source = "agent", .content_type = "application/x-ndjson", .body = body});
  }
  void report(int first, int count, int rounds) {
    for (int i = 0; i < rounds; ++i) report(first, count);
  }
  void commit() { store_.commit(pipeline_->take_batch()); }
  void crash() {
    auto again = start_again(packs_, store_, journal_);
    ASSERT_TRUE(again) << again.error().to_string();
    pipeline_ = *std::move(again);
  }

  std::string model(int host) const {
    const auto labels =
        SeriesLabels::from({{"__name__", "cpu"}, {"host", fmt::format("h{}", host)}}).value();
    const SeriesSlot slot = pipeline_->metrics().table().find("default", labels);
    return slot == kNoSlot ? "" : pipeline_->detection().detector().save(slot);
  }
  // What is usual for the host at a time, by the calendar of a zone.
  double expected(int host, Duration time_of_day, std::string_view zone) const {
    Detector detector;
    EXPECT_TRUE(detector.load(0, model(host)));
    const SeriesSlot slot = 0;
    const Timestamp time = std::chrono::ceil<std::chrono::days>(now_) + time_of_day;
    const double value = 150;
    Observations seen;
    detector.observe({&slot, 1}, {&time, 1}, {&value, 1}, Calendar::parse(zone).value(), seen);
    return seen.expected[0];
  }
  std::size_t findings() const { return pipeline_->detection().tracker().begun(); }

 private:
  void send(Frame frame) {
    frame.offset = journal_.size();
    frame.arrived_at = now_;
    journal_.push_back(frame);
    pipeline_->on_frame(frame);
  }

  const PackLibrary& packs_;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<Frame> journal_;
  MemoryStore store_;
  Timestamp now_ = kMonday;
};

TEST(TimeZone, AnotherOneLeavesWhatIsUsualAtItsMoments) {
  const PackLibrary packs;
  Server server(packs);
  server.configure("UTC");
  server.report(0, 1, 10 * kDay);
  const std::size_t findings = server.findings();
  const std::string before = server.model(0);
  server.configure("Europe/Paris");
  EXPECT_NE(server.model(0), before);
  const auto at_7 = std::chrono::minutes(7 * 60 + 30);
  const auto at_9 = std::chrono::minutes(9 * 60 + 30);
  EXPECT_NEAR(server.expected(0, at_7, "Europe/Paris"), 200, 10);
  EXPECT_NEAR(server.expected(0, at_9, "Europe/Paris"), 100, 10);
  server.report(0, 1, 3 * kDay);
  EXPECT_EQ(server.findings(), findings) << "nothing became unusual by it";
  const std::string same_clock = server.model(0);
  server.configure("Europe/Berlin");
  EXPECT_EQ(server.model(0), same_clock);
}

// Pages of models that nobody has touched since are older than the change, and some are not.
TEST(TimeZone, AKillAtAnyPointChangesNothing) {
  constexpr int kHosts = 1'100;  // More than a page has.
  constexpr int kIdle = 3;       // On the first page, which gets no samples later.
  constexpr int kBusy = 1'090;
  const PackLibrary packs;
  const auto life = [&](int crash_after) {
    auto server = std::make_unique<Server>(packs);
    int step = 0;
    const auto done = [&](bool commits) {
      if (commits) server->commit();
      if (++step == crash_after) server->crash();
    };
    server->configure("UTC");
    for (int i = 0; i < 8; ++i) {
      server->report(0, kHosts);
      done(i > 3);
    }
    for (const char* zone : {"Asia/Kolkata", "America/New_York"}) {
      server->configure(zone);
      done(false);
      for (int i = 0; i < 5; ++i) {
        server->report(kBusy, 2);
        done(i != 1);
      }
    }
    return server;
  };
  const auto want = life(0);
  for (int crash_after = 1; crash_after <= 20; ++crash_after) {
    const auto got = life(crash_after);
    for (const int host : {kIdle, kBusy}) {
      EXPECT_EQ(got->model(host), want->model(host)) << crash_after << " h" << host;
    }
  }
}

}  // namespace
}  // namespace quell
