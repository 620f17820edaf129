// PollQuery: a PromQL query that is asked of a Prometheus again and again; each answer becomes a
// frame.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "collect/scrape.h"
#include "collect/series_seen.h"
#include "collect/settings.h"
#include "model/frame.h"
#include "wire/write_request.h"

namespace quell {

// Method: asked at whole multiples of the interval. After an outage, of the server or of Quell,
// what was missed is asked for in ranges, the oldest first, at most `catch_up` back. A range that
// fails is halved, and grows again with each that is answered. While it fails, it is asked
// less and less often, up to five minutes apart. Results get the name of the setting; each round
// gives `poll_up`, `poll_duration_seconds`, `poll_samples` and `poll_warnings`. A series that is
// not in an answer any more gets a stale marker. Thread: one at a time.
class PollQuery {
 public:
  static constexpr Duration kBackOffMax = std::chrono::minutes(5);
  static constexpr std::int64_t kStepsMax = 5'000;  // Of one range.

  // `last`: the time of the newest result that is known from an earlier life.
  PollQuery(PollSetting setting, std::optional<Timestamp> last);

  const PollSetting& setting() const { return setting_; }
  const CollectFacts& facts() const { return facts_; }

  // What to ask now: a form for /api/v1/query or /api/v1/query_range.
  struct Question {
    std::string path{};
    std::string form{};
    std::int64_t first_ms = 0;
    std::int64_t last_ms = 0;  // The same for a query at one time.
  };
  Question question(Timestamp now) const;
  // The frame must be told of by on_kept() or on_lost() before the next question.
  Frame on_answer(const Question& question, const CollectAnswer& answer, Timestamp asked_at,
                  Duration duration);
  // The frame is in the journal: what it answers is not asked again.
  void on_kept() { done_ms_ = answered_ms_; }
  // It is not, and is asked for again.
  void on_lost(const Error& error);
  // When to ask next, after an answer at `now`; at once as long as something is missed.
  Timestamp next(Timestamp now) const;
  Frame end(Timestamp at);

 private:
  Status take(const Question& question, const CollectAnswer& answer, WriteRequestBuilder& request);
  Status take_scalar(const simdjson::dom::element& data, WriteRequestBuilder& request);
  Status take_series(const simdjson::dom::element& result, std::int64_t last_ms,
                     WriteRequestBuilder& request);
  void add_report(std::string_view metric, std::int64_t ms, double value,
                  WriteRequestBuilder& request) const;

  PollSetting setting_;
  const std::int64_t interval_ms_;
  std::optional<std::int64_t> done_ms_;      // Until when there are results.
  std::optional<std::int64_t> answered_ms_;  // The same, with those in the frame on its way.
  std::int64_t steps_max_ = kStepsMax;       // Of the next range.
  std::vector<SeriesLabels> gone_;           // In the frame on its way.
  SeriesSeen seen_;
  std::uint64_t samples_ = 0;  // Of the round in hand.
  std::vector<std::string> warnings_;
  CollectFacts facts_;
};

}  // namespace quell
