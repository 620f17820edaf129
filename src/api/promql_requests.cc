#include "api/promql_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "api/metric_requests.h"
#include "api/problem.h"
#include "api/promql_data.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr std::size_t kPointsMax = 11'000;  // Of one series, as in Prometheus.
constexpr std::size_t kMatchesMax = 100;    // Parameters match[].
constexpr std::size_t kAnswerBytesMax = 64 << 20;
constexpr std::size_t kListBytesMax = 16 << 20;  // Of names, values or series; what follows is cut.
constexpr Duration kTimeoutMax = std::chrono::seconds(30);  // From when the request came.
constexpr std::string_view kBuildVersion = "2.42.0";        // Whose semantics these are.

// ---------------------------------------------------------------------------------------------
// Parameters and errors.

http::Response refusal(int status, std::string_view type, std::string_view text) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("status", "error").field("errorType", type).field("error", text);
  w.end_object();
  return json_response(std::move(body), status);
}

// Of a parameter, or of the execution.
http::Response refusal(const Error& error) {
  switch (error.code) {
    case Errc::InvalidArgument:
      if (!error.place.empty()) {
        return refusal(400, "bad_data",
                       fmt::format("invalid parameter \"{}\": {}", error.place, error.message));
      }
      return refusal(422, "execution", error.message);
    case Errc::TooLarge: return refusal(422, "execution", error.message);
    case Errc::Timeout: return refusal(503, "timeout", error.message);
    case Errc::Exhausted:
    case Errc::Unavailable: return refusal(503, "unavailable", error.message);
    case Errc::Unauthenticated: return refusal(401, "unauthorized", error.message);
    case Errc::PermissionDenied: return refusal(403, "forbidden", error.message);
    default: return refusal(http_status(error.code), "internal", error.message);
  }
}

Error in_parameter(Error error, std::string_view name) {
  error.code = Errc::InvalidArgument;
  error.place = name;
  return error;
}

// Runs `f`; its errors become answers.
template <class F>
Result<Reply> answered(F&& f) {
  Result<Reply> reply = f();
  if (reply) return reply;
  return Reply(refusal(reply.error()));
}

std::string tenant_of(const http::Request& request) {
  std::string tenant(request.header("x-scope-orgid"));
  if (tenant.empty()) tenant = request.parameter("tenant");
  return tenant.empty() ? std::string(kDefaultTenant) : tenant;
}

// Unix seconds with a fraction, or RFC 3339; in milliseconds.
Result<std::int64_t> time_of(const http::Request& request, std::string_view name,
                             std::optional<Timestamp> fallback) {
  const std::string text = request.parameter(name);
  if (text.empty() && fallback) {
    return std::chrono::floor<std::chrono::milliseconds>(fallback->time_since_epoch()).count();
  }
  if (const auto ms = promql_time_ms(text)) return *ms;
  return std::unexpected(in_parameter(
      {.message = fmt::format("cannot parse \"{}\" to a valid timestamp", utf8_prefix(text, 64))},
      name));
}

Result<promql::Steps> range_of(const http::Request& request) {
  TRY(const std::int64_t start, time_of(request, "start", std::nullopt));
  TRY(const std::int64_t end, time_of(request, "end", std::nullopt));
  const auto bad = [](std::string_view name, std::string message) {
    return std::unexpected(in_parameter({.message = std::move(message)}, name));
  };
  if (end < start) return bad("end", "end timestamp must not be before start time");
  auto step = promql::parse_step(request.parameter("step"));
  if (!step) return std::unexpected(in_parameter(step.error(), "step"));
  const std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(*step).count();
  if (ms <= 0) {
    return bad("step",
               "zero or negative query resolution step widths are not accepted. Try a positive "
               "integer");
  }
  const auto count = static_cast<std::size_t>((end - start) / ms) + 1;
  if (count > kPointsMax) {
    return bad("step",
               "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
               "query resolution (?step=XX)");
  }
  return promql::Steps{.start_ms = start, .step_ms = ms, .count = count};
}

