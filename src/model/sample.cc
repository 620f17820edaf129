#include "model/sample.h"

namespace quell {

std::string_view series_kind_name(SeriesKind kind) {
  switch (kind) {
    case SeriesKind::Unknown: return "unknown";
    case SeriesKind::Gauge: return "gauge";
    case SeriesKind::Counter: return "counter";
    case SeriesKind::Delta: return "delta";
  }
  return "unknown";
}

void WireSamples::clear() {
  body.clear();
  made.clear();
  series.clear();
  times.clear();
  values.clear();
  tenants.clear();
  units.resize(1);
  metadata.clear();
  times_adjusted = 0;
  histograms = 0;
  exemplars_ignored = 0;
}

void SampleBatch::clear() {
  slots.clear();
  times.clear();
  values.clear();
  rates.clear();
  buckets.clear();
  made = 0;
  unwatched = 0;
}

}  // namespace quell
