// Crypto: the hashes, encodings and comparison that signatures and tokens need.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace quell {

// Raw bytes: 32 for SHA-256, 20 for SHA-1. A key may have any length, zero included.
std::string hmac_sha256(std::string_view key, std::string_view message);
std::string hmac_sha1(std::string_view key, std::string_view message);
std::string sha256(std::string_view message);

// Lower-case digits. Decoding takes either case; empty result: odd length or another character.
std::string hex_encode(std::string_view bytes);
std::optional<std::string> hex_decode(std::string_view text);

// RFC 4648, standard alphabet, padded. Decoding also takes the URL-safe alphabet and missing
// padding; empty result: another character, a length that cannot be, or bits that are not zero
// behind the last byte (so that one text only stands for one value).
std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);

// Compares without telling by its duration where the texts differ (their length may be told).
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace quell
