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
};

// Keeps the newest `limit`.
std::vector<Point> newest(const std::map<Timestamp, double>& points, std::size_t limit) {
  std::vector<Point> kept;
  auto at = points.begin();
  if (points.size() > limit) std::advance(at, points.size() - limit);
  for (; at != points.end(); ++at) kept.push_back({at->first, at->second});
  return kept;
}

}  // namespace

Result<std::vector<SeriesSamples>> merge_samples(const std::vector<SeriesBlocks>& blocks,
                                                 const std::vector<MetricChunk>& chunks,
                                                 const SampleQuery& query) {
  std::unordered_map<Hash128, Merged, Hash128Hasher> all;
  const auto add = [&](const std::shared_ptr<const Series>& series,
                       const std::vector<Point>& points) {
    Merged& merged = all[series->id];
    if (merged.series == nullptr) merged.series = series;
    for (const Point& p : points) {
      if (p.time >= query.since && p.time <= query.until) merged.points.emplace(p.time, p.value);
    }
  };
  std::vector<Point> points;
  for (const SeriesBlocks& of_series : blocks) {
    points.clear();
    for (const SampleBlock& block : of_series.blocks) TRY_STATUS(decode_block(block, points));
    settle_points(points);
    add(of_series.series, points);
  }
  for (const MetricChunk& chunk : chunks) {
    if (chunk.series->metric() != query.metric || !matches(*chunk.series, query)) continue;
    if (all.size() >= query.series_max && !all.contains(chunk.series->id)) continue;
    TRY(points, decode_points(chunk.samples));
    add(chunk.series, points);
  }
  std::vector<SeriesSamples> merged;
  for (auto& [id, m] : all) {
    SeriesSamples samples{std::move(m.series), newest(m.points, query.limit)};
    if (!samples.points.empty()) merged.push_back(std::move(samples));
  }
  std::ranges::sort(merged, {}, [](const SeriesSamples& s) {
    return std::tie(s.series->tenant, s.series->labels);
  });
  return merged;
}

}  // namespace quell
