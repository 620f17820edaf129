// SegmentReader: the batches and records of one segment file, in large sequential reads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "base/result.h"
#include "journal/segment_format.h"

namespace quell {

// Where a batch begins, for starting in the middle of a segment.
struct BatchPlace {
  std::uint64_t offset = 0;    // Of the batch's first frame.
  std::uint64_t position = 0;  // In the file.
};

// Adds a place to an index unless one of the last 256 KiB is there: 1 KiB of memory for 16 MiB.
void add_place(std::vector<BatchPlace>& index, BatchPlace place);

// Thread: one. Memory: one buffer of up to 256 KiB, or as large as the largest record.
class SegmentReader {
 public:
  // Returns false to stop. The payload lives until the call returns.
  using RecordVisitor = std::function<Result<bool>(std::uint64_t offset, std::string_view payload)>;

  // Starts at a batch. `path` is named in errors. The file must outlive the reader.
  SegmentReader(const File& file, std::string path, std::uint64_t mark, BatchPlace start);

  BatchPlace place() const { return {next_offset_, position_}; }

  // Returns: the header of the batch at the present place, nothing when no valid one with the
  // expected offset is there.
  Result<std::optional<BatchHeader>> batch();

  // Visits the records of the batch at the present place and moves behind it; when `visit` returns
  // false, the place is not moved and false is returned.
  // Errors: Corrupt at the first record that fails its checksum; those of `visit`.
  Result<bool> records(const BatchHeader& header, const RecordVisitor& visit);

  // Moves behind the batch without looking at its records.
  void skip(const BatchHeader& header);

  struct Tail {
    std::uint64_t bytes_used = 0;  // From the present place to the last byte that is not zero.
    std::optional<std::uint64_t> later_batch{};  // Position of the first batch after the place.
  };
  // Looks at what follows when no sound batch is at the present place.
  Result<Tail> tail();

 private:
  // Returns: at least `size` bytes from `position` on, fewer only at the end of the file.
  Result<std::string_view> peek(std::uint64_t position, std::size_t size);

  const File& file_;
  const std::string path_;
  const std::uint64_t mark_;
  std::uint64_t next_offset_;
  std::uint64_t position_;
  std::uint64_t buffer_position_ = 0;
  std::size_t buffer_used_ = 0;
  std::vector<char> buffer_;
};

}  // namespace quell
