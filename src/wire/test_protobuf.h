// Protobuf for tests: messages put together field by field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quell::test {

inline void append_varint(std::string& out, std::uint64_t v) {
  for (; v >= 128; v >>= 7) out.push_back(static_cast<char>(v | 128));
  out.push_back(static_cast<char>(v));
}

inline std::string number_field(std::uint32_t number, std::uint64_t value) {
  std::string out;
  append_varint(out, number << 3);
  append_varint(out, value);
  return out;
}

inline std::string fixed_field(std::uint32_t number, std::uint64_t bits) {
  std::string out;
  append_varint(out, number << 3 | 1);
  out.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  return out;
}

inline std::string double_field(std::uint32_t number, double value) {
  std::uint64_t bits = 0;
  static_assert(sizeof bits == sizeof value);
  __builtin_memcpy(&bits, &value, sizeof bits);
  return fixed_field(number, bits);
}

inline std::string bytes_field(std::uint32_t number, std::string_view bytes) {
  std::string out;
  append_varint(out, number << 3 | 2);
  append_varint(out, bytes.size());
  return out.append(bytes);
}

}  // namespace quell::test
