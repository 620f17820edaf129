// MetricStage: the part of the pipeline that knows series and keeps their samples.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "model/frame.h"
#include "model/sample.h"
#include "store/store.h"
#include "stream/histogram_quantiles.h"
#include "stream/sample_book.h"
#include "stream/series_table.h"

namespace quell {

struct MetricOptions {
  SeriesTableOptions series{};
  std::uint64_t sample_memory = 256ull << 20;
  Duration series_idle = std::chrono::hours(3);  // A series that is silent for longer leaves.
};

// The source of a frame as its limits and facts name it: that of the configuration, else its kind.
std::string_view source_name(const Frame& frame);

// Invariant: what is decided, which series are refused and which rates counters have, depends on
// the frames alone, also when the stage was rebuilt from the store in between.
// Thread: one.
class MetricStage {
 public:
  explicit MetricStage(std::uint64_t secret) : table_({}, secret) {}

  void set_options(const MetricOptions& options);

  // The samples of one frame, of which the ones that were taken are good until the next call.
  const SampleBatch& on_samples(const Frame& frame, WireSamples& samples, SeriesRefusals& refused);

  // Series that were silent for too long, some at a time. What keeps something for their slots must
  // forget it before they are removed.
  const std::vector<SeriesSlot>& find_silent(Timestamp now);
  void remove_silent();

  // Adds what is to be written with a commit of all frames below `next_offset`.
  void take(std::uint64_t next_offset, Timestamp now, StoreBatch& batch);
  bool wants_commit() const { return book_.wants_commit(); }
  void drain() { book_.drain(); }
  bool has_waiting() const { return book_.has_waiting(); }  // More than one take() hands out.

  void snapshot(ByteWriter& w) const { w.time(swept_until_); }
  void restore(ByteReader& r) { swept_until_ = r.time(); }
  // After restore(): all pages in the order of Store::visit_state_pages, finish_load(), then the
  // frames from StoredState::samples_offset on that came before the commit. Errors: Corrupt.
  Status load(const StatePage& page);
  void finish_load() {
    table_.finish_load();
    book_.set_left_until(swept_until_);  // Whoever left did so before.
  }
  const SampleBatch& restore_samples(const Frame& frame, WireSamples& samples);

  // Since the start of the process.
  struct Totals {
    std::uint64_t histograms = 0;
    std::uint64_t exemplars_ignored = 0;
    std::uint64_t series_refused = 0;
    std::uint64_t samples_refused = 0;
  };
  const Totals& totals() const { return totals_; }

  const SeriesTable& table() const { return table_; }
  const SampleBook& book() const { return book_; }
  const HistogramQuantiles& histograms() const { return histograms_; }

 private:
  void keep(const Frame& frame, SeriesTable::Unknown unknown);

  SeriesTable table_;
  HistogramQuantiles histograms_;
  // With the samples go the models of their series (app/detect_stage.h), which are five times as
  // large: so pages are written more seldom, and fewer at a time.
  SampleBook book_{{.page_age = std::chrono::minutes(3), .page_bytes_per_commit = 2ull << 20}};
  Duration series_idle_ = MetricOptions{}.series_idle;
  SampleBatch batch_;
  std::vector<SeriesSlot> removed_;
  Totals totals_;
  Timestamp swept_until_{};  // The next sweep is due after it.
};

}  // namespace quell
