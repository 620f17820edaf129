#include "eval/machine_files.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/text.h"

namespace quell {
namespace {

constexpr std::size_t kChannelsMax = 10'000;
constexpr std::size_t kRowsMax = 100'000'000;
static_assert(std::endian::native == std::endian::little, "the files are read as they are");

Result<std::vector<MachineEntry>> parse_index(std::string_view text, const std::string& path) {
  std::vector<MachineEntry> entries;
  bool is_first = true;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const bool is_header = is_first && (line == "name" || line.starts_with("name,"));
    is_first = false;
    if (is_header) continue;
    const auto fields = split(line, ',');
    std::array<std::size_t, 3> numbers{};
    bool is_good = fields.size() >= 4 && !fields[0].empty();
    for (std::size_t i = 0; is_good && i < numbers.size(); ++i) {
      const std::string_view f = trim(fields[i + 1]);
      const auto [at, error] = std::from_chars(f.data(), f.data() + f.size(), numbers[i]);
      is_good = error == std::errc{} && at == f.data() + f.size();
    }
    if (!is_good || numbers[0] == 0 || numbers[0] > kChannelsMax || numbers[1] > kRowsMax ||
        numbers[2] == 0 || numbers[2] > kRowsMax) {
      return fail(Errc::InvalidArgument,
                  fmt::format("expected 'name,channels,train_rows,test_rows', got '{}'",
                              utf8_prefix(line, 60)),
                  fmt::format("{}:{}", path, number));
    }
    entries.push_back({std::string(trim(fields[0])), numbers[0], numbers[1], numbers[2], number});
  }
  if (entries.empty()) return fail(Errc::InvalidArgument, "names no entity", path);
  return entries;
}

}  // namespace

Result<std::vector<MachineEntry>> read_machine_index(DataReader& reader,
                                                     const std::string& directory) {
  const std::string path = directory + "/index.csv";
  const auto text = reader.read(path);
  if (!text && text.error().code == Errc::NotFound) {
    return fail(
        Errc::NotFound,
        fmt::format("no index.csv in '{}'; expected the Server Machine Dataset as index.csv "
                    "and NAME.bin.xz",
                    directory));
  }
  if (!text) return std::unexpected(text.error());
  return parse_index(*text, path);
}

Result<RecordedMachine> read_machine(DataReader& reader, const std::string& directory,
                                     const MachineEntry& entry) {
  const std::string path = fmt::format("{}/{}.bin", directory, entry.name);
  TRY(const std::string bytes, reader.read(path));
  const std::size_t train_bytes = entry.channels * entry.train_rows * sizeof(float);
  const std::size_t test_bytes = entry.channels * entry.test_rows * sizeof(float);
  if (bytes.size() != train_bytes + test_bytes + entry.test_rows) {
    return fail(
        Errc::Corrupt,
        fmt::format("{} bytes, but index.csv:{} says {} channels of {} and {} rows: {} bytes",
                    bytes.size(), entry.line, entry.channels, entry.train_rows, entry.test_rows,
                    train_bytes + test_bytes + entry.test_rows),
        path);
  }
  RecordedMachine machine{.rows = entry.train_rows + entry.test_rows};
  machine.train.resize(entry.channels * entry.train_rows);
  machine.test.resize(entry.channels * entry.test_rows);
  std::memcpy(machine.train.data(), bytes.data(), train_bytes);
  std::memcpy(machine.test.data(), bytes.data() + train_bytes, test_bytes);
  machine.labels.assign(bytes.end() - static_cast<std::ptrdiff_t>(entry.test_rows), bytes.end());
  return machine;
}

}  // namespace quell
