// The bytes of a segment file: header, batches, records (docs/formats/journal.md draws them).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "model/frame.h"

namespace quell {

inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kBatchHeaderBytes = 40;
inline constexpr std::size_t kRecordHeaderBytes = 8;
inline constexpr std::uint64_t kBatchAlignment = 8;

struct SegmentHeader {
  std::uint64_t base = 0;      // Offset of the first frame.
  std::uint64_t previous = 0;  // Base of the segment before; its own base when there is none.
  // What begins every batch header. Different for each segment and not known to senders, so that
  // neither old bytes of the disk nor a journal sent as a body can be taken for a batch.
  std::uint64_t mark = 0;
  Timestamp arrived_at{};  // Of the last frame before `base`: arrivals never go back.
};

std::string encode_segment_header(const SegmentHeader& header);

// Whether a header was written whole, by whatever version.
bool is_whole_segment_header(std::string_view bytes);

// Errors: Corrupt when the bytes are no header of a segment that this version reads.
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

struct BatchHeader {
  std::uint64_t first = 0;       // Offset of the first frame.
  Timestamp arrived_at{};        // Of the last frame.
  std::uint32_t count = 0;       // Frames, at least one.
  std::uint32_t size_bytes = 0;  // Of all records, without the padding.

  std::uint64_t end() const { return first + count; }
};

// Returns: nothing unless `bytes` begin with a valid header that carries the segment's `mark`.
std::optional<BatchHeader> decode_batch_header(std::string_view bytes, std::uint64_t mark);

// Where the batch after the one at `position` begins.
constexpr std::uint64_t next_batch_position(std::uint64_t position, const BatchHeader& header) {
  const std::uint64_t end = position + kBatchHeaderBytes + header.size_bytes;
  return (end + kBatchAlignment - 1) / kBatchAlignment * kBatchAlignment;
}

struct RecordHeader {
  std::uint32_t size_bytes = 0;  // Of the payload.
  std::uint32_t crc = 0;         // CRC-32C of the payload, then of the frame's offset.
};

RecordHeader decode_record_header(const char* bytes);
std::uint32_t record_crc(std::string_view payload, std::uint64_t offset);

// Appends a frame as a record whose checksum still lacks the offset (see Batch::seal).
void encode_record(const Frame& frame, std::string& out);

// `00000000000000000042.seg`.
std::string segment_name(std::uint64_t base);
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

// The records of one commit, in one buffer that is written as it is.
class Batch {
 public:
  // `records`: one record of encode_record(), of a frame that arrived at `arrived_at`.
  void add(std::string_view record, Timestamp arrived_at);
  // Gives the frames the offsets from `first` on and returns the bytes to write, padding included.
  // Requires: called once between two clear().
  std::string_view seal(std::uint64_t first, std::uint64_t mark);

  // Keeps the buffer for the next batch, unless it has become far larger than what it held.
  void clear();

  std::uint32_t count() const { return count_; }
  Timestamp last_arrived_at() const { return last_arrived_at_; }
  // What seal() returns is as long as this.
  std::uint64_t size_bytes() const;

 private:
  std::string bytes_ = std::string(kBatchHeaderBytes, '\0');
  std::uint32_t count_ = 0;
  bool sealed_ = false;
  Timestamp last_arrived_at_{};
};

}  // namespace quell
