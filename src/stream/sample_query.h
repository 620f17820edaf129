// Reading samples: which series are asked for, and their points from memory and from the store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/matcher.h"
#include "base/result.h"
#include "model/metric_chunk.h"
#include "stream/rollup.h"
#include "stream/sample_book.h"
#include "stream/sample_codec.h"
#include "stream/series_table.h"

namespace quell {

struct SampleQuery {
  std::string metric{};
  std::string tenant{};             // Empty: all.
  std::vector<Matcher> matchers{};  // On the labels.
  Timestamp since = Timestamp::min();
  Timestamp until = Timestamp::max();  // Inclusive, as is `since`.
  std::size_t limit = 720;             // Per series: the newest.
  std::size_t series_max = 1000;       // The first that match.
};

bool matches(const Series& series, const SampleQuery& query);

struct FoundBlocks {
  std::vector<SeriesBlocks> series{};
  std::size_t matched = 0;  // May be more than were taken.
};
// What memory has. Thread: the owner's of table and book.
FoundBlocks find_blocks(const SeriesTable& table, const SampleBook& book, const SampleQuery& query);

struct SeriesSamples {
  std::shared_ptr<const Series> series{};
  std::vector<Point> points{};    // By time, each once; the newest of the query.
  std::vector<Rollup> rollups{};  // By time, instead of points; the newest of the query.
};

// Decodes the blocks and adds what the store has besides: what is in memory counts, then the chunk
// that comes first (in the order of Store::metric_history), then rollups, where chunks have not all
// of what is in them. By tenant and labels. Errors: Corrupt. Thread: any.
Result<std::vector<SeriesSamples>> merge_samples(const std::vector<SeriesBlocks>& blocks,
                                                 const MetricHistory& history,
                                                 const SampleQuery& query);

}  // namespace quell
