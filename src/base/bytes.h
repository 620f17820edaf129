// ByteWriter and ByteReader: the one binary encoding of everything that Quell stores.
//
// Integers are LEB128 varints (signed ones zigzag), texts are a length and bytes, and a record
// starts with a version that its reader checks. There is no padding and no map order, so equal
// values give equal bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace quell {

class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void boolean(bool v) { u8(v ? 1 : 0); }
  void u64(std::uint64_t v) {
    while (v >= 128) {
      out_.push_back(static_cast<char>(v | 128));
      v >>= 7;
    }
    out_.push_back(static_cast<char>(v));
  }
  void i64(std::int64_t v) {
    u64((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }
  void fixed64(std::uint64_t v) { out_.append(reinterpret_cast<const char*>(&v), sizeof v); }
  void f64(double v) { out_.append(reinterpret_cast<const char*>(&v), sizeof v); }
  void time(Timestamp t) { i64(t.time_since_epoch().count()); }
  void text(std::string_view s) {
    u64(s.size());
    out_.append(s);
  }

 private:
  std::string& out_;
};

// Reading past the end, or a malformed varint, makes ok() false and every later value empty:
// check ok() once at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}

  bool ok() const { return ok_; }
  bool at_end() const { return in_.empty(); }

  std::uint8_t u8() {
    if (!need(1)) return 0;
    const auto v = static_cast<std::uint8_t>(in_[0]);
    in_.remove_prefix(1);
    return v;
  }
  bool boolean() { return u8() != 0; }
  std::uint64_t u64() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t byte = u8();
      v |= (byte & 127) << shift;
      if (byte < 128) return v;
    }
    ok_ = false;
    return 0;
  }
  std::int64_t i64() {
    const std::uint64_t v = u64();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  std::uint64_t fixed64() { return fixed<std::uint64_t>(); }
  double f64() { return fixed<double>(); }
  Timestamp time() { return Timestamp{Duration{i64()}}; }
  std::string_view text() {
    const std::uint64_t size = u64();
    if (!need(size)) return {};
    const std::string_view s = in_.substr(0, size);
    in_.remove_prefix(size);
    return s;
  }
  std::string string() { return std::string(text()); }

  // A count of things that take at least one byte each: never more than the bytes left, so a
  // corrupt count cannot make the caller reserve memory without bound.
  std::size_t count() {
    const std::uint64_t n = u64();
    if (n <= in_.size()) return static_cast<std::size_t>(n);
    ok_ = false;
    return 0;
  }

 private:
  bool need(std::uint64_t n) {
    if (ok_ && n <= in_.size()) return true;
    ok_ = false;
    in_ = {};
    return false;
  }
  template <class T>
  T fixed() {
    T v{};
    if (!need(sizeof v)) return v;
    std::memcpy(&v, in_.data(), sizeof v);
    in_.remove_prefix(sizeof v);
    return v;
  }

  std::string_view in_;
  bool ok_ = true;
};

}  // namespace quell
