// Sample: a value of a metric at a time. Samples travel in batches of columns, never one by one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "model/labels.h"

namespace quell {

// One metric of one host. Its identity is (tenant, host, metric, tags); the unit may change.
struct Series {
  Hash128 id{};  // series_id() of the fields below.
  std::string tenant{};
  std::string host{};
  std::string metric{};
  std::string unit{};  // As the sender wrote it; empty when it did not.
  LabelSet tags{};
  bool operator==(const Series&) const = default;
};

// The same on every machine, so it may be stored.
Hash128 series_id(std::string_view tenant, std::string_view host, std::string_view metric,
                  const LabelSet& tags);

// Invariant: series_index, times and values are equally long, in order of arrival; series_index
// points into `series`, which holds each series of the batch once, in order of first use. Two
// entries may have one id when their units differ.
struct SampleBatch {
  std::vector<std::shared_ptr<const Series>> series{};  // Shared: most batches repeat the last.
  std::vector<std::uint32_t> series_index{};
  std::vector<Timestamp> times{};
  std::vector<double> values{};
  std::uint64_t times_adjusted = 0;  // Samples from the far future that were set to their arrival.

  std::size_t size() const { return values.size(); }
};

}  // namespace quell
