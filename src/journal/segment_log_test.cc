#include "journal/segment_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/memory_disk.h"

namespace quell {
namespace {

// Small, so that a few frames fill a segment and a batch spans sectors.
JournalOptions small_options() {
  return {.directory = "j", .segment_bytes = 2048, .reserve_bytes = 1024};
}

Frame make_frame(std::string body, std::int64_t second = 0) {
  Frame frame;
  frame.arrived_at = Timestamp{std::chrono::seconds(second)};
  frame.source = "test";
  frame.body = std::move(body);
  return frame;
}

Result<std::uint64_t> commit(SegmentLog& log, const std::vector<Frame>& frames) {
  Batch batch;
  std::string record;
  for (const Frame& frame : frames) {
    record.clear();
    encode_record(frame, record);
    batch.add(record, frame.arrived_at);
  }
  return log.commit(batch);
}

// Commits `a`, `b`, … of `text` as one batch of one-letter frames.
Result<std::uint64_t> commit_letters(SegmentLog& log, std::string_view text) {
  std::vector<Frame> frames;
  for (const char c : text) frames.push_back(make_frame(std::string(1, c)));
  return commit(log, frames);
}

// Bodies, or the error, of what the log holds from `from` on. Offsets must be dense.
std::string bodies(const SegmentLog& log, std::uint64_t from = 0) {
  std::string text;
  std::uint64_t next = from;
  const auto status = log.read(from, [&](const Frame& frame) {
    EXPECT_EQ(frame.offset, next++);
    text += frame.body;
    return true;
  });
  if (!status) {
    text += fmt::format("({}: {})", errc_name(status.error().code), status.error().to_string());
  }
  return text;
}

std::unique_ptr<SegmentLog> must_open(Disk& disk, const JournalOptions& options) {
  auto log = SegmentLog::open(options, disk);
  EXPECT_TRUE(log) << log.error().to_string();
  return log ? *std::move(log) : nullptr;
}

std::string open_error(Disk& disk, const JournalOptions& options = small_options()) {
  const auto log = SegmentLog::open(options, disk);
  return log ? "fine" : fmt::format("{}: {}", errc_name(log.error().code), log.error().to_string());
}

TEST(SegmentLog, KeepsWhatWasCommitted) {
  MemoryDisk disk;
  {
    auto log = must_open(disk, small_options());
    EXPECT_EQ(bodies(*log), "");
    EXPECT_EQ(commit_letters(*log, "ab").value(), 0u);
    EXPECT_EQ(commit_letters(*log, "c").value(), 2u);
    EXPECT_EQ(bodies(*log), "abc");
    EXPECT_EQ(bodies(*log, 1), "bc");
    EXPECT_EQ(bodies(*log, 3), "");
    ASSERT_TRUE(log->close());
  }
  auto log = must_open(disk, small_options());
  EXPECT_EQ(bodies(*log), "abc");
  EXPECT_EQ(commit_letters(*log, "d").value(), 3u);
  EXPECT_EQ(bodies(*log), "abcd");
  EXPECT_EQ(log->stats().recovered_torn_bytes, 0u);
}

TEST(SegmentLog, KeepsEveryFieldOfAFrame) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  Frame frame{.arrived_at = Timestamp{Duration{1'763'700'000'123'456'789}},
              .kind = FrameKind::Command,
              .source = "pack/github",
              .tenant = "acme",
              .content_type = "application/json",
              .headers = {{"x-github-event", "push"}, {"x", std::string("\0\xff", 2)}},
              .body = std::string(3000, '\0') + "end"};
  ASSERT_TRUE(commit(*log, {frame}));
  int count = 0;
  ASSERT_TRUE(log->read(0, [&](const Frame& got) {
    EXPECT_EQ(got.arrived_at, frame.arrived_at);
    EXPECT_EQ(got.kind, frame.kind);
    EXPECT_EQ(got.source, frame.source);
    EXPECT_EQ(got.tenant, frame.tenant);
    EXPECT_EQ(got.content_type, frame.content_type);
    EXPECT_EQ(got.headers, frame.headers);
    EXPECT_EQ(got.body, frame.body);
    ++count;
    return true;
  }));
  EXPECT_EQ(count, 1);
}

TEST(SegmentLog, AnEmptyJournalBeginsWhereItIsTold) {
  MemoryDisk disk;
  auto options = small_options();
  options.first_offset = 1000;
  auto log = must_open(disk, options);
  EXPECT_EQ(log->stats().begin_offset, 1000u);
  EXPECT_EQ(commit_letters(*log, "ab").value(), 1000u);
  log.reset();
  options.first_offset = 7;  // Of no effect once there are segments.
  log = must_open(disk, options);
  EXPECT_EQ(log->stats().end_offset, 1002u);
  EXPECT_EQ(bodies(*log, 1001), "b");
}

TEST(SegmentLog, BeginsANewSegmentWhenOneIsFull) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  std::string want;
  for (char c = 'a'; c <= 'z'; ++c) {
    ASSERT_TRUE(commit(*log, {make_frame(std::string(300, c))}));
    want += std::string(300, c);
  }
  EXPECT_EQ(bodies(*log), want);
  EXPECT_EQ(log->stats().segments, 6u);
  EXPECT_EQ(disk.list("j").value().at(0), "00000000000000000000.seg");
  EXPECT_EQ(disk.list("j").value().at(1), "00000000000000000005.seg");
  for (std::uint64_t from = 0; from <= 26; ++from) {
    EXPECT_EQ(bodies(*log, from), want.substr(from * 300)) << from;
  }
  disk.kill();
  log = must_open(disk, small_options());
  for (std::uint64_t from = 0; from <= 26; ++from) {
    EXPECT_EQ(bodies(*log, from), want.substr(from * 300)) << "without an index, from " << from;
  }
}

