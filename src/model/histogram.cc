#include "model/histogram.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace quell {
namespace {

constexpr double kNoQuantile = std::numeric_limits<double>::quiet_NaN();

void merge_equal_bounds(std::vector<HistogramBucket>& buckets) {
  std::size_t last = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper_bound == buckets[last].upper_bound) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
}

}  // namespace

double bucket_quantile(double quantile, std::vector<HistogramBucket>& buckets) {
  if (std::isnan(quantile)) return kNoQuantile;
  if (quantile < 0) return -HUGE_VAL;
  if (quantile > 1) return HUGE_VAL;
  std::ranges::sort(buckets, {}, &HistogramBucket::upper_bound);
  if (buckets.empty() || buckets.back().upper_bound != HUGE_VAL) return kNoQuantile;
  merge_equal_bounds(buckets);
  // Counts that were read one after the other may fall by a little.
  double most = buckets.front().count;
  for (HistogramBucket& bucket : buckets) {
    if (bucket.count > most) most = bucket.count;
    if (bucket.count < most) bucket.count = most;
  }
  if (buckets.size() < 2) return kNoQuantile;
  const double observations = buckets.back().count;
  if (observations == 0) return kNoQuantile;
  double rank = quantile * observations;
  std::size_t b = 0;
  while (b < buckets.size() - 1 && !(buckets[b].count >= rank)) ++b;
  if (b == buckets.size() - 1) return buckets[buckets.size() - 2].upper_bound;
  if (b == 0 && buckets[0].upper_bound <= 0) return buckets[0].upper_bound;
  double begin = 0;
  const double end = buckets[b].upper_bound;
  double count = buckets[b].count;
  if (b > 0) {
    begin = buckets[b - 1].upper_bound;
    count -= buckets[b - 1].count;
    rank -= buckets[b - 1].count;
  }
  return begin + (end - begin) * (rank / count);
}

std::optional<double> bucket_bound(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double bound = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, bound);
  if (error != std::errc{} || stop != end || std::isnan(bound)) return std::nullopt;
  return bound;
}

std::optional<double> bucket_bound(const SeriesLabels& labels) {
  if (!labels.get(kMetricLabel).ends_with(kBucketEnding)) return std::nullopt;
  return bucket_bound(labels.get(kBoundLabel));
}

}  // namespace quell
