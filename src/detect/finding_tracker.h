// FindingTracker: unusual samples -> findings: what is unusual about one entity in one episode.
//
//   sample with a score ──> episode of its series ──counts?──> evidence of the entity ──> finding
//
// One cause moves many series of an entity, and chance moves one here and there all the time. So a
// finding begins when the evidence of all series of an entity together is rarer than finding_p: one
// series is so far off that it is rare among as many as the entity has, many more series are
// unusual at once than chance lets be, several metrics are far off together, or golden signals are
// (golden_signals.h).
//
// A cause that moves many entities at once (a storm) makes kStormFindings findings; what comes
// after them within kStormWindow goes into one more that spans all the others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "detect/detector.h"
#include "detect/finding_options.h"
#include "detect/golden_signals.h"
#include "detect/recent_changes.h"
#include "detect/rule_signal.h"
#include "detect/standing.h"
#include "model/book.h"
#include "model/finding.h"
#include "model/sample.h"
#include "stream/series_table.h"

namespace quell {

struct FindingIdHash {
  std::size_t operator()(FindingId id) const {
    return static_cast<std::size_t>(id * 0x9e3779b97f4a7c15);
  }
};

// Thread: one.
class FindingBook : public Book<FindingId, Finding, FindingIdHash> {
 public:
  template <class F>
  void edit(FindingId id, F&& f) {
    f(change(id));
  }
  void remove(FindingId id) { erase(id); }
};

// Names an entity of a tenant, or the metric of series that have none.
std::string entity_key(const Series& series, const Entity& entity);

// What became of a finding that alerts must be told.
struct FindingNews {
  FindingId id = 0;
  bool ended = false;
};

// Invariant: only series with an open episode have a state; everything else is derived from the
// table. Results depend on the samples and times that are given alone.
// Thread: one. Cost: about 1 ns per usual sample, 100 ns per sample of an open episode; those of an
// entity are weighed together only where that may change what is said: until it has a finding, when
// this is refreshed, and as long as it may yet become worse. Memory: 12 bytes per slot, and 200 per
// open episode.
class FindingTracker {
 public:
  static constexpr std::size_t kFindingsKept = 5'000;  // Ended ones; the oldest leave.
  static constexpr std::size_t kStormFindings = 10;
  static constexpr Duration kStormWindow = std::chrono::seconds(60);
  static constexpr Duration kAgeMax = std::chrono::minutes(5);  // Older samples only teach.
  static constexpr Duration kSilence = std::chrono::minutes(5);
  static constexpr Duration kRuleSilence =
      std::chrono::hours(1);                                    // Of what rules' detectors found.
  static constexpr Duration kLinger = std::chrono::minutes(1);  // Without an unusual series.
  static constexpr Duration kTogether = std::chrono::minutes(15);
  static constexpr Duration kEpisodeMax = std::chrono::hours(6);
  static constexpr Duration kRefreshEvery = std::chrono::seconds(15);
  // Who joined is shown after this when it is an eighth of all or more, as in a storm.
  static constexpr Duration kGrowthShown = std::chrono::milliseconds(500);
  // Alerts are told at once what grew or became worse, and else after kRefreshEvery, then after
  // twice as long, up to this: that it lasts is no news.
  static constexpr Duration kTellMost = std::chrono::minutes(5);

  FindingTracker() = default;
  FindingTracker(const FindingTracker&) = delete;
  FindingTracker& operator=(const FindingTracker&) = delete;

  void set_options(const FindingOptions& options);

