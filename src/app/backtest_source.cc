#include "app/backtest_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>

#include "app/data_on_disk.h"
#include "app/decoders.h"
#include "app/metric_stage.h"
#include "base/disk.h"
#include "base/json.h"
#include "base/text.h"
#include "eval/data_files.h"
#include "eval/series_csv.h"
#include "fetch/http_client.h"
#include "journal/segment_log.h"

namespace quell {
namespace {

using Found = std::map<std::string, BacktestSamples, std::less<>>;

// The tenant is said where it is not the default one; tenants do not share series.
Result<BacktestSamples*> series_of(Found& found, std::string name, const Series& series) {
  std::string entity = entity_of(series).to_string();
  if (series.tenant != kDefaultTenant) {
    const std::string of_tenant = fmt::format(" of the tenant {}", series.tenant);
    name += of_tenant;
    entity += of_tenant;
  }
  if (const auto known = found.find(name); known != found.end()) return &known->second;
  if (found.size() == kBacktestSeriesMax) {
    return fail(Errc::TooLarge,
                fmt::format("the rule matches more than {} series: narrow it with `match`",
                            kBacktestSeriesMax));
  }
  BacktestSamples& samples = found[name];
  samples.series = name;
  samples.entity = std::move(entity);
  samples.tenant = series.tenant;
  samples.labels = series.labels;
  return &samples;
}

// Samples may come late; of several at one time the last counts.
void settle(BacktestSamples& samples) {
  std::map<Timestamp, double> by_time;
  if (std::ranges::is_sorted(samples.times, std::ranges::less_equal{})) return;
  for (std::size_t i = 0; i < samples.times.size(); ++i) {
    by_time.insert_or_assign(samples.times[i], samples.values[i]);
  }
  samples.times.clear();
  samples.values.clear();
  for (const auto& [time, value] : by_time) {
    samples.times.push_back(time);
    samples.values.push_back(value);
  }
}

Result<std::vector<BacktestSamples>> in_order(Found&& found, const std::string& where) {
  std::vector<BacktestSamples> all;
  for (auto& [name, samples] : found) {
    settle(samples);
    if (!samples.times.empty()) all.push_back(std::move(samples));
  }
  if (all.empty()) {
    return fail(Errc::NotFound, fmt::format("nothing in {} is what the rule looks at", where));
  }
  return all;
}

Result<std::vector<BacktestSamples>> from_csv(const std::string& path) {
  const DataFiles files = data_files_on_disk();
  DataReader reader(files);  // Unpacks.
  TRY(const std::string text,
      reader.read(path.ends_with(".xz") ? path.substr(0, path.size() - 3) : path));
  TRY(RecordedSeries recorded, parse_series_csv(text, path));
  sort_by_time(recorded);
  BacktestSamples samples{.series = std::filesystem::path(path).filename().string()};
  for (const std::int64_t second : recorded.seconds) {
    samples.times.emplace_back(std::chrono::seconds(second));
  }
  samples.values = recorded.values;
  if (samples.times.empty()) return fail(Errc::NotFound, fmt::format("{} has no samples", path));
  return std::vector{std::move(samples)};
}

// ---- A Prometheus-compatible server
// --------------------------------------------------------------

}  // namespace

std::string backtest_selector(const DetectionRule& rule) {
  if (!rule.query.empty()) return rule.query;
  std::string matchers;
  for (const Matcher& matcher : rule.matchers) {
    if (matcher.name() == "tenant") continue;  // A server answers with those of the token's.
    if (!matchers.empty()) matchers += ',';
    std::string text = matcher.to_string();
    if (matcher.name() == "metric") text.replace(0, matcher.name().size(), kMetricLabel);
    matchers += text;
  }
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
  const std::string& name = rule.metric;
  const auto other = name.find_first_not_of(kFirst);
  const bool is_plain =
      other == name.npos ||
      (other > 0 && name.find_first_not_of(std::string(kFirst) + "0123456789") == name.npos);
  if (!is_plain) {
    const auto named = Matcher::make(std::string(kMetricLabel), MatchOp::Equal, name);
    QUELL_ASSERT(named, "a comparison needs nothing to compile");
    return fmt::format("{{{}{}{}}}", named->to_string(), matchers.empty() ? "" : ",", matchers);
  }
  return matchers.empty() ? rule.metric : fmt::format("{}{{{}}}", rule.metric, matchers);
}

namespace {

std::string series_name(simdjson::dom::object labels) {
  std::string metric;
  std::string rest;
  for (const auto& [name, value] : labels) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) continue;
    if (name == kMetricLabel) {
      metric = text;
    } else {
      rest += fmt::format("{}{}=\"{}\"", rest.empty() ? "" : ", ", name, text);
    }
  }
  return rest.empty() && !metric.empty() ? metric : fmt::format("{}{{{}}}", metric, rest);
}

