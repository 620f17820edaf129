#include "normalize/signature.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/crypto.h"
#include "base/text.h"
#include "base/time.h"
#include "normalize/form.h"
#include "normalize/time_text.h"

namespace quell {
namespace {

using Kind = SignatureScheme::Kind;

constexpr std::string_view kWebhookId = "webhook-id";
constexpr std::string_view kWebhookTimestamp = "webhook-timestamp";
constexpr std::string_view kWebhookSignature = "webhook-signature";
constexpr std::string_view kWebhookVersion = "v1,";
constexpr std::string_view kSecretPrefix = "whsec_";

std::unexpected<Error> unauthenticated(std::string message) {
  return fail(Errc::Unauthenticated, std::move(message));
}

std::string_view header_of(const SignedRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

// The key of a Standard Webhooks secret is what its base64 text stands for.
std::optional<std::string> standard_webhooks_key(std::string_view secret) {
  if (secret.starts_with(kSecretPrefix)) secret.remove_prefix(kSecretPrefix.size());
  auto key = base64_decode(secret);
  if (key && key->empty()) return std::nullopt;
  return key;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// What is hashed: the body is put in last, so that nothing in it is taken for a placeholder.
std::string signed_bytes(const SignatureScheme& scheme, std::string_view body,
                         std::string_view timestamp) {
  if (scheme.timestamp_header.empty()) return std::string(body);
  std::string text = replace_all(scheme.signed_text, "{timestamp}", timestamp);
  const auto at = text.find("{body}");
  if (at != text.npos) text.replace(at, 6, body);
  return text;
}

std::string encode(const SignatureScheme& scheme, std::string_view bytes) {
  return scheme.encoding == SignatureScheme::Encoding::Hex ? hex_encode(bytes)
                                                           : base64_encode(bytes);
}

Status check_age(std::string_view header, std::string_view text, Duration tolerance,
                 Timestamp now) {
  const auto sent = parse_time_text(text, {.format = TimeFormat::Auto});
  if (!sent || !*sent) {
    return unauthenticated(
        fmt::format("header '{}' is not a time: '{}'", header, utf8_prefix(text, 64)));
  }
  // Both are within 1678..2261; their distance may not be.
  const auto seconds = [](Timestamp t) { return to_ns(t) / 1'000'000'000; };
  const std::int64_t age = seconds(now) - seconds(**sent);
  if (age <= tolerance / std::chrono::seconds(1) && -age <= tolerance / std::chrono::seconds(1)) {
    return {};
  }
  return unauthenticated(fmt::format("the signature was made at {}, more than {} {} now ({})",
                                     format_rfc3339(**sent), format_duration(tolerance),
                                     age > 0 ? "before" : "after", format_rfc3339(now)));
}

Status verify_hmac(const SignatureScheme& scheme, std::string_view secret,
                   const SignedRequest& request, Timestamp now) {
  const auto timestamp = header_of(request, scheme.timestamp_header);
  if (!scheme.timestamp_header.empty() && timestamp.empty()) {
    return unauthenticated(fmt::format("header '{}' is missing", scheme.timestamp_header));
  }
  const std::string bytes = signed_bytes(scheme, request.body, timestamp);
  const std::string want =
      encode(scheme,
             scheme.kind == Kind::HmacSha1 ? hmac_sha1(secret, bytes) : hmac_sha256(secret, bytes));
  bool match = false;
  const auto check = [&](std::string_view value) {
    value = trim(value);
    if (!value.starts_with(scheme.prefix)) return;
    value.remove_prefix(scheme.prefix.size());
    const bool hex = scheme.encoding == SignatureScheme::Encoding::Hex;
    match |= constant_time_equal(hex ? to_lower(value) : std::string(value), want);
  };
  const auto value = header_of(request, scheme.header);
  if (scheme.separator.empty()) {
    check(value);
  } else {
    for (const std::string_view part : split(value, scheme.separator[0])) check(part);
  }
  if (!match) {
    return unauthenticated(
        fmt::format("the signature in header '{}' does not match", scheme.header));
  }
  if (scheme.timestamp_header.empty()) return {};
  return check_age(scheme.timestamp_header, timestamp, scheme.tolerance, now);
}

Status verify_standard_webhooks(const SignatureScheme& scheme, std::string_view secret,
                                const SignedRequest& request, Timestamp now) {
  const auto key = standard_webhooks_key(secret);
  if (!key) return unauthenticated("the source's secret is not a base64 text (whsec_…)");
  const auto id = header_of(request, kWebhookId);
  const auto timestamp = header_of(request, kWebhookTimestamp);
  for (const std::string_view name : {kWebhookId, kWebhookTimestamp}) {
    if (header_of(request, name).empty()) {
      return unauthenticated(fmt::format("header '{}' is missing", name));
    }
  }
  const std::string want =
      base64_encode(hmac_sha256(*key, fmt::format("{}.{}.{}", id, timestamp, request.body)));
  bool match = false;
  for (std::string_view value : split(header_of(request, kWebhookSignature), ' ')) {
    if (!value.starts_with(kWebhookVersion)) continue;
    match |= constant_time_equal(value.substr(kWebhookVersion.size()), want);
  }
  if (!match) {
    return unauthenticated(
        fmt::format("the signature in header '{}' does not match", kWebhookSignature));
  }
  return check_age(kWebhookTimestamp, timestamp, scheme.tolerance, now);
}

Status verify_token(const SignatureScheme& scheme, std::string_view secret,
                    const SignedRequest& request) {
  std::string_view value = header_of(request, scheme.header);
  const std::string_view start = value.substr(0, scheme.prefix.size());
  if (!equals_ignore_case(start, scheme.prefix)) {
    return unauthenticated(
        fmt::format("header '{}' does not begin with '{}'", scheme.header, trim(scheme.prefix)));
  }
  value.remove_prefix(scheme.prefix.size());
  if (constant_time_equal(trim(value), secret)) return {};
  return unauthenticated(
      fmt::format("the token in header '{}' is not the source's", scheme.header));
}

Status verify_basic(std::string_view secret, const SignedRequest& request) {
  const std::string_view value = header_of(request, "authorization");
  if (!equals_ignore_case(value.substr(0, 6), "basic ")) {
    return unauthenticated("header 'authorization' does not begin with 'Basic'");
  }
  const auto credentials = base64_decode(trim(value.substr(6)));
  if (credentials && constant_time_equal(*credentials, secret)) return {};
  return unauthenticated("the user and password in header 'authorization' are not the source's");
}

Status verify_query(const SignatureScheme& scheme, std::string_view secret,
                    const SignedRequest& request) {
  const FormFields fields = parse_form(request.query);
  const auto token = find_field(fields, scheme.parameter).value_or("");
  if (constant_time_equal(token, secret)) return {};
  return unauthenticated(fmt::format("the URL's '{}' is not the source's token", scheme.parameter));
}

// The place that a scheme reads: only schemes whose place is filled are tried.
bool is_present(const SignatureScheme& scheme, const SignedRequest& request) {
  switch (scheme.kind) {
    case Kind::HmacSha256:
    case Kind::HmacSha1:
    case Kind::Token: return !header_of(request, scheme.header).empty();
    case Kind::StandardWebhooks: return !header_of(request, kWebhookSignature).empty();
    case Kind::Basic: return !header_of(request, "authorization").empty();
    case Kind::Query: return find_field(parse_form(request.query), scheme.parameter).has_value();
  }
  return false;
}

std::string place_of(const SignatureScheme& scheme) {
  switch (scheme.kind) {
    case Kind::HmacSha256:
    case Kind::HmacSha1:
    case Kind::Token: return fmt::format("header '{}'", scheme.header);
    case Kind::StandardWebhooks: return fmt::format("header '{}'", kWebhookSignature);
    case Kind::Basic: return "header 'authorization'";
    case Kind::Query: return fmt::format("'?{}=' in the URL", scheme.parameter);
  }
  return {};
}

Status verify_one(const SignatureScheme& scheme, std::string_view secret,
                  const SignedRequest& request, Timestamp now) {
  switch (scheme.kind) {
    case Kind::HmacSha256:
    case Kind::HmacSha1: return verify_hmac(scheme, secret, request, now);
    case Kind::StandardWebhooks: return verify_standard_webhooks(scheme, secret, request, now);
    case Kind::Token: return verify_token(scheme, secret, request);
    case Kind::Basic: return verify_basic(secret, request);
    case Kind::Query: return verify_query(scheme, secret, request);
  }
  return unauthenticated("unknown signature scheme");
}

}  // namespace

std::span<const SignatureScheme> default_signature_schemes() {
  static const std::array kSchemes{
      SignatureScheme{.kind = Kind::Token, .header = "authorization", .prefix = "Bearer "},
      SignatureScheme{.kind = Kind::Basic},
      SignatureScheme{.kind = Kind::Query},
  };
  return kSchemes;
}

Status verify_signature(std::span<const SignatureScheme> schemes, std::string_view secret,
                        const SignedRequest& request, Timestamp now) {
  if (secret.empty()) return fail(Errc::InvalidArgument, "the source's secret is empty");
  if (schemes.empty()) schemes = default_signature_schemes();
  std::optional<Error> first;
  for (const SignatureScheme& scheme : schemes) {
    if (!is_present(scheme, request)) continue;
    Status status = verify_one(scheme, secret, request, now);
    if (status) return {};
    if (!first) first = std::move(status).error();
  }
  if (first) return std::unexpected(*std::move(first));
  std::string places;
  for (const SignatureScheme& scheme : schemes) {
    const std::string place = place_of(scheme);
    if (places.find(place) == places.npos) places += (places.empty() ? "" : " or ") + place;
  }
  return unauthenticated("no signature or token: expected in " + places);
}

std::string sign(const SignatureScheme& scheme, std::string_view secret, std::string_view body,
                 std::string_view id, std::string_view timestamp) {
  switch (scheme.kind) {
    case Kind::HmacSha256:
      return scheme.prefix +
             encode(scheme, hmac_sha256(secret, signed_bytes(scheme, body, timestamp)));
    case Kind::HmacSha1:
      return scheme.prefix +
             encode(scheme, hmac_sha1(secret, signed_bytes(scheme, body, timestamp)));
    case Kind::StandardWebhooks:
      return std::string(kWebhookVersion) +
             base64_encode(hmac_sha256(standard_webhooks_key(secret).value_or(""),
                                       fmt::format("{}.{}.{}", id, timestamp, body)));
    case Kind::Basic: return "Basic " + base64_encode(secret);
    case Kind::Token:
    case Kind::Query: return scheme.prefix + std::string(secret);
  }
  return {};
}

}  // namespace quell
