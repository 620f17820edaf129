// OtlpPoints: data points -> samples, whatever the encoding they came in.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/flat_index.h"
#include "base/hash.h"
#include "model/limits.h"
#include "model/sample.h"
#include "wire/sample_columns.h"

namespace quell::wire {

struct OtlpAttribute {
  std::string name{};
  std::string value{};  // Numbers, lists and maps as text.
};
using OtlpAttributes = std::vector<OtlpAttribute>;

// Points that were seen, by the bytes of their attributes. Thread: one.
// Memory: at most `max` points, as many numbers, and kBytesMax.
class OtlpMemory {
 public:
  static constexpr std::size_t kBytesMax = 128u << 20;

  explicit OtlpMemory(std::size_t max) : max_(max) {}

  // A number that stands for `bytes`, until tidy() forgets all. None: there is no room.
  std::optional<std::uint32_t> number_of(std::string_view bytes);
  // The labels of the point with these attributes, of the metric that `context` stands for.
  // Empty: not known.
  std::string_view find(std::string_view context, std::string_view attributes) const;
  void learn(std::string_view context, std::string_view attributes, std::string_view labels);
  // Between requests: forgets all when it holds too much.
  void tidy();
  std::size_t bytes() const { return bytes_; }  // Of what is kept, without its indexes.

 private:
  struct Shape {
    std::string bytes{};  // Context, attributes, labels.
    std::uint32_t context_size = 0;
    std::uint32_t attributes_size = 0;
  };
  std::size_t max_;
  std::size_t bytes_ = 0;  // Of shapes_ and the keys of numbers_.
  std::unordered_map<std::string, std::uint32_t, StringHash, std::equal_to<>> numbers_;
  std::deque<Shape> shapes_;
  FlatIndex<Shape> index_;
};

struct OtlpHistogram {
  double count = 0;
  std::optional<double> sum{};
  std::vector<double> bounds{};          // Upper ones, rising, without the infinite one.
  std::vector<std::uint64_t> buckets{};  // One more than bounds, or none.
};

struct OtlpExponential {
  double count = 0;
  std::optional<double> sum{};
  std::int64_t scale = 0;
  double zeros = 0;
  struct Side {
    std::int64_t offset = 0;
    std::vector<std::uint64_t> buckets{};
  };
  Side positive{};
  Side negative{};
};

struct OtlpQuantile {
  double quantile = 0;
  double value = 0;
};

enum class OtlpTemporality : std::uint8_t { Unspecified = 0, Delta = 1, Cumulative = 2 };

// A resource or a data point with more attributes than this is not read to its end.
constexpr std::size_t kOtlpAttributesMax = 1024;

// What has no value is no label. What has no name either is kept, so that it is refused.
inline bool is_no_label(const OtlpAttribute& a) {
  return a.value.empty() && !a.name.empty();
}

// One data point: its attributes either read, or the bytes that hold them.
struct OtlpPoint {
  std::uint64_t time_ns = 0;
  bool has_no_value = false;
  std::string_view raw_attributes{};
  bool may_be_known = false;  // The bytes hold the attributes and nothing else.
  // Asked when they were not recognised; reads at most kOtlpAttributesMax + 1. Returns: false when
  // they are malformed.
  bool (*read_attributes)(std::string_view raw, OtlpAttributes& out) = nullptr;
  const OtlpAttributes* attributes = nullptr;  // Where there is nothing to ask.
};

class OtlpPoints {
 public:
  OtlpPoints(WireSamples& samples, std::vector<Rejected>& rejected, Timestamp arrived_at,
             const WireLimits& limits, OtlpMemory* memory);

  void begin_resource(const OtlpAttributes& attributes);
  void begin_scope(std::string_view name);
  // `wrong`: why none of its points is taken; it outlives the metric.
  void begin_metric(std::string_view name, std::string_view unit, std::string_view description,
                    SeriesKind kind, std::string_view wrong = {});

  void number(const OtlpPoint& point, double value);
  // `is_delta`: what was added since the last one.
  void histogram(const OtlpPoint& point, const OtlpHistogram& histogram, bool is_delta);
  void exponential(const OtlpPoint& point, const OtlpExponential& histogram, bool is_delta);
  void summary(const OtlpPoint& point, double count, double sum,
               const std::vector<OtlpQuantile>& quantiles);
  // A point that cannot be taken.
  void refuse(std::string_view reason);

  void refuse_all(std::string reason, std::string place) {
    columns_.refuse_all(std::move(reason), std::move(place));
  }
  void finish() { columns_.finish(); }
  std::uint64_t points_refused() const { return points_refused_; }
  std::uint32_t points() const { return points_; }

 private:
  // A sample of the point in hand, for the series `name` + `ending`, with one more label.
  void part(const OtlpPoint& point, std::string_view ending, const OtlpAttribute& more,
            SeriesKind kind, double value, HistogramPart of = HistogramPart::None);
  // The bucket of what is at or below `bound`, which is text.
  void whole_bucket(const OtlpPoint& point, std::string bound, SeriesKind kind, double value);
  // The histogram has no value: all of its series end.
  void end_histogram(const OtlpPoint& point, SeriesKind kind);
  void begin_point(const OtlpPoint& point);
  void end_point();
  // Null: they cannot be taken, as wrong_ says.
  const OtlpAttributes* attributes_of(const OtlpPoint& point);
  // Returns: the labels, or empty when the attributes cannot be taken, as wrong_ says.
  std::string_view labels_of(const OtlpPoint& point, std::string_view ending,
                             const OtlpAttribute& more);
  // Numbers that stand for the resource, the scope and the metric, each made when it is asked for
  // the first time. Returns: false when nothing can be known.
  bool make_context();
  bool number_into(std::string& context, std::string_view bytes);
  void make_labels(const OtlpAttributes& attributes, std::string_view ending,
                   const OtlpAttribute& more);

  SampleColumns columns_;
  Timestamp arrived_at_;
  const WireLimits& limits_;
  OtlpMemory* memory_;                   // Null when it is full, too.
  std::vector<OtlpAttribute> resource_;  // Labels, of resource and scope.
  std::size_t of_resource_ = 0;          // The first of them; the others are the scope's.
  std::string resource_bytes_;           // Of these.
  std::string resource_wrong_;           // Why no point of the resource is taken.
  std::string scope_;
  std::string metric_;
  SeriesKind kind_ = SeriesKind::Unknown;
  std::string_view metric_wrong_;  // Why no point of the metric is taken.
  std::string resource_context_;   // A short form of the resource. Empty: not asked for.
  std::string scope_context_;      // Of the resource and the scope's name.
  std::string context_;            // Of these and the metric's name.

  OtlpAttributes read_;
  bool is_read_ = false;
  std::string wrong_;  // With the attributes of the point in hand.
  Timestamp time_{};
  std::string labels_;
  std::vector<Label> pairs_;
  std::uint32_t points_ = 0;
  std::uint64_t refused_before_ = 0;  // Samples, when the point in hand began.
  std::uint64_t points_refused_ = 0;
};

}  // namespace quell::wire
