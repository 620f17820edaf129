// Exposition text: what a scraped target says of itself, as Prometheus' text format or OpenMetrics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "wire/metric_type.h"

namespace quell {

enum class ExpositionFormat : std::uint8_t { Text, OpenMetrics };

// By the Content-Type of the answer; none is Text. Errors: Unsupported.
Result<ExpositionFormat> exposition_format(std::string_view content_type);

struct FamilyMetadata {
  std::string name{};
  MetricType type = MetricType::Unknown;
  std::string help{};
  std::string unit{};
  bool operator==(const FamilyMetadata&) const = default;
};

struct ExposedSample {
  std::vector<std::pair<std::string, std::string>> labels{};  // `__name__` first; as written.
  double value = 0;
  std::optional<std::int64_t> time_ms{};
  std::size_t line = 0;  // From 1 on.
};

struct Exposition {
  std::vector<FamilyMetadata> families{};
  std::vector<ExposedSample> samples{};
  std::size_t exemplars = 0;
};

struct ExpositionLimits {
  std::size_t samples_max = 500'000;
  std::size_t labels_max = 128;  // Of one sample.
};

// Names may be any UTF-8 in quotes, as Prometheus 3 writes them. Exemplars are counted and left
// out. Errors: InvalidArgument with `line N`, for the first line that is malformed: then nothing of
// the text is to be believed; TooLarge when there are more samples than the limit.
// Cost: about 0.2 µs per sample.
Result<Exposition> parse_exposition(std::string_view text, ExpositionFormat format,
                                    const ExpositionLimits& limits = {});

}  // namespace quell