TEST(SegmentLog, ABatchLargerThanASegmentGetsOneOfItsOwn) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*log, "a"));
  ASSERT_TRUE(commit(*log, {make_frame(std::string(10'000, 'b'))}));
  ASSERT_TRUE(commit_letters(*log, "c"));
  EXPECT_EQ(log->stats().segments, 3u);
  EXPECT_EQ(bodies(*log), "a" + std::string(10'000, 'b') + "c");
}

// Reading starts from an index when there is one, and finds the same without.
TEST(SegmentLog, ReadsFromTheMiddleOfALargeSegment) {
  MemoryDisk disk;
  auto options = small_options();
  options.segment_bytes = 64 << 20;
  auto log = must_open(disk, options);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(commit(*log, {make_frame(std::string(2000, 'x') + std::to_string(i))}));
  }
  const auto check = [&](std::uint64_t from) {
    std::uint64_t next = from;
    ASSERT_TRUE(log->read(from, [&](const Frame& frame) {
      EXPECT_EQ(frame.offset, next);
      EXPECT_EQ(frame.body.substr(2000), std::to_string(next));
      return ++next < from + 3;
    }));
    EXPECT_EQ(next, std::min<std::uint64_t>(from + 3, 1000));
  };
  for (const std::uint64_t from : {0u, 1u, 127u, 128u, 129u, 500u, 999u}) check(from);
}

TEST(SegmentLog, DiscardsWholeSegments) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  for (char c = 'a'; c <= 'l'; ++c) {
    ASSERT_TRUE(commit(*log, {make_frame(std::string(300, c), c - 'a')}));
  }
  // Segments begin at 0, 5 and 10.
  ASSERT_TRUE(log->discard_before(4));
  EXPECT_EQ(log->stats().begin_offset, 0u);
  ASSERT_TRUE(log->discard_before(9));
  EXPECT_EQ(log->stats().begin_offset, 5u);
  EXPECT_EQ(bodies(*log, 4), "(not_found: frame 4 is no longer kept: the journal begins at 5)");
  EXPECT_EQ(bodies(*log, 5).size(), 7u * 300);
  ASSERT_TRUE(log->discard_before(1000));
  EXPECT_EQ(log->stats().begin_offset, 10u) << "the newest segment stays";
  disk.crash();
  log = must_open(disk, small_options());
  EXPECT_EQ(log->stats().begin_offset, 10u);
  EXPECT_EQ(bodies(*log, 10).size(), 2u * 300);
}

TEST(SegmentLog, FindsWhatIsOlderThanATime) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  EXPECT_EQ(log->offset_before(Timestamp{std::chrono::seconds(1)}), 0u);
  for (char c = 'a'; c <= 'l'; ++c) {
    ASSERT_TRUE(commit(*log, {make_frame(std::string(300, c), 100 + c - 'a')}));
  }
  const auto check = [&](std::int64_t second, std::uint64_t want) {
    EXPECT_EQ(log->offset_before(Timestamp{std::chrono::seconds(second)}), want) << second;
  };
  check(99, 0);
  check(104, 0);
  check(105, 5);  // Frame 4 arrived at 104, the one before the second segment.
  check(109, 5);
  check(110, 10);
  check(999, 10);
}

TEST(SegmentLog, ASecondOpenerIsRefused) {
  MemoryDisk disk;
  const auto log = must_open(disk, small_options());
  EXPECT_EQ(open_error(disk), "conflict: the journal is in use: j/lock is held by another process");
}

TEST(SegmentLog, LimitsAreChecked) {
  MemoryDisk disk;
  auto options = small_options();
  options.record_bytes_max = 3ull << 30;
  EXPECT_EQ(open_error(disk, options),
            "invalid_argument: journal limits: pending_bytes_max and record_bytes_max may be up "
            "to 2 GiB, reserve_bytes may not be 0");
}

TEST(SegmentLog, ATornTailIsCutAndCounted) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*log, "ab"));
  const auto end = log->stats().size_bytes;
  ASSERT_TRUE(commit_letters(*log, "cd"));
  const auto torn_end = log->stats().size_bytes;
  log.reset();
  disk.damage("j/00000000000000000000.seg", torn_end - 20, "torn");
  log = must_open(disk, small_options());
  EXPECT_EQ(bodies(*log), "ab");
  EXPECT_GT(log->stats().recovered_torn_bytes, 0u);
  EXPECT_LE(log->stats().recovered_torn_bytes, torn_end - end);
  EXPECT_EQ(log->stats().size_bytes, end);
  ASSERT_TRUE(commit_letters(*log, "e"));
  EXPECT_EQ(bodies(*log), "abe");
}

