#include "detect/named_detector.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/bytes.h"
#include "base/hash.h"
#include "detect/absence_detector.h"
#include "detect/change_point_detector.h"
#include "detect/forecast_detector.h"
#include "detect/isolation_detector.h"
#include "detect/seasonal_detector.h"
#include "detect/threshold_detector.h"

namespace quell {
namespace {

constexpr std::uint8_t kNamedStateVersion = 2;
constexpr std::array<std::string_view, 8> kNamedKinds{
    "auto", "threshold", "absence", "seasonal", "change_point", "forecast", "isolation", "off"};
constexpr std::size_t kIsolationSeriesMax = 1'000;
// What is remembered is 10,000 samples at least: ranks tell no less than 0.5 in so many.
constexpr double kIsolationPMin = 1e-4;

class StateWriter final : public StateVisitor {
 public:
  explicit StateWriter(std::string& out) : w_(out) {}
  void number(double& v) override { w_.f64(v); }
  void count(std::uint64_t& v) override { w_.u64(v); }
  void time(Timestamp& v) override { w_.time(v); }

 private:
  ByteWriter w_;
};

class StateReader final : public StateVisitor {
 public:
  explicit StateReader(std::string_view in) : r_(in) {}
  void number(double& v) override {
    v = r_.f64();
    is_sound_ = is_sound_ && std::isfinite(v);
  }
  void count(std::uint64_t& v) override {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 53;  // One more is another double.
    v = r_.u64();
    is_sound_ = is_sound_ && v <= kMost;
  }
  void time(Timestamp& v) override { v = r_.time(); }
  bool is_good() const { return r_.ok() && r_.at_end() && is_sound_; }

 private:
  ByteReader r_;
  bool is_sound_ = true;
};

Status check_finite(const std::optional<double>& value, std::string_view name) {
  if (!value || std::isfinite(*value)) return {};
  return fail(Errc::InvalidArgument, fmt::format("'{}' must be a finite number", name));
}

Status check_limits(const NamedDetectorOptions& o) {
  TRY_STATUS(check_finite(o.above, "above"));
  TRY_STATUS(check_finite(o.below, "below"));
  const std::string_view name = named_detector_name(o.kind);
  if (o.kind == NamedDetectorKind::Threshold) {
    if (!o.above && !o.below) {
      return fail(Errc::InvalidArgument, "a threshold needs 'above', 'below' or both");
    }
    if (o.above && o.below && *o.below >= *o.above) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'below' ({}) must be less than 'above' ({})", *o.below, *o.above));
    }
  }
  if (o.kind == NamedDetectorKind::Forecast) {
    if (o.above.has_value() == o.below.has_value()) {
      return fail(Errc::InvalidArgument, "a forecast needs either 'above' or 'below': its limit");
    }
    if (o.horizon <= Duration::zero()) {
      return fail(Errc::InvalidArgument, fmt::format("the 'horizon' of a {} must be > 0", name));
    }
  }
  return {};
}

Status check_options(const NamedDetectorOptions& o) {
  TRY_STATUS(check_limits(o));
  if (o.silence < Duration::zero()) {
    return fail(Errc::InvalidArgument, "'silence' must not be negative");
  }
  if (!(o.coverage >= 0.5 && o.coverage <= 0.99999)) {
    return fail(Errc::InvalidArgument,
                fmt::format("'coverage' must be 0.5 to 0.99999, got {}", o.coverage));
  }
  if (!(o.p >= kIsolationPMin && o.p <= 0.1)) {
    return fail(Errc::InvalidArgument,
                fmt::format("'p' must be {} to 0.1, got {}", kIsolationPMin, o.p));
  }
  if (o.kind == NamedDetectorKind::Isolation && (o.series == 0 || o.series > kIsolationSeriesMax)) {
    return fail(Errc::InvalidArgument, fmt::format("isolation takes 1 to {} series, got {}",
                                                   kIsolationSeriesMax, o.series));
  }
  return {};
}

}  // namespace

std::string_view named_detector_name(NamedDetectorKind kind) {
  return kNamedKinds[static_cast<std::size_t>(kind)];
}

Result<NamedDetectorKind> parse_named_detector_kind(std::string_view name) {
  for (std::size_t i = 0; i < kNamedKinds.size(); ++i) {
    if (name == kNamedKinds[i]) return static_cast<NamedDetectorKind>(i);
  }
  return fail(Errc::InvalidArgument,
              fmt::format("no detector '{}'; there are {}", name, fmt::join(kNamedKinds, ", ")));
}

std::string NamedDetector::save() const {
  std::string bytes{static_cast<char>(kNamedStateVersion), static_cast<char>(kind())};
  StateWriter writer(bytes);
  // A writer does not change what it visits.
  const_cast<NamedDetector*>(this)->visit(writer);
  const std::uint32_t sum = crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return bytes;
}

Status NamedDetector::load(std::string_view bytes) {
  const std::string what = fmt::format("model of a detector '{}'", named_detector_name(kind()));
  std::uint32_t sum = 0;
  if (bytes.size() < 2 + sizeof sum) return fail(Errc::Corrupt, what + ": too short");
  const std::string_view body = bytes.substr(0, bytes.size() - sizeof sum);
  std::memcpy(&sum, bytes.data() + body.size(), sizeof sum);
  if (sum != crc32c(body)) return fail(Errc::Corrupt, what + ": the checksum does not fit");
  if (static_cast<std::uint8_t>(body[0]) != kNamedStateVersion) {
    return fail(Errc::Corrupt,
                fmt::format("{}: unknown version {}", what, static_cast<std::uint8_t>(body[0])));
  }
  if (static_cast<NamedDetectorKind>(body[1]) != kind()) {
    return fail(Errc::Corrupt, what + ": it is of another kind");
  }
  const std::string before = save();
  StateReader reader(body.substr(2));
  visit(reader);
  if (reader.is_good() && is_sound()) return {};
  StateReader back(std::string_view(before).substr(2, before.size() - 2 - sizeof sum));
  visit(back);
  return fail(Errc::InvalidArgument, what + ": it is of other options, or has impossible numbers");
}

Result<std::unique_ptr<NamedDetector>> make_named_detector(const NamedDetectorOptions& options) {
  TRY_STATUS(check_options(options));
  switch (options.kind) {
    case NamedDetectorKind::Auto:
    case NamedDetectorKind::Off: break;
    case NamedDetectorKind::Threshold: return std::make_unique<ThresholdDetector>(options);
    case NamedDetectorKind::Absence: return std::make_unique<AbsenceDetector>(options);
    case NamedDetectorKind::Seasonal: return std::make_unique<SeasonalDetector>(options);
    case NamedDetectorKind::ChangePoint: return std::make_unique<ChangePointDetector>(options);
    case NamedDetectorKind::Forecast: return std::make_unique<ForecastDetector>(options);
    case NamedDetectorKind::Isolation: return std::make_unique<IsolationDetector>(options);
  }
  return fail(Errc::InvalidArgument, fmt::format("'{}' is not one detector for one series",
                                                 named_detector_name(options.kind)));
}

}  // namespace quell