Result<std::vector<promql::Selector>> matches_of(const http::Request& request) {
  std::vector<promql::Selector> selectors;
  std::size_t regexes = 0;
  const auto texts = request.parameters("match[]");
  if (texts.size() > kMatchesMax) {
    return std::unexpected(
        in_parameter({.message = fmt::format("more than {} of them", kMatchesMax)}, "match[]"));
  }
  for (const std::string& text : texts) {
    auto selector = promql::parse_selector(text);
    if (!selector) return std::unexpected(in_parameter(selector.error(), "match[]"));
    regexes +=
        static_cast<std::size_t>(std::ranges::count_if(selector->matchers, &Matcher::is_regex));
    if (regexes > promql::kRegexesMax) {
      return std::unexpected(in_parameter(
          {.message = fmt::format("more than {} regular expressions", promql::kRegexesMax)},
          "match[]"));
    }
    selectors.push_back(*std::move(selector));
  }
  return selectors;
}

// How many results are wanted; no limit gives all.
Result<std::size_t> limit_of(const http::Request& request) {
  const std::string text = request.parameter("limit");
  std::size_t limit = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, limit);
  if (!text.empty() && (error != std::errc{} || stop != end)) {
    return std::unexpected(in_parameter(
        {.message =
             fmt::format("'{}' is not a number of results; 0 is no limit", utf8_prefix(text, 64))},
        "limit"));
  }
  return limit == 0 ? SIZE_MAX : limit;
}

// ---------------------------------------------------------------------------------------------
// Answers.

void write_labels(JsonWriter& w, const promql::Labels& labels) {
  w.key("metric").begin_object();
  for (const auto& [name, value] : labels) w.field(name, value);
  w.end_object();
}

// `[1795248000.5,"1"]`.
void write_point(JsonWriter& w, std::int64_t ms, double value) {
  std::string time = std::to_string(ms / 1000);
  if (ms < 0 && ms / 1000 == 0) time = "-0";
  const std::int64_t fraction = std::abs(ms % 1000);
  if (fraction != 0) time += fmt::format(".{:03}", fraction);
  w.begin_array().raw(time).value(promql::format_value(value)).end_array();
}

// Writes what was evaluated, as long as it is not too much.
class ValueWriter {
 public:
  explicit ValueWriter(std::string& body) : body_(body), w_(body) {}
  JsonWriter& json() { return w_; }
  // Returns: false when the answer would be larger than kAnswerBytesMax; it ends anywhere then.
  bool instant(const promql::Value& value, std::int64_t ms);
  bool matrix(const promql::Value& value, const promql::Steps& steps);

 private:
  bool fits() const { return body_.size() <= kAnswerBytesMax; }

  std::string& body_;
  JsonWriter w_;
};

// As an instant query answers it.
bool ValueWriter::instant(const promql::Value& value, std::int64_t ms) {
  JsonWriter& w = w_;
  if (value.type == promql::Type::Scalar) {
    w.field("resultType", "scalar").key("result");
    write_point(w, ms, value.scalar[0]);
    return true;
  }
  w.field("resultType", value.type == promql::Type::Vector ? "vector" : "matrix");
  w.key("result").begin_array();
  for (const promql::OutputSeries& series : value.series) {
    w.begin_object();
    write_labels(w, series.labels);
    w.key("value");
    write_point(w, ms, series.values[0]);
    w.end_object();
    if (!fits()) return false;
  }
  for (const promql::RangeSeries& series : value.ranges) {
    w.begin_object();
    write_labels(w, series.labels);
    w.key("values").begin_array();
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      write_point(w, series.times_ms[i], series.values[i]);
      if (!fits()) return false;
    }
    w.end_array().end_object();
  }
  w.end_array();
  return true;
}

