// Classic histograms: series named `<name>_bucket`, whose label `le` says up to which bound each
// one counts; and the quantiles that follow from their counts.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/series.h"

namespace quell {

inline constexpr std::string_view kBoundLabel = "le";
inline constexpr std::string_view kBucketEnding = "_bucket";

struct HistogramBucket {
  double upper_bound = 0;
  double count = 0;  // Up to the bound.
};

// Sorts and merges the buckets, makes them rise, and returns what a `quantile` of the observations
// does not exceed; NaN where it cannot be told.
//
// Method: as Prometheus' histogram_quantile: straight between two bounds, from zero to the first
// one; the greatest finite bound for what lies beyond it.
double bucket_quantile(double quantile, std::vector<HistogramBucket>& buckets);

// The bound that a label `le` names. None: it is no number.
std::optional<double> bucket_bound(std::string_view text);
// The bound of a series that is a bucket. None: it is not one.
std::optional<double> bucket_bound(const SeriesLabels& labels);

}  // namespace quell
