#include "stream/sample_block.h"

#include <algorithm>
#include <array>
#include <bit>

namespace quell {
namespace {

constexpr std::array<std::int64_t, 3> kTickUnits{1'000'000'000, 1'000'000, 1};

std::int64_t ns_of(Timestamp t) {
  return t.time_since_epoch().count();
}

// Whether `ns` is a whole number of units; `ticks` is that number. The divisions are by constants.
bool to_ticks(std::int64_t ns, std::uint8_t unit, std::int64_t& ticks) {
  switch (unit) {
    case 0: ticks = ns / 1'000'000'000; return ticks * 1'000'000'000 == ns;
    case 1: ticks = ns / 1'000'000; return ticks * 1'000'000 == ns;
    default: ticks = ns; return true;
  }
}

// Differences wrap around instead of overflowing: adding them back wraps the same way.
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// A sample is a byte, the change of the time's step, and the bytes of the value that changed:
//
//   bits 7..6   0: no change of the step; 1, 2, 3: one of 2, 4, 8 bytes follows
//   bits 5..0   0: the same value; else 1 + 8 * z + (n - 1): of the XOR with the last value z low
//               bytes are zero, and the n above them follow
unsigned time_class(std::int64_t change) {
  if (change == 0) return 0;
  if (change == static_cast<std::int16_t>(change)) return 1;
  return change == static_cast<std::int32_t>(change) ? 2 : 3;
}

constexpr std::array<std::size_t, 4> kTimeBytes{0, 2, 4, 8};

}  // namespace

Timestamp SampleCursor::time() const {
  const auto ns = static_cast<std::uint64_t>(ticks) * static_cast<std::uint64_t>(kTickUnits[unit]);
  return Timestamp{Duration{static_cast<std::int64_t>(ns)}};
}

void SampleBlock::begin(Timestamp time, double value, SampleCursor& cursor) {
  cursor = {};
  while (!to_ticks(ns_of(time), cursor.unit, cursor.ticks)) ++cursor.unit;
  first = cursor.ticks;
  const bool fits = append(time, value, cursor);
  QUELL_ASSERT(fits, "an empty block takes a sample");
}

bool SampleBlock::append(Timestamp time, double value, SampleCursor& cursor) {
  std::int64_t ticks = 0;
  if (!to_ticks(ns_of(time), cursor.unit, ticks)) return false;
  const std::int64_t delta = minus(ticks, cursor.ticks);
  const std::int64_t change = minus(delta, cursor.delta);
  const unsigned kind = time_class(change);
  const auto bits = std::bit_cast<std::uint64_t>(value);
  std::uint64_t changed = bits ^ cursor.bits;
  std::size_t bytes = 0;
  unsigned code = 0;
  if (changed != 0) {
    const auto zeros = static_cast<unsigned>(std::countr_zero(changed)) / 8;
    changed >>= zeros * 8;
    bytes = (static_cast<std::size_t>(std::bit_width(changed)) + 7) / 8;
    code = 1 + zeros * 8 + static_cast<unsigned>(bytes) - 1;
  }
  const std::size_t size = 1 + kTimeBytes[kind] + bytes;
  if (cursor.used + size > kDataBytes) return false;
  unsigned char* p = data + cursor.used;
  *p++ = static_cast<unsigned char>(kind << 6 | code);
  if (kind != 0) {
    std::memcpy(p, &change, kTimeBytes[kind]);
    p += kTimeBytes[kind];
  }
  // A fixed size is one instruction; only at the end of the block there may be no room for it.
  if (p + sizeof changed <= data + kDataBytes) {
    std::memcpy(p, &changed, sizeof changed);
  } else {
    std::memcpy(p, &changed, bytes);
  }
  cursor.used = static_cast<std::uint8_t>(cursor.used + size);
  ++cursor.count;
  cursor.ticks = ticks;
  cursor.delta = delta;
  cursor.bits = bits;
  return true;
}

Status decode_block(const SampleBlock& block, std::vector<Point>& out) {
  const auto corrupt = [] { return fail(Errc::Corrupt, "a block of samples does not decode"); };
  if (block.unit >= kTickUnits.size() || block.used > SampleBlock::kDataBytes) return corrupt();
  SampleCursor cursor{.ticks = block.first, .unit = block.unit};
  const unsigned char* p = block.data;
  const unsigned char* const end = block.data + block.used;
  for (std::size_t n = block.count; n > 0; --n) {
    if (p == end) return corrupt();
    const unsigned head = *p++;
    const std::size_t time_bytes = kTimeBytes[head >> 6];
    const unsigned code = head & 63;
    const std::size_t zeros = code == 0 ? 0 : (code - 1) / 8;
    const std::size_t bytes = code == 0 ? 0 : (code - 1) % 8 + 1;
    if (zeros + bytes > 8 || static_cast<std::size_t>(end - p) < time_bytes + bytes) {
      return corrupt();
    }
    std::int64_t change = 0;
    if (time_bytes == 2) {
      std::int16_t v = 0;
      std::memcpy(&v, p, sizeof v);
      change = v;
    } else if (time_bytes == 4) {
      std::int32_t v = 0;
      std::memcpy(&v, p, sizeof v);
      change = v;
    } else if (time_bytes == 8) {
      std::memcpy(&change, p, sizeof change);
    }
    p += time_bytes;
    std::uint64_t changed = 0;
    std::memcpy(&changed, p, bytes);
    p += bytes;
    cursor.bits ^= code == 0 ? 0 : changed << (zeros * 8);
    cursor.delta = plus(cursor.delta, change);
    cursor.ticks = plus(cursor.ticks, cursor.delta);
    out.push_back({cursor.time(), std::bit_cast<double>(cursor.bits)});
  }
  return p == end ? Status{} : corrupt();
}

void settle_points(std::vector<Point>& points) {
  const auto earlier = [](const Point& a, const Point& b) { return a.time < b.time; };
  if (!std::ranges::is_sorted(points, earlier)) std::ranges::stable_sort(points, earlier);
  std::size_t to = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i + 1 < points.size() && points[i + 1].time == points[i].time) continue;
    points[to++] = points[i];
  }
  points.resize(to);
}

}  // namespace quell
