#include "wire/exposition.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace quell {
namespace {

std::string text_of(const Exposition& e) {
  std::string text;
  for (const FamilyMetadata& f : e.families) {
    text += fmt::format("# {} type {} help '{}' unit '{}'\n", f.name, static_cast<int>(f.type),
                        f.help, f.unit);
  }
  for (const ExposedSample& s : e.samples) {
    text += fmt::format("{}:", s.line);
    for (const auto& [name, value] : s.labels) text += fmt::format(" {}={}", name, value);
    text += fmt::format(" -> {}", s.value);
    if (s.time_ms) text += fmt::format(" @{}", *s.time_ms);
    text += '\n';
  }
  if (e.exemplars > 0) text += fmt::format("{} exemplars\n", e.exemplars);
  return text;
}

void check(std::string_view in, std::string_view want,
           ExpositionFormat format = ExpositionFormat::Text) {
  const auto parsed = parse_exposition(in, format, {.samples_max = 5, .labels_max = 3});
  EXPECT_EQ(parsed ? text_of(*parsed) : parsed.error().to_string(), want) << in;
}

void check_open(std::string_view in, std::string_view want) {
  check(in, want, ExpositionFormat::OpenMetrics);
}

TEST(Exposition, Samples) {
  check("", "");
  check("up 1\n", "1: __name__=up -> 1\n");
  check("up 1", "1: __name__=up -> 1\n");
  check("\n  up\t 1 1795248000123 \r\n", "2: __name__=up -> 1 @1795248000123\n");
  check("a{} 1\n", "1: __name__=a -> 1\n");
  check("a{b=\"c\",} 1\n", "1: __name__=a b=c -> 1\n");
  check("a { b = \"c\" , d = \"e\" } 1\n", "1: __name__=a b=c d=e -> 1\n");
  check(R"(a{b="\"\\\n\t{},"} 1)", "1: __name__=a b=\"\\\n\\t{}, -> 1\n");
  check("a:b_1{le=\"+Inf\"} 1e3\n", "1: __name__=a:b_1 le=+Inf -> 1000\n");
  check("a NaN\na +Inf\na -Inf\na 0x1p3\n", "line 4: '0x1p3' is no value");
  check("a NaN\na +Inf\na -Inf\na -1.5e-3\n",
        "1: __name__=a -> nan\n2: __name__=a -> inf\n3: __name__=a -> -inf\n"
        "4: __name__=a -> -0.0015\n");
  check("a 1e999\na 1e-999\n", "1: __name__=a -> inf\n2: __name__=a -> 0\n");
  check(R"({"http.duration", "service.name"="x"} 1)",
        "1: __name__=http.duration service.name=x -> 1\n");
}

TEST(Exposition, Metadata) {
  check("# HELP a What \\\\ it\\nis \\x.\n# TYPE a counter\n# a comment\n#\na 1\n",
        "# a type 1 help 'What \\ it\nis \\x.' unit ''\n5: __name__=a -> 1\n");
  check("# TYPE a histogram\n# TYPE b untyped\n",
        "# a type 3 help '' unit ''\n# b type 0 help '' unit ''\n");
  check("# TYPE \"a.b\" gauge\n", "# a.b type 2 help '' unit ''\n");
  check("# TYPE a curve\n", "line 1: 'curve' is no type of a metric");
  check("# HELP\n", "line 1: # HELP without a metric's name");
}

TEST(Exposition, OpenMetrics) {
  check_open("# TYPE a counter\n# UNIT a seconds\na_total 1 1795248000.123\n# EOF\n",
             "# a type 1 help '' unit 'seconds'\n3: __name__=a_total -> 1 @1795248000123\n");
  check_open("a_bucket{le=\"1.0\"} 1 # {trace_id=\"x\"} 0.5 1.2\n# EOF",
             "1: __name__=a_bucket le=1.0 -> 1\n1 exemplars\n");
  check_open("a 1\n", "line 1: the text ends without '# EOF': it is cut off");
  check_open("a 1\n# EOF\nb 1\n", "line 2: there is text behind '# EOF'");
  check_open("a 1\n\n# EOF\n", "line 2: an empty line");
  check_open("a 1 1e300\n# EOF\n", "line 1: '1e300' is no time");
}

TEST(Exposition, WhatIsNone) {
  check("a\n", "line 1: '' is no value");
  check("a b\n", "line 1: 'b' is no value");
  check("a 1 b\n", "line 1: 'b' is no time");
  check("a 1 2 3\n", "line 1: there is text behind the time of a sample");
  check("{a=\"b\"} 1\n", "line 1: a sample without a metric's name");
  check("1a 1\n", "line 1: a sample without a metric's name");
  check("a{b} 1\n", "line 1: expected '=' behind the name of a label");
  check("a{b=c} 1\n", "line 1: expected a text in quotes");
  check("a{b=\"c} 1\n", "line 1: a text in quotes does not end");
  check("a{b=\"c\\", "line 1: a text in quotes does not end");
  check("a{b=\"c\" d=\"e\"} 1\n", "line 1: expected ',' or '}' behind a label");
  check("a{=\"c\"} 1\n", "line 1: a label without a name");
  check("a{\"b\"} 1\n", "line 1: two names of a metric");
  check("a{b=\"\xff\"} 1\n", "line 1: a label is not UTF-8");
  check("<html>\n", "line 1: a sample without a metric's name");
  check("a{b=\"1\",c=\"2\",d=\"3\"} 1\n", "line 1: a sample has more than 3 labels");
  check("a 1\na 1\na 1\na 1\na 1\na 1\n", "line 6: there are more than 5 samples");
}

void check_format(std::string_view in, std::string_view want) {
  const auto format = exposition_format(in);
  EXPECT_EQ(!format                                    ? format.error().message
            : *format == ExpositionFormat::OpenMetrics ? "open"
                                                       : "text",
            want);
}

TEST(Exposition, Formats) {
  check_format("", "text");
  check_format("text/plain; version=0.0.4; charset=utf-8", "text");
  check_format("application/openmetrics-text; version=1.0.0", "open");
  check_format("text/html",
               "the answer is 'text/html': a target answers text/plain or "
               "application/openmetrics-text");
}

}  // namespace
}  // namespace quell
