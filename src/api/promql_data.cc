#include "api/promql_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace quell {
namespace {

bool matches(const promql::Selector& selector, const Series& series, std::string_view tenant) {
  return series.tenant == tenant && std::ranges::all_of(selector.matchers, [&](const Matcher& m) {
           return m.matches(series.labels.get(m.name()));
         });
}

// The names that the matchers on the name allow.
std::vector<std::string> metrics_of(const promql::Selector& selector, const SeriesTable& table) {
  if (const auto name = selector.metric(); !name.empty()) return {std::string(name)};
  std::vector<std::string> names = table.metrics();
  std::erase_if(names, [&](const std::string& name) {
    return !std::ranges::all_of(selector.matchers, [&](const Matcher& m) {
      return m.name() != kMetricLabel || m.matches(name);
    });
  });
  return names;
}

// Calls f(slot, series) for those that match, until it returns false.
template <class F>
void each_match(const promql::Selector& selector, const std::vector<std::string>& metrics,
                std::string_view tenant, const SeriesTable& table, F&& f) {
  for (const std::string& metric : metrics) {
    for (const SeriesSlot slot : table.slots_of(metric)) {
      const auto& series = table.series(slot);
      if (matches(selector, *series, tenant) && !f(slot, series)) return;
    }
  }
}

// Times in milliseconds, both ends included.
struct Span {
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
};

Timestamp from_ms(std::int64_t ms) {
  constexpr std::int64_t kLargest = INT64_MAX / 1'000'000;
  return Timestamp{Duration{std::clamp(ms, -kLargest, kLargest) * 1'000'000}};
}
std::int64_t to_ms(Timestamp t) {
  return std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

// The samples of one series. What came from memory counts, then the chunk that comes first.
promql::InputSeries input_of(const Series& series, const std::vector<Point>& points, Span span) {
  promql::InputSeries input{.labels = promql_labels(series)};
  for (const Point& p : points) {
    const std::int64_t ms = to_ms(p.time);
    if (ms < span.first_ms || ms > span.last_ms) continue;
    if (!input.times_ms.empty() && input.times_ms.back() == ms) {
      input.values.back() = p.value;
      continue;
    }
    input.times_ms.push_back(ms);
    input.values.push_back(p.value);
  }
  return input;
}

class Loader {
 public:
  Loader(std::string_view tenant, const Store& store, const PromqlLimits& limits)
      : tenant_(tenant), store_(store), limits_(limits) {}

  Result<std::vector<promql::InputSeries>> load(const promql::Selector& selector,
                                                const SelectedSeries& selected, Span span) {
    std::vector<promql::InputSeries> inputs;
    std::unordered_map<Hash128, const SeriesBlocks*, Hash128Hasher> in_memory;
    for (const SeriesBlocks& blocks : selected.series) in_memory[blocks.series->id] = &blocks;
    Chunks chunks;
    TRY(const bool asks, memory_begins_later(selected, span));
    if (asks) {
      TRY(chunks, stored(selector, selected, span));
    }
    for (const SeriesBlocks& blocks : selected.series) {
      const auto of_series = chunks.find(blocks.series->id);
      TRY_STATUS(add(*blocks.series, &blocks,
                     of_series == chunks.end() ? nullptr : &of_series->second, span, inputs));
    }
    for (const auto& [id, of_series] : chunks) {
      if (in_memory.contains(id)) continue;
      TRY_STATUS(add(*of_series.front().series, nullptr, &of_series, span, inputs));
    }
    return inputs;
  }

 private:
  using Chunks = std::unordered_map<Hash128, std::vector<MetricChunk>, Hash128Hasher>;

  // Whether some series has fewer samples in memory than are asked for. Series that are only in the
  // store are found when there is nothing in memory, or when memory is too short.
  Result<bool> memory_begins_later(const SelectedSeries& selected, Span span) {
    if (selected.series.empty()) return true;
    for (const SeriesBlocks& blocks : selected.series) {
      points_.clear();
      if (!blocks.blocks.empty()) TRY_STATUS(decode_block(blocks.blocks.front(), points_));
      const bool begins_before = std::ranges::any_of(
          points_, [&](const Point& p) { return to_ms(p.time) <= span.first_ms; });
      if (!begins_before) return true;
    }
    return false;
  }

  Result<Chunks> stored(const promql::Selector& selector, const SelectedSeries& selected,
                        Span span) {
    Chunks chunks;
    for (const std::string& metric : selected.metrics) {
      TRY(auto found, store_.metric_chunks({.metric = metric,
                                            .tenant = tenant_,
                                            .since = from_ms(span.first_ms),
                                            .until = from_ms(span.last_ms),
                                            .limit = limits_.chunks_max}));
      if (found.size() >= limits_.chunks_max) {
        return fail(Errc::TooLarge,
                    fmt::format("the query reads more than {} stretches of samples from the store: "
                                "ask for fewer series or a shorter time",
                                limits_.chunks_max));
      }
      for (MetricChunk& chunk : found) {
        if (!matches(selector, *chunk.series, tenant_)) continue;
        chunks[chunk.series->id].push_back(std::move(chunk));
      }
    }
    return chunks;
  }

  Status add(const Series& series, const SeriesBlocks* blocks,
             const std::vector<MetricChunk>* chunks, Span span,
             std::vector<promql::InputSeries>& out) {
    // settle_points() lets the last one of a time count.
    points_.clear();
    if (chunks != nullptr) {
      for (auto chunk = chunks->rbegin(); chunk != chunks->rend(); ++chunk) {
        TRY(const std::vector<Point> more, decode_points(chunk->samples));
        points_.insert(points_.end(), more.begin(), more.end());
      }
    }
    if (blocks != nullptr) {
      for (const SampleBlock& block : blocks->blocks) TRY_STATUS(decode_block(block, points_));
    }
    samples_ += points_.size();
    if (samples_ > limits_.samples_max) {
      return fail(Errc::TooLarge,
                  fmt::format("the query reads more than {} samples: ask for fewer series or a "
                              "shorter time",
                              limits_.samples_max));
    }
    settle_points(points_);
    promql::InputSeries input = input_of(series, points_, span);
    if (!input.values.empty()) out.push_back(std::move(input));
    return {};
  }

  const std::string tenant_;
  const Store& store_;
  const PromqlLimits& limits_;
  std::vector<Point> points_;
  std::size_t samples_ = 0;
};

}  // namespace

Result<std::vector<SelectedSeries>> select_series(const promql::Query& query,
                                                  std::string_view tenant, const SeriesTable& table,
                                                  const SampleBook& book,
                                                  const PromqlLimits& limits) {
  std::vector<SelectedSeries> all;
  std::size_t series_count = 0;
  std::size_t block_count = 0;
  for (const promql::Selector* selector : query.selectors) {
    SelectedSeries& selected = all.emplace_back();
    selected.metrics = metrics_of(*selector, table);
    each_match(*selector, selected.metrics, tenant, table,
               [&](SeriesSlot slot, const auto& series) {
                 selected.series.push_back({series, book.blocks_of(slot)});
                 block_count += selected.series.back().blocks.size();
                 return ++series_count <= limits.series_max && block_count <= limits.blocks_max;
               });
    if (series_count > limits.series_max || block_count > limits.blocks_max) {
      return fail(Errc::TooLarge,
                  fmt::format("the query matches too many series: the limit is {} series and {} "
                              "blocks of samples",
                              limits.series_max, limits.blocks_max));
    }
  }
  return all;
}

Result<promql::Inputs> load_samples(const promql::Query& query,
                                    std::vector<SelectedSeries> selected, std::string_view tenant,
                                    const promql::Steps& steps, const Store& store,
                                    const PromqlLimits& limits) {
  promql::Inputs inputs;
  Loader loader(tenant, store, limits);
  for (std::size_t i = 0; i < query.selectors.size(); ++i) {
    const auto [first, last] = promql::times_needed(*query.selectors[i], steps);
    TRY(inputs.emplace_back(), loader.load(*query.selectors[i], selected[i], {first, last}));
    selected[i] = {};
  }
  return inputs;
}

std::vector<std::shared_ptr<const Series>> matching_series(
    const std::vector<promql::Selector>& selectors, std::string_view tenant,
    const SeriesTable& table) {
  std::vector<std::shared_ptr<const Series>> found;
  const auto take = [&](SeriesSlot, const std::shared_ptr<const Series>& series) {
    found.push_back(series);
    return true;
  };
  if (selectors.empty()) {
    static const promql::Selector kAll;
    each_match(kAll, table.metrics(), tenant, table, take);
  }
  for (const promql::Selector& selector : selectors) {
    each_match(selector, metrics_of(selector, table), tenant, table, take);
  }
  if (selectors.size() > 1) {
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
  }
  return found;
}

promql::Labels promql_labels(const Series& series) {
  promql::Labels labels;
  for (const Label label : series.labels) labels.emplace_back(label.name, label.value);
  return labels;
}

}  // namespace quell
