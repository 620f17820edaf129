#include "model/series.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "model/label_meaning.h"

namespace quell {
namespace {

constexpr std::size_t kNameShown = 64;

constexpr char kLabelTag = 0x0a;  // Field 1, bytes: a label of a series, and the name of a label.
constexpr char kValueTag = 0x12;  // Field 2, bytes.

void append_size(std::string& out, std::size_t size) {
  for (; size >= 128; size >>= 7) out.push_back(static_cast<char>(size | 128));
  out.push_back(static_cast<char>(size));
}

std::size_t size_of_size(std::size_t size) {
  std::size_t bytes = 1;
  for (; size >= 128; size >>= 7) ++bytes;
  return bytes;
}

std::size_t inner_size(const Label& label) {
  return 2 + size_of_size(label.name.size()) + label.name.size() +
         size_of_size(label.value.size()) + label.value.size();
}

// `label 'pod'`, for messages.
std::string place_of(std::string_view name) {
  return fmt::format("label '{}'", utf8_prefix(name, kNameShown));
}

std::unexpected<Error> refuse(std::string message, std::string_view name) {
  return fail(Errc::InvalidArgument, std::move(message), place_of(name));
}

// A name or a value, whichever `what` says.
Status check_text(std::string_view text, std::size_t bytes_max, std::string_view what,
                  std::string_view name) {
  if (text.size() > bytes_max) {
    return refuse(fmt::format("a {} of {} bytes, the limit is {}", what, text.size(), bytes_max),
                  name);
  }
  if (const auto at = invalid_utf8_at(text)) {
    return fail(Errc::InvalidArgument, fmt::format("byte {} of the {} is not UTF-8", *at, what),
                what == "name" ? std::string() : place_of(name));
  }
  if (text.find('\0') != text.npos) return refuse(fmt::format("NUL in the {}", what), name);
  return {};
}

// Requires: sorted by name.
Status check_labels(const std::vector<Label>& labels, const SeriesLimits& limits) {
  if (labels.size() > limits.labels_max) {
    return fail(Errc::InvalidArgument,
                fmt::format("{} labels, the limit is {}", labels.size(), limits.labels_max));
  }
  std::size_t bytes = 0;
  bool has_metric = false;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const Label& label = labels[i];
    if (label.name.empty()) return fail(Errc::InvalidArgument, "a label has no name");
    TRY_STATUS(check_text(label.name, limits.name_bytes_max, "name", label.name));
    TRY_STATUS(check_text(label.value, limits.value_bytes_max, "value", label.name));
    if (i > 0 && label.name == labels[i - 1].name) {
      return refuse("appears twice", label.name);
    }
    has_metric = has_metric || label.name == kMetricLabel;
    const std::size_t inner = inner_size(label);
    bytes += 1 + size_of_size(inner) + inner;
  }
  if (!has_metric) {
    return fail(Errc::InvalidArgument, "there is no metric name (the label '__name__')");
  }
  if (bytes > limits.bytes_max) {
    return fail(Errc::InvalidArgument, fmt::format("labels of {} bytes together, the limit is {}",
                                                   bytes, limits.bytes_max));
  }
  return {};
}

std::unexpected<Error> not_labels() {
  return fail(Errc::InvalidArgument, "the labels are no protobuf messages of the type Label");
}

// The protobuf that any sender may write, and no more of it than labels need.
class FieldReader {
 public:
  explicit FieldReader(std::string_view in) : in_(in) {}

  struct Field {
    std::uint64_t tag = 0;
    std::string_view bytes{};  // Of a field of type bytes.
  };
  bool at_end() const { return in_.empty(); }
  Result<Field> next() {
    Field field;
    if (!varint(field.tag)) return not_labels();
    std::uint64_t size = 0;
    switch (field.tag & 7) {
      case 0: return varint(size) ? Result<Field>(field) : not_labels();
      case 1: size = 8; break;
      case 5: size = 4; break;
      case 2:
        if (!varint(size)) return not_labels();
        break;
      default: return not_labels();
    }
    if (size > in_.size()) return not_labels();
    field.bytes = in_.substr(0, size);
    in_.remove_prefix(size);
    return field;
  }

