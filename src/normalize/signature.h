// Signatures: whether a request comes from someone who knows the source's secret.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/frame.h"

namespace quell {

// One way to prove it. A source may allow several; one of them is enough.
struct SignatureScheme {
  enum class Kind : std::uint8_t {
    HmacSha256,        // A keyed hash of the body in a header.
    HmacSha1,          // The same with SHA-1, for senders that know nothing else.
    StandardWebhooks,  // webhook-id, webhook-timestamp, webhook-signature: `v1,<base64>`.
    Token,             // The secret itself in a header, perhaps behind a prefix ("Bearer ").
    Basic,             // HTTP Basic; the secret is `user:password`.
    Query,             // The secret itself as a parameter of the URL.
  };
  enum class Encoding : std::uint8_t { Hex, Base64 };

  Kind kind = Kind::Token;
  std::string header{};     // Lower case.
  std::string prefix{};     // Before the value: "sha256=", "v1=", "Bearer ".
  std::string separator{};  // Several values in one header, any may match: ",".
  Encoding encoding = Encoding::Hex;
  // When not empty, the header that says when it was sent (seconds since 1970); then `signed_text`
  // is what is hashed, and the time must be within `tolerance` of now.
  std::string timestamp_header{};
  std::string signed_text{"{timestamp}:{body}"};
  Duration tolerance = std::chrono::minutes(5);
  std::string parameter{"token"};  // Of the URL.
};

// What a source without a scheme of its own accepts: `Authorization: Bearer <secret>`, HTTP Basic
// with a secret that is `user:password`, or `?token=<secret>`.
std::span<const SignatureScheme> default_signature_schemes();

struct SignedRequest {
  std::span<const std::pair<std::string, std::string>> headers{};  // Names in lower case.
  std::string_view query{};                                        // As sent, without the '?'.
  std::string_view body{};                                         // As it arrived, unpacked.
};
inline SignedRequest signed_request(const Frame& frame) {
  return {.headers = frame.headers, .query = {}, .body = frame.body};
}

// Errors: Unauthenticated, saying what is missing or wrong, when none of `schemes` is satisfied;
// InvalidArgument when the secret is empty.
//
// A replay within the tolerance is not an error here, because senders repeat a delivery with the
// same id when they saw no answer: the event's (source, id) makes it a duplicate.
// Compares in constant time.
Status verify_signature(std::span<const SignatureScheme> schemes, std::string_view secret,
                        const SignedRequest& request, Timestamp now);

// The signature header's value that `scheme` expects; for tests and `quell send`.
std::string sign(const SignatureScheme& scheme, std::string_view secret, std::string_view body,
                 std::string_view id, std::string_view timestamp);

}  // namespace quell
