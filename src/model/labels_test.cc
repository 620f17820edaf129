#include "model/labels.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

void check_parse(std::string_view text, std::string_view want) {
  const auto got = LabelSet::parse(text);
  EXPECT_EQ(got ? got->to_string() : "error: " + got.error().message, want) << "for " << text;
}

TEST(LabelSet, Parse) {
  check_parse("", "{}");
  check_parse("b=2,a=1", R"({a="1", b="2"})");
  check_parse(R"(a="x,y",b="q\"")", R"({a="x,y", b="q\""})");
  check_parse("a=", "{}");
  check_parse("a", "error: label needs name=value, got 'a'");
  check_parse("=1", "error: label needs name=value, got '=1'");
  check_parse("a=1,a=2", "error: label 'a' appears twice");
  check_parse("a=\"1", "error: label 'a' has no closing quote");
}

void check_fingerprint(std::string_view labels, std::string_view want) {
  EXPECT_EQ(format_fingerprint(LabelSet::parse(labels)->fingerprint()), want) << labels;
}

// What Alertmanager itself answers for these label sets.
TEST(LabelSet, FingerprintIsAlertmanagers) {
  check_fingerprint("", "cbf29ce484222325");
  check_fingerprint("alertname=CheckoutDown,service=checkout,severity=critical",
                    "1e13768c7ec52373");
  check_fingerprint("alertname=Good,service=a", "589f2418baf53fab");
  check_fingerprint("alertname=HighCPU", "b5160f6bd9249a48");
  check_fingerprint("alertname=HighCPU,instance=host1:9100,job=node,severity=critical",
                    "cb3fac0e602fab03");
}

TEST(LabelSet, WithWithoutProject) {
  const auto labels = *LabelSet::parse("b=2,d=4");
  EXPECT_EQ(labels.with("c", "3").to_string(), R"({b="2", c="3", d="4"})");
  EXPECT_EQ(labels.with("d", "5").to_string(), R"({b="2", d="5"})");
  EXPECT_EQ(labels.with("e", "5").without("b").to_string(), R"({d="4", e="5"})");
  EXPECT_EQ(labels.project({"d", "x"}).to_string(), R"({d="4"})");
  EXPECT_EQ(labels.size(), 2u);
  EXPECT_EQ(LabelSet::from_bytes(labels.bytes()).value(), labels);
  EXPECT_FALSE(LabelSet::from_bytes(labels.bytes().substr(1)).has_value());
}

}  // namespace
}  // namespace quell
