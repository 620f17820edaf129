// Segment files of any content: opening and reading them ends, within the file, and never gives a
// frame that was not written. The first byte chooses what the rest is:
//   even: edits of a good journal, three bytes each: position (2), what to put there
//   odd:  the records of a batch whose header is right about them (second byte: how many)
#include <cstring>
#include <memory>
#include <string>

#include "base/hash.h"
#include "base/memory_disk.h"
#include "fuzz.h"
#include "journal/segment_log.h"

namespace quell {
namespace {

const std::string kPath = "j/" + segment_name(0);
constexpr std::uint64_t kMark = 0x5eed5eed5eed5eed;

JournalOptions options() {
  return {.directory = "j", .segment_bytes = 1 << 16, .reserve_bytes = 256};
}

std::string good_journal() {
  MemoryDisk disk;
  auto log = SegmentLog::open(options(), disk).value();
  for (int n = 0; n < 12; n += 4) {
    Batch batch;
    for (int i = n; i < n + 4; ++i) {
      std::string record;
      Frame frame;
      frame.body = std::to_string(i) + std::string(20, 'x');
      encode_record(frame, record);
      batch.add(record, Timestamp{});
    }
    QUELL_ASSERT(log->commit(batch).has_value(), "a sound disk takes frames");
  }
  return disk.content(kPath);
}

std::string edited(std::string content, std::string_view edits) {
  for (; edits.size() >= 3; edits.remove_prefix(3)) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(edits[i]); };
    const std::size_t at = byte(0) + 256u * byte(1);
    content[at % content.size()] = edits[2];
  }
  return content;
}

template <class T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

std::string with_records(std::uint32_t count, std::string_view records) {
  std::string header(kBatchHeaderBytes, '\0');
  put(header, 0, kMark);
  put(header, 24, count);
  put(header, 28, static_cast<std::uint32_t>(records.size()));
  put(header, 36, crc32c(std::string_view(header).substr(0, 36)));
  QUELL_ASSERT(count == 0 || decode_batch_header(header, kMark), "the header is right");
  return encode_segment_header({.mark = kMark}) + header + std::string(records);
}

}  // namespace

void fuzz_one(std::string_view input) {
  static const std::string good = good_journal();
  if (input.size() < 2) return;
  const bool is_edit = input[0] % 2 == 0;
  const auto count = static_cast<unsigned char>(input[1]);
  MemoryDisk disk;
  QUELL_ASSERT(disk.create_directory("j").has_value(), "nothing fails here");
  auto file = disk.create(kPath).value();
  QUELL_ASSERT(
      file->write(0, is_edit ? edited(good, input.substr(1)) : with_records(count, input.substr(2)))
          .has_value(),
      "nothing fails here");
  auto log = SegmentLog::open(options(), disk);
  if (!log) {
    QUELL_ASSERT(!log.error().place.empty(), "damage is reported with its place");
    return;
  }
  std::uint64_t next = 0;
  const auto status = (*log)->read(0, [&](const Frame& frame) {
    QUELL_ASSERT(frame.offset == next++, "offsets are dense");
    QUELL_ASSERT(!is_edit || std::stoull(frame.body) == frame.offset, "only what was written");
    return true;
  });
  QUELL_ASSERT(!is_edit || status.has_value(), "what recovery found sound can be read");
  QUELL_ASSERT(!is_edit || next % 4 == 0, "batches are kept as a whole");
  (*log)->close().value();
}

}  // namespace quell
