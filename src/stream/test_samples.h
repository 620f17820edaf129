// Samples for tests: what a decoder would make of a request.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/sample.h"
#include "stream/series_table.h"

namespace quell {

// `cpu_load{host="a", core="0"}` or `cpu_load`.
inline SeriesLabels test_labels(std::string_view text) {
  const auto brace = text.find('{');
  std::vector<Label> pairs{{kMetricLabel, text.substr(0, brace)}};
  const auto others =
      brace == text.npos ? LabelSet()
                         : LabelSet::parse(text.substr(brace + 1, text.size() - brace - 2)).value();
  for (const Label label : others) pairs.push_back(label);
  return SeriesLabels::from(std::move(pairs)).value();
}

inline Timestamp test_at(double seconds) {
  return Timestamp{std::chrono::seconds(1'790'000'000)} +
         Duration{static_cast<std::int64_t>(seconds * 1e9)};
}

class TestRequest {
 public:
  explicit TestRequest(std::string tenant = "default") { samples.tenants = {std::move(tenant)}; }

  // A run of the series whose samples begin at `time`, one a second.
  TestRequest& add(std::string_view series, double time, const std::vector<double>& values,
                   SeriesKind kind = SeriesKind::Unknown) {
    return add_key(test_labels(series).bytes(), time, values, kind);
  }
  TestRequest& add_key(std::string_view key, double time, const std::vector<double>& values,
                       SeriesKind kind = SeriesKind::Unknown) {
    WireSamples::Run& run = samples.series.emplace_back();
    run.key_at = static_cast<std::uint32_t>(samples.made.size());
    run.key_size = static_cast<std::uint32_t>(key.size());
    run.first = static_cast<std::uint32_t>(samples.size());
    run.count = static_cast<std::uint32_t>(values.size());
    run.place = static_cast<std::uint32_t>(samples.series.size() - 1);
    run.kind = kind;
    run.is_made = true;
    samples.made += key;
    for (const double value : values) {
      samples.times.push_back(test_at(time++));
      samples.values.push_back(value);
    }
    return *this;
  }

  WireSamples samples{};
};

// Resolves a request; nothing may be refused.
inline SampleBatch resolved(SeriesTable& table, TestRequest request,
                            std::string_view source = "test") {
  SampleBatch batch;
  SeriesRefusals refused;
  table.resolve(request.samples, source, SeriesTable::Unknown::Make, batch, refused);
  QUELL_ASSERT(refused.series == 0, "a test's series are good");
  return batch;
}

}  // namespace quell