TEST(SegmentLog, DamageInTheMiddleIsReportedAndNotCut) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*log, "ab"));
  const auto end = log->stats().size_bytes;
  ASSERT_TRUE(commit_letters(*log, "cd"));
  log.reset();
  const std::string path = "j/00000000000000000000.seg";
  disk.damage(path, end - 20, "damaged");
  const std::string before = disk.content(path);
  const std::string want =
      "corrupt: j/00000000000000000000.seg: byte 132: frame 1 fails its checksum, "
      "but a batch follows at byte 160, so it had been durable";
  EXPECT_EQ(open_error(disk), want);
  EXPECT_EQ(open_error(disk), want);
  EXPECT_EQ(disk.content(path), before);
}

TEST(SegmentLog, DamageOfABatchHeaderInTheMiddleIsReported) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*log, "ab"));
  ASSERT_TRUE(commit_letters(*log, "cd"));
  log.reset();
  disk.damage("j/00000000000000000000.seg", 70, "damaged");
  EXPECT_EQ(open_error(disk),
            "corrupt: j/00000000000000000000.seg: byte 64: a batch is damaged, "
            "but a batch follows at byte 160, so it had been durable");
}

TEST(SegmentLog, DamageOfASealedSegmentIsReportedWhenRead) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  for (char c = 'a'; c <= 'l'; ++c) ASSERT_TRUE(commit(*log, {make_frame(std::string(300, c))}));
  disk.damage("j/00000000000000000005.seg", 300, "damaged");
  EXPECT_EQ(bodies(*log, 4).substr(300),
            "(corrupt: j/00000000000000000005.seg: byte 104: frame 5 fails its checksum)");
  disk.damage("j/00000000000000000005.seg", 64, "damaged");
  EXPECT_EQ(bodies(*log, 5),
            "(corrupt: j/00000000000000000005.seg: byte 64: the batch of frame 5 is damaged or "
            "missing)");
}

