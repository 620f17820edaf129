// Sample: a value of a metric at a time. Samples travel in batches of columns, never one by one.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/series.h"

namespace quell {

// The NaN by which Prometheus says that a series has ended. All other NaNs are values.
inline constexpr std::uint64_t kStaleBits = 0x7ff0000000000002;
inline double stale_marker() {
  return std::bit_cast<double>(kStaleBits);
}
inline bool is_stale_marker(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleBits;
}

// What the values of a series mean.
enum class SeriesKind : std::uint8_t {
  Unknown,  // Nobody said: told from the metric's name (stream/series_table.h).
  Gauge,    // A value that goes up and down.
  Counter,  // A total that only grows, and begins anew when its process does.
  Delta,    // What was added since the last sample; kept as the total.
};
std::string_view series_kind_name(SeriesKind kind);  // "unknown", "gauge", …

// What a sender says about a metric, for all of its series.
struct MetricMetadata {
  std::string metric{};
  SeriesKind kind = SeriesKind::Unknown;
  std::string unit{};
  std::string help{};
  bool operator==(const MetricMetadata&) const = default;
};

// What a series is of the native histogram that it was made of.
enum class HistogramPart : std::uint8_t {
  None,  // It was sent as it is.
  Count,
  Sum,
  // All buckets at these times are in the request: what of one that was there before is missing
  // follows from the others. Where +Inf ends, all of them end.
  Bucket,
};

// The samples of one request as its decoder found them: columns, and names that nobody has looked
// up yet. Invariant: the runs of `series` follow one another and cover all samples.
struct WireSamples {
  struct Run {
    std::uint32_t key_at = 0;  // In `body` or, if is_made, in `made`.
    std::uint32_t key_size = 0;
    std::uint32_t first = 0;  // Its samples: [first, first + count).
    std::uint32_t count = 0;
    std::uint32_t place = 0;   // The number of the series in the request, for messages.
    std::uint16_t tenant = 0;  // In `tenants`.
    std::uint16_t unit = 0;    // In `units`; 0: none was given.
    SeriesKind kind = SeriesKind::Unknown;
    bool is_made = false;
    HistogramPart part = HistogramPart::None;
  };

  std::string_view place_word = "timeseries";  // What `Run::place` counts.
  std::string body{};  // What was unpacked; keys are stretches of it where the wire has them so.
  std::string made{};  // Keys that the decoder had to put together.
  std::vector<Run> series{};
  std::vector<Timestamp> times{};
  std::vector<double> values{};
  std::vector<std::string> tenants{};  // At least one, as soon as there is a run.
  std::vector<std::string> units{""};
  std::vector<MetricMetadata> metadata{};

  std::uint64_t times_adjusted = 0;  // From the far future; set to the arrival of their frame.
  std::uint64_t histograms = 0;      // Native ones; each became samples of the above.
  std::uint64_t exemplars_ignored = 0;

  // The bytes of SeriesLabels, or others that SeriesLabels::parse() makes such.
  std::string_view key(const Run& run) const {
    return std::string_view(run.is_made ? made : body).substr(run.key_at, run.key_size);
  }
  std::size_t size() const { return values.size(); }
  void clear();  // Keeps what was allocated.
};

// Samples of known series, in order of arrival; those of one series in a request lie together.
// Invariant: the three columns are equally long.
struct SampleBatch {
  std::vector<SeriesSlot> slots{};
  std::vector<Timestamp> times{};
  std::vector<double> values{};
  // What a detector or a threshold looks at: the value of a gauge, the rate per second of a
  // counter (NaN where there is none yet). Empty: the values.
  std::vector<double> rates{};

  // Runs of samples of one bucket of a histogram, until stream/histogram_quantiles.h has seen them.
  struct BucketRun {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    bool is_native = false;  // HistogramPart::Bucket
  };
  std::vector<BucketRun> buckets{};
  std::size_t made = 0;       // So many nobody sent: quantiles, and what follows from others.
  std::size_t unwatched = 0;  // So many at the end nobody watches: those of buckets.

  std::size_t size() const { return values.size(); }
  // What detectors look at: the first columns, without what is unwatched.
  std::size_t watched_size() const { return size() - unwatched; }
  std::span<const SeriesSlot> watched_slots() const { return {slots.data(), watched_size()}; }
  std::span<const Timestamp> watched_times() const { return {times.data(), watched_size()}; }
  std::span<const double> watched() const {
    return {rates.empty() ? values.data() : rates.data(), watched_size()};
  }
  void clear();
};

}  // namespace quell
