#include "normalize/form.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

std::string show(const FormFields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += name + "=" + value + ";";
  return text;
}

TEST(Form, Urlencoded) {
  EXPECT_EQ(show(parse_form("a=1&b=x+y%21&c&=d&&e==")), "a=1;b=x y!;c=;=d;e==;");
  EXPECT_EQ(show(parse_form("p=50%&q=%zz&r=%4")), "p=50%;q=%zz;r=%4;");
  EXPECT_EQ(show(parse_form("")), "");
}

TEST(Form, Multipart) {
  const std::string type = "multipart/form-data; boundary=\"x y\"";
  EXPECT_EQ(show(parse_multipart(type,
                                 "preamble\r\n--x y\r\nContent-Disposition: form-data; "
                                 "name=\"data\"\r\nContent-Type: text/plain\r\n\r\n{\r\n}\r\n"
                                 "--x y\r\ncontent-disposition: form-data; name=b\r\n\r\n\r\n"
                                 "--x y--\r\n")),
            "data={\r\n};b=;");
  EXPECT_EQ(show(parse_multipart(type, "--x y\r\nContent-Disposition: form-data; name=a\r\n\r\n1")),
            "");  // It does not end.
  EXPECT_EQ(show(parse_multipart("multipart/form-data", "--x\r\n\r\n")), "");
}

TEST(Form, ByContentType) {
  EXPECT_FALSE(parse_form_body("application/x-www-form-urlencoded", R"( {"a": "b=c"})"));
  EXPECT_TRUE(parse_form_body("Application/X-WWW-Form-Urlencoded; charset=utf-8", "a=1"));
  EXPECT_FALSE(parse_form_body("application/json", "a=1"));
  EXPECT_FALSE(parse_form_body("", "a=1"));
}

}  // namespace
}  // namespace quell
