#include "model/series.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace quell {
namespace {

// One Label message, as a client of protobuf writes it.
std::string message(std::string_view name, std::string_view value) {
  std::string bytes;
  append_series_label(bytes, name, value);
  return bytes;
}

void check(std::string_view bytes, std::string_view want, const SeriesLimits& limits = {}) {
  const auto labels = SeriesLabels::parse(bytes, limits);
  EXPECT_EQ(labels ? labels->to_string() : labels.error().to_string(), want);
}

const std::string kMetric = message("__name__", "cpu");

TEST(SeriesLabels, ReadsWhatRemoteWriteSends) {
  check(kMetric, "cpu{}");
  check(kMetric + message("core", "3") + message("host", "db-1"), R"(cpu{core="3", host="db-1"})");
  // In any order, with what protobuf allows: value before name, unknown fields, long varints.
  check(message("host", "db-1") + kMetric, R"(cpu{host="db-1"})");
  check(kMetric + std::string("\x0a\x08\x12\x01v\x1a\x00\x0a\x01n", 10), R"(cpu{n="v"})");
  check(kMetric + std::string("\x10\x05\x0a\x86\x00\x0a\x01n\x12\x01v", 11), R"(cpu{n="v"})");
  check(kMetric + message("empty", ""), "cpu{}");
  check(kMetric + message("münchen", "grüße"), R"(cpu{münchen="grüße"})");
}

TEST(SeriesLabels, KnowsItsOwnBytes) {
  const std::string sorted = kMetric + message("a", "1") + message("b", std::string(300, 'x'));
  EXPECT_EQ(SeriesLabels::parse(sorted, {})->bytes(), sorted);
  EXPECT_EQ(
      SeriesLabels::parse(message("b", std::string(300, 'x')) + message("a", "1") + kMetric, {})
          ->bytes(),
      sorted);
  const auto labels = SeriesLabels::from_bytes(sorted).value();
  EXPECT_EQ(labels.size(), 3u);
  EXPECT_EQ(labels.get("a"), "1");
  EXPECT_EQ(labels.get("b").size(), 300u);
  EXPECT_EQ(labels.get("c"), "");
  EXPECT_FALSE(SeriesLabels::from_bytes(message("b", "1") + message("a", "1")));
  for (std::size_t size = 1; size < kMetric.size(); ++size) {
    EXPECT_FALSE(SeriesLabels::from_bytes(kMetric.substr(0, size))) << size;
  }
}

TEST(SeriesLabels, Refusals) {
  check(kMetric + message("a", "1") + message("a", "2"), "label 'a': appears twice");
  check(message("a", "1"), "there is no metric name (the label '__name__')");
  check("", "there is no metric name (the label '__name__')");
  check(message("__name__", ""), "there is no metric name (the label '__name__')");
  check(kMetric + message("", "1"), "a label has no name");
  check(kMetric + message("", ""), "a label has no name");
  check(kMetric + message("pod", "\xff"), "label 'pod': byte 0 of the value is not UTF-8");
  check(kMetric + message("p\xff", "1"), "byte 1 of the name is not UTF-8");
  check(kMetric + message("pod", std::string("a\0b", 3)), "label 'pod': NUL in the value");
  check(kMetric + message("pod", std::string(10 << 20, 'x')),
        "label 'pod': a value of 10485760 bytes, the limit is 8192");
  check(kMetric + message(std::string(2000, 'n'), "v"),
        "label '" + std::string(64, 'n') + "': a name of 2000 bytes, the limit is 1024");
  check(kMetric + message("a", "1"), "2 labels, the limit is 1", {.labels_max = 1});
  std::string flood = kMetric;
  for (int i = 0; i < 100'000; ++i) flood += message("l" + std::to_string(i), "v");
  check(flood, "more than 130 labels, the limit");
  check(kMetric + message("a", std::string(50, 'x')),
        "labels of 74 bytes together, the limit is 60", {.bytes_max = 60});
  check("\x0a", "the labels are no protobuf messages of the type Label");
  check("\x0a\x05\x0a\x01", "the labels are no protobuf messages of the type Label");
  check("\x0b", "the labels are no protobuf messages of the type Label");
  check(std::string(20, '\xff'), "the labels are no protobuf messages of the type Label");
}

TEST(SeriesLabels, MutatedBytesNeverBreakTheRules) {
  Prng prng(7);
  const std::string good = kMetric + message("core", "3") + message("host", "db-1");
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (auto n = 1 + prng.below(3); n > 0; --n) {
      bytes[prng.below(bytes.size())] = static_cast<char>(prng.next());
    }
    const auto labels = SeriesLabels::parse(bytes, {});
    if (!labels) continue;
    ASSERT_TRUE(SeriesLabels::from_bytes(labels->bytes()));
    ASSERT_FALSE(labels->get(kMetricLabel).empty());
  }
}

TEST(Series, IdentityAndEntity) {
  const auto a = make_series("t", SeriesLabels::parse(kMetric + message("host", "h"), {}).value());
  const auto b = make_series("u", a->labels);
  EXPECT_NE(a->id, b->id);
  EXPECT_EQ(a->id, make_series("t", a->labels, "%")->id);
  EXPECT_EQ(a->metric(), "cpu");
  EXPECT_EQ(a->host(), "h");
  EXPECT_EQ(entity_of(*a).to_string(), "host:h");
  const std::string node =
      message("__name__", "up") + message("instance", "db-1:9100") + message("job", "node");
  EXPECT_EQ(entity_of(*make_series("t", SeriesLabels::parse(node, {}).value())).to_string(),
            "host:db-1");
}

}  // namespace
}  // namespace quell