bool ValueWriter::matrix(const promql::Value& value, const promql::Steps& steps) {
  JsonWriter& w = w_;
  w.field("resultType", "matrix").key("result").begin_array();
  const auto write = [&](const promql::Labels& labels, const auto& values, const auto* present) {
    w.begin_object();
    write_labels(w, labels);
    w.key("values").begin_array();
    for (std::size_t i = 0; i < steps.count; ++i) {
      if (present == nullptr || (*present)[i]) write_point(w, steps.at(i), values[i]);
    }
    w.end_array().end_object();
  };
  const std::vector<bool>* const always = nullptr;
  if (value.type == promql::Type::Scalar) write({}, value.scalar, always);
  for (const auto& series : value.series) {
    write(series.labels, series.values, &series.present);  // Of kPointsMax at most.
    if (!fits()) return false;
  }
  w.end_array();
  return true;
}

enum class Json : bool { Array, Object };

// Writes `items` with write(json, item), as many as are wanted and as the answer has room for.
template <class Items, class F>
http::Response list_of(const Items& items, std::size_t limit, F&& write, Json as = Json::Array) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("status", "success").key("data");
  as == Json::Array ? w.begin_array() : w.begin_object();
  std::size_t written = 0;
  for (const auto& item : items) {
    if (written == limit || body.size() > kListBytesMax) break;
    write(w, item);
    ++written;
  }
  as == Json::Array ? w.end_array() : w.end_object();
  if (written < items.size()) {
    w.key("warnings").begin_array();
    w.value(written == limit
                ? "results truncated due to limit"
                : fmt::format("results truncated due to limit: an answer has at most {} bytes; "
                              "{} of {} are here, narrow them by {}",
                              kListBytesMax, written, items.size(),
                              as == Json::Array ? "match[]" : "metric"));
    w.end_array();
  }
  w.end_object();
  return json_response(std::move(body));
}

http::Response list_of(const std::set<std::string_view>& texts, std::size_t limit) {
  return list_of(texts, limit, [](JsonWriter& w, std::string_view text) { w.value(text); });
}

template <class F>
http::Response success(F&& write_data) {
  std::string body;
  JsonWriter w(body);
  w.begin_object().field("status", "success").key("data");
  write_data(w);
  w.end_object();
  return json_response(std::move(body));
}

http::Response value_answer(const promql::Value& value, const promql::Steps& steps, bool is_range,
                            std::optional<Timestamp> rolled_up) {
  std::string body;
  ValueWriter writer(body);
  JsonWriter& w = writer.json();
  w.begin_object().field("status", "success").key("data").begin_object();
  const bool fits = is_range ? writer.matrix(value, steps) : writer.instant(value, steps.start_ms);
  if (!fits) {
    return refusal(422, "execution",
                   fmt::format("the answer has more than {} bytes: ask for fewer series, a shorter "
                               "time or a longer step",
                               kAnswerBytesMax));
  }
  w.end_object();
  if (rolled_up) {
    w.key("infos").begin_array();
    w.value(
        fmt::format("samples until {} are kept as points of five minutes (retention.metrics_raw)",
                    format_rfc3339(*rolled_up)));
    w.end_array();
  }
  w.end_object();
  return json_response(std::move(body));
}

// When the answer must be there.
Result<Timestamp> deadline_of(const http::Request& request, Timestamp now) {
  const std::string text = request.parameter("timeout");
  if (text.empty()) return now + kTimeoutMax;
  const auto timeout = promql::parse_step(text);
  if (!timeout) return std::unexpected(in_parameter(timeout.error(), "timeout"));
  return now + std::clamp(*timeout, Duration::zero(), kTimeoutMax);
}

struct Execution {
  promql::Steps steps{};
  bool is_range = false;
  std::string tenant{};
  Timestamp deadline{};
};

// Looks up the series here, and does the rest on another thread.
Result<Reply> run(promql::Query query, Execution execution, LiveView& live) {
  static const SeriesTable kNoTable;
  static const SampleBook kNoBook;
  const bool has_series = live.series != nullptr && live.samples != nullptr;
  TRY(auto selected, select_series(query, execution.tenant, has_series ? *live.series : kNoTable,
                                   has_series ? *live.samples : kNoBook));
  const std::size_t bytes = bytes_of(selected);
  auto rest = [query = std::move(query), execution = std::move(execution),
               selected =
                   std::move(selected)](const History& history) mutable -> Result<http::Response> {
    const auto& [steps, is_range, tenant, deadline] = execution;
    const auto is_late = [&history, by = deadline] { return history.now && history.now() >= by; };
    if (is_late()) return refusal(503, "timeout", "query timed out before it was its turn");
    auto inputs = load_samples(query, std::move(selected), tenant, steps, history.store);
    if (!inputs) return refusal(inputs.error());
    const auto value = promql::evaluate(query, *inputs, steps, {.is_late = is_late});
    if (!value) return refusal(value.error());
    return value_answer(*value, steps, is_range, rolled_up_until(*inputs));
  };
  return Reply(Deferred{.make = std::move(rest), .bytes = bytes});
}

