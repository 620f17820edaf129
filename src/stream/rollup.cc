#include "stream/rollup.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/bytes.h"
#include "base/time.h"
#include "model/sample.h"
#include "stream/sample_block.h"

namespace quell {
namespace {

constexpr std::uint8_t kRollupsVersion = 1;
constexpr std::size_t kRollupsPerRow = 96;  // Eight hours.

// Differences wrap around instead of overflowing: adding them back wraps the same way.
std::int64_t minus(Timestamp a, Timestamp b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(to_ns(a)) -
                                   static_cast<std::uint64_t>(to_ns(b)));
}
Timestamp plus(Timestamp t, std::int64_t d) {
  return Timestamp{Duration{static_cast<std::int64_t>(static_cast<std::uint64_t>(to_ns(t)) +
                                                      static_cast<std::uint64_t>(d))}};
}

void add(Rollup& rollup, const Point& point) {
  rollup.until = point.time;
  if (is_stale_marker(point.value)) return;
  const double v = point.value;
  if (rollup.count++ == 0) {
    rollup.first_time = rollup.last_time = point.time;
    rollup.first = rollup.last = rollup.min = rollup.max = rollup.sum = v;
    return;
  }
  if (v < rollup.last) rollup.lost += rollup.last;
  if (v < rollup.min || std::isnan(rollup.min)) rollup.min = v;
  if (v > rollup.max || std::isnan(rollup.max)) rollup.max = v;
  rollup.sum += v;
  rollup.last = v;
  rollup.last_time = point.time;
}

// A value against one that it is like: a byte that says how many zero bytes the XOR has below, and
// how many others; then these.
void write_value(ByteWriter& w, double value, double like) {
  std::uint64_t changed = std::bit_cast<std::uint64_t>(value) ^ std::bit_cast<std::uint64_t>(like);
  const int zeros = changed == 0 ? 0 : std::countr_zero(changed) / 8;
  changed >>= zeros * 8;
  const int bytes = (static_cast<int>(std::bit_width(changed)) + 7) / 8;
  w.u8(static_cast<std::uint8_t>(zeros << 4 | bytes));
  for (int i = 0; i < bytes; ++i) w.u8(static_cast<std::uint8_t>(changed >> (i * 8)));
}

bool read_value(ByteReader& r, double like, double& value) {
  const std::uint8_t head = r.u8();
  const int zeros = head >> 4;
  const int bytes = head & 15;
  if (zeros + bytes > 8) return false;
  std::uint64_t changed = 0;
  for (int i = 0; i < bytes; ++i) changed |= std::uint64_t{r.u8()} << (i * 8);
  changed = bytes == 0 ? 0 : changed << (zeros * 8);
  value = std::bit_cast<double>(std::bit_cast<std::uint64_t>(like) ^ changed);
  return r.ok();
}

MetricRollups row_of(const std::shared_ptr<const Series>& series, std::span<const Rollup> some) {
  MetricRollups row{.series = series, .count = static_cast<std::uint32_t>(some.size())};
  row.first_time = some.front().count == 0 ? some.front().until : some.front().first_time;
  row.last_time = some.back().until;
  encode_rollups(some, row.points);
  return row;
}

}  // namespace

void add_to_rollups(std::span<const Point> points, std::vector<Rollup>& rollups) {
  std::size_t at = 0;  // Where the rollup of a point is, or belongs.
  for (const Point& point : points) {
    const Timestamp begin = Rollup::begin_of(point.time);
    while (at < rollups.size() && rollups[at].begin() < begin) ++at;
    if (at == rollups.size() || rollups[at].begin() != begin) {
      rollups.insert(rollups.begin() + static_cast<std::ptrdiff_t>(at), Rollup{});
    } else if (point.time <= rollups[at].until) {
      continue;
    }
    add(rollups[at], point);
  }
}

