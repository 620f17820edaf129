// Pages per day: what comes of machines on which nothing is wrong.
//
// All series of a machine go through the detector and the tracker of findings as on a server, with
// the settings that ship. What is counted are findings, and those that would open an incident: a
// page. The data are generated machines without anomalies, or recorded ones: the train part of the
// Server Machine Dataset (nobody has labelled it; it is called normal). Where there is a labelled
// part behind it, what is found in that is counted, too: silence alone is no quality.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "eval/data_files.h"

namespace quell {

struct QuietReport {
  struct Count {
    double days = 0;
    std::uint64_t findings = 0;
    std::uint64_t incidents = 0;  // Of the findings: those that open one.
  };
  struct Machine {
    std::string name{};
    std::size_t series = 0;
    std::int64_t interval_seconds = 60;
    Count first{};                     // The first day: everything is new.
    Count later{};                     // The days after it.
    std::uint64_t samples = 0;         // Of all its series behind their warm-up,
    std::uint64_t episodes = 0;        // and the episodes that began with one of them.
    std::uint64_t segments = 0;        // Labelled ones,
    std::uint64_t segments_found = 0;  // that a finding touches;
    std::uint64_t segments_paged = 0;  // and one that opens an incident.
  };
  std::vector<Machine> machines{};
  std::size_t absent = 0;       // Machines that index.csv names, but that are not there.
  std::uint64_t data_hash = 0;  // 0: generated.
};

// Deterministic. `directory` as for evaluate_smd(); empty: generated machines, at most `made`.
// Errors: NotFound, InvalidArgument, Corrupt, with file and line.
Result<QuietReport> evaluate_quiet(const DataFiles& files, const std::string& directory,
                                   const EvalProgress& progress, std::size_t made = 100);

// {"findings_per_day", "incidents_per_day"}: of a machine, the first day excluded;
// "episodes_per_sample": of single series, to be compared with DetectSettings::finding_p.
std::string quiet_json(const QuietReport& report);
std::string quiet_table(const QuietReport& report);

}  // namespace quell
