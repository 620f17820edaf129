#include "api/metric_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <utility>

#include "api/json_views.h"
#include "api/list_query.h"
#include "base/text.h"
#include "base/time.h"
#include "stream/sample_query.h"

namespace quell {
namespace {

constexpr std::uint32_t kSamplesDefault = 1000;
constexpr std::uint32_t kSamplesMax = 10'000;
constexpr std::uint32_t kSeriesDefault = 1000;
constexpr std::uint32_t kSeriesMax = 10'000;

void write_rollup(JsonWriter& w, const Rollup& r) {
  if (r.count == 0) return;  // A stale marker.
  w.begin_array().value(to_unix_ms(r.first_time)).value(to_unix_ms(r.last_time)).value(r.count);
  w.value(r.min).value(r.max).value(r.sum / static_cast<double>(r.count)).value(r.last);
  w.end_array();
}

void write_series(JsonWriter& w, const SeriesSamples& samples) {
  const Series& series = *samples.series;
  const LabelSet labels = series.labels.to_label_set();
  w.begin_object()
      .field("tenant", series.tenant)
      .field("host", series.host())
      .field("unit", series.unit)
      .field("entity", entity_of(series).to_string())
      .key("tags");
  write_labels(w, labels.without("host"));
  w.key("labels");
  write_labels(w, labels);
  w.key("samples").begin_array();
  for (const Point& point : samples.points) {
    w.begin_array().value(to_unix_ms(point.time)).value(point.value).end_array();
  }
  w.end_array().key("rollups").begin_array();
  for (const Rollup& rollup : samples.rollups) write_rollup(w, rollup);
  w.end_array().end_object();
}

// What the metric is, as its sources say.
struct Described {
  SeriesKind kind = SeriesKind::Unknown;
  MetricMetadata metadata{};
};

Result<http::Response> metric_response(const SampleQuery& query, std::string_view host,
                                       const FoundBlocks& blocks, const Described& described,
                                       const History& history) {
  // Rollups at the ends are compared with all samples that they stand for.
  const MetricQuery asked{
      .metric = query.metric,
      .tenant = query.tenant,
      .host = std::string(host),
      .since = std::max(query.since, Timestamp::min() + kRollupSpan) - kRollupSpan,
      .until = std::min(query.until, Timestamp::max() - kRollupSpan) + kRollupSpan};
  TRY(const auto stored, history.store.metric_history(asked));
  TRY(const auto found, merge_samples(blocks.series, stored, query));
  if (found.empty()) {
    return fail(Errc::NotFound, fmt::format("there are no samples of the metric '{}' here",
                                            utf8_prefix(query.metric, 200)));
  }
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("metric", query.metric);
  w.field("kind", series_kind_name(described.kind));
  w.field("unit", described.metadata.unit).field("help", described.metadata.help);
  w.field("rollup_seconds", std::chrono::duration_cast<std::chrono::seconds>(kRollupSpan).count());
  // Series of the past are found in the store only.
  w.field("matched", std::max(blocks.matched, found.size())).key("series").begin_array();
  for (const SeriesSamples& samples : found) write_series(w, samples);
  w.end_array().end_object();
  return json_response(std::move(body));
}

}  // namespace

Result<Reply> list_metrics(const Call&, LiveView& live) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  if (live.series != nullptr) {
    for (const std::string& name : live.series->metrics()) w.value(name);
  }
  w.end_array().end_object();
  return json_response(std::move(body));
}