TEST(SegmentLog, DamageOfASegmentHeaderIsReported) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  for (char c = 'a'; c <= 'l'; ++c) ASSERT_TRUE(commit(*log, {make_frame(std::string(300, c))}));
  log.reset();
  disk.damage("j/00000000000000000010.seg", 20, "damaged");
  EXPECT_EQ(open_error(disk),
            "corrupt: j/00000000000000000010.seg: byte 0: the segment header fails its checksum, "
            "and batches follow it");
}

TEST(SegmentLog, AMissingSegmentIsReported) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  for (char c = 'a'; c <= 'l'; ++c) ASSERT_TRUE(commit(*log, {make_frame(std::string(300, c))}));
  log.reset();
  ASSERT_TRUE(disk.remove("j/00000000000000000005.seg"));
  EXPECT_EQ(open_error(disk),
            "corrupt: j/00000000000000000005.seg: a segment is missing: frame 0 is followed by "
            "frame 10");
}

TEST(SegmentLog, AnotherFormatVersionIsRefused) {
  MemoryDisk disk;
  ASSERT_TRUE(must_open(disk, small_options()));
  auto header = encode_segment_header({.mark = 1});
  header[8] = 2;
  const std::uint32_t crc = crc32c(std::string_view(header).substr(0, 60));
  header.replace(60, 4, reinterpret_cast<const char*>(&crc), 4);
  ASSERT_TRUE(disk.create("j/00000000000000000000.seg").value()->write(0, header));
  EXPECT_EQ(open_error(disk),
            "corrupt: j/00000000000000000000.seg: byte 8: the segment has format version 2, this "
            "Quell reads version 1");
}

// A crash while a segment was begun: the name is there, the header is not, nothing is lost.
TEST(SegmentLog, AnUnfinishedSegmentIsDropped) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*log, "abc"));
  log.reset();
  ASSERT_TRUE(disk.create("j/00000000000000000003.seg").value()->allocate(1024));
  log = must_open(disk, small_options());
  EXPECT_EQ(bodies(*log), "abc");
  EXPECT_EQ(disk.list("j").value(), std::vector<std::string>{"00000000000000000000.seg"});
  log.reset();
  ASSERT_TRUE(disk.create("j/00000000000000000007.seg"));
  EXPECT_EQ(open_error(disk),
            "corrupt: j/00000000000000000007.seg: the journal ends at frame 3, but a segment was "
            "begun for frame 7");
}

TEST(SegmentLog, OtherFilesInTheDirectoryAreLeftAlone) {
  MemoryDisk disk;
  ASSERT_TRUE(disk.create_directory("j"));
  for (const char* name : {"j/notes.txt", "j/1.seg", "j/0000000000000000000x.seg"}) {
    ASSERT_TRUE(disk.create(name));
  }
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*log, "a"));
  EXPECT_EQ(disk.list("j").value().size(), 4u);
}

