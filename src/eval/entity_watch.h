// Recorded series through Tier 0 and the tracker of findings, as on a server: what becomes of the
// episodes of series that have entities.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "detect/detector.h"
#include "detect/finding_options.h"
#include "detect/finding_tracker.h"
#include "model/finding.h"
#include "model/series.h"
#include "stream/series_table.h"

namespace quell {

// Thread: one. Deterministic.
class EntityWatch {
 public:
  struct Member {
    std::string tenant{};
    SeriesLabels labels{};
  };
  // Members are known by their number. Requires: no two are equal.
  EntityWatch(std::span<const Member> members, const FindingOptions& options);

  // Values of one time, later than the last one: of the members that are named, or of all.
  void observe(Timestamp time, std::span<const std::uint32_t> members,
               std::span<const double> values);
  void observe(Timestamp time, std::span<const double> values);

  // Episodes that began so far, and samples that could begin one.
  std::uint64_t opened() const { return opened_; }
  std::uint64_t samples() const { return samples_; }
  std::vector<Finding> findings() const;  // The earliest first.

 private:
  void take(Timestamp time, std::span<const SeriesSlot> slots, std::span<const double> values);

  SeriesTable table_;
  std::vector<SeriesSlot> all_;  // By member.
  Detector detector_;
  FindingTracker tracker_;
  Calendar calendar_;
  std::vector<Finding> ended_;  // The tracker keeps some thousands of them only.
  std::uint64_t opened_ = 0;
  std::uint64_t samples_ = 0;

  // Scratch.
  Observations seen_;
  std::vector<FindingNews> news_;
  std::vector<SeriesSlot> some_;
  std::vector<Timestamp> times_;
};

// Whether it opens an incident alone, as incidents.open_severity has it by default.
inline bool opens_incident(const Finding& finding) {
  return finding.severity >= Severity::Error;
}

}  // namespace quell
