// Series: what samples belong to: a metric with its labels, of a tenant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "model/entity.h"
#include "model/labels.h"

namespace quell {

// The place of a series in arrays that have one element for each (stream/series_table.h). Dense,
// from 0; given to another series when its own has left.
using SeriesSlot = std::uint32_t;
inline constexpr SeriesSlot kNoSlot = UINT32_MAX;

inline constexpr std::string_view kMetricLabel = "__name__";

// What one series may be made of.
struct SeriesLimits {
  std::uint32_t labels_max = 130;  // With the metric's name; 128 and a host besides.
  std::uint32_t name_bytes_max = 1024;
  std::uint32_t value_bytes_max = 8192;
  std::uint32_t bytes_max = 16 * 1024;  // All of its labels, as SeriesLabels::bytes().
};

// All labels of a series, the metric's name among them as `__name__`, in the bytes in which remote
// write sends them, so that a series that comes again is recognised by comparing bytes:
//
//   0A <size> 0A <size> name 12 <size> value        for each label; sizes are varints
//
// Invariant: sorted by name (bytewise), names unique, names and values neither empty nor with NUL,
// UTF-8, varints no longer than needed.
// Cost: get() walks the labels; a walk costs about 2 ns a label.
class SeriesLabels {
 public:
  SeriesLabels() = default;

  // Reads one or more Label messages of protobuf, in any order, with fields in any order; fields
  // that it does not know are passed over, labels without a value vanish.
  // Errors: InvalidArgument, with the label as the place: bytes that are no such messages, a name
  // that is empty or comes twice, text that is not UTF-8, no metric name, or more than the limits
  // allow.
  static Result<SeriesLabels> parse(std::string_view bytes, const SeriesLimits& limits);
  // The same for pairs in any order; sorts them. Errors: as parse().
  static Result<SeriesLabels> from(std::vector<Label> pairs, const SeriesLimits& limits = {});
  // The inverse of bytes(), for what was stored: checks the form, not the text. Errors: Corrupt.
  static Result<SeriesLabels> from_bytes(std::string_view bytes);

  class Iterator {
   public:
    using value_type = Label;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator() = default;
    explicit Iterator(const char* at) : at_(at) {}
    Label operator*() const {
      const char* p = at_ + 1;
      size(p);
      return {text(p), text(p)};
    }
    Iterator& operator++() {
      const char* p = at_ + 1;
      const std::size_t n = size(p);
      at_ = p + n;
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    bool operator==(const Iterator&) const = default;

   private:
    static std::size_t size(const char*& p) {
      std::size_t v = static_cast<unsigned char>(*p++);
      if (v < 128) return v;
      v &= 127;
      for (unsigned shift = 7;; shift += 7) {
        const auto byte = static_cast<unsigned char>(*p++);
        v |= std::size_t{byte & 127u} << shift;
        if (byte < 128) return v;
      }
    }
    static std::string_view text(const char*& p) {
      ++p;  // The tag.
      const std::size_t n = size(p);
      p += n;
      return {p - n, n};
    }
    const char* at_ = nullptr;
  };

  Iterator begin() const { return Iterator(bytes_.data()); }
  Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  std::size_t size() const;
  bool empty() const { return bytes_.empty(); }
  std::string_view get(std::string_view name) const;  // Empty if absent.

  // Without the metric's name.
  LabelSet to_label_set() const;
  std::string to_string() const;  // `cpu_load{core="3", host="db-1"}`.
  std::string_view bytes() const { return bytes_; }

  bool operator==(const SeriesLabels&) const = default;
  auto operator<=>(const SeriesLabels&) const = default;

 private:
  std::string bytes_;
};

// Appends one label to `out`, in the form of SeriesLabels.
void append_series_label(std::string& out, std::string_view name, std::string_view value);

// Its identity is (tenant, labels); the unit may change.
struct Series {
  Hash128 id{};               // series_id() of tenant and labels.
  SeriesSlot slot = kNoSlot;  // Where the table keeps it, while it does.
  std::string tenant{};
  std::string unit{};  // As the sender wrote it for this series; empty when it did not.
  SeriesLabels labels{};

  std::string_view metric() const { return labels.get(kMetricLabel); }
  std::string_view host() const { return labels.get("host"); }
  bool operator==(const Series& other) const {
    return id == other.id && tenant == other.tenant && unit == other.unit && labels == other.labels;
  }
};

// The same on every machine, so it may be stored.
Hash128 series_id(std::string_view tenant, const SeriesLabels& labels);
std::shared_ptr<const Series> make_series(std::string tenant, SeriesLabels labels,
                                          std::string unit = {}, SeriesSlot slot = kNoSlot);

// The thing that the series is about, by its labels (model/label_meaning.h).
Entity entity_of(const Series& series);

}  // namespace quell
