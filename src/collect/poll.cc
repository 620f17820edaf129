#include "collect/poll.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "model/sample.h"

namespace quell {
namespace {

constexpr std::size_t kWarningsMax = 20;
constexpr std::size_t kWarningBytesMax = 500;
constexpr std::size_t kSamplesMax = 500'000;

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

std::string seconds_text(std::int64_t ms) {
  return fmt::format("{}.{:03}", ms / 1000, ms % 1000);
}

Error malformed(std::string_view what) {
  return {Errc::InvalidArgument, fmt::format("the answer is not Prometheus' JSON: {}", what), {}};
}

// `[1795248000.5, "1"]`.
bool read_point(const element& value, std::int64_t& ms, double& out) {
  array pair;
  if (value.get(pair) != simdjson::SUCCESS || pair.size() != 2) return false;
  double seconds = 0;
  std::string_view text;
  if (pair.at(0).get(seconds) != simdjson::SUCCESS || !(std::abs(seconds) < 9e9)) return false;
  if (pair.at(1).get(text) != simdjson::SUCCESS) return false;
  ms = std::llround(seconds * 1000);
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

Result<SeriesLabels> labels_of(const PollSetting& setting, const element& result) {
  object metric;
  if (result["metric"].get(metric) != simdjson::SUCCESS) {
    return std::unexpected(malformed("a result without 'metric'"));
  }
  std::vector<Label> pairs{{kMetricLabel, setting.name}};
  const auto is_set = [&](std::string_view name) {
    return std::ranges::any_of(setting.labels, [&](const auto& l) { return l.first == name; });
  };
  for (const auto [name, value] : metric) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) {
      return std::unexpected(malformed("a label that is no text"));
    }
    if (name != kMetricLabel && !is_set(name) && !text.empty()) pairs.push_back({name, text});
  }
  for (const auto& [name, value] : setting.labels) pairs.push_back({name, value});
  return SeriesLabels::from(std::move(pairs));
}

// What the server says is wrong.
std::string refusal_of(const CollectAnswer& answer, simdjson::dom::parser& parser) {
  const auto document = parse_json(parser, answer.body);
  const std::string_view said = document ? json_text(*document, "error") : std::string_view{};
  return said.empty() ? fmt::format("the server answers {}", answer.http_status)
                      : fmt::format("the server answers {}: {}", answer.http_status,
                                    utf8_prefix(said, kWarningBytesMax));
}

std::vector<std::string> warnings_of(const element& document) {
  std::vector<std::string> warnings;
  array list;
  if (document["warnings"].get(list) != simdjson::SUCCESS) return warnings;
  for (const element item : list) {
    std::string_view text;
    if (warnings.size() < kWarningsMax && item.get(text) == simdjson::SUCCESS) {
      warnings.emplace_back(utf8_prefix(text, kWarningBytesMax));
    }
  }
  return warnings;
}

}  // namespace

PollQuery::PollQuery(PollSetting setting, std::optional<Timestamp> last)
    : setting_(std::move(setting)),
      interval_ms_(std::max<std::int64_t>(
          1, std::chrono::duration_cast<std::chrono::milliseconds>(setting_.access.interval)
                 .count())) {
  if (last) done_ms_ = to_unix_ms(*last);
  answered_ms_ = done_ms_;
  facts_ = {.kind = "poll", .source = setting_.source, .target = setting_.query};
}

PollQuery::Question PollQuery::question(Timestamp now) const {
  Question q;
  q.last_ms = to_unix_ms(now) / interval_ms_ * interval_ms_;
  q.first_ms = q.last_ms;
  if (done_ms_ && *done_ms_ < q.last_ms) {
    const std::int64_t back =
        std::chrono::duration_cast<std::chrono::milliseconds>(setting_.catch_up).count();
    const std::int64_t steps =
        std::min((q.last_ms - *done_ms_ - 1) / interval_ms_, back / interval_ms_);
    q.first_ms = q.last_ms - steps * interval_ms_;
    q.last_ms = std::min(q.last_ms, q.first_ms + (steps_max_ - 1) * interval_ms_);
  }
  q.form = "query=" + percent_encode(setting_.query);
  if (q.first_ms == q.last_ms) {
    q.path = "/api/v1/query";
    q.form += "&time=" + seconds_text(q.last_ms);
  } else {
    q.path = "/api/v1/query_range";
    q.form += "&start=" + seconds_text(q.first_ms) + "&end=" + seconds_text(q.last_ms) +
              "&step=" + seconds_text(interval_ms_);
  }
  return q;
}

Status PollQuery::take(const Question& question, const CollectAnswer& answer,
                       WriteRequestBuilder& request) {
  TRY_STATUS(answer.status);
  simdjson::dom::parser parser;
  if (answer.http_status != 200) {
    return fail(Errc::Unavailable, refusal_of(answer, parser));
  }
  TRY(const element document, parse_json(parser, answer.body));
  if (json_text(document, "status") != "success") {
    return fail(Errc::Unavailable, refusal_of(answer, parser));
  }
  warnings_ = warnings_of(document);
  element data;
  if (document["data"].get(data) != simdjson::SUCCESS) {
    return std::unexpected(malformed("there is no 'data'"));
  }
  if (json_text(data, "resultType") == "scalar") return take_scalar(data, request);
  array results;
  if (data["result"].get(results) != simdjson::SUCCESS) {
    return std::unexpected(malformed("there is no 'result'"));
  }
  for (const element result : results) {
    TRY_STATUS(take_series(result, question.last_ms, request));
  }
  return {};
}

