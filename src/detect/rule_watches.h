// RuleWatches: the detectors that rules chose, one for each series that such a rule matches; of
// isolation one for each entity, with all of its series that match.
//
//   sample ──> has its slot a watch? ──> NamedDetector ──> RuleGate ──> RuleSignal ──> a finding
//
// How they survive a crash: each watch has a page of its own, written again some time after its
// detector changed, at the latest when the frames since then are about to leave the stretch of the
// journal that a restart reads again (StoreBatch::samples_offset). These frames are run through the
// detectors silently. Gates are part of the snapshot, but for those that are quiet.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "detect/detection_rule.h"
#include "detect/finding_options.h"
#include "detect/model_file.h"
#include "detect/named_detector.h"
#include "detect/recent_changes.h"
#include "detect/rule_gate.h"
#include "detect/rule_signal.h"
#include "model/series.h"
#include "model/state_page.h"
#include "stream/series_table.h"

namespace quell {

// What became of one rule, for showing.
struct RuleFacts {
  std::string name{};
  std::string detector{};
  std::uint64_t series = 0;    // That it watches.
  std::uint64_t learning = 0;  // Watches that only learn still.
  std::uint64_t open = 0;      // Watches whose finding is open.
  std::uint64_t held = 0;      // That are unusual, and held back.
  std::string why_held{};      // One of those, in words.
};

// Invariant: what is signalled depends on the frames alone, also when everything was rebuilt from
// pages in between. Thread: one. Cost: nothing without rules; with some, half a nanosecond for a
// sample that is not watched. Memory: up to 3 kB per series (isolation: 14 kB per entity), of at
// most FindingOptions::named_series_max series.
class RuleWatches {
 public:
  static constexpr Duration kAgeMax = std::chrono::minutes(5);  // Older samples only teach.
  static constexpr std::ptrdiff_t kIsolationSeriesMax = 256;    // Of one entity.
  static constexpr std::uint8_t kImportPageVersion = 2;         // 1 are the pages of watches.

  // Columns of one length, as in FindingTracker.
  struct Samples {
    std::span<const SeriesSlot> slots{};
    std::span<const Timestamp> times{};
    std::span<const double> values{};
  };
  struct Moment {
    Timestamp arrived_at{};
    std::uint64_t offset = 0;  // Of the frame.
  };

  // Other rules, from a frame on: detectors whose rule says the same go on, others begin anew. On a
  // restart it is called before the table is loaded, and changes nothing but the rules.
  void set_options(const FindingOptions& options);
  void match_all(const SeriesTable& table, std::uint64_t offset, std::vector<RuleSignal>& out);
  // Series that are new with the frame at `offset`.
  void follow(std::span<const SeriesSlot> fresh, const SeriesTable& table, std::uint64_t offset,
              std::vector<RuleSignal>& out);

  // With each frame of samples, before follow(): who found no room takes what others have left.
  void fill(const SeriesTable& table, std::uint64_t offset, std::vector<RuleSignal>& out);

  void on_samples(const Samples& in, const SeriesTable& table, const RecentChanges& changes,
                  const Moment& moment, std::vector<RuleSignal>& out);
  // Requires: a call with each frame. Finds what does not come.
  void on_time(Timestamp now, const SeriesTable& table, const RecentChanges& changes,
               std::vector<RuleSignal>& out);
  Timestamp next_deadline() const;
  // The series leaves with the frame before `offset`.
  void forget(SeriesSlot slot, std::uint64_t offset, std::vector<RuleSignal>& out);
  // What the series' detector learned is forgotten.
  void reset(SeriesSlot slot, std::uint64_t offset, std::vector<RuleSignal>& out);

