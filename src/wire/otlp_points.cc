#include "wire/otlp_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/bytes.h"
#include "wire/octaves.h"

namespace quell::wire {
namespace {

// What describes a resource and does not tell it from others: it changes with a release or a
// restart, and a series should not.
bool is_descriptive(std::string_view name) {
  constexpr std::array<std::string_view, 8> kBeginnings{
      "telemetry.",        "os.",        "host.image.", "host.cpu.", "container.image.",
      "container.command", "webengine.", "faas.version"};
  constexpr std::array<std::string_view, 9> kNames{"service.version",
                                                   "host.arch",
                                                   "host.type",
                                                   "host.ip",
                                                   "host.mac",
                                                   "container.runtime",
                                                   "process.pid",
                                                   "k8s.container.restart_count",
                                                   "k8s.container.status.last_terminated_reason"};
  if (name.starts_with("process.") && name != "process.pid") return true;
  return std::ranges::any_of(kBeginnings, [&](auto b) { return name.starts_with(b); }) ||
         std::ranges::find(kNames, name) != kNames.end();
}

const OtlpAttribute kNothingMore{};

constexpr std::size_t kResourceBytesMax = 64 * 1024;  // More than the labels of any series.
constexpr std::size_t kKnownBytesMax = 8 * 1024;      // More is not looked for in the memory.

}  // namespace

// ---------------------------------------------------------------------------------------------

std::optional<std::uint32_t> OtlpMemory::number_of(std::string_view bytes) {
  const auto known = numbers_.find(bytes);
  if (known != numbers_.end()) return known->second;
  if (numbers_.size() >= max_ || bytes_ >= kBytesMax) return std::nullopt;
  const auto number = static_cast<std::uint32_t>(numbers_.size());
  numbers_.emplace(std::string(bytes), number);
  bytes_ += bytes.size();
  return number;
}

std::string_view OtlpMemory::find(std::string_view context, std::string_view attributes) const {
  const Shape* shape = index_.find(hash64(attributes, hash64(context)), [&](const Shape& s) {
    const std::string_view bytes = s.bytes;
    return s.context_size == context.size() && s.attributes_size == attributes.size() &&
           bytes.starts_with(context) && bytes.substr(s.context_size).starts_with(attributes);
  });
  if (shape == nullptr) return {};
  return std::string_view(shape->bytes).substr(shape->context_size + shape->attributes_size);
}

void OtlpMemory::learn(std::string_view context, std::string_view attributes,
                       std::string_view labels) {
  if (shapes_.size() >= max_ || bytes_ >= kBytesMax) return;
  Shape& shape = shapes_.emplace_back();
  shape.context_size = static_cast<std::uint32_t>(context.size());
  shape.attributes_size = static_cast<std::uint32_t>(attributes.size());
  shape.bytes.reserve(context.size() + attributes.size() + labels.size());
  shape.bytes.append(context).append(attributes).append(labels);
  bytes_ += shape.bytes.size();
  index_.insert(hash64(attributes, hash64(context)), &shape);
}

void OtlpMemory::tidy() {
  if (shapes_.size() < max_ && numbers_.size() < max_ && bytes_ < kBytesMax) return;
  bytes_ = 0;
  index_ = {};
  shapes_.clear();
  numbers_.clear();
}

// ---------------------------------------------------------------------------------------------

OtlpPoints::OtlpPoints(WireSamples& samples, std::vector<Rejected>& rejected, Timestamp arrived_at,
                       const WireLimits& limits, OtlpMemory* memory)
    : columns_(samples, rejected, arrived_at, limits),
      arrived_at_(arrived_at),
      limits_(limits),
      memory_(memory) {
  samples.place_word = "data point";
}

void OtlpPoints::begin_resource(const OtlpAttributes& attributes) {
  resource_.clear();
  resource_bytes_.assign(1, 'r');
  resource_wrong_.clear();
  resource_context_.clear();
  // Unless it is the instance of a service, the process is what tells two of one host apart: an
  // instance alone may be that of the agent which looks at them all.
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(attributes, [&](const auto& a) { return a.name == name; });
  };
  const bool needs_pid = !has("service.instance.id") || !has("service.name");
  ByteWriter w(resource_bytes_);
  for (const OtlpAttribute& attribute : attributes) {
    const bool kept = attribute.name == "process.pid" ? needs_pid : !is_descriptive(attribute.name);
    if (!kept || is_no_label(attribute)) continue;
    w.text(attribute.name);
    w.text(attribute.value);
    if (resource_bytes_.size() > kResourceBytesMax) break;
    resource_.push_back(attribute);
  }
  of_resource_ = resource_.size();
  // A few bytes of a point must not become megabytes of work.
  if (resource_bytes_.size() > kResourceBytesMax) {
    resource_wrong_ =
        fmt::format("the attributes of its resource take more than {} bytes", kResourceBytesMax);
  } else if (attributes.size() > kOtlpAttributesMax || of_resource_ > limits_.labels_max) {
    resource_wrong_ = fmt::format("its resource has more than {} attributes", limits_.labels_max);
  }
}

