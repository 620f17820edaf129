#include "app/metric_stage.h"

namespace quell {
namespace {

constexpr Duration kSweepEvery = std::chrono::minutes(5);
// When more are to leave, the next ones follow so much later: one step must not take long.
constexpr std::size_t kRemovedAtOnce = 10'000;
constexpr Duration kNextRemoval = std::chrono::seconds(1);

}  // namespace

std::string_view source_name(const Frame& frame) {
  const std::string_view named = frame.header(kSourceNameHeader);
  return named.empty() ? std::string_view(frame.source) : named;
}

void MetricStage::set_options(const MetricOptions& options) {
  table_.set_options(options.series);
  book_.set_bytes_max(options.sample_memory, table_);
  series_idle_ = options.series_idle;
}

const SampleBatch& MetricStage::on_samples(const Frame& frame, WireSamples& samples,
                                           SeriesRefusals& refused) {
  batch_.clear();
  totals_.histograms += samples.histograms;
  totals_.exemplars_ignored += samples.exemplars_ignored;
  table_.resolve(samples, source_name(frame), SeriesTable::Unknown::Make, batch_, refused,
                 frame.offset);
  totals_.series_refused += refused.series;
  totals_.samples_refused += refused.samples;
  keep(frame, SeriesTable::Unknown::Make);
  return batch_;
}

// The samples of batch_, and what follows from them.
void MetricStage::keep(const Frame& frame, SeriesTable::Unknown unknown) {
  histograms_.on_samples(batch_, table_, unknown, frame.offset);
  book_.add(batch_, table_, frame.offset, frame.arrived_at);
  for (const SeriesSlot slot : histograms_.touched()) {
    book_.touch(slot, table_, frame.offset, frame.arrived_at);
  }
}

const SampleBatch& MetricStage::restore_samples(const Frame& frame, WireSamples& samples) {
  SeriesRefusals ignored;
  batch_.clear();
  table_.resolve(samples, source_name(frame), SeriesTable::Unknown::Skip, batch_, ignored,
                 frame.offset);
  keep(frame, SeriesTable::Unknown::Skip);
  return batch_;
}

const std::vector<SeriesSlot>& MetricStage::find_silent(Timestamp now) {
  removed_.clear();
  if (now <= swept_until_) return removed_;
  swept_until_ = now + kSweepEvery;
  removed_ = book_.silent_since(now - series_idle_, table_);
  if (removed_.size() > kRemovedAtOnce) {
    removed_.resize(kRemovedAtOnce);
    swept_until_ = now + kNextRemoval;
  }
  return removed_;
}

void MetricStage::remove_silent() {
  for (const SeriesSlot slot : removed_) {
    book_.forget(slot, table_);
    histograms_.forget(slot);
    table_.remove(slot);
  }
  removed_.clear();
}

void MetricStage::take(std::uint64_t next_offset, Timestamp now, StoreBatch& batch) {
  table_.take_pages(batch.state_pages);
  const std::size_t first = batch.state_pages.size();
  SampleBook::Taken taken = book_.take(next_offset, now, table_, batch.state_pages);
  const std::size_t last = batch.state_pages.size();
  for (std::size_t i = first; i < last; ++i) {
    histograms_.take_page(batch.state_pages[i].number, next_offset, table_, batch.state_pages);
  }
  batch.metric_chunks = std::move(taken.chunks);
  batch.samples_offset = taken.samples_offset;
}

Status MetricStage::load(const StatePage& page) {
  switch (page.kind) {
    case StatePageKind::Series:
    case StatePageKind::Metadata: return table_.load(page);
    case StatePageKind::Samples: return book_.load(page, table_);
    case StatePageKind::Histograms: return histograms_.load(page, table_);
    case StatePageKind::Models:
    case StatePageKind::Findings:
    case StatePageKind::Imported:
    case StatePageKind::Watches: break;  // Of others.
  }
  return {};
}

}  // namespace quell
