// SampleColumns: fills WireSamples series by series, within the limits, and collects what is
// refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/event.h"
#include "model/limits.h"
#include "model/sample.h"

namespace quell::wire {

// Thread: one. The samples of one series lie between begin_series() and end_series().
class SampleColumns {
 public:
  static constexpr std::size_t kReasonsListed = 20;

  SampleColumns(WireSamples& samples, std::vector<Rejected>& rejected, Timestamp arrived_at,
                const WireLimits& limits);

  void begin_series(std::uint32_t place);
  // A sample at a time in milliseconds, or any time; refused when the time is not to be believed.
  void add_ms(std::int64_t ms, double value) {
    if (ms >= oldest_ms_ && ms <= newest_ms_ && samples_.size() < limits_.samples_max) {
      samples_.times.push_back(Timestamp{Duration{ms * 1'000'000}});
      samples_.values.push_back(value);
      return;
    }
    refuse_ms(ms);
  }
  bool takes_ms(std::int64_t ms) const { return ms >= oldest_ms_ && ms <= newest_ms_; }
  void add(Timestamp time, double value);
  // Whether the series in hand got a sample, and whether there is room for another series: else
  // end_series() refuses it, whatever its labels.
  bool has_samples() const { return samples_.size() > first_; }
  bool is_full() const { return samples_.series.size() >= limits_.series_max || is_made_full_; }
  // The series has these labels: bytes for SeriesLabels::parse(). A series without samples is none.
  void end_series(std::string_view key, SeriesKind kind);
  // Instead of end_series(): the samples are refused, and `more` that were not added.
  void refuse_series(std::string_view reason, std::uint64_t more = 0);
  // Whether a reason is wanted: else what is refused is counted, and no text is made of it.
  bool lists_more() const { return rejected_.size() < kReasonsListed; }

  // The same for a series of a native histogram: its count or its sum, with an ending to the
  // metric's name; and a bucket, whose key is whole.
  void end_part(std::string_view key, std::string_view ending, SeriesKind kind);
  void end_bucket(std::string_view key, SeriesKind kind);

  // Of at most 100,000 metrics and 32 MB of a request; help and unit are cut.
  void add_metadata(std::string_view metric, SeriesKind kind, std::string_view unit,
                    std::string_view help);

  // Nothing of the request is taken.
  void refuse_all(std::string reason, std::string place);
  // Call it once at the end: says how many reasons are not listed.
  void finish();
  std::uint64_t refused() const { return refused_; }

 private:
  void refuse_ms(std::int64_t ms);
  void refuse_time(Timestamp time);
  void list(std::string reason, std::string place);
  // Returns: lists_more(); else it is counted.
  bool drop_series(std::uint64_t more);
  std::string place_of_series() const;
  bool is_in_body(std::string_view key) const;

  WireSamples& samples_;
  std::vector<Rejected>& rejected_;
  const Timestamp arrived_at_;
  const WireLimits& limits_;
  const std::int64_t oldest_ms_;
  const std::int64_t newest_ms_;
  std::uint32_t place_ = 0;
  std::size_t first_ = 0;         // Of the series in hand.
  std::uint64_t refused_in_ = 0;  // Samples of the series in hand that were refused.
  std::uint64_t refused_ = 0;
  std::uint64_t unlisted_ = 0;
  std::uint64_t metadata_bytes_ = 0;
  bool is_made_full_ = false;  // The labels that were put together take all the room.
};

}  // namespace quell::wire