void OtlpPoints::begin_scope(std::string_view name) {
  scope_context_.clear();
  scope_ = name;
  resource_.resize(of_resource_);
  if (!name.empty()) resource_.push_back({"otel.scope.name", scope_});
}

void OtlpPoints::begin_metric(std::string_view name, std::string_view unit,
                              std::string_view description, SeriesKind kind,
                              std::string_view wrong) {
  metric_ = name;
  kind_ = kind;
  metric_wrong_ = wrong;
  context_.clear();
  if (wrong.empty()) columns_.add_metadata(name, kind, unit, description);
}

bool OtlpPoints::number_into(std::string& context, std::string_view bytes) {
  const auto number = memory_->number_of(bytes);
  if (!number) {
    memory_ = nullptr;  // Of this request only; tidy() makes room.
    return false;
  }
  ByteWriter(context).fixed64(*number);
  return true;
}

bool OtlpPoints::make_context() {
  if (memory_ == nullptr) return false;
  if (!context_.empty()) return true;
  if (resource_context_.empty() && !number_into(resource_context_, resource_bytes_)) return false;
  if (scope_context_.empty() && !number_into(scope_context_, 's' + resource_context_ + scope_)) {
    return false;
  }
  return number_into(context_, 'm' + scope_context_ + metric_);
}

void OtlpPoints::begin_point(const OtlpPoint& point) {
  is_read_ = false;
  ++points_;
  refused_before_ = columns_.refused();
  const Timestamp time = point.time_ns == 0 ? arrived_at_
                         : point.time_ns > INT64_MAX
                             ? Timestamp::max()
                             : Timestamp{Duration{static_cast<std::int64_t>(point.time_ns)}};
  time_ = std::chrono::floor<std::chrono::milliseconds>(time);
}

void OtlpPoints::end_point() {
  if (columns_.refused() != refused_before_) ++points_refused_;
}

void OtlpPoints::refuse(std::string_view reason) {
  begin_point({});
  columns_.begin_series(points_ - 1);
  columns_.refuse_series(reason, 1);
  end_point();
}

const OtlpAttributes* OtlpPoints::attributes_of(const OtlpPoint& point) {
  const OtlpAttributes& attributes = point.attributes != nullptr ? *point.attributes : read_;
  if (!is_read_) {
    is_read_ = true;
    wrong_.clear();
    read_.clear();
    if (point.attributes == nullptr && !point.read_attributes(point.raw_attributes, read_)) {
      wrong_ = "its attributes are malformed";
    } else if (attributes.size() > limits_.labels_max) {
      wrong_ = fmt::format("it has more than {} attributes", limits_.labels_max);
    }
  }
  return wrong_.empty() ? &attributes : nullptr;
}

// Packs the labels in order. What is wrong with them the series table says, once per series.
void OtlpPoints::make_labels(const OtlpAttributes& attributes, std::string_view ending,
                             const OtlpAttribute& more) {
  const std::string metric = metric_ + std::string(ending);
  std::vector<std::string> renamed;
  renamed.reserve(resource_.size());
  pairs_.clear();
  pairs_.push_back({kMetricLabel, metric});
  if (!more.name.empty()) pairs_.push_back({more.name, more.value});
  for (const OtlpAttribute& a : attributes) pairs_.push_back({a.name, a.value});
  std::ranges::stable_sort(pairs_, {}, &Label::name);
  const std::size_t of_point = pairs_.size();
  for (const OtlpAttribute& a : resource_) {
    const bool is_taken = std::ranges::binary_search(std::span(pairs_).first(of_point),
                                                     std::string_view(a.name), {}, &Label::name);
    pairs_.push_back({is_taken ? renamed.emplace_back("resource." + a.name) : a.name, a.value});
  }
  std::erase_if(pairs_, [](const Label& l) { return l.value.empty() && !l.name.empty(); });
  std::ranges::stable_sort(pairs_, {}, &Label::name);
  labels_.clear();
  for (const Label& label : pairs_) append_series_label(labels_, label.name, label.value);
}

std::string_view OtlpPoints::labels_of(const OtlpPoint& point, std::string_view ending,
                                       const OtlpAttribute& more) {
  const bool may_be_known =
      point.may_be_known && point.raw_attributes.size() <= kKnownBytesMax && make_context();
  std::string context;
  if (may_be_known) {
    context = context_;
    ByteWriter w(context);
    w.text(ending);
    w.text(more.value);
    const std::string_view known = memory_->find(context, point.raw_attributes);
    if (!known.empty()) return known;
  }
  const OtlpAttributes* attributes = attributes_of(point);
  if (attributes == nullptr) return {};
  make_labels(*attributes, ending, more);
  if (may_be_known) memory_->learn(context, point.raw_attributes, labels_);
  return labels_;
}

