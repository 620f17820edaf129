#include "normalize/signature.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace quell {
namespace {

using Kind = SignatureScheme::Kind;
using Headers = std::vector<std::pair<std::string, std::string>>;

const Timestamp kNow = *parse_rfc3339("2026-11-21T08:30:00Z");  // 1795249800

std::string verdict(const std::vector<SignatureScheme>& schemes, std::string_view secret,
                    const Headers& headers, std::string_view body, std::string_view query = "") {
  const Status status =
      verify_signature(schemes, secret, {.headers = headers, .query = query, .body = body}, kNow);
  if (status) return "ok";
  return std::string(errc_name(status.error().code)) + ": " + status.error().message;
}

SignatureScheme hmac(std::string header, std::string prefix) {
  return {.kind = Kind::HmacSha256, .header = std::move(header), .prefix = std::move(prefix)};
}

// The example of GitHub's documentation ("Validating webhook deliveries").
TEST(Signature, GitHubsOwnExample) {
  const std::vector schemes{hmac("x-hub-signature-256", "sha256=")};
  const std::string secret = "It's a Secret to Everybody";
  const std::string good =
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  EXPECT_EQ(verdict(schemes, secret, {{"x-hub-signature-256", good}}, "Hello, World!"), "ok");
  EXPECT_EQ(sign(schemes[0], secret, "Hello, World!", "", ""), good);
  EXPECT_EQ(verdict(schemes, secret, {{"x-hub-signature-256", good}}, "Hello, World?"),
            "unauthenticated: the signature in header 'x-hub-signature-256' does not match");
  EXPECT_EQ(verdict(schemes, "other", {{"x-hub-signature-256", good}}, "Hello, World!"),
            "unauthenticated: the signature in header 'x-hub-signature-256' does not match");
  EXPECT_EQ(verdict(schemes, secret, {{"x-hub-signature-256", good.substr(7)}}, "Hello, World!"),
            "unauthenticated: the signature in header 'x-hub-signature-256' does not match");
  EXPECT_EQ(verdict(schemes, secret, {}, "Hello, World!"),
            "unauthenticated: no signature or token: expected in header 'x-hub-signature-256'");
  EXPECT_EQ(verdict(schemes, "", {{"x-hub-signature-256", good}}, "Hello, World!"),
            "invalid_argument: the source's secret is empty");
}

TEST(Signature, AnyOfSeveralMayMatch) {
  SignatureScheme scheme = hmac("x-pagerduty-signature", "v1=");
  scheme.separator = ",";
  const std::string mine = sign(scheme, "new", "{}", "", "");
  const auto check = [&](const std::string& value, std::string_view want) {
    EXPECT_EQ(verdict({scheme}, "new", {{"x-pagerduty-signature", value}}, "{}"), want) << value;
  };
  check(mine, "ok");
  check("v1=00," + mine, "ok");
  check(mine + ", v1=ffff", "ok");
  check("v1=00,v2=" + mine.substr(3),
        "unauthenticated: the signature in header 'x-pagerduty-signature' does not match");
}

// The example of the Standard Webhooks specification's libraries.
TEST(Signature, StandardWebhooks) {
  const std::vector schemes{SignatureScheme{.kind = Kind::StandardWebhooks}};
  const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const std::string body = R"({"test": 2432232314})";
  EXPECT_EQ(sign(schemes[0], secret, body, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");

  const auto check = [&](std::string_view at, const std::string& extra, std::string_view want) {
    const std::string value = sign(schemes[0], secret, body, "msg_1", at);
    EXPECT_EQ(verdict(schemes, secret,
                      {{"webhook-id", "msg_1"},
                       {"webhook-timestamp", std::string(at)},
                       {"webhook-signature", extra + value}},
                      body),
              want);
  };
  check("1795249800", "", "ok");
  check("1795249800", "v1a,abcd v1,AAAA ", "ok");
  check("1795249501", "", "ok");
  // Replayed later than the tolerance.
  check("1795249499", "",
        "unauthenticated: the signature was made at 2026-11-21T08:24:59Z, more than 5m before now "
        "(2026-11-21T08:30:00Z)");
  check("1795250101", "",
        "unauthenticated: the signature was made at 2026-11-21T08:35:01Z, more than 5m after now "
        "(2026-11-21T08:30:00Z)");
  check("soon", "", "unauthenticated: header 'webhook-timestamp' is not a time: 'soon'");
}

TEST(Signature, StandardWebhooksCoversIdAndTime) {
  const std::vector schemes{SignatureScheme{.kind = Kind::StandardWebhooks}};
  const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const std::string value = sign(schemes[0], secret, "{}", "msg_1", "1795249800");
  const auto check = [&](const Headers& headers, std::string_view want) {
    EXPECT_EQ(verdict(schemes, secret, headers, "{}"), want);
  };
  const std::string differs =
      "unauthenticated: the signature in header 'webhook-signature' does not match";
  check(
      {{"webhook-id", "msg_2"}, {"webhook-timestamp", "1795249800"}, {"webhook-signature", value}},
      differs);
  check(
      {{"webhook-id", "msg_1"}, {"webhook-timestamp", "1795249801"}, {"webhook-signature", value}},
      differs);
  check({{"webhook-timestamp", "1795249800"}, {"webhook-signature", value}},
        "unauthenticated: header 'webhook-id' is missing");
  EXPECT_EQ(verdict(schemes, "not base64!", {{"webhook-signature", value}}, "{}"),
            "unauthenticated: the source's secret is not a base64 text (whsec_…)");
}

TEST(Signature, GrafanaWithAndWithoutTimestamp) {
  SignatureScheme timed = hmac("x-grafana-alerting-signature", "");
  timed.timestamp_header = "x-grafana-alerting-timestamp";
  const SignatureScheme plain = hmac("x-grafana-alerting-signature", "");
  const std::vector schemes{timed, plain};
  const auto check = [&](const Headers& headers, std::string_view want) {
    EXPECT_EQ(verdict(schemes, "s", headers, "{}"), want);
  };
  check({{"x-grafana-alerting-signature", sign(plain, "s", "{}", "", "")}}, "ok");
  const std::string with_time = sign(timed, "s", "{}", "", "1795249800");
  check(
      {{"x-grafana-alerting-timestamp", "1795249800"}, {"x-grafana-alerting-signature", with_time}},
      "ok");
  // A signature over time and body does not stand for the body alone.
  check({{"x-grafana-alerting-signature", with_time}},
        "unauthenticated: header 'x-grafana-alerting-timestamp' is missing");
  check({{"x-grafana-alerting-timestamp", "1795240000"},
         {"x-grafana-alerting-signature", sign(timed, "s", "{}", "", "1795240000")}},
        "unauthenticated: the signature was made at 2026-11-21T05:46:40Z, more than 5m before now "
        "(2026-11-21T08:30:00Z)");
}

TEST(Signature, TheBodyCannotStandForThePlaceholder) {
  SignatureScheme scheme = hmac("x-sig", "");
  scheme.timestamp_header = "x-time";
  EXPECT_EQ(sign(scheme, "s", "{timestamp}", "", "{body}"),
            sign(hmac("x-sig", ""), "s", "{timestamp}:{body}", "", ""));
}

TEST(Signature, Tokens) {
  const SignatureScheme gitlab{.kind = Kind::Token, .header = "x-gitlab-token"};
  EXPECT_EQ(verdict({gitlab}, "s3", {{"x-gitlab-token", "s3"}}, ""), "ok");
  EXPECT_EQ(verdict({gitlab}, "s3", {{"x-gitlab-token", "s4"}}, ""),
            "unauthenticated: the token in header 'x-gitlab-token' is not the source's");
  EXPECT_EQ(verdict({gitlab}, "s3", {}, ""),
            "unauthenticated: no signature or token: expected in header 'x-gitlab-token'");
}

TEST(Signature, SourcesWithoutASchemeTakeBearerBasicOrQuery) {
  EXPECT_EQ(verdict({}, "s3", {{"authorization", "Bearer s3"}}, ""), "ok");
  EXPECT_EQ(verdict({}, "s3", {{"authorization", "bearer s3"}}, ""), "ok");
  EXPECT_EQ(verdict({}, "u:p", {{"authorization", "Basic dTpw"}}, ""), "ok");
  EXPECT_EQ(verdict({}, "a b&c", {}, "", "x=1&token=a+b%26c"), "ok");
  EXPECT_EQ(verdict({}, "s3", {{"authorization", "Bearer s4"}}, ""),
            "unauthenticated: the token in header 'authorization' is not the source's");
  EXPECT_EQ(verdict({}, "s3", {}, "", "token=s4"),
            "unauthenticated: the URL's 'token' is not the source's token");
  EXPECT_EQ(verdict({}, "s3", {}, ""),
            "unauthenticated: no signature or token: expected in header 'authorization' or "
            "'?token=' in the URL");
}

}  // namespace
}  // namespace quell
