// DetectStage: the part of the pipeline that learns what is usual for every series, and finds what
// is not.
//
//   samples ──┬─> Detector (a model for each slot) ───────┬─> FindingTracker ──> findings ──>
//   alerts
//             └─> RuleWatches (detectors of rules, gates) ─┘
//
// How models survive a crash without being written with every commit: as the samples do
// (stream/sample_book.h). A page has the models of 1024 slots, and is written when the samples of
// these are; a restart loads the pages and runs the frames that came after each through the models
// again, silently. Findings in progress are part of the snapshot, findings are pages of their own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/imported_models.h"
#include "base/clock.h"
#include "base/result.h"
#include "detect/calendar.h"
#include "detect/detector.h"
#include "detect/finding_tracker.h"
#include "detect/rule_watches.h"
#include "model/event.h"
#include "model/sample.h"
#include "promql/expr.h"
#include "store/store.h"
#include "stream/series_table.h"

namespace quell {

// Invariant: findings depend on the frames alone, also when the stage was rebuilt from the store in
// between. Thread: one.
class DetectStage {
 public:
  static constexpr std::size_t kSlotsPerPage = 1024;  // As SampleBook's.

  // From the frame at `offset` on. Behind it, but for a restart, match_rules(). When the time zone
  // is another one, models keep what they learned: their days turn by the difference at `now`.
  void set_options(const FindingOptions& options, std::uint64_t offset, Timestamp now);
  void match_rules(const SeriesTable& table, std::uint64_t offset);

  // The samples of the frame at `offset`, with their rates; what alerts are to be told is appended
  // to `out`.
  void on_samples(const SampleBatch& batch, const SeriesTable& table, Timestamp arrived_at,
                  std::uint64_t offset, std::vector<Event>& out);
  // Requires: a call with each frame. Call it before series leave.
  void on_time(Timestamp now, const SeriesTable& table, std::vector<Event>& out);
  void on_change(const Event& event) { tracker_.on_change(event); }
  // The series leaves with the frame before `offset`; it is still in the table.
  void forget(SeriesSlot slot, const SeriesTable& table, std::uint64_t offset);
  struct Reset {
    std::string_view tenant{};  // Empty: of all.
    const promql::Selector& selector;
    std::uint64_t first = 0;    // Of the slots.
    std::size_t slots_max = 0;  // Looked at; 0: all.
  };
  struct ResetDone {
    std::uint64_t models = 0;
    std::uint64_t rest_at = 0;  // The first slot that was not looked at; 0: none.
  };
  // Models of series that match begin anew. A metric with no more series than slots_max is done at
  // once.
  ResetDone reset(const Reset& reset, const SeriesTable& table, std::uint64_t offset);
  // The same for the series of a finding's signals. Returns: how many. Errors: NotFound, also when
  // it is of another tenant.
  Result<std::uint64_t> reset(FindingId id, std::string_view tenant, const SeriesTable& table,
                              std::uint64_t offset);

  struct Imported {
    std::uint64_t models = 0;
    std::uint64_t waiting = 0;  // Of these, the ones whose series has not come yet.
  };
  // The series with these labels have these models from the frame at `offset` on, or when they
  // come; so do the detectors of rules. Errors: Exhausted when too many would wait; then nothing
  // was changed. Requires: a checked file.
  Result<Imported> import_models(ModelFile file, const SeriesTable& table, std::uint64_t offset);
  // After SeriesTable::resolve(), before on_samples(): series that were made get what waits for
  // them.
  void give_imported(const SeriesTable& table, std::uint64_t offset);
  std::uint64_t imported_waiting() const {
    return imported_.waiting_count() + watches_.imports_waiting();
  }
  Timestamp next_deadline() const {
    const Timestamp of_watches = enabled_ ? watches_.next_deadline() : Timestamp::max();
    return std::min(tracker_.next_deadline(), of_watches);
  }

  Result<std::string> give_feedback(FindingId id, Feedback feedback, std::string_view actor,
                                    Timestamp now) {
    return tracker_.give_feedback(id, feedback, actor, now);
  }

  // Adds to `batch` the models whose samples it has pages of, and findings that changed.
  void take(std::uint64_t next_offset, const SeriesTable& table, StoreBatch& batch);

  void snapshot(std::string& out) const;
  // Before the pages. Errors: Corrupt.
  Status restore(std::string_view bytes);
  Status load(const StatePage& page, const SeriesTable& table);
  Status finish_load(const SeriesTable& table, std::uint64_t next_offset);
  // Frames that came before the commit: for the models only.
  void restore_samples(const SampleBatch& batch, Timestamp arrived_at, std::uint64_t offset);
  // After the last of them.
  void finish_samples() { turn_models(UINT64_MAX); }

  const Detector& detector() const { return detector_; }
  FindingBook& findings() { return tracker_.findings(); }
  const FindingTracker& tracker() const { return tracker_; }
  const RuleWatches& watches() const { return watches_; }
  std::uint64_t samples() const { return samples_; }  // Since the start of the process.

 private:
  // The settings of models, in force from a frame on; those before it are needed after a crash.
  struct Change {
    std::uint64_t offset = 0;
    bool enabled = true;
    DetectSettings settings{};
    Calendar calendar{};
    std::int64_t turn = 0;  // By so many seconds its clock is ahead of that before.
  };

  void apply(const Change& change);
  // A restart: what was stored before the time zone changed, when it did so at `offset` or before.
  void turn_models(std::uint64_t offset);
  bool is_turned_everywhere(const Change& change) const;
  void begin_anew(SeriesSlot slot, std::uint64_t offset);
  void put_model(SeriesSlot slot, std::string model, std::uint64_t offset);
  Status load_models(const StatePage& page, const SeriesTable& table);
  StatePage make_page(std::uint64_t number, std::uint64_t end_offset,
                      const SeriesTable& table) const;
  void tell(const std::vector<FindingNews>& news, std::vector<Event>& out);
  void take_signals(const SeriesTable& table, Timestamp arrived_at);
  void end_signals(const SeriesTable& table);

  Detector detector_;
  FindingTracker tracker_;
  RuleWatches watches_;
  bool is_of_old_version_ = false;  // What is restored knows no watches.
  Calendar calendar_;
  bool enabled_ = true;
  std::vector<Change> changes_;            // The last one is in force.
  std::size_t turned_ = 0;                 // Of these, on a restart: those that models know of.
  std::vector<std::uint64_t> page_until_;  // The stored page has all frames below; by page.
  // Slots whose models began anew since their page was written, and with which frame.
  std::map<SeriesSlot, std::uint64_t> forgotten_;
  ImportedModels imported_;  // Those with a slot are in `forgotten_` too.
  std::uint64_t samples_ = 0;

  // Scratch.
  Observations seen_;
  std::vector<FindingNews> news_;
  std::vector<RuleSignal> signals_;
  std::set<SeriesSlot> ending_;
  SampleBatch rest_;
};

// What the correlator is told of a finding (docs/findings.md).
Event finding_event(const Finding& finding, bool ended);

}  // namespace quell