Result<promql::Query> query_of(const http::Request& request) {
  auto query = promql::parse_query(request.parameter("query"));
  if (!query) return std::unexpected(in_parameter(query.error(), "query"));
  return query;
}

using SeriesList = std::vector<std::shared_ptr<const Series>>;

// Makes the answer on another thread.
template <class F>
Result<Reply> listed(SeriesList series, F&& make) {
  const std::size_t bytes = series.capacity() * sizeof(SeriesList::value_type);
  return Reply(Deferred{
      .make = [series = std::move(series), make = std::forward<F>(make)](
                  const History&) mutable -> Result<http::Response> { return make(series); },
      .bytes = bytes});
}

// The series that match, to be looked at on another thread.
Result<SeriesList> series_of(const http::Request& request, LiveView& live) {
  TRY(const auto selectors, matches_of(request));
  if (live.series == nullptr) return SeriesList{};
  return matching_series(selectors, tenant_of(request), *live.series);
}

bool is_label_name(std::string_view name) {
  return !name.empty() && !invalid_utf8_at(name);
}

}  // namespace

bool is_promql(std::string_view operation, const http::Request& request) {
  if (operation == "list_series") return !request.parameters("match[]").empty();
  return operation.contains("promql_");
}

http::Response promql_refusal(const Error& error) {
  http::Response response = refusal(error);
  for (auto& header : problem(error).headers) {
    const bool is_common = header.first == "content-type" || header.first == "cache-control";
    if (!is_common) response.headers.push_back(std::move(header));
  }
  return response;
}

http::Request promql_parameters(const http::Request& request) {
  http::Request joined;
  joined.query = request.query;
  joined.headers = request.headers;
  const std::string_view type = request.header("content-type");
  const bool is_form =
      equals_ignore_case(trim(type.substr(0, type.find(';'))), "application/x-www-form-urlencoded");
  if (is_form && !request.body.empty()) {
    if (!joined.query.empty()) joined.query += '&';
    joined.query += request.body;
  }
  return joined;
}

std::optional<std::int64_t> promql_time_ms(std::string_view text) {
  constexpr double kMost = 9e9;  // Seconds that fit into 64 bits of nanoseconds.
  double seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  if (error == std::errc{} && stop == end && std::abs(seconds) <= kMost) {
    return static_cast<std::int64_t>(std::llround(seconds * 1000));
  }
  const auto time = parse_rfc3339(text);
  if (!time) return std::nullopt;
  return std::chrono::floor<std::chrono::milliseconds>(time->time_since_epoch()).count();
}

Result<Reply> promql_query(const Call& call, LiveView& live) {
  return answered([&]() -> Result<Reply> {
    const http::Request request = promql_parameters(call.request);
    TRY(const std::int64_t time, time_of(request, "time", call.now));
    TRY(const Timestamp deadline, deadline_of(request, call.now));
    TRY(auto query, query_of(request));
    return run(std::move(query),
               {.steps = {.start_ms = time}, .tenant = tenant_of(request), .deadline = deadline},
               live);
  });
}

Result<Reply> promql_query_range(const Call& call, LiveView& live) {
  return answered([&]() -> Result<Reply> {
    const http::Request request = promql_parameters(call.request);
    TRY(const promql::Steps steps, range_of(request));
    TRY(const Timestamp deadline, deadline_of(request, call.now));
    TRY(auto query, query_of(request));
    if (query.root->type == promql::Type::Range) {
      return std::unexpected(
          in_parameter({.message = "invalid expression type \"range vector\" for range query, must "
                                   "be Scalar or instant Vector"},
                       "query"));
    }
    return run(
        std::move(query),
        {.steps = steps, .is_range = true, .tenant = tenant_of(request), .deadline = deadline},
        live);
  });
}

