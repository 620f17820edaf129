// Models from another server, across crashes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "app/pipeline.h"
#include "base/json.h"
#include "base/time.h"
#include "detect/model_file.h"
#include "tests/support/kills.h"

namespace quell {
namespace {

constexpr Timestamp kBegin = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21};

class Server {
 public:
  explicit Server(const PackLibrary& packs)
      : packs_(packs), pipeline_(std::make_unique<Pipeline>(packs)) {}

  void samples(std::string_view host, int count, int from) {
    std::string body;
    for (int i = 0; i < count; ++i) {
      const auto ms = to_ns(kBegin + std::chrono::seconds(10 * (from + i))) / 1'000'000;
      body += fmt::format(R"({{"host":"{}","metric":"cpu","value":{},"ts_event":{}}})"
                          "\n",
                          host, (from + i) % 7, ms);
    }
    send({.source = "agent", .content_type = "application/x-ndjson", .body = body},
         kBegin + std::chrono::seconds(10 * (from + count)));
  }
  FrameOutcome command(const Command& command) {
    return send({.kind = FrameKind::Command, .source = "api", .body = encode_command(command)},
                pipeline_->now());
  }
  void commit() { store_.commit(pipeline_->take_batch()); }
  // A kill, and the next start from the last commit and the journal.
  void crash() {
    auto again = start_again(packs_, store_, journal_);
    ASSERT_TRUE(again) << again.error().to_string();
    pipeline_ = *std::move(again);
  }
  std::string model(std::string_view host) const {
    const auto labels = SeriesLabels::from({{"__name__", "cpu"}, {"host", host}}).value();
    const SeriesSlot slot = pipeline_->metrics().table().find("default", labels);
    return slot == kNoSlot ? "" : pipeline_->detection().detector().save(slot);
  }
  std::uint64_t waiting() const { return pipeline_->detection().imported_waiting(); }

 private:
  FrameOutcome send(Frame frame, Timestamp at) {
    frame.offset = journal_.size();
    frame.arrived_at = at;
    journal_.push_back(frame);
    return pipeline_->on_frame(frame);
  }

  const PackLibrary& packs_;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<Frame> journal_;
  MemoryStore store_;
};

// What a server has learned of host a, as another one is told it of a and of one that comes later.
std::string learned(const PackLibrary& packs) {
  Server teacher(packs);
  teacher.samples("a", 400, 0);
  ModelFile file;
  for (const char* host : {"a", "later"}) {
    file.models.push_back({"default",
                           SeriesLabels::from({{"__name__", "cpu"}, {"host", host}}).value(),
                           teacher.model("a")});
  }
  return encode_model_file(file);
}

// The steps of the life of a server; where `crashes` says so it is killed after one.
struct Life {
  std::string a, later;
  std::uint64_t accepted = 0;
  std::uint64_t waiting = 0;
};
Life live(const PackLibrary& packs, const std::string& file, unsigned commits, unsigned crashes) {
  Server server(packs);
  Life life;
  for (unsigned step = 0; step < 5; ++step) {
    if (step == 0) server.samples("a", 20, 400);
    if (step == 1) {
      const auto outcome =
          server.command({.kind = CommandKind::ImportModels, .actor = "kim", .data = file});
      EXPECT_TRUE(outcome.command) << outcome.command.error().to_string();
      life.accepted = outcome.accepted;
      life.waiting = outcome.duplicates;
    }
    if (step == 2) server.samples("a", 30, 420);
    if (step == 3) server.samples("later", 5, 450);
    if (step == 4) server.samples("later", 30, 460);
    if ((commits >> step & 1) != 0) server.commit();
    if ((crashes >> step & 1) != 0) server.crash();
  }
  life.a = server.model("a");
  life.later = server.model("later");
  EXPECT_EQ(server.waiting(), 0u);
  return life;
}

TEST(ModelImport, SurvivesACrashAtAnyStep) {
  const PackLibrary packs;
  const std::string file = learned(packs);
  const Life want = live(packs, file, 0, 0);
  EXPECT_EQ(want.accepted, 2u);
  EXPECT_EQ(want.waiting, 1u);
  EXPECT_NE(want.later, want.a);
  for (unsigned commits = 0; commits < 32; ++commits) {
    for (const unsigned crashes : {1u, 2u, 4u, 8u, 16u, 10u, 21u, 31u}) {
      const Life got = live(packs, file, commits, crashes);
      ASSERT_EQ(got.a, want.a) << commits << " " << crashes;
      ASSERT_EQ(got.later, want.later) << commits << " " << crashes;
    }
  }
}

TEST(ModelImport, ABadFileChangesNothing) {
  const PackLibrary packs;
  std::string file = learned(packs);
  Server server(packs);
  server.samples("a", 20, 400);
  const std::string before = server.model("a");
  file[100] ^= 1;
  const auto outcome = server.command({.kind = CommandKind::ImportModels, .data = file});
  ASSERT_FALSE(outcome.command);
  EXPECT_EQ(outcome.command.error().to_string(),
            "byte 9: a checksum does not fit: the file is damaged");
  EXPECT_EQ(server.model("a"), before);
  EXPECT_EQ(server.waiting(), 0u);
}

TEST(ModelImport, ResetTakesItBack) {
  const PackLibrary packs;
  Server server(packs);
  server.samples("a", 1, 400);
  server.command({.kind = CommandKind::ImportModels, .data = learned(packs)});
  server.commit();
  server.command({.kind = CommandKind::ResetModels, .text = "cpu"});
  server.commit();
  Server fresh(packs);
  server.samples("a", 20, 410);
  fresh.samples("a", 20, 410);
  EXPECT_EQ(server.model("a"), fresh.model("a"));
  server.crash();
  EXPECT_EQ(server.model("a"), fresh.model("a"));
}

}  // namespace
}  // namespace quell
