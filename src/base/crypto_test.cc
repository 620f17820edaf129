#include "base/crypto.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

// RFC 4231, cases 1, 2 and 6 (a key longer than a block); RFC 2202, case 2.
TEST(Crypto, HmacHasTheVectorsOfTheRfcs) {
  EXPECT_EQ(hex_encode(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_encode(hmac_sha256(std::string(131, '\xaa'),
                                   "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hex_encode(hmac_sha1("Jefe", "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

TEST(Crypto, HmacTakesAnEmptyKeyAndMessage) {
  EXPECT_EQ(hex_encode(hmac_sha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// FIPS 180-2, appendix B.
TEST(Crypto, Sha256) {
  EXPECT_EQ(hex_encode(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_encode(sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// RFC 4648, section 10.
void check_base64(std::string_view bytes, std::string_view text) {
  EXPECT_EQ(base64_encode(bytes), text);
  EXPECT_EQ(base64_decode(text), bytes) << text;
}

TEST(Crypto, Base64) {
  check_base64("", "");
  check_base64("f", "Zg==");
  check_base64("fo", "Zm8=");
  check_base64("foo", "Zm9v");
  check_base64("foob", "Zm9vYg==");
  check_base64("fooba", "Zm9vYmE=");
  check_base64("foobar", "Zm9vYmFy");
  check_base64("\xfb\xff", "+/8=");
}

TEST(Crypto, Base64TakesUrlSafeAndUnpaddedText) {
  EXPECT_EQ(base64_decode("-_8"), "\xfb\xff");
  EXPECT_EQ(base64_decode("Zm9vYg"), "foob");
}

void check_not_base64(std::string_view text) {
  EXPECT_EQ(base64_decode(text), std::nullopt) << text;
}

TEST(Crypto, Base64RefusesWhatIsNot) {
  check_not_base64("Z");
  check_not_base64("Zg=");
  check_not_base64("Zh==");  // The four bits behind the byte are not zero.
  check_not_base64("Zm 9v");
  check_not_base64("Z===");
  check_not_base64("====");
}

TEST(Crypto, Hex) {
  EXPECT_EQ(hex_encode(std::string_view("\x00\x0f\xff", 3)), "000fff");
  EXPECT_EQ(hex_decode("000fFF"), std::string_view("\x00\x0f\xff", 3));
  EXPECT_EQ(hex_decode("0"), std::nullopt);
  EXPECT_EQ(hex_decode("0g"), std::nullopt);
}

TEST(Crypto, ConstantTimeEqual) {
  EXPECT_TRUE(constant_time_equal("secret", "secret"));
  EXPECT_TRUE(constant_time_equal("", ""));
  EXPECT_FALSE(constant_time_equal("secret", "secreT"));
  EXPECT_FALSE(constant_time_equal("secret", "secret "));
}

}  // namespace
}  // namespace quell