Result<Reply> promql_labels_request(const Call& call, LiveView& live) {
  return answered([&]() -> Result<Reply> {
    const http::Request request = promql_parameters(call.request);
    TRY(const std::size_t limit, limit_of(request));
    TRY(auto series, series_of(request, live));
    return listed(std::move(series), [limit](const SeriesList& all) {
      std::set<std::string_view> names;
      for (const auto& s : all) {
        for (const Label label : s->labels) names.insert(label.name);
      }
      return list_of(names, limit);
    });
  });
}

Result<Reply> promql_label_values(const Call& call, LiveView& live) {
  return answered([&]() -> Result<Reply> {
    const http::Request request = promql_parameters(call.request);
    std::string name(call.parameter("name"));
    if (!is_label_name(name)) {
      return std::unexpected(in_parameter({.message = "invalid label name"}, "name"));
    }
    TRY(const std::size_t limit, limit_of(request));
    TRY(auto series, series_of(request, live));
    return listed(std::move(series), [name = std::move(name), limit](const SeriesList& all) {
      std::set<std::string_view> values;
      for (const auto& s : all) {
        if (const auto value = s->labels.get(name); !value.empty()) values.insert(value);
      }
      return list_of(values, limit);
    });
  });
}

Result<Reply> promql_series(const Call& call, LiveView& live) {
  return answered([&]() -> Result<Reply> {
    const http::Request request = promql_parameters(call.request);
    if (request.parameters("match[]").empty()) {
      return Reply(refusal(400, "bad_data", "no match[] parameter provided"));
    }
    TRY(const std::size_t limit, limit_of(request));
    TRY(auto series, series_of(request, live));
    return listed(std::move(series), [limit](SeriesList& all) {
      std::ranges::sort(
          all, {}, [](const auto& s) -> const auto& { return s->labels; });
      return list_of(all, limit, [](JsonWriter& w, const auto& s) {
        w.begin_object();
        for (const Label label : s->labels) w.field(label.name, label.value);
        w.end_object();
      });
    });
  });
}

Result<Reply> promql_metadata(const Call& call, LiveView& live) {
  return answered([&]() -> Result<Reply> {
    const http::Request request = promql_parameters(call.request);
    const std::string tenant = tenant_of(request);
    const std::string wanted = request.parameter("metric");
    TRY(const std::size_t limit, limit_of(request));
    std::vector<std::string> names;
    if (live.series != nullptr && wanted.empty()) names = live.series->metrics();
    if (live.series != nullptr && !wanted.empty()) names = {wanted};
    std::vector<std::pair<std::string_view, const MetricMetadata*>> known;
    for (const std::string& name : names) {
      const MetricMetadata* const said = live.series->metadata(tenant, name);
      if (said != nullptr) known.emplace_back(name, said);
    }
    const auto write = [](JsonWriter& w, const auto& metric) {
      w.key(metric.first).begin_array().begin_object();
      w.field("type", series_kind_name(metric.second->kind));
      w.field("help", metric.second->help).field("unit", metric.second->unit);
      w.end_object().end_array();
    };
    return Reply(list_of(known, limit, write, Json::Object));
  });
}

Result<Reply> promql_build_info(const Call&, LiveView& live) {
  const ServerFacts facts = live.facts();
  return Reply(success([&](JsonWriter& w) {
    w.begin_object().field("version", kBuildVersion);
    w.field("revision", fmt::format("quell {} {}", facts.version, facts.revision));
    w.field("branch", "").field("buildUser", "").field("buildDate", "").field("goVersion", "");
    w.end_object();
  }));
}

Result<Reply> series_or_report(const Call& call, LiveView& live) {
  return is_promql("list_series", call.request) ? promql_series(call, live)
                                                : list_series(call, live);
}

}  // namespace quell
