#include "model/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "base/hash.h"

namespace quell {

std::string format_fingerprint(Fingerprint fingerprint) {
  return fmt::format("{:016x}", fingerprint);
}

Result<Fingerprint> parse_fingerprint(std::string_view text) {
  Fingerprint value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || error != std::errc{} || end != text.data() + text.size()) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not a fingerprint of 16 hex digits", text.substr(0, 64)));
  }
  return value;
}

namespace {

// Most names differ in their first letter, and then there is no need for a call.
bool name_less(const Label& a, const Label& b) {
  if (!a.name.empty() && !b.name.empty() && a.name[0] != b.name[0]) {
    return static_cast<unsigned char>(a.name[0]) < static_cast<unsigned char>(b.name[0]);
  }
  return a.name < b.name;
}

// memcpy for the sizes that most names and values have, without the call.
void copy_short(char* to, std::string_view text) {
  const auto copy_ends = [&]<class Word>(Word) {
    Word first;
    Word last;
    std::memcpy(&first, text.data(), sizeof first);
    std::memcpy(&last, text.data() + text.size() - sizeof last, sizeof last);
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + text.size() - sizeof last, &last, sizeof last);
  };
  if (text.size() >= 8 && text.size() <= 16) {
    copy_ends(std::uint64_t{});
  } else if (text.size() >= 4 && text.size() < 8) {
    copy_ends(std::uint32_t{});
  } else {
    std::memcpy(to, text.data(), text.size());
  }
}

}  // namespace

Result<LabelSet> LabelSet::Builder::build() {
  auto pairs = std::span(pairs_).first(count_);
  const auto without_value = std::ranges::remove_if(
      pairs, [](const Label& l) { return l.value.empty() && !l.name.empty(); });
  pairs = pairs.first(pairs.size() - without_value.size());
  // Most senders sort by name.
  if (!std::ranges::is_sorted(pairs, name_less)) std::ranges::sort(pairs, name_less);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].name.empty()) return fail(Errc::InvalidArgument, "a label name is empty");
    if (i > 0 && pairs[i].name == pairs[i - 1].name) {
      return fail(Errc::InvalidArgument,
                  fmt::format("label '{}' appears twice", pairs[i].name.substr(0, 128)));
    }
  }
  return pack(pairs);
}

LabelSet LabelSet::pack(std::span<const Label> pairs) {
  std::size_t size = 0;
  for (const Label& label : pairs) size += kHeader + label.name.size() + label.value.size();
  LabelSet labels;
  labels.bytes_ = SharedText::make(size, [&](char* out) {
    for (const Label& label : pairs) {
      const std::uint32_t sizes[2] = {static_cast<std::uint32_t>(label.name.size()),
                                      static_cast<std::uint32_t>(label.value.size())};
      std::memcpy(out, sizes, sizeof sizes);
      copy_short(out + kHeader, label.name);
      copy_short(out + kHeader + sizes[0], label.value);
      out += kHeader + sizes[0] + sizes[1];
    }
  });
  return labels;
}

Result<LabelSet> LabelSet::from(const std::vector<Label>& pairs) {
  Builder builder;
  for (const Label& label : pairs) builder.add(label.name, label.value);
  return builder.build();
}

Result<LabelSet> LabelSet::from_bytes(std::string_view bytes) {
  Builder builder;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    std::uint32_t sizes[2] = {};
    if (rest.size() < sizeof sizes) return fail(Errc::Corrupt, "label set ends early");
    std::memcpy(sizes, rest.data(), sizeof sizes);
    rest.remove_prefix(sizeof sizes);
    if (std::uint64_t{sizes[0]} + sizes[1] > rest.size()) {
      return fail(Errc::Corrupt, "label set ends early");
    }
    builder.add(rest.substr(0, sizes[0]), rest.substr(sizes[0], sizes[1]));
    rest.remove_prefix(sizes[0] + sizes[1]);
  }
  TRY(LabelSet labels, builder.build());
  if (labels.bytes_ != bytes) return fail(Errc::Corrupt, "label set is not sorted");
  return labels;
}

namespace {

// Reads a value up to the next comma, or a quoted one. Returns false on a missing end quote.
bool take_value(std::string_view& text, std::string& value) {
  if (text.empty() || text[0] != '"') {
    const auto end = std::min(text.find(','), text.size());
    value = text.substr(0, end);
    text.remove_prefix(end);
    return true;
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return true;
    }
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    value += text[i];
  }
  return false;
}

}  // namespace

Result<LabelSet> LabelSet::parse(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const auto equals = text.find_first_of("=,");
    if (equals == text.npos || text[equals] == ',' || equals == 0) {
      const auto item = text.substr(0, std::min(text.find(','), text.size()));
      return fail(Errc::InvalidArgument, fmt::format("label needs name=value, got '{}'", item));
    }
    auto& [name, value] = pairs.emplace_back(text.substr(0, equals), "");
    text.remove_prefix(equals + 1);
    if (!take_value(text, value)) {
      return fail(Errc::InvalidArgument, fmt::format("label '{}' has no closing quote", name));
    }
    if (!text.empty() && text[0] == ',') text.remove_prefix(1);
  }
  Builder builder;
  for (const auto& [name, value] : pairs) builder.add(name, value);
  return builder.build();
}

std::size_t LabelSet::size() const {
  return static_cast<std::size_t>(std::distance(begin(), end()));
}

std::string_view LabelSet::get(std::string_view name) const {
  for (const Label label : *this) {
    if (label.name == name) return label.value;
  }
  return {};
}

LabelSet LabelSet::with(std::string_view name, std::string_view value) const {
  std::vector<Label> pairs;
  bool placed = value.empty();
  for (const Label label : *this) {
    if (!placed && label.name >= name) {
      pairs.push_back({name, value});
      placed = true;
    }
    if (label.name != name) pairs.push_back(label);
  }
  if (!placed) pairs.push_back({name, value});
  return pack(pairs);
}

LabelSet LabelSet::without(std::string_view name) const {
  return with(name, {});
}

LabelSet LabelSet::project(const std::vector<std::string>& names) const {
  std::vector<Label> kept;
  for (const Label label : *this) {
    if (std::ranges::find(names, label.name) != names.end()) kept.push_back(label);
  }
  return pack(kept);
}

Fingerprint LabelSet::fingerprint() const {
  constexpr std::string_view kSeparator = "\xff";  // No UTF-8 text contains it.
  Fingerprint hash = kFnvOffset;
  for (const Label label : *this) {
    hash = fnv1a(kSeparator, fnv1a(label.name, hash));
    hash = fnv1a(kSeparator, fnv1a(label.value, hash));
  }
  return hash;
}

std::string LabelSet::to_string() const {
  std::string text = "{";
  for (const Label label : *this) {
    if (text.size() > 1) text += ", ";
    text.append(label.name).append("=\"");
    for (const char c : label.value) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text + '}';
}

}  // namespace quell
