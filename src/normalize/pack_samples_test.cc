// Every pack against the samples beside it, and what must hold between them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "model/event_json.h"
#include "normalize/pack_decoder.h"
#include "normalize/pack_library.h"
#include "normalize/sample_files.h"

namespace quell {
namespace {

const PackLibrary& library() {
  static const PackLibrary kLibrary = PackLibrary::built_in();
  return kLibrary;
}

Decoded decode_sample(std::string_view pack, std::string_view name) {
  PackScratch scratch;
  return decode_with_pack(*library().find(pack), sample_frame(pack, name), scratch);
}

const Event& only(const Decoded& decoded) {
  EXPECT_EQ(decoded.events.size(), 1u);
  EXPECT_EQ(decoded.rejected.size(), 0u);
  static const Event kNone{};
  return decoded.events.empty() ? kNone : decoded.events[0];
}

// UPDATE_GOLDEN=1 writes what came out; `git diff` is the review.
TEST(PackSamples, GiveTheExpectedEvents) {
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;
  const auto samples = all_samples();
  EXPECT_GT(samples.size(), 60u);
  PackScratch scratch;
  for (const SampleFile& sample : samples) {
    SCOPED_TRACE(sample.body.string());
    const Pack* pack = library().find(sample.pack);
    ASSERT_NE(pack, nullptr) << "no pack of that name";
    const Decoded decoded = decode_with_pack(*pack, sample_frame(sample), scratch);
    const std::string got = render_decoded_json(decoded);
    const auto golden = sample.beside(".expected.json");
    if (update) write_test_file(golden, got);
    EXPECT_EQ(got, read_test_file(golden));
  }
}

TEST(PackSamples, EveryPackHasSamples) {
  std::set<std::string> seen;
  for (const SampleFile& sample : all_samples()) seen.insert(sample.pack);
  for (const std::string_view name : library().names()) {
    EXPECT_TRUE(seen.contains(std::string(name))) << name;
  }
}

}  // namespace
}  // namespace quell
