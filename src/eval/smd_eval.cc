#include "eval/smd_eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/json.h"
#include "base/prng.h"
#include "detect/group_detector.h"
#include "eval/machine_files.h"
#include "eval/point_score.h"

namespace quell {
namespace {

constexpr std::uint64_t kRandomSeeds = 5;  // Seeds 1 to 5.

// Streams train, then test; fills the scores of the test rows.
void run_machine(const RecordedMachine& machine, const MachineEntry& entry, SmdReport::Entity& out,
                 std::vector<double>& scores) {
  GroupDetector detector(entry.channels);
  std::vector<double> row(entry.channels);
  const auto observe = [&](const std::vector<float>& part, std::size_t rows, std::size_t i) {
    for (std::size_t c = 0; c < row.size(); ++c) row[c] = static_cast<double>(part[c * rows + i]);
    return detector.observe(row);
  };
  for (std::size_t i = 0; i < entry.train_rows; ++i) observe(machine.train, entry.train_rows, i);
  scores.clear();
  for (std::size_t i = 0; i < entry.test_rows; ++i) {
    scores.push_back(observe(machine.test, entry.test_rows, i));
    if (machine.labels[i] != 0) continue;
    ++out.normal_rows;
    out.false_rows += detector.p() <= 0.001 ? 1 : 0;
  }
}

void score_machine(const RecordedMachine& machine, std::span<const double> scores,
                   SmdReport::Entity& out) {
  out.raw_f1 = best_raw_f1(scores, machine.labels).f1;
  out.adjusted_f1 = best_adjusted_f1(scores, machine.labels).f1;
  std::vector<double> random(scores.size());
  for (std::uint64_t seed = 1; seed <= kRandomSeeds; ++seed) {
    Prng prng(seed);
    for (double& s : random) s = static_cast<double>(prng.next() >> 11);
    out.random_f1 += best_raw_f1(random, machine.labels).f1 / kRandomSeeds;
    out.random_adjusted_f1 += best_adjusted_f1(random, machine.labels).f1 / kRandomSeeds;
  }
}

bool is_smd(const SmdReport::Entity& entity) {
  return entity.name.starts_with("machine-");
}

// The machines of SMD on which others were measured, too; see docs/benchmarks.md.
constexpr std::array<std::string_view, 6> kPeerMachines{
    "machine-1-2", "machine-1-6", "machine-2-1", "machine-2-4", "machine-3-3", "machine-3-10"};

bool has_peers(const std::vector<SmdReport::Entity>& entities) {
  std::size_t known = 0;
  for (const auto& e : entities) {
    if (!is_smd(e)) continue;
    if (std::ranges::find(kPeerMachines, e.name) == kPeerMachines.end()) return false;
    ++known;
  }
  return known == kPeerMachines.size();
}

double mean_of(const std::vector<SmdReport::Entity>& entities, bool of_smd,
               double SmdReport::Entity::*value) {
  double sum = 0;
  double count = 0;
  for (const auto& e : entities) {
    if (is_smd(e) != of_smd) continue;
    sum += e.*value;
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

std::string mean_line(std::string_view name, const std::vector<SmdReport::Entity>& entities,
                      bool of_smd) {
  using E = SmdReport::Entity;
  if (std::ranges::none_of(entities, [&](const E& e) { return is_smd(e) == of_smd; })) return {};
  return fmt::format(
      "{:34} {:5.3f}   {:5.3f}   {:5.3f} ({:5.3f})\n", name, mean_of(entities, of_smd, &E::raw_f1),
      mean_of(entities, of_smd, &E::random_f1), mean_of(entities, of_smd, &E::adjusted_f1),
      mean_of(entities, of_smd, &E::random_adjusted_f1));
}

}  // namespace

double SmdReport::raw_f1() const {
  const bool some = std::ranges::any_of(entities, is_smd);
  return mean_of(entities, some, &Entity::raw_f1);
}

double SmdReport::random_f1() const {
  const bool some = std::ranges::any_of(entities, is_smd);
  return mean_of(entities, some, &Entity::random_f1);
}

Result<SmdReport> evaluate_smd(const DataFiles& files, const std::string& directory,
                               const EvalProgress& progress) {
  DataReader reader(files);
  TRY(const std::vector<MachineEntry> entries, read_machine_index(reader, directory));
  SmdReport report;
  std::vector<double> scores;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    progress(entries[i].name, i, entries.size());
    const auto machine = read_machine(reader, directory, entries[i]);
    if (!machine && machine.error().code == Errc::NotFound) {
      ++report.absent;
      continue;
    }
    if (!machine) return std::unexpected(machine.error());
    SmdReport::Entity entity{.name = entries[i].name,
                             .channels = entries[i].channels,
                             .test_rows = entries[i].test_rows};
    run_machine(*machine, entries[i], entity, scores);
    score_machine(*machine, scores, entity);
    report.entities.push_back(std::move(entity));
  }
  if (report.entities.empty()) {
    return fail(Errc::NotFound,
                fmt::format("none of the {} entities that {}/index.csv names is in '{}'",
                            entries.size(), directory, directory));
  }
  report.data_hash = reader.hash();
  return report;
}

std::string smd_json(const SmdReport& report) {
  std::string out;
  JsonWriter w(out);
  w.begin_object().field("raw_f1", report.raw_f1()).field("random_f1", report.random_f1());
  w.end_object();
  return out;
}

std::string smd_table(const SmdReport& report) {
  std::string out =
      fmt::format("SMD: {} entities{}, data {:016x}\n\n{:34} raw F1  random  adjusted (random)\n",
                  report.entities.size(),
                  report.absent == 0 ? "" : fmt::format(" ({} more are absent)", report.absent),
                  report.data_hash, "");
  out += mean_line("Quell, mean of SMD's machines", report.entities, true);
  out += mean_line("Quell, mean of the other entities", report.entities, false);
  for (const auto& e : report.entities) {
    out += fmt::format("  {:32} {:5.3f}   {:5.3f}   {:5.3f} ({:5.3f})\n", e.name, e.raw_f1,
                       e.random_f1, e.adjusted_f1, e.random_adjusted_f1);
  }
  out += '\n';
  if (has_peers(report.entities)) {
    out +=
        "Peers on the same six machines of SMD, raw F1: PCA (90 %) 0.457, mean |z| 0.450,\n"
        "max |z| 0.440, all three fitted on the train part.\n";
  }
  out +=
      "raw F1: row by row, best threshold for each entity, no adjustment. random: seeds 1 to 5.\n"
      "adjusted: with point adjustment, by which random scores do well; only for comparing with\n"
      "papers that used it (OmniAnomaly 0.886).\n";
  double false_rows = 0;
  double normal_rows = 0;
  for (const auto& e : report.entities) {
    false_rows += static_cast<double>(e.false_rows);
    normal_rows += static_cast<double>(e.normal_rows);
  }
  out += fmt::format("Rows with p <= 0.001 that are not labelled: {:.2f} in 1,000\n",
                     normal_rows > 0 ? 1'000 * false_rows / normal_rows : 0);
  return out;
}

}  // namespace quell
