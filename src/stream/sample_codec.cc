#include "stream/sample_codec.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/bytes.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr std::uint8_t kPointsVersion = 1;
// Times that are whole seconds or milliseconds are divided by these first.
constexpr std::array<std::int64_t, 3> kUnits{1'000'000'000, 1'000'000, 1};

std::uint8_t unit_of(std::span<const Point> points) {
  std::uint8_t unit = 0;
  for (const Point& p : points) {
    while (to_ns(p.time) % kUnits[unit] != 0) ++unit;
  }
  return unit;
}

// Differences wrap around instead of overflowing: adding them back wraps the same way.
std::uint64_t minus(std::uint64_t a, std::uint64_t b) {
  return a - b;
}

}  // namespace

void encode_points(std::span<const Point> points, std::string& out) {
  ByteWriter w(out);
  w.u8(kPointsVersion);
  const std::uint8_t unit = unit_of(points);
  w.u8(unit);
  w.u64(points.size());
  std::uint64_t last_time = 0;
  std::uint64_t last_delta = 0;
  std::uint64_t last_bits = 0;
  for (const Point& p : points) {
    const auto time = static_cast<std::uint64_t>(to_ns(p.time) / kUnits[unit]);
    const std::uint64_t delta = minus(time, last_time);
    w.i64(static_cast<std::int64_t>(minus(delta, last_delta)));
    last_time = time;
    last_delta = delta;
    const auto bits = std::bit_cast<std::uint64_t>(p.value);
    std::uint64_t changed = bits ^ last_bits;
    last_bits = bits;
    // A byte that says how many zero bytes follow below, and how many others; then these.
    const int zeros = changed == 0 ? 0 : std::countr_zero(changed) / 8;
    changed >>= zeros * 8;
    const int bytes = (static_cast<int>(std::bit_width(changed)) + 7) / 8;
    w.u8(static_cast<std::uint8_t>(zeros << 4 | bytes));
    for (int i = 0; i < bytes; ++i) w.u8(static_cast<std::uint8_t>(changed >> (i * 8)));
  }
}

Result<std::vector<Point>> decode_points(std::string_view bytes) {
  ByteReader r(bytes);
  const std::uint8_t version = r.u8();
  const std::uint8_t unit = r.u8();
  if (version != kPointsVersion || unit >= kUnits.size()) {
    return fail(Errc::Corrupt, "samples of an unknown version");
  }
  std::vector<Point> points;
  std::uint64_t time = 0;
  std::uint64_t delta = 0;
  std::uint64_t bits = 0;
  const std::size_t count = r.count();
  points.reserve(count);
  for (std::size_t n = count; n > 0 && r.ok(); --n) {
    delta += static_cast<std::uint64_t>(r.i64());
    time += delta;
    const std::uint8_t head = r.u8();
    const int zeros = head >> 4;
    const int size = head & 15;
    if (zeros + size > 8) return fail(Errc::Corrupt, "samples do not decode");
    std::uint64_t changed = 0;
    for (int i = 0; i < size; ++i) changed |= std::uint64_t{r.u8()} << (i * 8);
    bits ^= size == 0 ? 0 : changed << (zeros * 8);
    const std::uint64_t in_ns = time * static_cast<std::uint64_t>(kUnits[unit]);
    points.push_back(
        {Timestamp{Duration{static_cast<std::int64_t>(in_ns)}}, std::bit_cast<double>(bits)});
  }
  if (!r.ok() || !r.at_end()) return fail(Errc::Corrupt, "samples do not decode");
  return points;
}

}  // namespace quell