// For its entity; labels that no series can have say nothing of one. What a query computes has no
// name.
Series series_with(simdjson::dom::object labels) {
  std::vector<Label> pairs;
  if (std::string_view name; labels[kMetricLabel].get(name) != simdjson::SUCCESS) {
    pairs.push_back({kMetricLabel, "query"});
  }
  for (const auto& [name, value] : labels) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS && !text.empty()) pairs.push_back({name, text});
  }
  return {.tenant = std::string(kDefaultTenant),
          .labels = SeriesLabels::from(std::move(pairs)).value_or(SeriesLabels())};
}

Status take_matrix(std::string_view body, const std::string& url, Found& found) {
  const auto strange = [&] {
    return fail(Errc::Unavailable, fmt::format("{} does not answer as Prometheus does", url));
  };
  simdjson::dom::parser parser;
  const auto root = parse_json(parser, body);
  simdjson::dom::array result;
  if (!root || (*root)["data"]["result"].get(result) != simdjson::SUCCESS) return strange();
  for (const simdjson::dom::element series : result) {
    simdjson::dom::object labels;
    simdjson::dom::array values;
    if (series["metric"].get(labels) != simdjson::SUCCESS ||
        series["values"].get(values) != simdjson::SUCCESS) {
      return strange();
    }
    TRY(BacktestSamples * samples, series_of(found, series_name(labels), series_with(labels)));
    for (const simdjson::dom::element pair : values) {
      double seconds = 0;
      std::string_view text;
      if (pair.at(0).get(seconds) != simdjson::SUCCESS ||
          pair.at(1).get(text) != simdjson::SUCCESS) {
        return strange();
      }
      double value = std::nan("");
      if (text.starts_with('+')) text.remove_prefix(1);
      std::from_chars(text.data(), text.data() + text.size(), value);
      samples->times.emplace_back(std::chrono::milliseconds(std::llround(seconds * 1000)));
      samples->values.push_back(value);
    }
  }
  return {};
}

Result<std::vector<BacktestSamples>> from_server(const BacktestSource& source,
                                                 const DetectionRule& rule, Timestamp now,
                                                 const BacktestProgress& progress) {
  constexpr std::int64_t kPointsMax = 10'000;  // Prometheus answers 11,000 per series.
  const std::string selector = backtest_selector(rule);
  if (selector.empty()) {
    return fail(Errc::InvalidArgument, "the rule needs metric, match or query to ask a server");
  }
  std::string base = source.from;
  while (base.ends_with('/')) base.pop_back();
  const std::int64_t step_ms =
      std::max<std::int64_t>(1, source.step / std::chrono::milliseconds(1));
  const std::int64_t end =
      std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count() / step_ms *
      step_ms;
  const std::int64_t points = source.since / std::chrono::milliseconds(step_ms);
  Found found;
  for (std::int64_t done = 0; done <= points; done += kPointsMax) {
    progress(static_cast<std::size_t>(done), static_cast<std::size_t>(points));
    const std::int64_t from = end - (points - done) * step_ms;
    const std::int64_t to = std::min(end, from + (kPointsMax - 1) * step_ms);
    fetch::HttpRequest request{
        .url = fmt::format("{}/api/v1/query_range?query={}&start={:.3f}&end={:.3f}&step={:.3f}",
                           base, percent_encode(selector), static_cast<double>(from) / 1000,
                           static_cast<double>(to) / 1000, static_cast<double>(step_ms) / 1000)};
    if (!source.token.empty()) {
      request.headers.emplace_back("authorization", "Bearer " + source.token);
    }
    TRY(const auto answer, fetch::fetch(request));
    if (!answer.ok()) {
      return fail(Errc::Unavailable, fmt::format("{} answers {}: {}", base, answer.status,
                                                 printable(utf8_prefix(answer.body, 300))));
    }
    TRY_STATUS(take_matrix(answer.body, base, found));
  }
  return in_order(std::move(found), base);
}

