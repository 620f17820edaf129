#include "wire/sample_columns.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"
#include "wire/encoded_labels.h"

namespace quell::wire {
namespace {

constexpr std::size_t kMetadataMax = 100'000;
constexpr std::uint64_t kMetadataBytesMax = 32u << 20;
constexpr std::size_t kHelpBytesMax = 1024;
constexpr std::size_t kUnitBytesMax = 64;

Timestamp from_ms(std::int64_t ms) {
  constexpr std::int64_t kLargest = INT64_MAX / 1'000'000;
  if (ms > kLargest) return kMaxTime;
  return ms < -kLargest ? kMinTime : Timestamp{Duration{ms * 1'000'000}};
}

// The key with `ending` behind the metric's name.
std::string with_ending(std::string_view key, std::string_view ending) {
  std::string result;
  const auto rest = for_each_label(key, [&](const EncodedLabel& label) {
    append_label(result, label, ending);
  });
  return result.append(rest);
}

}  // namespace

SampleColumns::SampleColumns(WireSamples& samples, std::vector<Rejected>& rejected,
                             Timestamp arrived_at, const WireLimits& limits)
    : samples_(samples),
      rejected_(rejected),
      arrived_at_(arrived_at),
      limits_(limits),
      oldest_ms_(to_unix_ms(arrived_at - limits.past_max)),
      newest_ms_(to_unix_ms(arrived_at + limits.future_max)) {}

void SampleColumns::begin_series(std::uint32_t place) {
  place_ = place;
  first_ = samples_.size();
  refused_in_ = 0;
}

void SampleColumns::add(Timestamp time, double value) {
  if (time < arrived_at_ - limits_.past_max || time > arrived_at_ + limits_.future_max ||
      samples_.size() >= limits_.samples_max) {
    return refuse_time(time);
  }
  samples_.times.push_back(time);
  samples_.values.push_back(value);
}

void SampleColumns::refuse_ms(std::int64_t ms) {
  refuse_time(from_ms(ms));
}

// There may be millions.
void SampleColumns::refuse_time(Timestamp time) {
  ++refused_;
  if (!lists_more()) {
    ++refused_in_;
    ++unlisted_;
    return;
  }
  const std::string place = fmt::format("{} {}, sample {}", samples_.place_word, place_,
                                        samples_.size() - first_ + refused_in_++);
  if (time > arrived_at_ + limits_.future_max) {
    list(fmt::format("the time {} is more than {} after the arrival: check the sender's clock",
                     format_rfc3339(time), format_duration(limits_.future_max)),
         place);
  } else if (time < arrived_at_ - limits_.past_max) {
    list(fmt::format("the time {} is more than {} before the arrival", format_rfc3339(time),
                     format_duration(limits_.past_max)),
         place);
  } else {
    list(fmt::format("more than {} samples in one request: the rest was refused",
                     limits_.samples_max),
         place);
  }
}

bool SampleColumns::is_in_body(std::string_view key) const {
  const std::string& body = samples_.body;
  return key.data() >= body.data() && key.data() + key.size() <= body.data() + body.size();
}

void SampleColumns::end_series(std::string_view key, SeriesKind kind) {
  if (samples_.size() == first_) return;
  if (samples_.series.size() >= limits_.series_max) {
    if (drop_series(0)) {
      list(fmt::format("more than {} series in one request: the rest was refused",
                       limits_.series_max),
           place_of_series());
    }
    return;
  }
  const bool is_made = !is_in_body(key);
  is_made_full_ =
      is_made_full_ || (is_made && samples_.made.size() + key.size() > limits_.unpacked_bytes_max);
  if (is_made && is_made_full_) {
    if (drop_series(0)) {
      list(fmt::format("the labels of the request take more than {} bytes together: "
                       "the rest was refused",
                       limits_.unpacked_bytes_max),
           place_of_series());
    }
    return;
  }
  WireSamples::Run& run = samples_.series.emplace_back();
  run.is_made = is_made;
  run.key_at = static_cast<std::uint32_t>(
      run.is_made ? samples_.made.size()
                  : static_cast<std::size_t>(key.data() - samples_.body.data()));
  run.key_size = static_cast<std::uint32_t>(key.size());
  if (run.is_made) samples_.made += key;
  run.first = static_cast<std::uint32_t>(first_);
  run.count = static_cast<std::uint32_t>(samples_.size() - first_);
  run.place = place_;
  run.kind = kind;
}

void SampleColumns::end_part(std::string_view key, std::string_view ending, SeriesKind kind) {
  if (samples_.size() == first_) return;
  const std::size_t before = samples_.series.size();
  end_series(with_ending(key, ending), kind);
  if (samples_.series.size() == before) return;
  samples_.series.back().part = ending == "_count" ? HistogramPart::Count : HistogramPart::Sum;
}

void SampleColumns::end_bucket(std::string_view key, SeriesKind kind) {
  const std::size_t before = samples_.series.size();
  end_series(key, kind);
  if (samples_.series.size() > before) samples_.series.back().part = HistogramPart::Bucket;
}

bool SampleColumns::drop_series(std::uint64_t more) {
  refused_ += samples_.size() - first_ + more;
  samples_.times.resize(first_);
  samples_.values.resize(first_);
  if (lists_more()) return true;
  ++unlisted_;
  return false;
}

std::string SampleColumns::place_of_series() const {
  return fmt::format("{} {}", samples_.place_word, place_);
}

void SampleColumns::refuse_series(std::string_view reason, std::uint64_t more) {
  if (drop_series(more)) list(std::string(reason), place_of_series());
}

void SampleColumns::add_metadata(std::string_view metric, SeriesKind kind, std::string_view unit,
                                 std::string_view help) {
  if (metric.empty() || metric.size() > limits_.label_value_bytes_max ||
      samples_.metadata.size() >= kMetadataMax) {
    return;
  }
  unit = utf8_prefix(unit, kUnitBytesMax);
  help = utf8_prefix(help, kHelpBytesMax);
  const std::uint64_t bytes = metric.size() + unit.size() + help.size();
  if (metadata_bytes_ + bytes > kMetadataBytesMax) return;
  for (const std::string_view text : {metric, unit, help}) {
    if (invalid_utf8_at(text)) return;
  }
  metadata_bytes_ += bytes;
  samples_.metadata.push_back({std::string(metric), kind, std::string(unit), std::string(help)});
}

void SampleColumns::refuse_all(std::string reason, std::string place) {
  refused_ += samples_.size();
  samples_.series.clear();
  samples_.times.clear();
  samples_.values.clear();
  samples_.metadata.clear();
  samples_.histograms = 0;
  rejected_.clear();
  unlisted_ = 0;
  list(std::move(reason), std::move(place));
}

void SampleColumns::list(std::string reason, std::string place) {
  if (rejected_.size() >= kReasonsListed) {
    ++unlisted_;
    return;
  }
  rejected_.push_back({std::move(reason), std::move(place), ""});
}

void SampleColumns::finish() {
  if (unlisted_ == 0) return;
  rejected_.push_back(
      {fmt::format("{} more were refused; only the first {} are listed", unlisted_, kReasonsListed),
       "", ""});
}

}  // namespace quell::wire
