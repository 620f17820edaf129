// Detector: Tier 0. Every series learns what is usual for it, sample by sample, and says how
// unusual each new sample is.
//
//   value ──> 8 sizes (season, change, …) ──> rank of each among its own past ──> surprise
//         └─> 6 records (higher than ever, …) ──> how few there were ──────────> surprise
//   weighted sum = score ──> p (calibration.h) ──> episodes: begin at p <= finding_p, end when calm
//
// Method: conformal p-values (Laxhammar & Falkman; Vovk) of O(1) features with clipped updates
// (Huber); docs/detection.md tells it in plain words.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "detect/calendar.h"
#include "detect/kernel.h"
#include "model/series.h"

namespace quell {

struct DetectSettings {
  double finding_p = 1.25e-3;          // An episode begins with a sample as rare as this,
  std::uint32_t warmup_samples = 150;  // not before so many samples of the series.
};

// What was made of each sample: columns, in the order of the samples.
struct Observations {
  std::vector<float> score{};      // 0 and up; score_to_p() gives its p-value.
  std::vector<double> expected{};  // What would have been usual.
  std::vector<float> scale{};      // Mean distance of usual samples from it.
  std::vector<ComponentSet> fired{};
  std::vector<std::uint8_t> flags{};  // SampleFlag.

  std::size_t size() const { return score.size(); }
  void resize(std::size_t n);
};

// What is known of a series, for showing.
struct SeriesModel {
  std::uint32_t samples = 0;  // Learned from; stops growing at some thousands.
  bool is_learning = true;
  bool is_unusual = false;  // An episode is open.
  Cycle cycle = Cycle::Day;
  double cycle_explains = 0;    // Share of the distance from the mean that the cycle explains.
  double interval_seconds = 0;  // 0: not known yet.
  double expected = 0;          // Of the next sample, roughly: the recent level.
  double gain = 1;  // What its scores are multiplied by; below 1: its noise opens often.
  std::array<std::uint8_t, kHistogramComponents> debt{};  // False alarms of each component.
};

// Invariant: a result depends on the samples of its own series only, in their order; not on the
// kernel, nor on how samples are cut into batches.
// Thread: one. Cost: see docs/benchmarks.md. Memory: 600 bytes per slot, in pieces of 3,584.
class Detector {
 public:
  explicit Detector(const DetectSettings& settings = {}, KernelKind kernel = best_kernel());

  void set_settings(const DetectSettings& settings);

  // Requires: columns of one length. Series that were not seen before begin to learn.
  void observe(std::span<const SeriesSlot> slots, std::span<const Timestamp> times,
               std::span<const double> values, const Calendar& calendar, Observations& out);

  // The slot was given to another series, or its model is to begin anew.
  void forget(SeriesSlot slot);
  // From now on the calendar is another one, by which it is so much later: what is usual at a time
  // of the day stays so at the same moments, as near as the bins of a cycle allow.
  void turn(SeriesSlot slot, std::int64_t seconds);

  SeriesModel model(SeriesSlot slot) const;
  // How many `scale`s around `expected` hold this share of the series' samples.
  double band(SeriesSlot slot, double coverage) const;

  // A series' whole state, about 600 bytes, and back. Errors: Corrupt; then nothing was changed.
  std::string save(SeriesSlot slot) const;
  Status load(SeriesSlot slot, std::string_view bytes);

  // The sixteen series of slots 16 * block and on, as they lie in memory, and back for the lanes
  // that are set in `lanes`; the others keep what they have. Errors: Corrupt.
  static constexpr std::size_t kBlockBytes = sizeof(SeriesBlock);
  static constexpr std::size_t kBlockBytesBeforeGain = offsetof(SeriesBlock, gain);  // Taken, too.
  void save_block(std::size_t block, std::string& out) const;
  Status load_block(std::size_t block, std::string_view bytes, std::uint32_t lanes);

  // One more than the greatest slot that was observed or loaded, rounded up.
  std::size_t slot_count() const { return chunks_.size() * kSeriesPerChunk; }
  KernelKind kernel() const { return kernel_; }

 private:
  static constexpr std::size_t kBlocksPerChunk = (2u << 20) / sizeof(SeriesBlock);
  static constexpr std::size_t kSeriesPerChunk = kBlocksPerChunk * kLanes;
  struct FreeChunk {
    void operator()(SeriesBlock* blocks) const;
  };
  using Chunk = std::unique_ptr<SeriesBlock[], FreeChunk>;
  // Bins of all cycles for a time; consecutive samples often share theirs.
  struct Bins {
    std::int64_t at_ns = INT64_MIN;
    std::array<std::uint8_t, kCycles> bin{};
    bool is_holiday = false;
  };
  struct Columns {
    std::span<const Timestamp> times{};
    std::span<const double> values{};
  };

  SeriesBlock& block(std::size_t index) {
    return chunks_[index / kBlocksPerChunk][index % kBlocksPerChunk];
  }
  const SeriesBlock* find(SeriesSlot slot) const;
  void make_room(SeriesSlot slot);
  void sort_rows(std::span<const SeriesSlot> slots);
  std::uint32_t row(std::size_t i) const {
    return order_.empty() ? static_cast<std::uint32_t>(i) : order_[i];
  }
  void find_bins(std::int64_t ns, const Calendar& calendar);
  void run_group(std::span<const SeriesSlot> slots, std::size_t from, std::size_t to,
                 const Columns& columns, const Calendar& calendar, Observations& out);
  void run_whole_block(SeriesBlock& block, std::size_t from, const Columns& columns,
                       const Calendar& calendar, Observations& out);
  void run_step(SeriesBlock& block, std::uint32_t lanes, const Calendar& calendar);
  void put(std::size_t lane, std::size_t row, Observations& out) const;

  DetectSettings settings_;
  KernelLimits limits_;
  KernelKind kernel_;
  KernelFunction run_;
  KernelFunction run_few_;  // For steps with few lanes.
  std::vector<Chunk> chunks_;

  // Scratch.
  KernelStep step_{};

  Bins bins_;
  Calendar::Stretch stretch_;             // Of the samples in hand.
  std::vector<std::uint32_t> order_;      // Rows by block; empty: as they are.
  std::vector<std::uint32_t> lane_rows_;  // Rows of a group by lane.
};

}  // namespace quell
