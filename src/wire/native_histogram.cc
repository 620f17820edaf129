#include "wire/native_histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "model/sample.h"
#include "wire/encoded_labels.h"
#include "wire/protobuf.h"

namespace quell::wire {
namespace {

constexpr std::int64_t kCustomBounds = -53;  // The schema of bounds that the sender chose.
constexpr std::int64_t kSchemaLeast = -9;
constexpr std::int64_t kSchemaGreatest = 52;
constexpr std::uint64_t kResetHintGauge = 3;

// The keys of the buckets of a histogram: its labels with another metric and `le`, in order.
class BucketKeys {
 public:
  explicit BucketKeys(std::string_view key) {
    const auto rest = for_each_label(key, [&](const EncodedLabel& label) {
      append_label(label.name < "le" ? before_ : behind_, label, "_bucket");
    });
    before_ += rest;
  }

  std::string_view of(std::string_view le) {
    made_ = before_;
    append_series_label(made_, "le", le);
    return made_ += behind_;
  }

 private:
  std::string before_;
  std::string behind_;
  std::string made_;
};

class HistogramSeries {
 public:
  HistogramSeries(SampleColumns& columns, std::uint32_t place, std::string_view key,
                  std::span<const NativeHistogram> histograms)
      : columns_(columns),
        place_(place),
        key_(key),
        histograms_(histograms),
        kind_(histograms[0].is_gauge ? SeriesKind::Gauge : SeriesKind::Counter),
        keys_(key) {}

  void add() {
    columns_.begin_series(place_);
    for (const NativeHistogram& h : histograms_) {  // Says which times cannot be taken.
      columns_.add_ms(h.ms, h.is_stale ? stale_marker() : h.count);
    }
    columns_.end_part(key_, "_count", kind_);
    columns_.begin_series(place_);
    for (const NativeHistogram& h : histograms_) {
      if (columns_.takes_ms(h.ms)) columns_.add_ms(h.ms, h.is_stale ? stale_marker() : h.sum);
    }
    columns_.end_part(key_, "_sum", kind_);
    add_octaves();
    add_bounds();
    columns_.begin_series(place_);
    for (const NativeHistogram& h : histograms_) {
      if (columns_.takes_ms(h.ms)) columns_.add_ms(h.ms, h.is_stale ? stale_marker() : all_of(h));
    }
    columns_.end_bucket(keys_.of("+Inf"), kind_);
  }

 private:
  static bool is_custom(const NativeHistogram& h) { return !h.bounds.empty(); }

  // Those that are no number are counted, and in no bucket.
  static double all_of(const NativeHistogram& h) {
    const double in_bounds = h.counts.empty() ? 0 : h.counts.back();
    return std::max(h.count, h.below + h.octaves.total() + in_bounds);
  }

  template <class Takes, class Value>
  void add_bucket(const std::string& le, std::span<const NativeHistogram> histograms, Takes&& takes,
                  Value&& value) {
    columns_.begin_series(place_);
    for (const NativeHistogram& h : histograms) {
      if (!h.is_stale && takes(h) && columns_.takes_ms(h.ms)) columns_.add_ms(h.ms, value(h));
    }
    columns_.end_bucket(keys_.of(le), kind_);
  }

  void add_octaves() {
    const auto takes = [](const NativeHistogram& h) { return !is_custom(h); };
    add_bucket("0", histograms_, takes, [](const NativeHistogram& h) { return h.below; });
    int first = INT32_MAX;
    int last = INT32_MIN;
    int grain = 1;
    for (const NativeHistogram& h : histograms_) {
      if (h.is_stale || is_custom(h) || h.octaves.empty()) continue;
      first = std::min(first, h.octaves.first());
      last = std::max(last, h.octaves.last());
      grain = std::max(grain, h.octaves.grain());
    }
    if (first > last) return;
    const OctaveBounds bounds = octave_bounds(first, last, grain);
    for (int e = bounds.first; e <= bounds.last; e += bounds.step) {
      add_bucket(octave_text(e), histograms_, takes,
                 [&](const NativeHistogram& h) { return h.below + h.octaves.up_to(e); });
    }
  }

  // Those that follow each other and have the same bounds, most often all of them, go together.
  void add_bounds() {
    for (std::size_t from = 0; from < histograms_.size();) {
      std::size_t to = from + 1;
      while (to < histograms_.size() && histograms_[to].bounds == histograms_[from].bounds) ++to;
      for (std::size_t i = 0; i < histograms_[from].bounds.size(); ++i) {
        add_bucket(
            bound_text(histograms_[from].bounds[i]), histograms_.subspan(from, to - from),
            [](const NativeHistogram&) { return true; },
            [&](const NativeHistogram& h) { return h.counts[i]; });
      }
      from = to;
    }
  }

