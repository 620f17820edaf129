// Finding: what the detectors noticed about one entity in one episode, with the series that say so.
//
// A finding is an alert-like thing: it begins, grows, and ends. It is told to the correlator as the
// alert `alert` of source `/quell/detection` (app/finding_alerts.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "model/entity.h"
#include "model/series.h"
#include "model/severity.h"

namespace quell {

using FindingId = std::uint64_t;  // 0: none. Printed as FND-000001.
std::string format_finding_id(FindingId id);
Result<FindingId> parse_finding_id(std::string_view text);  // `FND-000001`, `fnd-1` or `1`.

enum class FindingStatus : std::uint8_t { Open, Ended };
std::string_view finding_status_name(FindingStatus status);  // "open", "ended".
std::optional<FindingStatus> parse_finding_status(std::string_view word);

enum class Feedback : std::uint8_t { None, Useful, Noise };
std::string_view feedback_name(Feedback feedback);  // "", "useful", "noise".
std::optional<Feedback> parse_feedback(std::string_view word);

// One sample of an episode, as its model saw it.
struct FindingPoint {
  Timestamp time{};
  double value = 0;
  double expected = 0;
  float scale = 0;  // Mean distance of usual samples from `expected`.
  bool operator==(const FindingPoint&) const = default;
};

// The detection rule by which a series is in a finding, and what the rule's detector said of it.
struct SignalRule {
  std::string name{};
  std::string detector{};  // "threshold", …; "auto": the rule only held it back for a while.
  std::string text{};      // "is 95, above the limit of 90"; of `auto` empty.
  double low = 0;          // The band of usual values; infinite where there is no bound.
  double high = 0;
  std::int8_t side = 0;  // 1: above what is usual, or going there; -1: below; 0: neither.
  // Forecast: when a limit will be crossed, between (with 90 %) the two others.
  std::optional<Timestamp> crosses_at{}, earliest{}, latest{};
  std::string held{};  // Why it was held back before it counted; empty: it was not.
};

// One series that is unusual. Values of counters are rates per second.
struct FindingSignal {
  static constexpr std::size_t kPoints = 64;  // More are thinned out by halves.

  std::shared_ptr<const Series> series{};  // Never null.
  bool is_rate = false;
  Timestamp onset{};
  Timestamp last_time{};                // Of its last unusual sample.
  std::optional<Timestamp> ended_at{};  // Empty while it lasts.
  std::uint32_t samples = 0;            // Unusual ones.
  // Of the sample with the highest score:
  double score = 0;
  FindingPoint peak{};
  double band = 0;          // So many scales around `expected` hold 99 % of the series' samples.
  std::uint16_t fired = 0;  // ComponentSet (detect/component.h), over the whole episode.
  std::vector<FindingPoint> points{};
  std::uint32_t stride = 1;                  // One of so many samples is in `points`.
  std::shared_ptr<const SignalRule> rule{};  // Null: no rule has a say in it.
  bool is_golden = false;                    // A golden signal that was far away and stayed there.

  // By a detector that a rule chose, not by Tier 0.
  bool is_named() const { return rule != nullptr && rule->detector != "auto"; }
  bool is_up() const {
    if (is_named() && rule->side != 0) return rule->side > 0;
    return peak.value >= peak.expected;
  }
  double low() const {
    return is_named() ? rule->low : peak.expected - band * static_cast<double>(peak.scale);
  }
  double high() const {
    return is_named() ? rule->high : peak.expected + band * static_cast<double>(peak.scale);
  }
  void add_point(const FindingPoint& point, std::uint32_t number);  // Counted from 1.
};

struct FindingNote {
  Timestamp at{};
  std::string text{};
  bool operator==(const FindingNote&) const = default;
};

struct Finding {
  static constexpr std::size_t kSignalsListed = 50;
  static constexpr std::size_t kNotes = 32;

  FindingId id = 0;
  std::string tenant{};
  Entity entity{};             // Empty: series without one, or a storm over many.
  bool is_storm = false;       // One cause, many entities.
  std::uint32_t entities = 1;  // That it spans.
  FindingStatus status = FindingStatus::Open;
  Severity severity = Severity::Info;
  std::string title{};
  Timestamp onset{};        // Event time of the first unusual sample.
  Timestamp detected_at{};  // Arrival of the sample that made it a finding.
  Timestamp updated_at{};
  Timestamp last_time{};                // Event time of the last unusual sample so far;
  std::optional<Timestamp> ended_at{};  // the same, when it is over.
  // The chance that so much, or more, is seen in usual samples of such an entity; 1 when only the
  // detectors of rules found something.
  double p = 1;
  std::uint32_t series_count = 0;   // Series that were unusual in it, unlisted ones included.
  std::uint32_t metric_count = 0;   // Their metrics.
  std::uint32_t entity_series = 0;  // All series of the entity.
  // The most telling ones: of rules, golden ones, others; of each by falling score.
  std::vector<FindingSignal> signals{};
  Fingerprint alert = 0;
  Feedback feedback = Feedback::None;
  std::string why{};  // One sentence: what made it a finding of this severity.
  std::vector<FindingNote> trace{};

  double score() const;  // The highest of its signals.
  void add_note(Timestamp at, std::string text);
};

// Parts as the store and the snapshots keep them.
void write_point(ByteWriter& w, const FindingPoint& p);
FindingPoint read_point(ByteReader& r);
void write_rule(ByteWriter& w, const std::shared_ptr<const SignalRule>& rule);
std::shared_ptr<const SignalRule> read_rule(ByteReader& r);

// What the store keeps. Signals of findings before version 2 have no rules, before 3 none is
// golden. Errors of decode: Corrupt.
inline constexpr std::uint8_t kFindingVersion = 3;
void encode_signal(const FindingSignal& signal, std::string& out);
Result<FindingSignal> decode_signal(std::string_view bytes, std::uint8_t version = kFindingVersion);
void encode_finding(const Finding& finding, std::string& out);
Result<Finding> decode_finding(std::string_view bytes);

}  // namespace quell
