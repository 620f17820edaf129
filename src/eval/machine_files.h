// Recorded machines in the form of the Server Machine Dataset: `index.csv`
// (`name,channels,train_rows,test_rows,…`) and for each entity NAME.bin[.xz]: float32
// little-endian, channel by channel, train, then test, then uint8 labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "eval/data_files.h"

namespace quell {

struct MachineEntry {
  std::string name{};
  std::size_t channels = 0;
  std::size_t train_rows = 0;
  std::size_t test_rows = 0;
  std::size_t line = 0;  // Of index.csv.
};

struct RecordedMachine {
  std::size_t rows = 0;                // Train and test.
  std::vector<float> train{}, test{};  // Channel by channel.
  std::vector<std::uint8_t> labels{};  // Of the test rows.
};

// Errors: NotFound, InvalidArgument, with file and line.
Result<std::vector<MachineEntry>> read_machine_index(DataReader& reader,
                                                     const std::string& directory);
// Errors: NotFound, Corrupt.
Result<RecordedMachine> read_machine(DataReader& reader, const std::string& directory,
                                     const MachineEntry& entry);

}  // namespace quell