  SampleColumns& columns_;
  const std::uint32_t place_;
  const std::string_view key_;
  const std::span<const NativeHistogram> histograms_;
  const SeriesKind kind_;
  BucketKeys keys_;
};

}  // namespace

bool NativeHistogramReader::read_span(std::string_view message, Bucketed& to) {
  std::int64_t offset = 0;
  std::uint64_t length = 0;
  ProtoReader fields(message);
  for (ProtoField field; fields.next(field);) {
    if (field.is(1, WireType::Varint)) offset = unzigzag(field.value);
    if (field.is(2, WireType::Varint)) length = field.value;
  }
  if (to.spans.size() <= kHistogramPartsMax) to.spans.emplace_back(offset, length);
  return fields.ok();
}

bool NativeHistogramReader::read_numbers(const ProtoField& field, bool is_float, Bucketed& to) {
  if (is_float) {
    return for_each_number(field, WireType::Fixed64, [&](std::uint64_t bits) {
      if (to.counts.size() <= kHistogramPartsMax) to.counts.push_back(std::bit_cast<double>(bits));
    });
  }
  return for_each_number(field, WireType::Varint, [&](std::uint64_t value) {
    to.last = static_cast<std::int64_t>(static_cast<std::uint64_t>(to.last) +
                                        static_cast<std::uint64_t>(unzigzag(value)));
    if (to.counts.size() <= kHistogramPartsMax) to.counts.push_back(static_cast<double>(to.last));
  });
}

bool NativeHistogramReader::read(std::string_view message, NativeHistogram& out) {
  schema_ = 0;
  zeros_ = 0;
  positive_ = {};
  negative_ = {};
  wrong_.clear();
  ProtoReader fields(message);
  bool is_good = true;
  for (ProtoField field; is_good && fields.next(field);) {
    switch (field.number) {
      case 1: out.count = static_cast<double>(field.value); break;
      case 2: out.count = field.number_value(); break;
      case 3: out.sum = field.number_value(); break;
      case 4: schema_ = unzigzag(field.value); break;
      case 6: zeros_ = static_cast<double>(field.value); break;
      case 7: zeros_ = field.number_value(); break;
      case 8: is_good = read_span(field.bytes, negative_); break;
      case 9: is_good = read_numbers(field, false, negative_); break;
      case 10: is_good = read_numbers(field, true, negative_); break;
      case 11: is_good = read_span(field.bytes, positive_); break;
      case 12: is_good = read_numbers(field, false, positive_); break;
      case 13: is_good = read_numbers(field, true, positive_); break;
      case 14: out.is_gauge = field.value == kResetHintGauge; break;
      case 15: out.ms = field.integer(); break;
      case 16:
        is_good = for_each_number(field, WireType::Fixed64, [&](std::uint64_t bits) {
          if (out.bounds.size() <= kHistogramPartsMax) {
            out.bounds.push_back(std::bit_cast<double>(bits));
          }
        });
        break;
      default: break;
    }
  }
  if (!is_good || !fields.ok()) return false;
  out.is_stale = is_stale_marker(out.sum);  // A series that ends says so in the sum.
  if (!out.is_stale) convert(out);
  return true;
}

// Calls f(index, count) for each bucket, by rising index.
template <class F>
bool NativeHistogramReader::each_bucket(const Bucketed& buckets, std::string_view which, F&& f) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < buckets.spans.size(); ++i) {
    const auto [offset, size] = buckets.spans[i];
    length += std::min<std::uint64_t>(size, buckets.counts.size() + 1);
    if (i > 0 && offset < 0) {
      wrong_ = fmt::format("{} span {} of a native histogram begins before the end of the last one",
                           which, i);
      return false;
    }
  }
  if (length != buckets.counts.size()) {
    wrong_ = fmt::format("a native histogram has {} {} buckets, its spans are of {}",
                         buckets.counts.size(), which,
                         length > buckets.counts.size() ? "more" : std::to_string(length));
    return false;
  }
  std::int64_t index = 0;
  std::size_t at = 0;
  for (const auto& [offset, size] : buckets.spans) {
    index += std::clamp<std::int64_t>(offset, INT32_MIN, INT32_MAX);
    for (std::uint64_t i = 0; i < size; ++i) f(index++, buckets.counts[at++]);
  }
  return true;
}

void NativeHistogramReader::convert(NativeHistogram& out) {
  std::size_t parts = out.bounds.size();
  for (const Bucketed* side : {&positive_, &negative_}) {
    parts = std::max({parts, side->spans.size(), side->counts.size()});
  }
  if (parts > kHistogramPartsMax) {
    wrong_ = fmt::format("a native histogram has more than {} buckets, spans or bounds",
                         kHistogramPartsMax);
    return;
  }
  for (const Bucketed* side : {&positive_, &negative_}) {
    const bool is_sound = std::ranges::all_of(side->counts, [](double n) { return n >= 0; });
    if (is_sound) continue;
    wrong_ = "a bucket of a native histogram has a negative count";
    return;
  }
  out.below = zeros_;
  if (schema_ == kCustomBounds) {
    if (std::ranges::adjacent_find(out.bounds, [](double a, double b) { return !(a < b); }) !=
            out.bounds.end() ||
        out.bounds.empty() || !std::isfinite(out.bounds.front()) ||
        !std::isfinite(out.bounds.back())) {
      wrong_ = "the bounds of a native histogram are not rising numbers";
      return;
    }
    out.counts.resize(out.bounds.size() + 1);
    each_bucket(positive_, "positive", [&](std::int64_t index, double count) {
      const auto last = static_cast<std::int64_t>(out.bounds.size());
      out.counts[static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, last))] += count;
    });
    std::partial_sum(out.counts.begin(), out.counts.end(), out.counts.begin());
    return;
  }
  out.bounds.clear();
  if (schema_ < kSchemaLeast || schema_ > kSchemaGreatest) {
    wrong_ = fmt::format("the schema {} of a native histogram is not known: {} to {}, and {}",
                         schema_, kSchemaLeast, kSchemaGreatest, kCustomBounds);
    return;
  }
  each_bucket(negative_, "negative", [&](std::int64_t, double count) { out.below += count; });
  if (!wrong_.empty()) return;
  each_bucket(positive_, "positive",
              [&](std::int64_t index, double count) { out.octaves.add(schema_, index, count); });
}

void add_native_histograms(SampleColumns& columns, std::uint32_t place, std::string_view key,
                           std::span<const NativeHistogram> histograms) {
  if (!histograms.empty()) HistogramSeries(columns, place, key, histograms).add();
}

}  // namespace quell::wire