Status PollQuery::take_scalar(const element& data, WriteRequestBuilder& request) {
  std::int64_t ms = 0;
  double value = 0;
  element point;
  if (data["result"].get(point) != simdjson::SUCCESS || !read_point(point, ms, value)) {
    return std::unexpected(malformed("a scalar that is none"));
  }
  std::vector<Label> pairs{{kMetricLabel, setting_.name}};
  for (const auto& [name, text] : setting_.labels) pairs.push_back({name, text});
  TRY(const auto labels, SeriesLabels::from(std::move(pairs)));
  (void)seen_.see(labels);
  request.add_sample(labels, ms, value);
  ++samples_;
  return {};
}

Status PollQuery::take_series(const element& result, std::int64_t last_ms,
                              WriteRequestBuilder& request) {
  TRY(const auto labels, labels_of(setting_, result));
  request.begin_series(labels);
  bool is_there = false;
  const auto point = [&](const element& value) -> Status {
    std::int64_t ms = 0;
    double v = 0;
    if (!read_point(value, ms, v)) return std::unexpected(malformed("a value that is none"));
    if (++samples_ > kSamplesMax) {
      return fail(Errc::TooLarge, fmt::format("the answer has more than {} values", kSamplesMax));
    }
    request.add_point(ms, v);
    is_there = is_there || ms == last_ms;
    return {};
  };
  element value;
  array values;
  if (result["value"].get(value) == simdjson::SUCCESS) TRY_STATUS(point(value));
  if (result["values"].get(values) == simdjson::SUCCESS) {
    for (const element one : values) TRY_STATUS(point(one));
  }
  request.end_series();
  if (is_there) (void)seen_.see(labels);
  return {};
}

void PollQuery::add_report(std::string_view metric, std::int64_t ms, double value,
                           WriteRequestBuilder& request) const {
  const auto labels = SeriesLabels::from(
      {{kMetricLabel, metric}, {"source", setting_.source}, {"query", setting_.name}});
  if (labels) request.add_sample(*labels, ms, value);
}

Frame PollQuery::on_answer(const Question& question, const CollectAnswer& answer,
                           Timestamp asked_at, Duration duration) {
  samples_ = 0;
  warnings_.clear();
  seen_.begin_round();
  WriteRequestBuilder request;
  const Status taken = take(question, answer, request);
  const std::int64_t ms = to_unix_ms(asked_at);
  if (taken) {
    answered_ms_ = question.last_ms;
    steps_max_ = std::min(kStepsMax, steps_max_ * 2);
    gone_ = seen_.take_gone();
    for (const SeriesLabels& gone : gone_) {
      request.add_sample(gone, question.last_ms, stale_marker());
    }
  } else {
    gone_.clear();
    const std::int64_t asked = (question.last_ms - question.first_ms) / interval_ms_ + 1;
    steps_max_ = std::max<std::int64_t>(1, asked / 2);
    request = {};  // What is known is known: the answer may come later.
    samples_ = 0;
  }
  add_report("poll_up", ms, taken ? 1 : 0, request);
  add_report("poll_duration_seconds", ms, to_seconds(duration), request);
  add_report("poll_samples", ms, static_cast<double>(samples_), request);
  add_report("poll_warnings", ms, static_cast<double>(warnings_.size()), request);
  facts_.up = taken.has_value();
  ++facts_.rounds;
  facts_.failures = taken ? 0 : facts_.failures + 1;
  facts_.last_at = asked_at;
  facts_.duration = duration;
  facts_.samples = samples_;
  facts_.series = seen_.size();
  facts_.error = taken ? "" : taken.error().to_string();
  facts_.warnings = warnings_;
  return request.frame(setting_.source, setting_.tenant);
}

void PollQuery::on_lost(const Error& error) {
  answered_ms_ = done_ms_;
  for (const SeriesLabels& gone : gone_) (void)seen_.see(gone);  // Marked by the next answer.
  ++facts_.failures;
  facts_.error = fmt::format("what was collected is lost: {}", error.message);
}

Timestamp PollQuery::next(Timestamp now) const {
  const std::int64_t ms = to_unix_ms(now);
  const bool is_behind = done_ms_ && *done_ms_ < ms / interval_ms_ * interval_ms_;
  if (facts_.failures == 0 && is_behind) return now;
  if (facts_.failures == 0) {
    return Timestamp{std::chrono::milliseconds((ms / interval_ms_ + 1) * interval_ms_)};
  }
  Duration wait = setting_.access.interval;
  for (std::uint64_t i = 1; i < facts_.failures && wait < kBackOffMax; ++i) wait *= 2;
  const Duration most = std::max(kBackOffMax, setting_.access.interval);
  return now + std::min(wait, most);
}

Frame PollQuery::end(Timestamp at) {
  WriteRequestBuilder request;
  seen_.begin_round();
  for (const SeriesLabels& gone : seen_.take_gone()) {
    request.add_sample(gone, to_unix_ms(at), stale_marker());
  }
  for (const std::string_view metric :
       {"poll_up", "poll_duration_seconds", "poll_samples", "poll_warnings"}) {
    add_report(metric, to_unix_ms(at), stale_marker(), request);
  }
  return request.frame(setting_.source, setting_.tenant);
}

}  // namespace quell
