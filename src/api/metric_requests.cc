#include "api/metric_requests.h"

#include <fmt/format.h>

#include <chrono>

#include "api/json_views.h"
#include "api/list_query.h"
#include "base/text.h"
#include "stream/sample_book.h"

namespace quell {
namespace {

constexpr std::uint32_t kSamplesDefault = 1000;
constexpr std::uint32_t kSamplesMax = 10'000;

void write_series(JsonWriter& w, const SeriesSamples& samples) {
  const Series& series = *samples.series;
  w.begin_object()
      .field("tenant", series.tenant)
      .field("host", series.host)
      .field("unit", series.unit)
      .key("tags");
  write_labels(w, series.tags);
  w.key("samples").begin_array();
  for (const Point& point : samples.points) {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(point.time.time_since_epoch());
    w.begin_array().value(ms.count()).value(point.value).end_array();
  }
  w.end_array().end_object();
}

Result<http::Response> metric_response(const SampleQuery& query, std::vector<SeriesSamples> found,
                                       const History& history) {
  TRY(const auto chunks, history.store.metric_chunks({.metric = query.metric,
                                                      .tenant = query.tenant,
                                                      .host = query.host,
                                                      .since = query.since,
                                                      .until = query.until}));
  TRY_STATUS(merge_chunks(found, chunks, query));
  if (found.empty()) {
    return fail(Errc::NotFound, fmt::format("there are no samples of the metric '{}' here",
                                            utf8_prefix(query.metric, 200)));
  }
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("metric", query.metric).key("series").begin_array();
  for (const SeriesSamples& samples : found) write_series(w, samples);
  w.end_array().end_object();
  return json_response(std::move(body));
}

}  // namespace

Result<Reply> list_metrics(const Call&, LiveView& live) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  if (live.samples != nullptr) {
    for (const std::string& name : live.samples->metrics()) w.value(name);
  }
  w.end_array().end_object();
  return json_response(std::move(body));
}

Result<Reply> get_metric(const Call& call, LiveView& live) {
  SampleQuery query{.metric = std::string(call.parameter("metric")),
                    .tenant = call.request.parameter("tenant"),
                    .host = call.request.parameter("host")};
  TRY(const auto since, time_parameter(call.request, "since", call.now));
  TRY(const auto until, time_parameter(call.request, "until", call.now));
  TRY(query.limit, limit_parameter(call.request, kSamplesDefault, kSamplesMax));
  query.since = since.value_or(query.since);
  query.until = until.value_or(query.until);
  std::vector<SeriesSamples> found;
  if (live.samples != nullptr) found = live.samples->query(query);
  return Deferred([query = std::move(query), found = std::move(found)](
                      const History& history) mutable -> Result<http::Response> {
    return metric_response(query, std::move(found), history);
  });
}

}  // namespace quell
