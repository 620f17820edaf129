// ScrapeTarget: a target that is asked again and again; each answer becomes a frame.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "collect/series_seen.h"
#include "collect/settings.h"
#include "model/frame.h"
#include "wire/exposition.h"
#include "wire/write_request.h"

namespace quell {

// What came back, or why nothing did.
struct CollectAnswer {
  Status status{};  // Of the connection.
  int http_status = 0;
  std::string content_type{};
  std::string body{};
};

// How a round went, for people.
struct CollectFacts {
  std::string kind{};    // "scrape" or "poll".
  std::string source{};  // Of the configuration.
  std::string target{};  // The URL; the query.
  bool up = false;
  std::uint64_t rounds = 0;
  std::uint64_t failures = 0;  // One after the other, until now.
  Timestamp last_at{};         // Of the last round; the epoch: there was none.
  Duration duration{};
  std::uint64_t samples = 0;
  std::uint64_t series = 0;
  std::string error{};  // Of the last round.
  std::vector<std::string> warnings{};
};

// Method: as Prometheus scrapes. Labels of the target win, and those of the answer with the same
// names become `exported_…`, or the other way with honor_labels. Each round gives `up`,
// `scrape_duration_seconds`, `scrape_samples_scraped` and `scrape_series_added`; an answer with a
// line that is malformed is none. A series that is not there any more gets a stale marker, as do
// all of them when the target does not answer; those with times of their own do not. Thread: one at
// a time.
class ScrapeTarget {
 public:
  explicit ScrapeTarget(ScrapeSetting setting) : setting_(std::move(setting)) {}

  static std::string_view accept();  // The Accept header.
  const ScrapeSetting& setting() const { return setting_; }
  const CollectFacts& facts() const { return facts_; }

  Frame on_answer(const CollectAnswer& answer, Timestamp asked_at, Duration duration);
  // The frame is not in the journal: what it alone would have said is said by the next one.
  void on_lost(const Error& error);
  // The target is asked no more: stale markers for all that it had.
  Frame end(Timestamp at);

 private:
  Status take(const CollectAnswer& answer, std::int64_t ms, WriteRequestBuilder& request);
  Status add(const ExposedSample& sample, std::int64_t ms, WriteRequestBuilder& request);
  Result<SeriesLabels> labels_of(const ExposedSample& sample) const;
  void add_report(std::string_view metric, std::int64_t ms, double value,
                  WriteRequestBuilder& request);

  ScrapeSetting setting_;
  SeriesSeen seen_;
  std::vector<FamilyMetadata> families_;  // As they were sent last.
  std::vector<SeriesLabels> gone_;        // In the frame on its way.
  std::uint64_t samples_ = 0;             // Of the round in hand.
  std::uint64_t added_ = 0;
  CollectFacts facts_;
};

}  // namespace quell
