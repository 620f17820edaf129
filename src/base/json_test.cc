#include "base/json.h"

#include <gtest/gtest.h>

#include "base/matcher.h"
#include "base/text.h"

namespace quell {
namespace {

void check_json_error(std::string_view text, std::string_view want) {
  simdjson::dom::parser parser;
  const auto got = parse_json(parser, text);
  EXPECT_EQ(got ? "ok" : got.error().to_string(), want) << "for " << text.substr(0, 80);
}

TEST(Json, ErrorsSayWhere) {
  check_json_error("{\"a\":[1,2]}", "ok");
  check_json_error("", "byte 0: the body is empty, expected JSON");
  check_json_error("{\"a\":\n  nope}", "byte 8 (line 2, column 3): not valid JSON: syntax error");
  check_json_error("\"\xff\"", "byte 1 (line 1, column 2): not valid JSON: invalid UTF-8");
  check_json_error(std::string(1000, '['),
                   "byte 256 (line 1, column 257): not valid JSON: nested deeper than 256 levels");
}

TEST(Json, WriterEscapes) {
  std::string out;
  JsonWriter(out)
      .begin_object()
      .field("a\"", std::string_view("x\n\x01\xff€", 7))
      .field("n", 1.5)
      .key("list")
      .begin_array()
      .value(1)
      .value(true)
      .null()
      .end_array()
      .end_object();
  EXPECT_EQ(out, R"({"a\"":"x\n\u0001\ufffd€","n":1.5,"list":[1,true,null]})");
}

void check_matcher(std::string_view matchers, std::string_view value, std::string_view want) {
  const auto parsed = parse_matchers(matchers);
  const std::string got =
      !parsed ? parsed.error().message
              : (matches_all(*parsed, [&](std::string_view) { return value; }) ? "yes" : "no");
  EXPECT_EQ(got, want) << matchers;
}

void check_matcher_text(std::string_view text, std::string_view want) {
  const auto matcher = Matcher::parse(text);
  ASSERT_TRUE(matcher.has_value()) << text;
  EXPECT_EQ(matcher->to_string(), want);
}

TEST(Matcher, PrintsWhatParsesAgain) {
  check_matcher_text("a=x", R"(a="x")");
  check_matcher_text(R"(k8s.pod/name=~"a|b")", R"(k8s.pod/name=~"a|b")");
  check_matcher_text(R"("a b"!="x\\\n")", R"("a b"!="x\\\n")");
  check_matcher_text(R"("T=~"="")", R"("T=~"="")");
}

TEST(Matcher, HasAlertmanagersMeaning) {
  check_matcher(R"(a="x")", "x", "yes");
  check_matcher("a=x", "x", "yes");
  check_matcher(R"({a=~"x|y", b!="z"})", "y", "yes");
  check_matcher(R"(a=~"x")", "xx", "no");
  check_matcher(R"(a!~"x.*")", "xx", "no");
  check_matcher(R"("a b"="x,\"y")", "x,\"y", "yes");
  check_matcher(R"(a="")", "", "yes");
  check_matcher("", "anything", "yes");
  check_matcher("a", "", "'a' is not a matcher such as service=\"checkout\" or severity=~\"a|b\"");
  check_matcher("a=~\"(\"", "", "'(' is not a regular expression (RE2): missing ): (");
}

TEST(Text, NearestWord) {
  const std::string_view words[] = {"retention", "sources", "server"};
  EXPECT_EQ(nearest_word("retntion", words), "retention");
  EXPECT_EQ(nearest_word("zzzzzz", words), std::nullopt);
  EXPECT_EQ(utf8_prefix("a€", 3), "a");
  EXPECT_EQ(printable("a€ b\x1b[31m\xff\xc2\x9b"
                      "c\xe2\x80\xae"
                      "d"),
            "a€ b [31m  c d");
}

}  // namespace
}  // namespace quell