void encode_rollups(std::span<const Rollup> rollups, std::string& out) {
  ByteWriter w(out);
  w.u8(kRollupsVersion);
  w.u64(rollups.size());
  Timestamp time{};
  double value = 0;
  for (const Rollup& r : rollups) {
    w.i64(minus(r.until, time));
    time = r.until;
    w.u64(r.count);
    if (r.count == 0) continue;
    w.i64(minus(r.until, r.last_time));
    w.i64(minus(r.last_time, r.first_time));
    write_value(w, r.first, value);
    write_value(w, r.last, r.first);
    write_value(w, r.min, r.first);
    write_value(w, r.max, r.last);
    write_value(w, r.sum, r.last * static_cast<double>(r.count));
    write_value(w, r.lost, 0);
    value = r.last;
  }
}

Result<std::vector<Rollup>> decode_rollups(std::string_view bytes) {
  const auto corrupt = [] { return fail(Errc::Corrupt, "points of five minutes do not decode"); };
  ByteReader r(bytes);
  if (r.u8() != kRollupsVersion) return corrupt();
  std::vector<Rollup> rollups(r.count());
  Timestamp time{};
  double value = 0;
  for (Rollup& rollup : rollups) {
    time = rollup.until = plus(time, r.i64());
    rollup.count = r.u64();
    if (rollup.count == 0) continue;
    rollup.last_time = plus(rollup.until, -r.i64());
    rollup.first_time = plus(rollup.last_time, -r.i64());
    const bool good =
        read_value(r, value, rollup.first) && read_value(r, rollup.first, rollup.last) &&
        read_value(r, rollup.first, rollup.min) && read_value(r, rollup.last, rollup.max) &&
        read_value(r, rollup.last * static_cast<double>(rollup.count), rollup.sum) &&
        read_value(r, 0, rollup.lost);
    if (!good) return corrupt();
    value = rollup.last;
  }
  if (!r.ok() || !r.at_end()) return corrupt();
  return rollups;
}

RolledUp roll_up(const std::vector<MetricChunk>& chunks, const std::vector<MetricRollups>& kept) {
  RolledUp result;
  std::vector<Point> points;
  for (const MetricChunk& chunk : chunks) {
    const auto some = decode_points(chunk.samples);
    if (!some) ++result.damaged;
    if (some) points.insert(points.end(), some->begin(), some->end());
  }
  settle_points(points);
  std::vector<Rollup> rollups;
  for (const MetricRollups& row : kept) {
    const auto some = decode_rollups(row.points);
    if (!some) ++result.damaged;
    if (some) rollups.insert(rollups.end(), some->begin(), some->end());
  }
  std::ranges::sort(rollups, {}, &Rollup::until);
  add_to_rollups(points, rollups);
  for (std::span<const Rollup> rest = rollups; !rest.empty();) {
    const auto some = rest.first(std::min(kRollupsPerRow, rest.size()));
    result.rows.push_back(row_of(chunks.back().series, some));
    rest = rest.subspan(some.size());
  }
  return result;
}

void choose_finer(std::vector<Point>& points, std::vector<Rollup>& rollups) {
  if (rollups.empty()) return;
  std::vector<Point> chosen;
  std::vector<Rollup> coarse;
  auto next = points.begin();
  for (const Rollup& rollup : rollups) {
    const Timestamp begin = rollup.begin();
    const auto first =
        std::find_if(next, points.end(), [&](const Point& p) { return p.time >= begin; });
    const auto end =
        std::find_if(first, points.end(), [&](const Point& p) { return p.time > rollup.until; });
    const auto values =
        std::count_if(first, end, [](const Point& p) { return !is_stale_marker(p.value); });
    const bool has_all = first != end && std::cmp_greater_equal(values, rollup.count);
    chosen.insert(chosen.end(), next, has_all ? end : first);
    if (!has_all) coarse.push_back(rollup);
    next = end;
  }
  chosen.insert(chosen.end(), next, points.end());
  points = std::move(chosen);
  rollups = std::move(coarse);
}

}  // namespace quell