namespace {

constexpr std::size_t kOffenderLabels = 5;
constexpr std::size_t kOffenderSeries = 1000;  // Looked at, for their labels.

void write_owner(JsonWriter& w, const SeriesTable& table, std::size_t number, std::size_t limit) {
  const SeriesOwner& owner = table.owners()[number];
  w.begin_object()
      .field("tenant", owner.tenant)
      .field("source", owner.source)
      .field("series", owner.series)
      .field("series_max", table.options().series_max)
      .field("refused", owner.refused_series)
      .key("top_metrics")
      .begin_array();
  for (const MetricCount& metric : table.top_metrics(number, limit)) {
    w.begin_object().field("metric", metric.metric).field("series", metric.series);
    w.key("labels").begin_array();
    for (const LabelCount& label :
         table.top_labels(number, metric.metric, kOffenderLabels, kOffenderSeries)) {
      w.begin_object().field("name", label.name).field("values", label.values).end_object();
    }
    w.end_array().end_object();
  }
  w.end_array().key("refused_metrics").begin_array();
  std::vector<std::pair<std::string_view, std::uint64_t>> refused(owner.refused_metrics.begin(),
                                                                  owner.refused_metrics.end());
  std::ranges::stable_sort(refused, std::greater<>(), [](const auto& r) { return r.second; });
  for (const auto& [metric, count] : std::span(refused).first(std::min(limit, refused.size()))) {
    w.begin_object().field("metric", metric).field("refused", count).end_object();
  }
  w.end_array().end_object();
}

// The owners with the most series, or refusals, first.
std::vector<std::size_t> largest_owners(const SeriesTable& table, std::size_t limit) {
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < table.owners().size(); ++i) {
    const SeriesOwner& owner = table.owners()[i];
    if (owner.series > 0 || owner.refused_series > 0) numbers.push_back(i);
  }
  std::ranges::stable_sort(numbers, std::greater<>(), [&](std::size_t i) {
    return std::pair(table.owners()[i].series, table.owners()[i].refused_series);
  });
  if (numbers.size() > limit) numbers.resize(limit);
  return numbers;
}

}  // namespace

Result<Reply> list_series(const Call& call, LiveView& live) {
  constexpr std::uint32_t kOffendersDefault = 10;
  constexpr std::uint32_t kOffendersMax = 100;
  TRY_STATUS(check_parameters(call.request, {"limit"}));
  TRY(const auto limit, limit_parameter(call.request, kOffendersDefault, kOffendersMax));
  static const SeriesTable kEmpty;
  const SeriesTable& table = live.series == nullptr ? kEmpty : *live.series;
  std::string body;
  JsonWriter w(body);
  w.begin_object()
      .field("series", table.size())
      .field("series_total_max", table.options().series_total_max)
      .field("series_bytes", table.bytes())
      .field("series_bytes_max", table.options().bytes_max)
      .field("sample_bytes", live.samples == nullptr ? 0 : live.samples->bytes())
      .key("sources")
      .begin_array();
  for (const std::size_t owner : largest_owners(table, limit)) write_owner(w, table, owner, limit);
  w.end_array().end_object();
  return json_response(std::move(body));
}

namespace {

Described describe(const SeriesTable& table, const SampleQuery& query) {
  Described described;
  const auto& slots = table.slots_of(query.metric);
  if (slots.empty()) return described;
  described.kind = table.kind(slots.front());
  const std::string_view tenant =
      query.tenant.empty() ? table.series(slots.front())->tenant : query.tenant;
  if (const auto* said = table.metadata(tenant, query.metric)) described.metadata = *said;
  return described;
}

}  // namespace

Result<Reply> get_metric(const Call& call, LiveView& live) {
  SampleQuery query{.metric = std::string(call.parameter("metric")),
                    .tenant = call.request.parameter("tenant")};
  TRY_STATUS(check_parameters(
      call.request, {"tenant", "host", "filter", "since", "until", "limit", "series_max"}));
  const std::string host = call.request.parameter("host");
  TRY(query.matchers, filter_parameter(call.request));
  if (!host.empty()) {
    TRY(Matcher matcher, Matcher::make("host", MatchOp::Equal, host));
    query.matchers.push_back(std::move(matcher));
  }
  TRY(const auto since, time_parameter(call.request, "since", call.now));
  TRY(const auto until, time_parameter(call.request, "until", call.now));
  TRY(query.limit, limit_parameter(call.request, kSamplesDefault, kSamplesMax));
  TRY(const auto series_max, number_parameter(call.request, "series_max"));
  query.series_max = std::min<std::uint64_t>(series_max.value_or(kSeriesDefault), kSeriesMax);
  query.since = since.value_or(query.since);
  query.until = until.value_or(query.until);
  FoundBlocks found;
  Described described;
  if (live.series != nullptr && live.samples != nullptr) {
    found = find_blocks(*live.series, *live.samples, query);
    described = describe(*live.series, query);
  }
  return Deferred(
      [query = std::move(query), host, found = std::move(found),
       described = std::move(described)](const History& history) -> Result<http::Response> {
        return metric_response(query, host, found, described, history);
      });
}

}  // namespace quell