  // What the detector of the watch whose first series this is has learned, for another server.
  // Nothing of those that learn next to nothing (threshold, absence), that have seen no sample, or
  // of a group whose series have not all stayed.
  std::optional<DetectorRecord> exported(SeriesSlot slot, const SeriesTable& table) const;
  // The watches of these series under rules that say the same go on with this from the frame at
  // `offset` on; others wait until there is such a watch. Requires: checked states. Returns: how
  // many wait. Errors: Exhausted when more than named_series_max would; then nothing was changed.
  Result<std::uint64_t> import_detectors(std::vector<DetectorRecord> records,
                                         const SeriesTable& table, std::uint64_t offset,
                                         std::vector<RuleSignal>& out);
  // Whether it would find room. Errors: Exhausted.
  Status check_import(std::span<const DetectorRecord> records, const SeriesTable& table) const;
  std::uint64_t imports_waiting() const { return imports_.size(); }

  // Appends the pages that a commit of all frames below `next_offset` must have, and some more.
  // Requires: `pages` has those of the samples.
  void take(std::uint64_t next_offset, std::uint64_t samples_offset, Timestamp now,
            std::vector<StatePage>& pages);
  void snapshot(ByteWriter& w) const;
  // set_options(), restore(), load() of all pages after the table's, finish_load(). Errors:
  // Corrupt.
  void restore(ByteReader& r);
  Status load(const StatePage& page, const SeriesTable& table);
  Status finish_load(const SeriesTable& table, std::uint64_t offset, std::vector<RuleSignal>& out);
  // Samples of frames before the commit, for the detectors only.
  void restore_samples(const Samples& in, const Moment& moment);

  std::uint64_t series() const { return of_slot_.size(); }
  std::uint64_t series_max() const { return options_.named_series_max; }
  // Series beyond the limit. Those of isolation are until other rules come: one more would make
  // its group learn anew.
  std::uint64_t refused() const { return refused_ + waiting_count_; }
  std::vector<RuleFacts> facts() const;  // Of all rules, in their order.
  // All that was learned, as bytes in an order of their own: equal states give equal bytes.
  void save_detectors(std::string& out) const;

 private:
  struct Member {
    SeriesSlot slot = kNoSlot;  // kNoSlot: the series has left; it may come back.
    std::uint64_t id = 0;       // Of the series.
    // Of the round that gathers one sample of each series.
    Timestamp last{};
    double value = 0;
    bool came = false;

    bool is_there() const { return slot != kNoSlot; }
  };
  struct Watch {
    std::uint64_t number = 0;  // Of its page; never given again.
    std::uint32_t rule = 0;
    std::string key{};  // What must be equal for the detector to go on under other rules.
    std::unique_ptr<NamedDetector> detector{};  // Null until the first sample.
    RuleGate gate{RuleGateOptions{}};
    std::vector<Member> members{};
    Timestamp round{};
    Timestamp last_time{}, last_arrival{};  // Of the last sample.
    std::uint64_t stored_until = 0;         // The page has all frames below.
    std::uint64_t dirty_from = UINT64_MAX;  // The first frame since; that: none.
    Timestamp dirty_at{};
    bool must_store = false;    // Its page would mislead.
    SeriesSlot told = kNoSlot;  // Whose finding is open.
    bool is_learning = true;
    std::string held{};  // Why the gate is shut, in words.
  };
  struct Import {              // That waits for its series, or for a rule.
    std::uint64_t number = 0;  // Of its page.
    std::string key{};
    std::vector<std::uint64_t> ids{};  // Of its series, in the order of the state.
    std::string state{};
  };
  struct Place {
    Watch* watch = nullptr;
    std::uint32_t member = 0;
  };
  // What a step needs besides the watch.
  struct Step {
    const SeriesTable& table;
    const RecentChanges& changes;
    std::vector<RuleSignal>& out;
  };