// ---- A journal
// -----------------------------------------------------------------------------------

// Feeds metric frames to a stage of its own, and keeps what the rule looks at.
class JournalReader {
 public:
  explicit JournalReader(const DetectionRule& rule) : rule_(rule), decoders_(PackLibrary()) {}

  Status take(const Frame& frame) {
    if (frame.kind != FrameKind::Ingest) return {};
    DecodedFrame decoded = decoders_.decode(frame);
    if (decoded.samples.times.empty()) return {};
    SeriesRefusals refused;
    const SampleBatch& batch = stage_.on_samples(frame, decoded.samples, refused);
    const auto watched = batch.watched();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      TRY(BacktestSamples * samples, samples_of(batch.slots[i]));
      if (samples == nullptr) continue;
      samples->times.push_back(batch.times[i]);
      samples->values.push_back(watched[i]);
    }
    return {};
  }

  Found&& found() && { return std::move(found_); }

 private:
  // Null for a series that the rule does not look at.
  Result<BacktestSamples*> samples_of(SeriesSlot slot) {
    if (slot >= known_.size()) known_.resize(slot + 1);
    Known& known = known_[slot];
    if (!known.asked) {
      known.asked = true;
      const Series& series = *stage_.table().series(slot);
      if (rule_.matches(series)) {
        TRY(known.samples, series_of(found_, series.labels.to_string(), series));
      }
    }
    return known.samples;
  }

  struct Known {
    bool asked = false;
    BacktestSamples* samples = nullptr;
  };
  const DetectionRule& rule_;
  Decoders decoders_;
  MetricStage stage_{0};
  std::vector<Known> known_;  // By slot.
  Found found_;
};

Result<std::vector<BacktestSamples>> from_journal(const std::string& path,
                                                  const DetectionRule& rule,
                                                  const BacktestProgress& progress) {
  const std::string inside = path + "/journal";
  const std::string directory = std::filesystem::is_directory(inside) ? inside : path;
  const auto disk = make_posix_disk_to_read();
  auto opened = SegmentLog::open_to_read(JournalOptions{.directory = directory}, *disk);
  if (!opened && opened.error().code == Errc::Conflict) {
    Error error = std::move(opened).error();
    error.message += "; stop that server, or take a copy of the directory";
    return std::unexpected(std::move(error));
  }
  TRY(const auto log, std::move(opened));
  JournalReader reader(rule);
  Status status;
  const std::uint64_t begin = log->stats().begin_offset;
  const std::uint64_t all = log->stats().end_offset - begin;
  TRY_STATUS(log->read(begin, [&](const Frame& frame) {
    status = reader.take(frame);
    if ((frame.offset - begin) % 1024 == 0) progress(frame.offset - begin, all);
    return status.has_value();
  }));
  TRY_STATUS(std::move(status));
  return in_order(std::move(reader).found(), directory);
}

}  // namespace

Result<std::vector<BacktestSamples>> read_backtest_samples(const BacktestSource& source,
                                                           const DetectionRule& rule, Timestamp now,
                                                           const BacktestProgress& progress) {
  if (source.from.starts_with("http://") || source.from.starts_with("https://")) {
    return from_server(source, rule, now, progress);
  }
  if (std::filesystem::is_directory(source.from)) {
    return from_journal(source.from, rule, progress);
  }
  return from_csv(source.from);
}

}  // namespace quell
