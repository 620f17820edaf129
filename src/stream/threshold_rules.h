// ThresholdRules: samples -> alerts, by bounds that a person wrote down.
//
// A series is warning or critical while its values lie beyond the bound; it is over when a value
// comes back to the lower bound or does not pass it (hysteresis: a critical alert stays critical
// between the two bounds). At most one alert of a series and rule fires at a time: when it turns
// critical, the critical one begins and the warning one ends.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/matcher.h"
#include "base/result.h"
#include "model/event.h"
#include "model/sample.h"
#include "stream/series_table.h"

namespace quell {

enum class Comparison : std::uint8_t { Above, Below };  // Strictly.

struct ThresholdRule {
  std::string name{};  // The alertname.
  std::string metric{};
  std::vector<Matcher> matchers{};  // On tenant, host and the labels.
  std::optional<double> warning{};
  std::optional<double> critical{};
  Comparison comparison = Comparison::Above;
  Duration for_duration{};  // So long, by the samples' times, before the alert fires.
};

// What is compared is the value of a gauge and the rate per second of a counter.
//
// Emits events of kind Alert: type "io.quell.threshold", the entity of the series, labels
// alertname, metric, severity, and those of the series (other than these). Values that are not a
// number say nothing. A series that stops sending is over after kStaleAfter, one that says that it
// has ended at once.
//
// Invariant: only series that are beyond a bound have a state, so that it stays small; for these,
// samples that are not newer than the last one are passed over. A sample older than kAgeMax at its
// arrival is passed over too: history that is sent later raises no alerts.
// Thread: one. Cost: a lookup per series of a batch, and one per sample of the matched ones.
// Memory: about 500 bytes per series beyond a bound, and 4 per slot.
class ThresholdRules {
 public:
  static constexpr Duration kAgeMax = std::chrono::minutes(5);
  static constexpr Duration kStaleAfter = std::chrono::minutes(5);

  ThresholdRules() = default;  // No rules.
  ThresholdRules(ThresholdRules&&) = default;
  ThresholdRules& operator=(ThresholdRules&&) = default;

  // Puts `rules` in force. Alerts of rules that are gone, or whose definition is another one, are
  // resolved into `out`. Errors: InvalidArgument, naming the rule; then nothing changes.
  Status set_rules(std::vector<ThresholdRule> rules, Timestamp now, std::vector<Event>& out);

  void on_samples(const SampleBatch& batch, const SeriesTable& table, Timestamp arrived_at,
                  std::vector<Event>& out);
  // The slot will be another series'.
  void forget(SeriesSlot slot);
  void on_tick(Timestamp now, std::vector<Event>& out);

  std::size_t breaching_count() const { return states_.size(); }

  // Equal states give equal bytes. The rules are not part of it.
  void snapshot(std::string& out) const;
  // Requires: the rules of the snapshot are in force. Errors: Corrupt, also when a rule is missing;
  // then the state is as it was.
  Status restore(std::string_view bytes);

 private:
  enum class Level : std::uint8_t { None, Warning, Critical };
  struct State {
    std::shared_ptr<const Series> series{};
    Level firing = Level::None;
    Timestamp since{};                          // Beyond the lower bound.
    std::optional<Timestamp> critical_since{};  // Beyond the critical one.
    Timestamp fired_at{};                       // Event time at which `firing` began.
    Timestamp last_time{};
    Timestamp last_arrival{};
    double last_value = 0;
    bool is_rate = false;
  };
  // By the rule's name first, so that snapshots and ticks go in a stable order.
  using Key = std::tuple<std::string_view, Hash128>;

  struct Sample {
    const std::shared_ptr<const Series>& series;
    Timestamp time{};
    double value = 0;
    bool is_rate = false;
  };
  using RuleNumbers = std::vector<std::uint32_t>;

  std::uint32_t find_rule_set(const Series& series);
  const RuleNumbers& rules_for(SeriesSlot slot, const SeriesTable& table);
  Level level_of(const ThresholdRule& rule, double value) const;
  void on_sample(const ThresholdRule& rule, const Sample& sample, Timestamp arrived_at,
                 std::vector<Event>& out);
  void raise(const ThresholdRule& rule, State& state, Level level, std::vector<Event>& out);
  static Event make_event(const ThresholdRule& rule, const State& state, Level level,
                          EventStatus status, Timestamp time);
  static void end(const ThresholdRule& rule, const State& state, Timestamp time,
                  std::string_view why, std::vector<Event>& out);

  // A map keeps its values in place, so that keys and matches may point at them; a copy could not.
  std::map<std::string, ThresholdRule, std::less<>> rules_;
  std::vector<const ThresholdRule*> by_number_;
  std::unordered_map<std::string, RuleNumbers, StringHash, std::equal_to<>> by_metric_;
  // What is known of each slot: an index into rule_sets_, of which the first means: not asked yet.
  std::vector<std::uint32_t> rule_set_of_;
  std::vector<RuleNumbers> rule_sets_{{}, {}};
  std::map<Key, State> states_;
};

}  // namespace quell
