#include "tests/support/kills.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/hash.h"

namespace quell {

Result<std::unique_ptr<Pipeline>> start_again(const PackLibrary& packs, const MemoryStore& store,
                                              const std::vector<Frame>& journal) {
  auto pipeline = std::make_unique<Pipeline>(packs);
  TRY_STATUS(restart(*pipeline, store, journal));
  for (std::size_t i = pipeline->next_offset(); i < journal.size(); ++i) {
    pipeline->on_frame(journal[i]);
  }
  return pipeline;
}

Result<std::unique_ptr<Pipeline>> run_with_kills(const PackLibrary& packs,
                                                 const std::vector<Frame>& journal, KillOdds odds,
                                                 Prng& prng) {
  MemoryStore store;
  auto pipeline = std::make_unique<Pipeline>(packs);
  for (std::size_t i = 0; i < journal.size(); ++i) {
    pipeline->on_frame(journal[i]);
    if (prng.below(odds.commit_after) == 0) store.commit(pipeline->take_batch());
    if (prng.below(odds.kill_after) != 0) continue;
    pipeline = std::make_unique<Pipeline>(packs);  // What was not committed is gone …
    TRY_STATUS(restart(*pipeline, store, journal));
    i = pipeline->next_offset() - 1;  // … and the journal replays it.
  }
  return pipeline;
}

std::vector<Finding> findings_of(const Pipeline& pipeline) {
  std::vector<Finding> found;
  pipeline.detection().tracker().findings().newest_first(UINT64_MAX,
                                                         [&](std::uint64_t, const Finding& f) {
                                                           found.push_back(f);
                                                           return true;
                                                         });
  std::ranges::sort(found, {}, &Finding::id);
  return found;
}

std::string detection_state(const Pipeline& pipeline) {
  std::string text;
  for (const Finding& f : findings_of(pipeline)) {
    std::string bytes;
    encode_finding(f, bytes);
    text += fmt::format("{} {} {} {} p={:.3e} {} series, {} signals, {:016x}\n",
                        format_finding_id(f.id), finding_status_name(f.status),
                        f.entity.to_string(), f.title, f.p, f.series_count, f.signals.size(),
                        hash64(bytes));
    for (const FindingNote& note : f.trace) text += "  " + note.text + "\n";
  }
  const DetectStage& detection = pipeline.detection();
  std::string bytes;
  ByteWriter writer(bytes);
  detection.tracker().snapshot(bytes);
  detection.watches().snapshot(writer);
  detection.watches().save_detectors(bytes);
  text += fmt::format("in progress: {:016x}\n", hash64(bytes));
  const SeriesTable& table = pipeline.metrics().table();
  for (SeriesSlot slot = 0; slot < table.slot_count(); ++slot) {
    if (table.series(slot) == nullptr) continue;
    text += fmt::format("{} {:016x}\n", table.series(slot)->labels.to_string(),
                        hash64(detection.detector().save(slot)));
  }
  return text;
}

std::string detection_state_with_kills(const PackLibrary& packs, const std::vector<Frame>& journal,
                                       KillOdds odds, Prng& prng) {
  const auto pipeline = run_with_kills(packs, journal, odds, prng);
  return pipeline ? detection_state(**pipeline) : pipeline.error().to_string();
}

}  // namespace quell
