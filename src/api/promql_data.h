// The series that a PromQL query asks for, and their samples from memory and from the store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/series.h"
#include "promql/value.h"
#include "store/store.h"
#include "stream/rollup.h"
#include "stream/sample_book.h"
#include "stream/series_table.h"

namespace quell {

struct PromqlLimits {
  std::size_t series_max = 20'000;                // Of all selectors of a query.
  std::size_t blocks_max = 1'000'000;             // Of 128 bytes, that are copied for a query.
  std::size_t samples_max = 20'000'000;           // That are decoded for a query.
  std::uint32_t chunks_max = 200'000;             // Read from the store for one metric.
  std::uint64_t stored_bytes_max = 256ull << 20;  // Read from the store for a query.
  // What is done where the series are, which takes in no samples meanwhile:
  std::size_t nameless_max = 4;       // Selectors that do not name a metric: each looks at all.
  std::size_t regexes_max = 20;       // Of all selectors.
  std::size_t looks_max = 4'000'000;  // Series looked at, and matchers tried on them: about 0.3 s.
};

// What memory has for one selector.
struct SelectedSeries {
  std::vector<std::string> metrics{};  // Names that match.
  std::vector<SeriesBlocks> series{};
  Timestamp left_until{};  // Series that have left have no later samples.
};

// Thread: the owner's of table and book. Cost: a walk over the series of the metric, or over all
// series when the selector does not name one. Errors: TooLarge.
Result<std::vector<SelectedSeries>> select_series(const promql::Query& query,
                                                  std::string_view tenant, const SeriesTable& table,
                                                  const SampleBook& book,
                                                  const PromqlLimits& limits = {});

std::size_t bytes_of(const std::vector<SelectedSeries>& selected);

// Decodes them, and adds what stored chunks have besides. Thread: any. Errors: Corrupt, TooLarge,
// and the store's.
Result<promql::Inputs> load_samples(const promql::Query& query,
                                    std::vector<SelectedSeries> selected, std::string_view tenant,
                                    const promql::Steps& steps, const Store& store,
                                    const PromqlLimits& limits = {});

// Up to where some of the samples are known by rollups only.
std::optional<Timestamp> rolled_up_until(const promql::Inputs& inputs);

// Series of the tenant that match any of the selectors; all of them where there is none. In no
// particular order. Thread: the owner's of the table. Errors: TooLarge.
Result<std::vector<std::shared_ptr<const Series>>> matching_series(
    const std::vector<promql::Selector>& selectors, std::string_view tenant,
    const SeriesTable& table, const PromqlLimits& limits = {});

promql::Labels promql_labels(const Series& series);

}  // namespace quell
