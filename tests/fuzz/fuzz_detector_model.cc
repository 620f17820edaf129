// Models whose checksums fit but whose bytes are anything: refused, or good to go on with.
#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "detect/detector.h"
#include "detect/named_detector.h"
#include "fuzz.h"

namespace quell {
namespace {

std::string with_checksum(std::string bytes) {
  const std::uint32_t sum = crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return bytes;
}

void go_on(Detector& detector, SeriesSlot slot) {
  Observations out;
  for (int i = 0; i < 40; ++i) {
    const Timestamp time{std::chrono::seconds(1'800'000'000 + 60 * i)};
    const double value = i % 7 == 3 ? 1e300 : i;
    detector.observe({&slot, 1}, {&time, 1}, {&value, 1}, Calendar(), out);
    QUELL_ASSERT(std::isfinite(out.score[0]), "a score is a number");
  }
  const SeriesModel model = detector.model(slot);
  QUELL_ASSERT(model.cycle <= Cycle::Week, "a cycle that there is");
  QUELL_ASSERT(detector.load(slot, detector.save(slot)), "what was saved can be loaded");
}

void go_on(NamedDetector& detector) {
  for (int i = 0; i < 40; ++i) {
    const Timestamp time{std::chrono::seconds(1'800'000'000 + 60 * i)};
    detector.observe(time, i % 7 == 3 ? 1e300 : i);
    detector.pass(time + std::chrono::seconds(30));
  }
}

}  // namespace

void fuzz_one(std::string_view input) {
  static const std::string fresh = [] {
    Detector detector;
    const SeriesSlot slot = 0;
    const Timestamp time{};
    const double value = 1;
    Observations out;
    detector.observe({&slot, 1}, {&time, 1}, {&value, 1}, Calendar(), out);
    return detector.save(0);
  }();
  // The input lies over a model of the right size: most of it stays sound.
  std::string bytes = fresh.substr(0, fresh.size() - 4);
  const std::size_t at =
      input.empty() ? 0 : static_cast<std::uint8_t>(input[0]) * 2u % bytes.size();
  std::memcpy(bytes.data() + at, input.data(), std::min(input.size(), bytes.size() - at));
  bytes[0] = fresh[0];
  static Detector detector;  // Made once: its memory comes in pieces of 2 MB.
  if (detector.load(3, with_checksum(bytes))) go_on(detector, 3);
  for (const NamedDetectorKind kind : {NamedDetectorKind::Threshold, NamedDetectorKind::Absence,
                                       NamedDetectorKind::Seasonal, NamedDetectorKind::ChangePoint,
                                       NamedDetectorKind::Forecast, NamedDetectorKind::Isolation}) {
    const auto named = make_named_detector({.kind = kind, .above = 5});
    std::string model = (*named)->save();
    model.resize(model.size() - 4);
    std::memcpy(model.data() + 2, input.data(), std::min(input.size(), model.size() - 2));
    if ((*named)->load(with_checksum(model))) go_on(**named);
  }
}

}  // namespace quell
