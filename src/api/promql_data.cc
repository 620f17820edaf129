#include "api/promql_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>

#include "base/time.h"

namespace quell {
namespace {

bool matches(const promql::Selector& selector, const Series& series, std::string_view tenant) {
  return series.tenant == tenant && std::ranges::all_of(selector.matchers, [&](const Matcher& m) {
           return m.matches(series.labels.get(m.name()));
         });
}

// Finds the series of selectors, within what a query may look at.
class Finder {
 public:
  Finder(std::string_view tenant, const SeriesTable& table, const PromqlLimits& limits)
      : tenant_(tenant), table_(table), limits_(limits) {}

  // Before anything is looked at.
  Status check(std::span<const promql::Selector* const> selectors) const {
    std::size_t nameless = 0;
    std::size_t regexes = 0;
    for (const promql::Selector* selector : selectors) {
      if (selector->metric().empty()) ++nameless;
      regexes +=
          static_cast<std::size_t>(std::ranges::count_if(selector->matchers, &Matcher::is_regex));
    }
    if (nameless > limits_.nameless_max) {
      return fail(Errc::TooLarge,
                  fmt::format("{} selectors name no metric, the limit is {}: name their metrics",
                              nameless, limits_.nameless_max));
    }
    if (regexes > limits_.regexes_max) {
      return fail(Errc::TooLarge, fmt::format("there are {} regular expressions, the limit is {}",
                                              regexes, limits_.regexes_max));
    }
    return {};
  }

  // The names that the matchers on the name allow.
  Result<std::vector<std::string>> metrics_of(const promql::Selector& selector) {
    if (const auto name = selector.metric(); !name.empty()) {
      return std::vector{std::string(name)};
    }
    if (names_.empty()) names_ = table_.metrics();
    std::vector<std::string> names;
    for (const std::string& name : names_) {
      TRY_STATUS(look(1));
      bool fits = true;
      for (const Matcher& m : selector.matchers) {
        if (m.name() != kMetricLabel) continue;
        TRY_STATUS(look(1));
        fits = fits && m.matches(name);
      }
      if (fits) names.push_back(name);
    }
    return names;
  }

  // Calls f(slot, series) for those that match, until it returns false.
  template <class F>
  Status each(const promql::Selector& selector, const std::vector<std::string>& metrics, F&& f) {
    for (const std::string& metric : metrics) {
      for (const SeriesSlot slot : table_.slots_of(metric)) {
        const auto& series = table_.series(slot);
        TRY_STATUS(look(1 + selector.matchers.size()));
        if (matches(selector, *series, tenant_) && !f(slot, series)) return {};
      }
    }
    return {};
  }

 private:
  Status look(std::size_t count) {
    looks_ += count;
    if (looks_ <= limits_.looks_max) return {};
    return fail(Errc::TooLarge,
                fmt::format("the query looks through too many series: the limit is {}, each "
                            "matcher counted; name the metrics, or use fewer selectors",
                            limits_.looks_max));
  }

