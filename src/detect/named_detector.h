// NamedDetector: a detector that a rule chooses for its metrics, beside Tier 0, which is `auto`.
//
//   threshold      beyond a static limit
//   absence        no sample where one was expected
//   seasonal       outside of the interval around what is usual at this time
//   change_point   the level is another one for good; learned anew, said once
//   forecast       will cross a limit within the horizon if it goes on like this
//   isolation      several series together are where they have hardly been before
//
// All are online: a sample costs the same whatever the history, and memory does not grow. How long
// something must last, which side counts, and when nobody wants to know is for RuleGate.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "detect/calendar.h"

namespace quell {

enum class NamedDetectorKind : std::uint8_t {
  Auto,
  Threshold,
  Absence,
  Seasonal,
  ChangePoint,
  Forecast,
  Isolation,
  Off  // None: the series is not watched.
};

std::string_view named_detector_name(NamedDetectorKind kind);  // "change_point"
// Errors: InvalidArgument, with all names.
Result<NamedDetectorKind> parse_named_detector_kind(std::string_view name);

// Whether it knows days, and so depends on a time zone. Those of Auto are the same for all series.
inline bool has_days(NamedDetectorKind kind) {
  return kind == NamedDetectorKind::Seasonal || kind == NamedDetectorKind::ChangePoint;
}

// Which detector, and what it needs to know. What a kind does not use is ignored.
struct NamedDetectorOptions {
  NamedDetectorKind kind = NamedDetectorKind::Auto;
  std::optional<double> above{};  // Threshold, Forecast: the limits. One of them at least;
  std::optional<double> below{};  // Forecast: exactly one.
  Duration horizon = std::chrono::hours(4);  // Forecast: how far ahead.
  Duration silence{};                  // Absence: longest usual one; 0: learned from the series.
  double coverage = 0.999;             // Seasonal: share of usual samples that the interval holds.
  double p = 1e-3;                     // Isolation: how rare what is found is among the past.
  std::uint32_t warmup_samples = 150;  // Statistical kinds say nothing before,
  bool speaks_while_learning = false;  // unless this is set and there is something to go by.
  std::size_t series = 1;              // Isolation: how many series a sample has.
  Calendar calendar{};                 // Seasonal, ChangePoint: the local time.
};

// What a detector makes of a sample, or of time that passed without one.
struct Reading {
  // False: it says nothing, and what is going on goes on: no number, late, seen already.
  bool is_used = true;
  // It happened at this sample and is over, though what it changed stays: see ChangePoint.
  bool is_event = false;
  bool is_learning = false;  // Too few samples yet; then nothing is unusual.
  bool is_unusual = false;
  std::int8_t side = 0;  // 1: above what is usual, or beyond an upper limit; -1: below; 0: neither.
  double value = 0;      // Last one. Isolation: the score.
  double expected = 0;   // Where it would have been usual; Forecast: the trend now.
  double lower = -std::numeric_limits<double>::infinity();  // The band of usual values.
  double upper = std::numeric_limits<double>::infinity();
  std::optional<Timestamp> onset{};  // ChangePoint: since when the level has been another one.
  // Forecast: when the limit will be crossed, between (with 90 %) these two. `latest` is absent
  // when it may as well not be.
  std::optional<Timestamp> crosses_at{}, earliest{}, latest{};
};

// Names and keeps what a detector remembers; see NamedDetector::save().
class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  virtual void number(double& v) = 0;
  virtual void count(std::uint64_t& v) = 0;
  virtual void time(Timestamp& v) = 0;
};

// Invariant: the state holds finite numbers only, whatever was observed; the same samples give the
// same readings. Thread: one.
class NamedDetector {
 public:
  virtual ~NamedDetector() = default;

  // One sample: one value, or for Isolation one of each series. What is no finite number, or late
  // (sample_order.h), changes nothing, and its reading is not used.
  virtual Reading observe(Timestamp time, std::span<const double> values) = 0;
  Reading observe(Timestamp time, double value) { return observe(time, std::span(&value, 1)); }
  // No sample came until `now`. Only Absence has something to say of it.
  virtual Reading pass(Timestamp /*now*/) { return {.is_used = false}; }

  virtual NamedDetectorKind kind() const = 0;

  // The whole state, and back into a detector of the same options. Errors: Corrupt when it is
  // damaged, InvalidArgument when it is of other options or has impossible numbers in it; then
  // nothing was changed.
  std::string save() const;
  Status load(std::string_view bytes);

 protected:
  // No NaN is.
  static bool is_within(double v, double low, double high) { return v >= low && v <= high; }

 private:
  // Shows every piece of state to the visitor, in the same order each time.
  virtual void visit(StateVisitor& visitor) = 0;
  // Whether the state is one that samples can lead to, as far as the arithmetic relies on it.
  virtual bool is_sound() const { return true; }
};

// Errors: InvalidArgument with the option that is missing or out of range; also for Auto, which is
// Detector (detector.h), one for all series, and Off.
Result<std::unique_ptr<NamedDetector>> make_named_detector(const NamedDetectorOptions& options);

}  // namespace quell
