// LabelSet: the sorted name/value pairs that identify or describe a thing (Prometheus "labels").
#pragma once

#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/shared_text.h"

namespace quell {

// Alertmanager's alert identity: 64-bit FNV-1a over the sorted labels (name, 0xFF, value, 0xFF).
// Method: prometheus/common model/signature.go. Printed with format_fingerprint().
using Fingerprint = std::uint64_t;
std::string format_fingerprint(Fingerprint fingerprint);  // Sixteen lower-case hex digits.
Result<Fingerprint> parse_fingerprint(std::string_view text);

struct Label {
  std::string_view name;
  std::string_view value;
  bool operator==(const Label&) const = default;
  auto operator<=>(const Label&) const = default;
};

// All pairs lie in one buffer, which copies share; comparing is memcmp.
//
// Invariant: sorted by name (bytewise), names unique and not empty, values not empty.
// Cost: get() walks the pairs; sets have a dozen of them.
class LabelSet {
 public:
  class Builder;

  LabelSet() = default;

  // Parses `a=b,c="d,e"`. Errors: InvalidArgument on a missing '=', an empty or a repeated name.
  static Result<LabelSet> parse(std::string_view text);
  // Errors: InvalidArgument when a name is empty or appears twice. Pairs without a value vanish.
  static Result<LabelSet> from(const std::vector<Label>& pairs);
  // The inverse of bytes(). Errors: Corrupt.
  static Result<LabelSet> from_bytes(std::string_view bytes);

  class Iterator {
   public:
    using value_type = Label;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator() = default;
    explicit Iterator(const char* at) : at_(at) {}
    Label operator*() const {
      return {{at_ + kHeader, name_size()}, {at_ + kHeader + name_size(), value_size()}};
    }
    Iterator& operator++() {
      at_ += kHeader + name_size() + value_size();
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    bool operator==(const Iterator&) const = default;

   private:
    std::uint32_t name_size() const { return read(at_); }
    std::uint32_t value_size() const { return read(at_ + 4); }
    static std::uint32_t read(const char* p) {
      std::uint32_t v = 0;
      std::memcpy(&v, p, sizeof v);
      return v;
    }
    const char* at_ = nullptr;
  };

  Iterator begin() const { return Iterator(bytes_.data()); }
  Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  bool empty() const { return bytes_.empty(); }
  std::size_t size() const;

  std::string_view get(std::string_view name) const;  // Empty if absent.
  bool has(std::string_view name) const { return !get(name).empty(); }
  LabelSet with(std::string_view name, std::string_view value) const;  // Adds or replaces.
  LabelSet without(std::string_view name) const;
  LabelSet project(const std::vector<std::string>& names) const;

  Fingerprint fingerprint() const;
  std::string to_string() const;  // `{a="b", c="d"}`, quotes and backslashes escaped.
  std::string_view bytes() const { return bytes_; }

  bool operator==(const LabelSet&) const = default;
  auto operator<=>(const LabelSet&) const = default;

 private:
  static constexpr std::size_t kHeader = 8;            // Two 32-bit sizes before each pair.
  static LabelSet pack(std::span<const Label> pairs);  // Requires: sorted, unique.

  SharedText bytes_;
};

// Collects pairs in any order; reusable, so that a decoder allocates once.
class LabelSet::Builder {
 public:
  void clear() { count_ = 0; }
  void add(std::string_view name, std::string_view value) {
    if (count_ == pairs_.size()) pairs_.resize(2 * count_ + 16);
    pairs_[count_++] = {name, value};
  }
  // The views given to add() must still be alive. Errors: as LabelSet::from.
  Result<LabelSet> build();

 private:
  std::vector<Label> pairs_;  // The first count_ of them count; the others are room.
  std::size_t count_ = 0;
};

}  // namespace quell