  // Learns which series there are. Call it before on_samples(), and after a restart.
  // Returns: those that are new. Cost: of these, when it is called after each resolve().
  std::span<const SeriesSlot> follow(const SeriesTable& table);
  // What a frame brought, and what the detector made of it: columns of one length.
  struct Columns {
    std::span<const SeriesSlot> slots{};
    std::span<const Timestamp> times{};
    std::span<const double> values{};  // That the detector saw: rates of counters.
    const Observations& seen;
  };
  void on_samples(const Columns& in, const Detector& detector, const SeriesTable& table,
                  Timestamp arrived_at, std::vector<FindingNews>& news);
  // What a rule's own detector says. Call it before on_samples() or on_time() of the same frame;
  // what has ended behind them, so that what begins and ends in one frame is not lost.
  void on_signal(const RuleSignal& signal, const SeriesTable& table, Timestamp arrived_at);
  void end_signal(SeriesSlot slot, const SeriesTable& table);
  // A deploy: rules may hold what follows it.
  void on_change(const Event& event) { changes_.on_change(event); }
  const RecentChanges& changes() const { return changes_; }
  // The series has left. Requires: on_time() came before, so that it has no open episode.
  void forget(SeriesSlot slot);
  void on_time(Timestamp now, const SeriesTable& table, std::vector<FindingNews>& news);
  // When on_time() has something to do. Timestamp::max(): never.
  Timestamp next_deadline() const;

  // Noise: what made this finding must be exceeded by a quarter, by the same metrics of the same
  // entity, before it counts again. Useful: takes such demands back.
  // Returns: one sentence that says what changed. Errors: NotFound.
  Result<std::string> give_feedback(FindingId id, Feedback feedback, std::string_view actor,
                                    Timestamp now);

  FindingBook& findings() { return findings_; }
  const FindingBook& findings() const { return findings_; }
  std::uint64_t open_count() const { return open_.size(); }
  std::uint64_t begun() const { return last_id_; }
  std::size_t open_episodes() const { return episodes_.size() - free_.size(); }
  // Episodes that were looked at together with the others of their entity.
  std::uint64_t weighed() const { return weighed_; }
  // An alert's incident is shown with the finding; `alert` is set by who tells of it.
  void set_alert(FindingId id, Fingerprint alert);

  // Open episodes, open findings and feedback. Equal states give equal bytes.
  void snapshot(std::string& out) const;
  // Before the table and the findings are loaded; finish_restore() after them. Errors: Corrupt.
  Status restore(std::string_view bytes);
  Status load_finding(std::string_view bytes);
  Status finish_restore(const SeriesTable& table);

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  // Instead of the entity of a bucket of a histogram: its quantiles count, it does not.
  static constexpr std::uint32_t kUnwatched = UINT32_MAX - 1;
  static constexpr std::uint32_t kCharted = 6;  // Episodes of a finding whose samples are kept.
  static constexpr std::size_t kBarsMax = 10'000;