  const std::string_view tenant_;
  const SeriesTable& table_;
  const PromqlLimits& limits_;
  std::vector<std::string> names_;
  std::size_t looks_ = 0;
};

// Times in milliseconds, both ends included.
struct Span {
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
};

Timestamp from_ms(std::int64_t ms) {
  constexpr std::int64_t kLargest = INT64_MAX / 1'000'000;
  return Timestamp{Duration{std::clamp(ms, -kLargest, kLargest) * 1'000'000}};
}
// Those of rollups are needed for longer: one speaks for its series until the next one ends.
constexpr std::int64_t kRollupMs =
    std::chrono::duration_cast<std::chrono::milliseconds>(kRollupSpan).count();

// The samples of one series. What came from memory counts, then the chunk that comes first.
promql::InputSeries input_of(const Series& series, const std::vector<Point>& points,
                             std::vector<Rollup> rollups, Span span) {
  promql::InputSeries input{.labels = promql_labels(series), .rollups = std::move(rollups)};
  std::erase_if(input.rollups, [&](const Rollup& r) {
    return to_unix_ms(r.until) < span.first_ms - kRollupMs ||
           to_unix_ms(r.until) > span.last_ms + kRollupMs;
  });
  for (const Point& p : points) {
    const std::int64_t ms = to_unix_ms(p.time);
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
    Histories histories;
    TRY(const bool asks, memory_begins_later(selected, span));
    if (asks) {
      TRY(histories, stored(selector, selected, span));
    }
    for (const SeriesBlocks& blocks : selected.series) {
      const auto of_series = histories.find(blocks.series->id);
      TRY_STATUS(add(*blocks.series, &blocks,
                     of_series == histories.end() ? nullptr : &of_series->second, span, inputs));
    }
    for (const auto& [id, of_series] : histories) {
      if (in_memory.contains(id)) continue;
      const auto& series = of_series.chunks.empty() ? of_series.rollups.front().series
                                                    : of_series.chunks.front().series;
      TRY_STATUS(add(*series, nullptr, &of_series, span, inputs));
    }
    return inputs;
  }

 private:
  using Histories = std::unordered_map<Hash128, MetricHistory, Hash128Hasher>;

  // Whether some series has fewer samples in memory than are asked for, or some that has left had
  // any of them: it is in the store only.
  Result<bool> memory_begins_later(const SelectedSeries& selected, Span span) {
    if (selected.series.empty() || to_unix_ms(selected.left_until) >= span.first_ms) return true;
    for (const SeriesBlocks& blocks : selected.series) {
      points_.clear();
      if (!blocks.blocks.empty()) TRY_STATUS(decode_block(blocks.blocks.front(), points_));
      const bool begins_before = std::ranges::any_of(
          points_, [&](const Point& p) { return to_unix_ms(p.time) <= span.first_ms; });
      if (!begins_before) return true;
    }
    return false;
  }

  Result<Histories> stored(const promql::Selector& selector, const SelectedSeries& selected,
                           Span span) {
    Histories histories;
    for (const std::string& metric : selected.metrics) {
      TRY(auto found, store_.metric_history({.metric = metric,
                                             .tenant = tenant_,
                                             .since = from_ms(span.first_ms - kRollupMs),
                                             .until = from_ms(span.last_ms + kRollupMs),
                                             .limit = limits_.chunks_max,
                                             .bytes_max = stored_bytes_left_}));
      if (found.is_cut || found.bytes > stored_bytes_left_) {
        return fail(Errc::TooLarge,
                    fmt::format("the query reads more than {} bytes from the store: ask for fewer "
                                "metrics or a shorter time",
                                limits_.stored_bytes_max));
      }
      stored_bytes_left_ -= found.bytes;
      if (found.chunks.size() >= limits_.chunks_max || found.rollups.size() >= limits_.chunks_max) {
        return fail(Errc::TooLarge,
                    fmt::format("the query reads more than {} stretches of samples from the store: "
                                "ask for fewer series or a shorter time",
                                limits_.chunks_max));
      }
      for (MetricChunk& chunk : found.chunks) {
        if (!matches(selector, *chunk.series, tenant_)) continue;
        TRY_STATUS(count_samples(chunk.count));
        histories[chunk.series->id].chunks.push_back(std::move(chunk));
      }
      for (MetricRollups& row : found.rollups) {
        if (!matches(selector, *row.series, tenant_)) continue;
        TRY_STATUS(count_samples(row.count));
        histories[row.series->id].rollups.push_back(std::move(row));
      }
    }
    return histories;
  }

  Status add(const Series& series, const SeriesBlocks* blocks, const MetricHistory* history,
             Span span, std::vector<promql::InputSeries>& out) {
    // settle_points() lets the last one of a time count.
    points_.clear();
    std::vector<Rollup> rollups;
    if (history != nullptr) {
      const auto& chunks = history->chunks;
      for (auto chunk = chunks.rbegin(); chunk != chunks.rend(); ++chunk) {
        TRY(const std::vector<Point> more, decode_points(chunk->samples));
        points_.insert(points_.end(), more.begin(), more.end());
      }
      for (const MetricRollups& row : history->rollups) {
        TRY(const std::vector<Rollup> more, decode_rollups(row.points));
        rollups.insert(rollups.end(), more.begin(), more.end());
      }
      std::ranges::sort(rollups, {}, &Rollup::until);
    }
    if (blocks != nullptr) {
      for (const SampleBlock& block : blocks->blocks) {
        TRY_STATUS(count_samples(block.count));
        TRY_STATUS(decode_block(block, points_));
      }
    }
    settle_points(points_);
    choose_finer(points_, rollups);
    promql::InputSeries input = input_of(series, points_, std::move(rollups), span);
    if (!input.values.empty() || !input.rollups.empty()) out.push_back(std::move(input));
    return {};
  }

  // Before they are decoded.
  Status count_samples(std::size_t more) {
    samples_ += more;
    if (samples_ <= limits_.samples_max) return {};
    return fail(Errc::TooLarge,
                fmt::format("the query reads more than {} samples: ask for fewer series or a "
                            "shorter time",
                            limits_.samples_max));
  }

  const std::string tenant_;
  const Store& store_;
  const PromqlLimits& limits_;
  std::uint64_t stored_bytes_left_ = limits_.stored_bytes_max;
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
  Finder finder(tenant, table, limits);
  TRY_STATUS(finder.check(query.selectors));
  for (const promql::Selector* selector : query.selectors) {
    SelectedSeries& selected = all.emplace_back();
    selected.left_until = book.left_until();
    TRY(selected.metrics, finder.metrics_of(*selector));
    TRY_STATUS(finder.each(*selector, selected.metrics, [&](SeriesSlot slot, const auto& series) {
      selected.series.push_back({series, book.blocks_of(slot)});
      block_count += selected.series.back().blocks.size();
      return ++series_count <= limits.series_max && block_count <= limits.blocks_max;
    }));
    if (series_count > limits.series_max || block_count > limits.blocks_max) {
      return fail(Errc::TooLarge,
                  fmt::format("the query matches too many series: the limit is {} series and {} "
                              "blocks of samples",
                              limits.series_max, limits.blocks_max));
    }
  }
  return all;
}

std::size_t bytes_of(const std::vector<SelectedSeries>& selected) {
  std::size_t bytes = 0;
  for (const SelectedSeries& one : selected) {
    for (const std::string& metric : one.metrics) bytes += sizeof(std::string) + metric.size();
    for (const SeriesBlocks& series : one.series) {
      bytes += sizeof series + series.blocks.size() * sizeof(SampleBlock);
    }
  }
  return bytes;
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

Result<std::vector<std::shared_ptr<const Series>>> matching_series(
    const std::vector<promql::Selector>& selectors, std::string_view tenant,
    const SeriesTable& table, const PromqlLimits& limits) {
  std::vector<std::shared_ptr<const Series>> found;
  const auto take = [&](SeriesSlot, const std::shared_ptr<const Series>& series) {
    found.push_back(series);
    return true;
  };
  static const promql::Selector kAll;
  std::vector<const promql::Selector*> wanted;
  for (const promql::Selector& selector : selectors) wanted.push_back(&selector);
  if (wanted.empty()) wanted.push_back(&kAll);
  Finder finder(tenant, table, limits);
  TRY_STATUS(finder.check(wanted));
  for (const promql::Selector* selector : wanted) {
    TRY(const auto metrics, finder.metrics_of(*selector));
    TRY_STATUS(finder.each(*selector, metrics, take));
  }
  if (selectors.size() > 1) {
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
  }
  return found;
}

std::optional<Timestamp> rolled_up_until(const promql::Inputs& inputs) {
  std::optional<Timestamp> until;
  for (const auto& selected : inputs) {
    for (const promql::InputSeries& series : selected) {
      if (series.rollups.empty()) continue;
      until = std::max(until.value_or(Timestamp::min()), series.rollups.back().until);
    }
  }
  return until;
}

promql::Labels promql_labels(const Series& series) {
  promql::Labels labels;
  for (const Label label : series.labels) labels.emplace_back(label.name, label.value);
  return labels;
}

}  // namespace quell
