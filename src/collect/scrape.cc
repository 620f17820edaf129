#include "collect/scrape.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "model/sample.h"

namespace quell {
namespace {

// The labels that the target itself has.
CollectPairs own_labels(const ScrapeSetting& setting) {
  CollectPairs labels{{"job", setting.job}, {"instance", setting.instance}};
  for (const auto& label : setting.labels) {
    const auto same = std::ranges::find(labels, label.first, [](const auto& l) { return l.first; });
    if (same == labels.end()) {
      labels.push_back(label);
    } else {
      same->second = label.second;
    }
  }
  return labels;
}

bool has(const std::vector<Label>& labels, std::string_view name) {
  return std::ranges::find(labels, name, &Label::name) != labels.end();
}

Result<SeriesLabels> from_pairs(std::vector<Label> pairs) {
  std::erase_if(pairs, [](const Label& l) { return l.value.empty(); });
  return SeriesLabels::from(std::move(pairs));
}

}  // namespace

std::string shown_address(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const auto scheme = url.find("://");
  const auto host = scheme == url.npos ? 0 : scheme + 3;
  const auto user = url.substr(0, url.find('/', host)).rfind('@');
  if (user == url.npos || user < host) return std::string(url);
  return std::string(url.substr(0, host)) + std::string(url.substr(user + 1));
}

std::string_view ScrapeTarget::accept() {
  return "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,"
         "*/*;q=0.1";
}

Result<SeriesLabels> ScrapeTarget::labels_of(const ExposedSample& sample) const {
  const CollectPairs own = own_labels(setting_);
  std::vector<std::string> renamed;
  renamed.reserve(sample.labels.size());
  std::vector<Label> pairs;
  const auto is_own = [&](std::string_view name) {
    return std::ranges::any_of(own, [&](const auto& l) { return l.first == name; });
  };
  for (const auto& [name, value] : sample.labels) {
    std::string_view as = name;
    if (!setting_.honor_labels && is_own(name)) as = renamed.emplace_back("exported_" + name);
    if (has(pairs, as)) {
      return fail(Errc::InvalidArgument, fmt::format("the label '{}' appears twice", as));
    }
    pairs.push_back({as, value});
  }
  for (const auto& [name, value] : own) {
    if (!has(pairs, name)) pairs.push_back({name, value});
  }
  return from_pairs(std::move(pairs));
}

Status ScrapeTarget::add(const ExposedSample& sample, std::int64_t ms,
                         WriteRequestBuilder& request) {
  auto labels = labels_of(sample);
  if (!labels) {
    return fail(Errc::InvalidArgument, labels.error().to_string(),
                fmt::format("line {}", sample.line));
  }
  ++samples_;
  if (sample.time_ms) {
    request.add_sample(*labels, *sample.time_ms, sample.value);
    return {};
  }
  const auto verdict = seen_.see(*labels);
  if (verdict == SeriesSeen::Verdict::Again) return {};  // The first one counts.
  if (verdict == SeriesSeen::Verdict::New) ++added_;
  request.add_sample(*labels, ms, sample.value);
  return {};
}

// On an error some samples may be in `request` already: it is not used then.
Status ScrapeTarget::take(const CollectAnswer& answer, std::int64_t ms,
                          WriteRequestBuilder& request) {
  TRY_STATUS(answer.status);
  if (answer.http_status != 200) {
    return fail(Errc::Unavailable, fmt::format("the target answers {}", answer.http_status));
  }
  TRY(const ExpositionFormat format, exposition_format(answer.content_type));
  TRY(const Exposition exposition,
      parse_exposition(answer.body, format, {.samples_max = setting_.samples_max}));
  for (const ExposedSample& sample : exposition.samples) TRY_STATUS(add(sample, ms, request));
  if (exposition.families != families_) {
    for (const FamilyMetadata& family : exposition.families) request.add_metadata(family);
    families_ = exposition.families;
  }
  return {};
}

void ScrapeTarget::add_report(std::string_view metric, std::int64_t ms, double value,
                              WriteRequestBuilder& request) {
  std::vector<Label> pairs{{kMetricLabel, metric}};
  const CollectPairs own = own_labels(setting_);
  for (const auto& [name, text] : own) pairs.push_back({name, text});
  if (const auto labels = from_pairs(std::move(pairs))) request.add_sample(*labels, ms, value);
}

Frame ScrapeTarget::on_answer(const CollectAnswer& answer, Timestamp asked_at, Duration duration) {
  const std::int64_t ms = to_unix_ms(asked_at);
  samples_ = 0;
  added_ = 0;
  seen_.begin_round();
  WriteRequestBuilder request;
  const Status taken = take(answer, ms, request);
  if (!taken) {
    request = {};
    samples_ = 0;
    added_ = 0;
    seen_.begin_round();  // Nothing of it was seen.
  }
  gone_ = seen_.take_gone();
  for (const SeriesLabels& gone : gone_) request.add_sample(gone, ms, stale_marker());
  add_report("up", ms, taken ? 1 : 0, request);
  add_report("scrape_duration_seconds", ms, to_seconds(duration), request);
  add_report("scrape_samples_scraped", ms, static_cast<double>(samples_), request);
  add_report("scrape_series_added", ms, static_cast<double>(added_), request);
  facts_ = {.kind = "scrape",
            .source = setting_.job,
            .target = shown_address(setting_.url),
            .up = taken.has_value(),
            .rounds = facts_.rounds + 1,
            .failures = taken ? 0 : facts_.failures + 1,
            .last_at = asked_at,
            .duration = duration,
            .samples = samples_,
            .series = seen_.size()};
  if (!taken) facts_.error = taken.error().to_string();
  return request.frame(setting_.job, setting_.tenant);
}

void ScrapeTarget::on_lost(const Error& error) {
  for (const SeriesLabels& gone : gone_) (void)seen_.see(gone);
  families_.clear();
  ++facts_.failures;
  facts_.error = fmt::format("what was collected is lost: {}", error.message);
}

Frame ScrapeTarget::end(Timestamp at) {
  WriteRequestBuilder request;
  seen_.begin_round();
  const std::int64_t ms = to_unix_ms(at);
  for (const SeriesLabels& gone : seen_.take_gone()) request.add_sample(gone, ms, stale_marker());
  for (const std::string_view metric :
       {"up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added"}) {
    add_report(metric, ms, stale_marker(), request);
  }
  return request.frame(setting_.job, setting_.tenant);
}

}  // namespace quell