  // Of a series that is unusual. In no order but that of its entity.
  struct Episode {
    SeriesSlot slot = kNoSlot;  // kNoSlot: its place is free.
    std::uint32_t entity = kNone;
    std::uint32_t next = kNone;  // Of the entity.
    std::uint32_t before = kNone;
    FindingId finding = 0;
    std::uint64_t metric = 0;  // Hash of its name.
    Timestamp last_arrival{};
    NamedDetectorKind kind = NamedDetectorKind::Auto;
    std::optional<Severity> severity{};  // That a rule with a detector of its own demands.
    bool counts = false;
    bool is_fresh = false;      // It counts, and is in no finding yet.
    bool is_mature = false;     // Its series is known well enough to open an incident by.
    bool is_charted = false;    // Its samples are kept, for people to see.
    std::uint32_t charted = 0;  // So many samples were offered.
    FindingSignal signal{};     // Without its series.
    Standing standing{};
  };
  struct EntityState {
    std::string key{};
    std::string tenant{};
    Entity entity{};
    std::uint32_t series = 0;
    std::map<GoldenSignal, std::uint32_t> golden{};  // How many of them are such.
    std::uint32_t first = kNone;                     // Episode.
    FindingId finding = 0;
    bool touched = false;
    std::vector<std::uint32_t> fresh{};  // Episodes that count, and are in no finding yet.
    // Of the episodes that counted since it had none: bounds of what weigh() sees.
    Timestamp earliest = Timestamp::max();
    Timestamp latest = Timestamp::min();
    std::uint32_t samples = 0;
  };
  struct OpenFinding {
    Timestamp told_at{};                  // When alerts heard of it last,
    Duration tell_after = kRefreshEvery;  // and how long after that without anything new.
    std::uint32_t lasting = 0;            // Episodes that are open.
    std::set<std::uint64_t> series{};     // Ids of those that had one, now or before.
    std::uint32_t charted = 0;
    Timestamp last_news{};  // Arrival of the last unusual sample, or end of an episode.
    Timestamp refreshed_at{};
    bool is_storm = false;
    std::set<std::string> entities{};                  // Keys.
    std::map<std::uint64_t, std::uint32_t> metrics{};  // Episodes of each so far.
    std::vector<FindingSignal> over{};                 // The most telling episodes that have ended.
  };
  // What the series of an entity say together.
  struct Evidence {
    double p = 1;
    std::uint32_t series = 0;  // Unusual ones.
    std::uint32_t metrics = 0;
    std::uint32_t of = 0;  // All of the entity.
    std::uint32_t mature_metrics = 0;
    std::uint32_t standing = 0;  // Metrics that began to stand far away at once.
    double best_p = 1;           // Of the most unusual series alone.
    double breadth_p = 1;        // Of so many at once.
    double together_p = 1;       // Of the most unusual metrics together,
    std::uint32_t together = 0;  // so many.
    double golden_p = 1;         // Of the golden signals that stay far away,
    std::uint32_t golden = 0;    // metrics of them.
    double among_all_p() const { return std::min({best_p, breadth_p, together_p}); }
    Duration lasted{};
    std::uint32_t samples = 0;           // Unusual ones, of the series that has most.
    std::optional<Severity> demanded{};  // By a rule.
    std::uint32_t by_rules = 0;          // Series whose rules have a detector of their own,
    const Episode* told = nullptr;       // the most telling of them,
    const Episode* severest = nullptr;   // and that whose rule demands most.
  };

  // finding_tracker.cc: series and their episodes.
  std::uint32_t find_entity(const std::string& key);
  void release(std::uint32_t number);
  void assign(SeriesSlot slot, const SeriesTable& table);
  void give_entity(SeriesSlot slot, const SeriesTable& table);
  void leave(SeriesSlot slot);
  const DetectionRule& rule_of(SeriesSlot slot, const SeriesTable& table);
  void count(Episode& episode, const DetectionRule& rule, const SeriesTable& table,
             const SeriesModel& model);
  bool is_barred(const Episode& episode) const;
  static std::uint64_t bar_of(std::uint64_t metric, const FindingSignal& signal);
  void find_telling(const Columns& in);
  void on_unusual(std::size_t i, const Columns& in, const Detector& detector,
                  const SeriesTable& table, Timestamp arrived_at, std::vector<FindingNews>& news);
  void settle_before_close(std::uint32_t number, const SeriesTable& table, Timestamp now,
                           std::vector<FindingNews>& news);
  bool goes_on(Episode& episode, const FindingPoint& point, double score, std::uint8_t flags,
               const Detector& detector) const;
  void add_evidence(Episode& episode, const FindingPoint& point, double score,
                    const Detector& detector, const SeriesTable& table);
  std::uint32_t open_episode(SeriesSlot slot, const SeriesTable& table, Timestamp time);
  void link(std::uint32_t number);
  bool is_enough(const Episode& episode, const DetectionRule& rule) const;
  void close_episode(std::uint32_t number, const SeriesTable& table);
  void touch(std::uint32_t entity);
  void note_counting(std::uint32_t number);

