// Hashes: FNV-1a 64 for wire compatibility, XXH3 for everything inside, CRC-32C for stored bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quell {

inline constexpr std::uint64_t kFnvOffset = 14695981039346656037ull;
inline constexpr std::uint64_t kFnvPrime = 1099511628211ull;

constexpr std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = kFnvOffset) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * kFnvPrime;
  return hash;
}

// Method: XXH3 (Yann Collet). The same on every machine, so it may be stored.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

// hash64() with a secret: who does not know it cannot choose inputs that collide. For tables in
// memory that outsiders fill. Cost: as hash64().
class SecretHash {
 public:
  explicit SecretHash(std::uint64_t seed);
  std::uint64_t operator()(std::string_view bytes) const;

 private:
  std::array<unsigned char, 192> secret_;
};

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
  auto operator<=>(const Hash128&) const = default;
};
Hash128 hash128(std::string_view bytes);

struct Hash128Hasher {
  std::size_t operator()(const Hash128& h) const { return h.low; }
};

// CRC-32C (Castagnoli, RFC 3720), by the SSE 4.2 instruction where the processor has it.
// `crc` continues a previous call. Cost: about 0.06 ns per byte with the instruction.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

// Lets std::unordered_map<std::string, …> be searched with a string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return hash64(s); }
};

}  // namespace quell
