#include "detect/model_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/hash.h"
#include "detect/calendar.h"
#include "detect/detector.h"

namespace quell {
namespace {

ModelRecord record(std::string_view host) {
  Detector detector;
  Observations seen;
  const Calendar calendar;
  for (int i = 0; i < 300; ++i) {
    const SeriesSlot slot = 0;
    const Timestamp time{std::chrono::seconds(1'790'000'000 + i * 10)};
    const double value = i % 7;
    detector.observe({&slot, 1}, {&time, 1}, {&value, 1}, calendar, seen);
  }
  return {"default", SeriesLabels::from({{"__name__", "cpu"}, {"host", host}}).value(),
          detector.save(0)};
}

void check_refused(const std::string& bytes, std::string_view want) {
  const auto decoded = decode_model_file(bytes);
  EXPECT_EQ(decoded ? "taken" : decoded.error().to_string(), want);
}

TEST(ModelFile, GivesBackWhatWasWritten) {
  const ModelFile file{.models = {record("a"), record("b")}, .next = 77};
  const auto back = decode_model_file(encode_model_file(file));
  ASSERT_TRUE(back) << back.error().to_string();
  ASSERT_EQ(back->models.size(), 2u);
  EXPECT_EQ(back->models[1].labels, file.models[1].labels);
  EXPECT_EQ(back->models[1].model, file.models[1].model);
  EXPECT_EQ(back->next, 77u);
}

// The detector of a rule that has seen some samples of the series.
DetectorRecord detector_record(const std::vector<std::string>& hosts) {
  const bool is_group = hosts.size() > 1;
  NamedDetectorOptions options{
      .kind = is_group ? NamedDetectorKind::Isolation : NamedDetectorKind::Seasonal,
      .series = hosts.size()};
  const auto detector = make_named_detector(options).value();
  const std::vector<double> values(hosts.size(), 5);
  for (int i = 0; i < 10; ++i) {
    detector->observe(Timestamp{std::chrono::minutes(i)}, std::span(values));
  }
  DetectorRecord made{.tenant = "default", .key = std::string("k\0x", 3)};
  for (const std::string& host : hosts) made.series.push_back(record(host).labels);
  made.state = detector->save();
  return made;
}

TEST(ModelFile, HasTheDetectorsOfRules) {
  const ModelFile file{.models = {record("a")},
                       .detectors = {detector_record({"a"}), detector_record({"a", "b"})}};
  const std::string bytes = encode_model_file(file);
  const auto back = decode_model_file(bytes);
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(back->models.size(), 1u);
  ASSERT_EQ(back->detectors.size(), 2u);
  EXPECT_EQ(back->detectors[1].key, file.detectors[1].key);
  EXPECT_EQ(back->detectors[1].series, file.detectors[1].series);
  EXPECT_EQ(back->detectors[1].state, file.detectors[1].state);
  // What an older Quell wrote has none.
  EXPECT_EQ(decode_model_file(encode_model_file({.models = {record("a")}}))->detectors.size(), 0u);
}

TEST(ModelFile, SaysWhatIsWrongWithADetector) {
  DetectorRecord odd = detector_record({"a"});
  odd.state[10] ^= 1;
  check_refused(encode_model_file({.detectors = {odd}}),
                "detector 0, cpu{host=\"a\"}: model of a detector 'seasonal': the checksum does "
                "not fit");
  odd = detector_record({"a", "b"});
  odd.series.pop_back();
  check_refused(encode_model_file({.detectors = {odd}}),
                "detector 0, cpu{host=\"a\"}: a detector with another number of series than its "
                "kind has");
  odd.series.clear();
  check_refused(encode_model_file({.detectors = {odd}}), "detector 0: it has 0 series");
}

// A state with a checksum that fits.
std::string sealed(std::string state) {
  const std::uint32_t sum = crc32c(state);
  state.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return state;
}

TEST(ModelFile, RefusesStatesThatNoSamplesLeadTo) {
  DetectorRecord odd = detector_record({"a"});
  std::string body = odd.state.substr(0, odd.state.size() - 4);
  const double negative = -1;  // The scale, before the last number.
  std::memcpy(body.data() + body.size() - 16, &negative, sizeof negative);
  odd.state = sealed(body);
  check_refused(encode_model_file({.detectors = {odd}}),
                "detector 0, cpu{host=\"a\"}: model of a detector 'seasonal': it is of other "
                "options, or has impossible numbers");
  for (const int kind : {0, 1, 2, 7, 8, 200}) {
    body[1] = static_cast<char>(kind);
    odd.state = sealed(body);
    check_refused(encode_model_file({.detectors = {odd}}),
                  "detector 0, cpu{host=\"a\"}: a detector of a kind that is not carried");
  }
}

TEST(ModelFile, PagesMayFollowOneAnother) {
  const std::string pages =
      encode_model_file({.models = {record("a")}}) + encode_model_file({.models = {record("b")}});
  EXPECT_EQ(decode_model_file(pages)->models.size(), 2u);
  ASSERT_EQ(split_model_file(pages)->size(), 2u);
  EXPECT_EQ(decode_model_file(split_model_file(pages)->at(1))->models[0].labels,
            record("b").labels);
}

TEST(ModelFile, SectionsOfOtherKindsArePassedOver) {
  std::string bytes = encode_model_file({.models = {record("a")}});
  std::string other(1 + 8 + 8, '\0');  // Empty, and so is its checksum.
  other[0] = 9;
  bytes.insert(9, other);
  EXPECT_EQ(decode_model_file(bytes)->models.size(), 1u);
}

TEST(ModelFile, SaysWhatIsWrong) {
  const std::string good = encode_model_file({.models = {record("a")}});
  check_refused("", "byte 0: this is no file of models: it does not begin with QUELLMOD");
  check_refused("PK\x03\x04 something",
                "byte 0: this is no file of models: it does not begin with QUELLMOD");
  std::string bytes = good;
  bytes[8] = 2;
  check_refused(bytes, "byte 0: the file has version 2, this Quell reads version 1");
  bytes = good;
  bytes[60] ^= 1;
  check_refused(bytes, "byte 9: a checksum does not fit: the file is damaged");
  check_refused(good + "x",
                fmt::format("byte {}: this is no file of models: it does not begin with QUELLMOD",
                            good.size()));
  for (std::size_t size = 9; size < good.size(); ++size) {
    const auto decoded = decode_model_file(std::string_view(good).substr(0, size));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().message, "the file ends early: it was cut");
  }
  ModelRecord odd = record("a");
  odd.model[0] = 99;
  check_refused(encode_model_file({.models = {odd}}),
                "model 0, cpu{host=\"a\"}: model of a series: unknown version 99");
}

}  // namespace
}  // namespace quell