TEST(SegmentLog, AFullDiskIsReportedAndPasses) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*log, "a"));
  disk.set_capacity(disk.used_bytes());
  EXPECT_TRUE(commit_letters(*log, "b")) << "space that is reserved is used";
  const auto large = make_frame(std::string(1500, 'c'));
  auto failed = commit(*log, {large});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::Exhausted);
  EXPECT_EQ(failed.error().message,
            "reserving journal space: cannot reserve space for j/00000000000000000000.seg: "
            "No space left on device; free space or keep frames for less long");
  EXPECT_FALSE(log->is_broken());
  EXPECT_EQ(bodies(*log), "ab");
  EXPECT_TRUE(commit_letters(*log, "d")) << "what fits is still taken";
  failed = commit(*log, {make_frame(std::string(2500, 'c'))});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message,
            "beginning a journal segment: cannot reserve space for j/00000000000000000003.seg: "
            "No space left on device; free space or keep frames for less long");
  EXPECT_EQ(disk.list("j").value().size(), 1u) << "nothing is left of the attempt";
  EXPECT_FALSE(commit_letters(*log, "e")) << "the old segment must not grow beyond the new one";
  disk.set_capacity(1 << 20);
  EXPECT_EQ(commit_letters(*log, "f").value(), 3u);
  EXPECT_EQ(bodies(*log), "abdf");
  disk.crash();
  EXPECT_EQ(bodies(*must_open(disk, small_options())), "abdf");
}

TEST(SegmentLog, AWriteThatFailsLeavesNothing) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    MemoryDisk disk(seed);
    auto log = must_open(disk, small_options());
    ASSERT_TRUE(commit_letters(*log, "a"));
    disk.fail_operation(1);
    EXPECT_EQ(commit_letters(*log, "bcdef").error().message,
              "committing to the journal: cannot write to j/00000000000000000000.seg: "
              "injected failure");
    ASSERT_FALSE(log->is_broken());
    EXPECT_EQ(bodies(*log), "a");
    if (seed % 2 == 0) {
      ASSERT_TRUE(commit_letters(*log, "g"));
    }
    disk.crash();
    log = must_open(disk, small_options());
    EXPECT_EQ(bodies(*log), seed % 2 == 0 ? "ag" : "a");
    EXPECT_EQ(log->stats().recovered_torn_bytes, 0u);
  }
}

TEST(SegmentLog, ZerosThatCannotBeWrittenAheadLoseNothing) {
  int unharmed = 0;
  for (std::uint64_t operation = 1; operation < 20; ++operation) {
    MemoryDisk disk(operation);
    auto log = must_open(disk, small_options());
    disk.fail_operation(operation);
    const bool kept = commit_letters(*log, "a").has_value();
    unharmed += disk.has_failed() && kept;
    if (log->is_broken()) continue;  // A failed sync leaves it open: see AFailedSyncBreaksIt.
    disk.crash();
    EXPECT_EQ(bodies(*must_open(disk, small_options())), kept ? "a" : "") << operation;
  }
  EXPECT_EQ(unharmed, 1) << "of the first commit's operations only the zeros may fail";
}

TEST(SegmentLog, AFailedSyncBreaksIt) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*log, "a"));
  disk.fail_operation(2);  // After the write.
  const auto failed = commit_letters(*log, "b");
  ASSERT_FALSE(failed);
  EXPECT_TRUE(log->is_broken());
  EXPECT_EQ(failed.error().code, Errc::Unavailable);
  EXPECT_EQ(failed.error().message,
            "the journal has stopped, because the disk did not confirm a write; restart to "
            "recover: cannot sync j/00000000000000000000.seg: injected failure");
  EXPECT_EQ(commit_letters(*log, "c").error().message, failed.error().message);
  EXPECT_EQ(bodies(*log), "a");
}

