// SampleBlock: some of the newest samples of one series, compressed into 128 bytes.
//
// Method: delta of delta for times and XOR for values, as in Gorilla (Pelkonen et al., VLDB 2015),
// with whole bytes instead of bits: a sample that comes at its regular time with its last value
// takes one byte.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/series.h"
#include "stream/sample_codec.h"

namespace quell {

// Where the samples of a series stand: what the next one is encoded against.
struct SampleCursor {
  std::int64_t ticks = 0;  // The last time, in units.
  std::int64_t delta = 0;
  std::uint64_t bits = 0;  // The last value.
  std::uint8_t count = 0;  // Samples in the block.
  std::uint8_t used = 0;   // Bytes of its data.
  std::uint8_t unit = 0;   // Of time: 0: seconds, 1: milliseconds, 2: nanoseconds.

  Timestamp time() const;
};

struct alignas(128) SampleBlock {
  static constexpr std::size_t kDataBytes = 104;

  SeriesSlot slot = kNoSlot;
  std::uint32_t life = 0;  // Of the slot: which of the series that it had.
  std::uint32_t back = 0;  // So many blocks before it is the one before of this series; 0: none.
  // Set when the block is closed; while it is open, the series' cursor has them.
  std::uint8_t count = 0;
  std::uint8_t used = 0;
  std::uint8_t unit = 0;
  bool waits = false;      // Closed, and to be written.
  std::int64_t first = 0;  // The first time, in units.
  unsigned char data[kDataBytes] = {};

  // Begins the block with a sample. The unit is the largest that holds the time.
  void begin(Timestamp time, double value, SampleCursor& cursor);
  // Appends a sample, of any time. Returns: false when it does not fit; then nothing changed.
  // Cost: about 5 ns.
  bool append(Timestamp time, double value, SampleCursor& cursor);
  void close(const SampleCursor& cursor) {
    count = cursor.count;
    used = cursor.used;
    unit = cursor.unit;
  }
};
static_assert(sizeof(SampleBlock) == 128);

// Appends the points of a closed block, in order of arrival. Errors: Corrupt.
Status decode_block(const SampleBlock& block, std::vector<Point>& out);

// Sorts by time; of equal times the last one counts.
void settle_points(std::vector<Point>& points);

}  // namespace quell
