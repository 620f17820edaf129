// ModelFile: models of series as a file, to be carried from one server to another.
//
//   "QUELLMOD" version                           8 bytes and one
//   kind size body checksum                      a section: u8, fixed64, bytes, fixed64 (CRC-32C)
//   …
//   kind 0: the end, with where the next page of an export begins, or 0
//
// The pages of an export may follow one another in one file. Sections of kind 1 have models: their
// number, and of each tenant, labels (model/series.h) and what Detector::save() gives. Sections of
// kind 2 have the detectors of rules: their number, and of each tenant, key, the number of its
// series and their labels, and what NamedDetector::save() gives. Sections of kinds that are not
// known are passed over, so that a file may have more in it: a Quell that does not know the second
// kind takes the first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "detect/named_detector.h"
#include "model/series.h"

namespace quell {

inline constexpr std::size_t kModelsPerFile = 20'000;  // That are decoded at once.

struct ModelRecord {
  std::string tenant{};
  SeriesLabels labels{};
  std::string model{};  // Detector::load() takes it.
};

// What the detector that a rule chose has learned.
struct DetectorRecord {
  std::string tenant{};
  std::string key{};                   // What a rule must say for its detector to take it.
  std::vector<SeriesLabels> series{};  // One; of isolation several, in the order of its state.
  std::string state{};                 // NamedDetector::load() takes it.
};

// Whether detectors of the kind learn so much that it is worth carrying.
bool is_carried(NamedDetectorKind kind);

struct ModelFile {
  std::vector<ModelRecord> models{};
  std::vector<DetectorRecord> detectors{};
  std::uint64_t next = 0;  // Of an export: the slot that the next page begins with; 0: none.
};

// One section of models, one of detectors where there are some, and the end.
std::string encode_model_file(const ModelFile& file);

// Checks all of it, also that a detector would take each model or state.
// Errors: InvalidArgument, with the byte or the model as the place: another kind of file or
// version, a file that was cut or damaged, labels or models that cannot be. TooLarge: more than
// kModelsPerFile, of either kind.
Result<ModelFile> decode_model_file(std::string_view bytes);

// The pages of a file, each of which is one too. Errors: InvalidArgument, as decode_model_file().
Result<std::vector<std::string_view>> split_model_file(std::string_view bytes);

}  // namespace quell