// A process is killed between its write and its sync, the next one reads the frames and the power
// fails: what was read once must not be lost.
TEST(SegmentLog, WhatRecoveryFindsIsMadeDurable) {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    MemoryDisk disk(seed);
    auto log = must_open(disk, small_options());
    ASSERT_TRUE(commit_letters(*log, "a"));
    disk.fail_operation(2);
    ASSERT_FALSE(commit_letters(*log, "bcd"));
    disk.kill();
    log = must_open(disk, small_options());
    const std::string seen = bodies(*log);
    found += seen == "abcd";
    disk.crash();
    EXPECT_EQ(bodies(*must_open(disk, small_options())), seen) << "seed " << seed;
  }
  EXPECT_EQ(found, 100) << "the page cache has the frames";
}

TEST(SegmentLog, AfterCloseOpeningWritesNothing) {
  MemoryDisk disk;
  {
    auto log = must_open(disk, small_options());
    ASSERT_TRUE(commit_letters(*log, "abc"));
    ASSERT_TRUE(log->close());
  }
  EXPECT_EQ(disk.used_bytes() % kBatchAlignment, 0u);
  disk.fail_operation(2);  // The first is the directory's sync.
  auto log = must_open(disk, small_options());
  EXPECT_FALSE(disk.has_failed());
  EXPECT_EQ(disk.used_bytes(), log->stats().size_bytes);
  EXPECT_EQ(log->last_arrived_at(), Timestamp{});
}

TEST(SegmentLog, ArrivalsGoOnWhereTheyEnded) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit(*log, {make_frame("a", 7), make_frame("b", 9)}));
  log.reset();
  log = must_open(disk, small_options());
  EXPECT_EQ(log->last_arrived_at(), Timestamp{std::chrono::seconds(9)});
}

// A body that is itself a piece of a journal is not mistaken for one, even in a torn tail.
TEST(SegmentLog, AJournalInsideOfAFrameIsOnlyBytes) {
  MemoryDisk disk;
  auto log = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*log, "abc"));
  const std::string other = disk.content("j/00000000000000000000.seg");
  log.reset();
  MemoryDisk target;
  auto options = small_options();
  options.segment_bytes = 1 << 20;
  log = must_open(target, options);
  std::string body = "x";
  for (int shift = 0; shift < 8; ++shift) body += other + std::string(1, '.');
  ASSERT_TRUE(commit(*log, {make_frame(body, 5)}));
  log.reset();
  target.damage("j/00000000000000000000.seg", 120, "torn");
  log = must_open(target, options);
  EXPECT_EQ(bodies(*log), "");
  EXPECT_GT(log->stats().recovered_torn_bytes, body.size());
}

// What was not closed has reserved space behind its last batch, which open() would give back.
TEST(SegmentLog, WhatIsOpenToReadChangesNothing) {
  MemoryDisk disk;
  {
    auto log = must_open(disk, small_options());
    ASSERT_TRUE(commit_letters(*log, "abc"));
    const auto held = SegmentLog::open_to_read(small_options(), disk);
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().to_string(), "the journal is in use: j/lock is held by another process");
  }
  const std::string unfinished = "j/" + segment_name(3);
  ASSERT_TRUE(disk.create(unfinished));
  const std::string path = "j/" + segment_name(0);
  const std::string before = disk.content(path);
  const auto log = SegmentLog::open_to_read(small_options(), disk);
  ASSERT_TRUE(log) << log.error().to_string();
  EXPECT_EQ(bodies(**log), "abc");
  EXPECT_EQ((*log)->stats().end_offset, 3u);
  EXPECT_EQ(disk.content(path), before);
  EXPECT_TRUE(disk.open(unfinished)) << "it is not removed";
  // Others may have it while it is read.
  auto writer = must_open(disk, small_options());
  ASSERT_TRUE(commit_letters(*writer, "d"));
  EXPECT_EQ(bodies(**log), "abc");
  const auto nothing = SegmentLog::open_to_read({.directory = "absent"}, disk);
  EXPECT_TRUE(!nothing || (*nothing)->stats().end_offset == 0);
}

}  // namespace
}  // namespace quell
