// ProtoReader: protobuf's wire format, field by field, without a schema and without copies.
//
// Method: the encoding of protobuf.dev/programming-guides/encoding. Groups, which are gone from the
// language, are malformed here.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace quell::wire {

// Reads a varint of at most ten bytes. Returns: false when it does not end before `end`.
inline bool read_varint(const char*& p, const char* end, std::uint64_t& value) {
  if (p < end && static_cast<unsigned char>(*p) < 128) {
    value = static_cast<unsigned char>(*p++);
    return true;
  }
  value = 0;
  for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
    const auto byte = static_cast<unsigned char>(*p++);
    value |= std::uint64_t{byte & 127u} << shift;
    if (byte < 128) return true;
  }
  return false;
}

inline std::int64_t unzigzag(std::uint64_t v) {
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}

enum class WireType : std::uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct ProtoField {
  std::uint32_t number = 0;
  WireType type = WireType::Varint;
  std::uint64_t value = 0;   // Of a number, its bits.
  std::string_view bytes{};  // Of a text, a message, or packed numbers; of a number none.

  bool is(std::uint32_t n, WireType t) const { return number == n && type == t; }
  std::int64_t integer() const { return static_cast<std::int64_t>(value); }
  double number_value() const { return std::bit_cast<double>(value); }
};

// Cost: about 2 ns per field.
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message)
      : at_(message.data()), end_(message.data() + message.size()) {}

  // Returns: false at the end, or when what follows is no field: then ok() is false too.
  bool next(ProtoField& field) {
    if (!ok_ || at_ == end_) return false;
    started_ = at_;
    ok_ = read(field);
    return ok_;
  }
  bool ok() const { return ok_; }
  // Where the last field began, also one that was malformed.
  const char* started() const { return started_; }
  const char* position() const { return at_; }  // Behind it.

 private:
  bool read(ProtoField& field) {
    std::uint64_t tag = 0;
    if (!read_varint(at_, end_, tag) || tag >> 3 == 0 || tag >> 32 != 0) return false;
    field.number = static_cast<std::uint32_t>(tag >> 3);
    field.type = static_cast<WireType>(tag & 7);
    field.bytes = {};
    switch (field.type) {
      case WireType::Varint: return read_varint(at_, end_, field.value);
      case WireType::Fixed64: return fixed(8, field.value);
      case WireType::Fixed32: return fixed(4, field.value);
      case WireType::Bytes: {
        std::uint64_t size = 0;
        if (!read_varint(at_, end_, size)) return false;
        if (size > static_cast<std::uint64_t>(end_ - at_)) return false;
        field.bytes = {at_, static_cast<std::size_t>(size)};
        at_ += size;
        return true;
      }
    }
    return false;
  }
  bool fixed(std::size_t size, std::uint64_t& value) {
    if (static_cast<std::size_t>(end_ - at_) < size) return false;
    value = 0;
    std::memcpy(&value, at_, size);
    at_ += size;
    return true;
  }

  const char* at_;
  const char* end_;
  const char* started_ = at_;
  bool ok_ = true;
};

// The elements of a repeated number that may come packed or one by one: calls f(bits) for each.
// Returns: false when they are malformed. `type` is that of one element.
template <class F>
bool for_each_number(const ProtoField& field, WireType type, F&& f) {
  if (field.type == type) {
    f(field.value);
    return true;
  }
  if (field.type != WireType::Bytes) return false;
  const char* p = field.bytes.data();
  const char* const end = p + field.bytes.size();
  if (type == WireType::Varint) {
    for (std::uint64_t v = 0; p < end;) {
      if (!read_varint(p, end, v)) return false;
      f(v);
    }
    return true;
  }
  const std::size_t size = type == WireType::Fixed64 ? 8 : 4;
  if (field.bytes.size() % size != 0) return false;
  for (; p < end; p += size) {
    std::uint64_t v = 0;
    std::memcpy(&v, p, size);
    f(v);
  }
  return true;
}

}  // namespace quell::wire