void OtlpPoints::part(const OtlpPoint& point, std::string_view ending, const OtlpAttribute& more,
                      SeriesKind kind, double value, HistogramPart of) {
  columns_.begin_series(points_ - 1);
  columns_.add(time_, point.has_no_value ? stale_marker() : value);
  if (!columns_.has_samples()) return;
  if (!resource_wrong_.empty()) return columns_.refuse_series(resource_wrong_);
  if (!metric_wrong_.empty()) return columns_.refuse_series(metric_wrong_);
  if (columns_.is_full()) return columns_.end_series({}, kind);
  const std::string_view labels = labels_of(point, ending, more);
  if (labels.empty()) {
    columns_.refuse_series(wrong_);
  } else if (of == HistogramPart::Bucket) {
    columns_.end_bucket(labels, kind);
  } else {
    columns_.end_series(labels, kind);
  }
}

void OtlpPoints::whole_bucket(const OtlpPoint& point, std::string bound, SeriesKind kind,
                              double value) {
  part(point, "_bucket", {"le", std::move(bound)}, kind, value, HistogramPart::Bucket);
}

void OtlpPoints::end_histogram(const OtlpPoint& point, SeriesKind kind) {
  part(point, "_count", kNothingMore, kind, 0);
  part(point, "_sum", kNothingMore, kind, 0);
  whole_bucket(point, "+Inf", kind, 0);
}

void OtlpPoints::number(const OtlpPoint& point, double value) {
  begin_point(point);
  part(point, "", kNothingMore, kind_, value);
  end_point();
}

void OtlpPoints::histogram(const OtlpPoint& point, const OtlpHistogram& histogram, bool is_delta) {
  if (!histogram.buckets.empty() && histogram.buckets.size() != histogram.bounds.size() + 1) {
    if (!columns_.lists_more()) return refuse({});
    return refuse(fmt::format("{} buckets for {} bounds: there must be one more",
                              histogram.buckets.size(), histogram.bounds.size()));
  }
  begin_point(point);
  const SeriesKind kind = is_delta ? SeriesKind::Delta : SeriesKind::Counter;
  if (point.has_no_value && histogram.buckets.empty()) {
    end_histogram(point, kind);
    return end_point();
  }
  part(point, "_count", kNothingMore, kind, histogram.count);
  if (histogram.sum) part(point, "_sum", kNothingMore, kind, *histogram.sum);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.buckets.size(); ++i) {
    below += histogram.buckets[i];
    const bool is_last = i == histogram.bounds.size();
    const OtlpAttribute le{"le", is_last ? "+Inf" : bound_text(histogram.bounds[i])};
    part(point, "_bucket", le, kind, static_cast<double>(below));
  }
  end_point();
}

// What is negative counts as zero: a quantile of latencies or sizes has nothing there.
void OtlpPoints::exponential(const OtlpPoint& point, const OtlpExponential& histogram,
                             bool is_delta) {
  if (std::max(histogram.positive.buckets.size(), histogram.negative.buckets.size()) >
      kHistogramPartsMax) {
    return refuse(
        fmt::format("an exponential histogram has more than {} buckets", kHistogramPartsMax));
  }
  begin_point(point);
  const SeriesKind kind = is_delta ? SeriesKind::Delta : SeriesKind::Counter;
  if (point.has_no_value) {
    end_histogram(point, kind);
    return end_point();
  }
  Octaves octaves;
  double below = histogram.zeros;
  for (const std::uint64_t n : histogram.negative.buckets) below += static_cast<double>(n);
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  std::int64_t index =
      std::clamp(histogram.positive.offset, -kFar, kFar);  // Its bucket lies above b^index.
  for (const std::uint64_t n : histogram.positive.buckets) {
    octaves.add(histogram.scale, ++index, static_cast<double>(n));
  }
  part(point, "_count", kNothingMore, kind, histogram.count);
  if (histogram.sum) part(point, "_sum", kNothingMore, kind, *histogram.sum);
  whole_bucket(point, "0", kind, below);
  if (!octaves.empty()) {
    const OctaveBounds bounds = octave_bounds(octaves.first(), octaves.last(), octaves.grain());
    for (int e = bounds.first; e <= bounds.last; e += bounds.step) {
      whole_bucket(point, octave_text(e), kind, below + octaves.up_to(e));
    }
  }
  whole_bucket(point, "+Inf", kind, std::max(histogram.count, below + octaves.total()));
  end_point();
}

void OtlpPoints::summary(const OtlpPoint& point, double count, double sum,
                         const std::vector<OtlpQuantile>& quantiles) {
  begin_point(point);
  part(point, "_count", kNothingMore, SeriesKind::Counter, count);
  part(point, "_sum", kNothingMore, SeriesKind::Counter, sum);
  for (const OtlpQuantile& q : quantiles) {
    part(point, "", {"quantile", fmt::format("{}", q.quantile)}, SeriesKind::Gauge, q.value);
  }
  end_point();
}

}  // namespace quell::wire
