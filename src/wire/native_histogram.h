// Native histograms of remote write, and the classic series that they become: `_count`, `_sum`, and
// cumulative `_bucket`s at powers of two, or at the bounds that the sender chose (docs/sources/
// prometheus.md says how exact quantiles of these are).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/octaves.h"
#include "wire/protobuf.h"
#include "wire/sample_columns.h"

namespace quell::wire {

struct NativeHistogram {
  std::int64_t ms = 0;
  bool is_gauge = false;
  bool is_stale = false;  // The series ends: there is nothing but the time.
  double count = 0;
  double sum = 0;
  double below = 0;  // Of zero and less.
  Octaves octaves{};
  // Of bounds that the sender chose instead: rising, and how many are up to each of them, and all.
  std::vector<double> bounds{};
  std::vector<double> counts{};
};

// Reads prometheus.Histogram, which both versions of remote write have alike.
class NativeHistogramReader {
 public:
  // Returns: false when the message is malformed.
  bool read(std::string_view message, NativeHistogram& out);
  // Why the histogram that was read last makes no sense. Empty: it does.
  const std::string& wrong() const { return wrong_; }

 private:
  struct Bucketed {
    std::vector<std::pair<std::int64_t, std::uint64_t>> spans{};  // Offset, length.
    std::vector<double> counts{};
    bool is_float = false;
    std::int64_t last = 0;  // Of counts that are told by their differences.
  };
  static bool read_span(std::string_view message, Bucketed& to);
  static bool read_numbers(const ProtoField& field, bool is_float, Bucketed& to);
  template <class F>
  bool each_bucket(const Bucketed& buckets, std::string_view which, F&& f);
  void convert(NativeHistogram& out);

  std::int64_t schema_ = 0;
  double zeros_ = 0;
  Bucketed positive_{};
  Bucketed negative_{};
  std::string wrong_;
};

// Adds the series of `histograms`, which are of one series with the labels `key`. A time that
// cannot be taken is refused once.
void add_native_histograms(SampleColumns& columns, std::uint32_t place, std::string_view key,
                           std::span<const NativeHistogram> histograms);

}  // namespace quell::wire