  // finding_growth.cc: findings of entities.
  void settle(const SeriesTable& table, Timestamp now, std::vector<FindingNews>& news);
  Evidence weigh(const EntityState& entity, const SeriesTable& table);
  static void weigh_by_rule(const Episode& episode, Evidence& evidence);
  bool may_become_worse(const EntityState& entity, const Finding& finding) const;
  bool is_finding(const Evidence& evidence) const;
  bool is_known_error(const Evidence& evidence) const;
  Severity severity_of(const Evidence& evidence) const;
  FindingId find_storm(const EntityState& entity, Timestamp now);
  FindingId begin(const EntityState& entity, Timestamp now);
  void tell(FindingId id, const Evidence& evidence, Severity severity, Timestamp now);
  std::string why_of(const Finding& finding, const Evidence& evidence, Severity severity) const;
  void take_in(EntityState& entity, FindingId id, const SeriesTable& table);
  void note_rules(FindingId id, const SeriesTable& table, Timestamp now);
  void refresh(FindingId id, const SeriesTable& table, Timestamp now);
  Timestamp growth_due(FindingId id) const;
  void show_growth(Timestamp now, const SeriesTable& table, std::vector<FindingNews>& news);
  std::vector<FindingSignal> signals_of(FindingId id, const SeriesTable& table) const;
  void give_back(Episode& episode, const SeriesTable& table);
  void end_calm_ones(Timestamp now, const SeriesTable& table, std::vector<FindingNews>& news);
  static bool must_tell(OpenFinding& open, bool is_new, Timestamp now);
  void drop_old();
  Status restore_open(ByteReader& r, std::uint8_t version);

  FindingOptions options_;
  Severity demanded_max_ = Severity::Info;  // By any rule.
  double open_score_ = 6.7;
  double close_score_ = 3.35;

  // By slot.
  std::vector<std::uint32_t> episode_of_;  // kNone: none.
  std::vector<std::uint32_t> entity_of_;   // kNone: not assigned.
  std::vector<std::uint16_t> rule_of_;     // 0: not asked; 1: usual; from 2 on: rules.
  std::vector<GoldenSignal> golden_of_;
  std::size_t assigned_ = 0;

  std::vector<Episode> episodes_;
  std::vector<std::uint32_t> free_;
  std::vector<EntityState> entities_;
  std::unordered_map<std::string, std::uint32_t, StringHash, std::equal_to<>> entity_numbers_;
  std::vector<std::uint32_t> free_entities_;
  std::vector<std::uint64_t> mature_metrics_;              // Scratch.
  std::vector<std::pair<std::uint64_t, double>> metrics_;  // Scratch: with their scores,
  std::vector<std::pair<std::uint64_t, double>> golden_;   // and golden signals alone.
  std::vector<std::pair<Timestamp, std::uint64_t>> onsets_;
  std::vector<std::uint32_t> telling_;  // Scratch: samples of the frame in hand,
  std::vector<std::uint8_t> tells_;     // and by slot whether one came; zeros in between.
  std::vector<std::uint32_t> taken_;    // Scratch: episodes that are new in the finding in hand.
  std::vector<SeriesSlot> fresh_;       // Series that the last follow() found.
  RecentChanges changes_;
  std::vector<std::uint32_t> touched_;  // Entities with news in the frame in hand.

  FindingBook findings_;
  std::map<FindingId, OpenFinding> open_;
  std::set<FindingId> grown_;  // Of those that have more series than they show.
  std::set<FindingId> ended_;
  FindingId last_id_ = 0;
  std::map<std::string, std::deque<Timestamp>> begun_;  // Lately, by tenant.
  // What feedback demands of a metric of an entity: (entity's key, metric) -> score.
  std::map<std::pair<std::string, std::uint64_t>, double> bars_;
  Timestamp checked_at_{};
  std::vector<Finding> loaded_;  // Until finish_restore().
  // The same: slots instead of the series of findings, as older versions wrote them.
  std::map<FindingId, std::vector<SeriesSlot>> loaded_slots_;
  std::uint64_t weighed_ = 0;  // Since the start of the process.
};

}  // namespace quell
