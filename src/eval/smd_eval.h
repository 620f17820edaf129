// The Server Machine Dataset (and others in its form): all series of a machine together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "eval/data_files.h"

namespace quell {

struct SmdReport {
  struct Entity {
    std::string name{};
    std::size_t channels = 0;
    std::size_t test_rows = 0;
    double raw_f1 = 0;       // Row by row, with the best threshold for this entity.
    double random_f1 = 0;    // The same of random scores: what a threshold alone achieves.
    double adjusted_f1 = 0;  // With point adjustment, for comparing with papers that used it.
    double random_adjusted_f1 = 0;
    std::uint64_t false_rows = 0;   // Rows with p <= 0.001 that are not labelled,
    std::uint64_t normal_rows = 0;  // of so many.
  };
  std::vector<Entity> entities{};
  std::size_t absent = 0;  // Entities that index.csv names, but that are not there.
  std::uint64_t data_hash = 0;

  // Means over the machines of SMD (`machine-…`); over all entities where there are none.
  double raw_f1() const;
  double random_f1() const;
};

// `directory` holds index.csv (`name,channels,train_rows,test_rows,…`) and for each entity
// NAME.bin[.xz]: float32 little-endian, channel by channel, train, then test, then uint8 labels.
// Errors: NotFound, InvalidArgument, Corrupt, with file and line.
Result<SmdReport> evaluate_smd(const DataFiles& files, const std::string& directory,
                               const EvalProgress& progress);

std::string smd_json(const SmdReport& report);
std::string smd_table(const SmdReport& report);

}  // namespace quell