 private:
  bool varint(std::uint64_t& v) {
    v = 0;
    for (unsigned shift = 0; shift < 64 && !in_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(in_[0]);
      in_.remove_prefix(1);
      v |= std::uint64_t{byte & 127u} << shift;
      if (byte < 128) return true;
    }
    return false;
  }
  std::string_view in_;
};

Result<Label> read_label(std::string_view bytes) {
  Label label;
  for (FieldReader fields(bytes); !fields.at_end();) {
    TRY(const auto field, fields.next());
    if (field.tag == kLabelTag) label.name = field.bytes;
    if (field.tag == kValueTag) label.value = field.bytes;
  }
  return label;
}

}  // namespace

void append_series_label(std::string& out, std::string_view name, std::string_view value) {
  out.push_back(kLabelTag);
  append_size(out, inner_size({name, value}));
  out.push_back(kLabelTag);
  append_size(out, name.size());
  out.append(name);
  out.push_back(kValueTag);
  append_size(out, value.size());
  out.append(value);
}

Result<SeriesLabels> SeriesLabels::from(std::vector<Label> pairs, const SeriesLimits& limits) {
  // An empty value is as no label (Prometheus); a name that is missing is a mistake.
  std::erase_if(pairs, [](const Label& l) { return l.value.empty() && !l.name.empty(); });
  std::ranges::stable_sort(pairs, {}, &Label::name);
  TRY_STATUS(check_labels(pairs, limits));
  SeriesLabels labels;
  for (const Label& label : pairs) append_series_label(labels.bytes_, label.name, label.value);
  labels.bytes_.shrink_to_fit();
  return labels;
}

Result<SeriesLabels> SeriesLabels::parse(std::string_view bytes, const SeriesLimits& limits) {
  std::vector<Label> pairs;
  for (FieldReader fields(bytes); !fields.at_end();) {
    TRY(const auto field, fields.next());
    if (field.tag != kLabelTag) continue;
    // So that a flood is not collected before it is refused.
    if (pairs.size() > limits.labels_max) {
      return fail(Errc::InvalidArgument,
                  fmt::format("more than {} labels, the limit", limits.labels_max));
    }
    TRY(const Label label, read_label(field.bytes));
    pairs.push_back(label);
  }
  return from(std::move(pairs), limits);
}

Result<SeriesLabels> SeriesLabels::from_bytes(std::string_view bytes) {
  const auto corrupt = [] { return fail(Errc::Corrupt, "labels of a series do not decode"); };
  std::string_view last;
  for (FieldReader fields(bytes); !fields.at_end();) {
    const auto field = fields.next();
    if (!field || field->tag != kLabelTag) return corrupt();
    FieldReader inner(field->bytes);
    const auto name = inner.next();
    if (!name || name->tag != kLabelTag || name->bytes <= last) return corrupt();
    const auto value = inner.next();
    if (!value || value->tag != kValueTag || !inner.at_end()) return corrupt();
    last = name->bytes;
  }
  SeriesLabels labels;
  labels.bytes_ = bytes;
  return labels;
}

std::size_t SeriesLabels::size() const {
  return static_cast<std::size_t>(std::distance(begin(), end()));
}

std::string_view SeriesLabels::get(std::string_view name) const {
  for (const Label label : *this) {
    if (label.name == name) return label.value;
  }
  return {};
}

LabelSet SeriesLabels::to_label_set() const {
  LabelSet::Builder builder;
  for (const Label label : *this) {
    if (label.name != kMetricLabel) builder.add(label.name, label.value);
  }
  return builder.build().value_or(LabelSet());  // Names are unique and not empty.
}

std::string SeriesLabels::to_string() const {
  return std::string(get(kMetricLabel)) + to_label_set().to_string();
}

Hash128 series_id(std::string_view tenant, const SeriesLabels& labels) {
  std::string bytes;
  bytes.reserve(tenant.size() + labels.bytes().size() + 8);
  ByteWriter w(bytes);
  w.text(tenant);
  w.text(labels.bytes());
  return hash128(bytes);
}

std::shared_ptr<const Series> make_series(std::string tenant, SeriesLabels labels, std::string unit,
                                          SeriesSlot slot) {
  const Hash128 id = series_id(tenant, labels);
  return std::make_shared<const Series>(Series{.id = id,
                                               .slot = slot,
                                               .tenant = std::move(tenant),
                                               .unit = std::move(unit),
                                               .labels = std::move(labels)});
}

Entity entity_of(const Series& series) {
  return entity_from_labels(series.labels.to_label_set());
}

}  // namespace quell
