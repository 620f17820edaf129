#include "tests/support/memory_store.h"

#include <algorithm>
#include <functional>

namespace quell {

// Values are kept as bytes, so that the encodings are tested as well.
void MemoryStore::commit(const StoreBatch& batch) {
  next_offset_ = batch.next_offset;
  engine_ = batch.engine;
  for (const auto& alert : batch.alerts) {
    std::string bytes;
    encode_alert(*alert, bytes);
    alerts_[alert->key] = std::move(bytes);
  }
  for (const AlertKey& key : batch.removed_alerts) alerts_.erase(key);
  for (const auto& incident : batch.incidents) {
    std::string bytes;
    encode_incident(*incident, bytes);
    incidents_[incident->id] = std::move(bytes);
  }
  for (const IncidentId id : batch.removed_incidents) incidents_.erase(id);
  for (const WindowRow& row : batch.windows) windows_[{row.tenant, row.scope, row.starts_at}] = row;
  for (const StatePage& page : batch.state_pages) {
    if (page.data.empty()) {
      pages_.erase({page.kind, page.number});
    } else {
      pages_[{page.kind, page.number}] = page.data;
    }
  }
  chunks_.insert(chunks_.end(), batch.metric_chunks.begin(), batch.metric_chunks.end());
  samples_offset_ = batch.samples_offset.value_or(batch.next_offset);
  seen_ids_.insert(seen_ids_.end(), batch.seen_ids.begin(), batch.seen_ids.end());
}

StoredState MemoryStore::restore() const {
  StoredState state;
  state.next_offset = next_offset_;
  state.engine = engine_;
  state.samples_offset = samples_offset_;
  for (const auto& [key, bytes] : alerts_) state.alerts.push_back(decode_alert(bytes).value());
  for (const auto& [id, bytes] : incidents_) {
    state.incidents.push_back(decode_incident(bytes).value());
  }
  state.seen_ids = seen_ids_;
  for (const auto& [key, row] : windows_) state.windows.push_back(row);
  return state;
}

Status restart(Pipeline& pipeline, const MemoryStore& store, const std::vector<Frame>& journal) {
  const StoredState stored = store.restore();
  TRY_STATUS(pipeline.restore(stored));
  for (const StatePage& page : store.state_pages()) TRY_STATUS(pipeline.load_page(page));
  TRY_STATUS(pipeline.finish_pages());
  for (const Frame& frame : journal) {
    if (frame.offset >= stored.samples_offset && frame.offset < stored.next_offset) {
      pipeline.restore_samples(frame);
    }
  }
  pipeline.finish_samples();
  return {};
}

std::vector<MetricChunk> MemoryStore::metric_chunks() const {
  std::vector<MetricChunk> order(chunks_.rbegin(), chunks_.rend());
  std::ranges::stable_sort(order, std::greater<>(), &MetricChunk::end_offset);
  return order;
}

std::vector<StatePage> MemoryStore::state_pages() const {
  std::vector<StatePage> pages;
  for (const auto& [key, data] : pages_) pages.push_back({key.first, key.second, data});
  return pages;
}

}  // namespace quell
