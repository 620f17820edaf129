#include "detect/rule_signal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/time.h"

namespace quell {
namespace {

constexpr double kScoreMost = 1'000;

std::string number(double value) {
  return fmt::format("{:.4g}", value);
}

std::string length(double seconds) {
  const double most = 3e8;  // Ten years.
  const auto whole = static_cast<std::int64_t>(std::clamp(seconds, 0.0, most));
  return format_duration(std::chrono::seconds(whole));
}

std::string moment(Timestamp time) {
  return format_rfc3339(std::chrono::floor<std::chrono::seconds>(time));
}

double limit_of(const Reading& reading) {
  return reading.side < 0 ? reading.lower : reading.upper;
}

std::string forecast_text(const Reading& reading, Timestamp time) {
  if (!reading.crosses_at || *reading.crosses_at <= time) {
    return fmt::format("is {}, beyond the limit of {}", number(reading.value),
                       number(limit_of(reading)));
  }
  const std::string latest = reading.latest ? moment(*reading.latest) : "never";
  return fmt::format("will reach {} at {} if it goes on like this (between {} and {}); it is {}",
                     number(limit_of(reading)), moment(*reading.crosses_at),
                     moment(reading.earliest.value_or(*reading.crosses_at)), latest,
                     number(reading.value));
}

std::string absence_text(const Reading& reading) {
  const std::string usual =
      reading.expected > 0 ? fmt::format(", usual is every {}", length(reading.expected)) : "";
  return fmt::format("has no data for {} where data was expected (longest usual silence {}{})",
                     length(reading.value), length(reading.upper), usual);
}

std::string text_of(NamedDetectorKind kind, const Reading& reading, const ReadOf& of) {
  switch (kind) {
    case NamedDetectorKind::Threshold:
      return fmt::format("is {}, {} the limit of {}", number(reading.value),
                         reading.side < 0 ? "below" : "above", number(limit_of(reading)));
    case NamedDetectorKind::Absence: return absence_text(reading);
    case NamedDetectorKind::Seasonal:
      return fmt::format("is {}, usual at this time is {} ({} to {})", number(reading.value),
                         number(reading.expected), number(reading.lower), number(reading.upper));
    case NamedDetectorKind::ChangePoint:
      return fmt::format("is at another level since {}: {}, before it was {}",
                         moment(reading.onset.value_or(of.time)), number(reading.value),
                         number(reading.expected));
    case NamedDetectorKind::Forecast: return forecast_text(reading, of.time);
    case NamedDetectorKind::Isolation:
      return fmt::format(
          "is {}, usual is {}; {} series together are where they have hardly been "
          "(p = {:.1e})",
          number(of.value), number(of.expected), of.series, of.p);
    case NamedDetectorKind::Auto:
    case NamedDetectorKind::Off: break;
  }
  return {};
}

double score_of(NamedDetectorKind kind, const Reading& reading, const ReadOf& of) {
  const double distance = std::abs(reading.value - reading.expected);
  double score = 0;
  switch (kind) {
    case NamedDetectorKind::Threshold:
      score = distance / std::max(std::abs(limit_of(reading)), 1e-9);
      break;
    case NamedDetectorKind::Absence: score = reading.value / std::max(reading.upper, 1e-9); break;
    case NamedDetectorKind::Seasonal:
      score = distance / std::max((reading.upper - reading.lower) / 2, 1e-9);
      break;
    case NamedDetectorKind::ChangePoint:
      score = distance / std::max(std::abs(reading.expected), 1e-9);
      break;
    case NamedDetectorKind::Forecast: {
      const double ahead = reading.crosses_at ? to_seconds(*reading.crosses_at - of.time) : 0.0;
      score = 86'400 / std::max(ahead, 60.0);
      break;
    }
    case NamedDetectorKind::Isolation: score = -std::log(std::max(of.p, 1e-30)); break;
    case NamedDetectorKind::Auto:
    case NamedDetectorKind::Off: break;
  }
  return std::isfinite(score) ? std::min(score, kScoreMost) : kScoreMost;
}

double finite(double v) {
  return std::isnan(v) ? 0 : std::clamp(v, -1e300, 1e300);
}

}  // namespace

RuleSignal make_rule_signal(const DetectionRule& rule, const Reading& reading, const ReadOf& of) {
  const NamedDetectorKind kind = rule.detector.kind;
  const bool is_isolation = kind == NamedDetectorKind::Isolation;
  RuleSignal signal{.kind = kind, .is_unusual = reading.is_unusual, .severity = rule.severity};
  SignalRule said{.name = rule.name, .detector = std::string(named_detector_name(kind))};
  said.text = text_of(kind, reading, of);
  said.low = is_isolation ? of.expected - 3 * of.scale : reading.lower;
  said.high = is_isolation ? of.expected + 3 * of.scale : reading.upper;
  said.side = reading.side;
  said.crosses_at = reading.crosses_at;
  said.earliest = reading.earliest;
  said.latest = reading.latest;
  const double half = (said.high - said.low) / 2;
  signal.point = {of.time, finite(is_isolation ? of.value : reading.value),
                  finite(is_isolation ? of.expected : reading.expected),
                  std::isfinite(half) ? static_cast<float>(half) : 0.0f};
  signal.score = score_of(kind, reading, of);
  signal.rule = std::make_shared<const SignalRule>(std::move(said));
  return signal;
}

}  // namespace quell