  // rule_watches.cc: who is watched.
  bool may_match(const Series& series) const;
  const DetectionRule* rule_of(const Series& series, std::uint32_t& index) const;
  std::string key_of(const DetectionRule& rule, const Series& series) const;
  void assign(SeriesSlot slot, const Series& series, std::uint32_t rule, std::uint64_t offset,
              std::vector<RuleSignal>& out);
  NamedDetectorKind kind_of(const Watch& watch) const {
    return options_.rules[watch.rule].detector.kind;
  }
  Watch& make_watch(std::uint32_t rule, std::string key, std::uint64_t offset);
  void enlist(Watch& watch);  // By its kind.
  void join(Watch& watch, SeriesSlot slot, const Series& series, std::uint64_t offset,
            std::vector<RuleSignal>& out);
  void leave(SeriesSlot slot, bool may_return, std::uint64_t offset, std::vector<RuleSignal>& out);
  void begin_anew(Watch& watch, std::uint64_t offset, std::vector<RuleSignal>& out);
  void remove(Watch& watch);
  void wait(SeriesSlot slot);
  void stop_waiting(SeriesSlot slot);
  void place(SeriesSlot slot, Place at);
  void place_members(Watch& watch);
  void unplace(SeriesSlot slot);
  bool is_watched(SeriesSlot slot) const {
    return slot / 64 < bits_.size() && (bits_[slot / 64] >> slot % 64 & 1) != 0;
  }

  // rule_watch_steps.cc: samples and time.
  void touch(Watch& watch, Timestamp time, const Moment& moment);
  NamedDetector& detector_of(Watch& watch);
  // Teaches the sample; returns whether there is a reading for the gate.
  bool observe(Watch& watch, std::uint32_t member, Timestamp time, double value, Reading& reading);
  bool close_round(Watch& watch, Reading& reading);
  void judge(Watch& watch, Timestamp time, const Reading& reading, Step& step);
  void note_held(Watch& watch, Timestamp time, const RecentChanges::Change* change);
  void tell(Watch& watch, Timestamp time, Timestamp onset, const Reading& reading, Step& step);
  void end(Watch& watch, std::vector<RuleSignal>& out);

  // rule_watches_import.cc.
  static std::uint64_t identity_of(std::string_view key, std::vector<std::uint64_t> ids);
  static std::uint64_t identity_of(const Watch& watch);
  Watch* watch_of(const DetectorRecord& record, const SeriesTable& table) const;
  void take_waiting(Watch& watch, std::uint64_t offset, std::vector<RuleSignal>& out);
  void take_over(Watch& watch, const Import& one, std::uint64_t offset,
                 std::vector<RuleSignal>& out);
  void store_imports(std::vector<StatePage>& pages);
  Status load_import(ByteReader& r, std::uint64_t number);

  // rule_watches_state.cc.
  StatePage page_of(Watch& watch, std::uint64_t next_offset) const;
  void find_waiting(const SeriesTable& table);

  FindingOptions options_;
  std::unordered_set<std::string, StringHash, std::equal_to<>> metrics_;  // Of named rules.
  bool any_metric_ = false;
  std::uint32_t last_named_ = 0;  // One more than the last rule with a detector of its own.

  std::map<std::uint64_t, std::unique_ptr<Watch>> watches_;                      // By number.
  std::unordered_map<std::string, Watch*, StringHash, std::equal_to<>> groups_;  // Isolation.
  std::unordered_map<SeriesSlot, Place> of_slot_;
  std::vector<std::uint64_t> bits_;  // By slot: whether it is in of_slot_.
  std::set<std::uint64_t> absences_;
  std::uint64_t next_number_ = 1;
  std::uint64_t refused_ = 0;           // Of isolation.
  std::vector<std::uint64_t> waiting_;  // By slot, as bits_: the others, which wait for room.
  std::uint64_t waiting_count_ = 0;

  std::map<std::uint64_t, Import> imports_;  // By identity_of().
  std::set<std::uint64_t> fresh_imports_;    // Of these, those without a page.

  Timestamp checked_at_{};  // When silences were looked for.
  Timestamp heard_at_{};    // The last frame.
  Timestamp deaf_until_{};  // There were no frames before: silence counts from here on.
  std::set<std::pair<std::uint64_t, std::uint64_t>> dirty_;  // (dirty_from, number).
  std::set<std::uint64_t> must_store_;
  std::vector<std::uint64_t> removed_;  // Their pages are to go.
  std::vector<std::uint64_t> misfits_;  // Of load(), until finish_load().
  std::vector<double> values_;          // Scratch.
};

}  // namespace quell
