#include "stream/sample_query.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

namespace quell {

bool matches(const Series& series, const SampleQuery& query) {
  if (!query.tenant.empty() && series.tenant != query.tenant) return false;
  return std::ranges::all_of(
      query.matchers, [&](const Matcher& m) { return m.matches(series.labels.get(m.name())); });
}

FoundBlocks find_blocks(const SeriesTable& table, const SampleBook& book,
                        const SampleQuery& query) {
  FoundBlocks found;
  for (const SeriesSlot slot : table.slots_of(query.metric)) {
    const auto& series = table.series(slot);
    if (!matches(*series, query)) continue;
    if (++found.matched > query.series_max) continue;
    SeriesBlocks blocks{series, book.blocks_of(slot)};
    if (!blocks.blocks.empty()) found.series.push_back(std::move(blocks));
  }
  return found;
}

namespace {

struct Merged {
  std::shared_ptr<const Series> series;
  std::map<Timestamp, double> points;
  std::vector<Rollup> rollups;
};

// The newest ones, as many as the query asks for.
SeriesSamples newest(Merged&& merged, const SampleQuery& query) {
  SeriesSamples samples{.series = std::move(merged.series), .rollups = std::move(merged.rollups)};
  for (const auto& [time, value] : merged.points) samples.points.push_back({time, value});
  std::ranges::sort(samples.rollups, {}, &Rollup::until);
  choose_finer(samples.points, samples.rollups);
  const auto outside = [&](Timestamp t) { return t < query.since || t > query.until; };
  std::erase_if(samples.points, [&](const Point& p) { return outside(p.time); });
  std::erase_if(samples.rollups, [&](const Rollup& r) { return outside(r.until); });
  const auto keep_newest = [](auto& all, std::size_t count) {
    if (all.size() > count) {
      all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(count));
    }
  };
  keep_newest(samples.points, query.limit);
  keep_newest(samples.rollups, query.limit - samples.points.size());
  return samples;
}

}  // namespace

Result<std::vector<SeriesSamples>> merge_samples(const std::vector<SeriesBlocks>& blocks,
                                                 const MetricHistory& history,
                                                 const SampleQuery& query) {
  std::unordered_map<Hash128, Merged, Hash128Hasher> all;
  const auto of = [&](const std::shared_ptr<const Series>& series) -> Merged* {
    if (series->metric() != query.metric || !matches(*series, query)) return nullptr;
    if (all.size() >= query.series_max && !all.contains(series->id)) return nullptr;
    Merged& merged = all[series->id];
    if (merged.series == nullptr) merged.series = series;
    return &merged;
  };
  std::vector<Point> points;
  for (const SeriesBlocks& of_series : blocks) {
    points.clear();
    for (const SampleBlock& block : of_series.blocks) TRY_STATUS(decode_block(block, points));
    settle_points(points);
    Merged& merged = all[of_series.series->id];
    merged.series = of_series.series;
    for (const Point& p : points) merged.points.emplace(p.time, p.value);
  }
  for (const MetricChunk& chunk : history.chunks) {
    Merged* const merged = of(chunk.series);
    if (merged == nullptr) continue;
    TRY(points, decode_points(chunk.samples));
    for (const Point& p : points) merged->points.emplace(p.time, p.value);
  }
  for (const MetricRollups& row : history.rollups) {
    Merged* const merged = of(row.series);
    if (merged == nullptr) continue;
    TRY(const std::vector<Rollup> some, decode_rollups(row.points));
    merged->rollups.insert(merged->rollups.end(), some.begin(), some.end());
  }
  std::vector<SeriesSamples> found;
  for (auto& [id, merged] : all) {
    SeriesSamples samples = newest(std::move(merged), query);
    if (!samples.points.empty() || !samples.rollups.empty()) found.push_back(std::move(samples));
  }
  std::ranges::sort(found, {}, [](const SeriesSamples& s) {
    return std::tie(s.series->tenant, s.series->labels);
  });
  return found;
}

}  // namespace quell
