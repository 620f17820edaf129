#include "app/dead_letter_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "app/decoders.h"
#include "base/text.h"

namespace quell {
namespace {

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Walks over JSON text without checking more than it needs to find where values end.
class Scanner {
 public:
  explicit Scanner(std::string_view text, Range within) : text_(text), at_(within.begin) {
    end_ = within.end;
  }

  bool eat(char c) {
    space();
    if (at_ >= end_ || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // The next value.
  std::optional<Range> value() {
    space();
    const std::size_t begin = at_;
    if (at_ >= end_) return std::nullopt;
    if (text_[at_] == '"') {
      if (!string()) return std::nullopt;
    } else if (text_[at_] == '{' || text_[at_] == '[') {
      if (!nested()) return std::nullopt;
    } else {
      while (at_ < end_ && !std::string_view(",]} \t\r\n").contains(text_[at_])) ++at_;
    }
    if (at_ == begin) return std::nullopt;
    return Range{begin, at_};
  }

  std::size_t position() const { return at_; }

 private:
  void space() {
    while (at_ < end_ && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  }

  bool string() {
    for (++at_; at_ < end_; ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return true;
      }
    }
    return false;
  }

  bool nested() {
    std::size_t depth = 0;
    while (at_ < end_) {
      const char c = text_[at_];
      if (c == '"') {
        if (!string()) return false;
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return true;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
};

// Where the value of `key` is in the object that `within` holds. Keys with escapes are not found.
std::optional<Range> member(std::string_view text, Range within, std::string_view key) {
  Scanner scan(text, within);
  if (!scan.eat('{') || scan.eat('}')) return std::nullopt;
  do {
    const auto name = scan.value();
    if (!name || !scan.eat(':')) return std::nullopt;
    const auto value = scan.value();
    if (!value) return std::nullopt;
    const std::string_view quoted = text.substr(name->begin, name->end - name->begin);
    if (quoted.size() == key.size() + 2 && quoted.substr(1, key.size()) == key) return value;
  } while (scan.eat(','));
  return std::nullopt;
}

std::vector<Range> elements(std::string_view text, Range within) {
  std::vector<Range> found;
  Scanner scan(text, within);
  if (!scan.eat('[')) return found;
  while (const auto value = scan.value()) {
    found.push_back(*value);
    if (!scan.eat(',')) break;
  }
  return found;
}

void blank(std::string& body, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    if (body[i] != '\n') body[i] = ' ';
  }
}

// Leaves only element `index` of the array at `path` within `part` of the body.
bool keep_element(std::string& body, Range part, std::string_view path, std::size_t index) {
  Range at = part;
  for (const std::string_view step : split(path, '/')) {
    if (step.empty()) continue;
    if (step.contains('~')) return false;
    const auto value = member(body, at, step);
    if (!value) return false;
    at = *value;
  }
  const std::vector<Range> all = elements(body, at);
  if (index >= all.size()) return false;
  blank(body, all.front().begin, all[index].begin);
  blank(body, all[index].end, all.back().end);
  return true;
}

// Leaves only line `number` (from 1); returns where it is.
std::optional<Range> keep_line(std::string& body, std::size_t number) {
  std::size_t begin = 0;
  for (std::size_t n = 1; n < number; ++n) {
    const auto newline = body.find('\n', begin);
    if (newline == body.npos) return std::nullopt;
    begin = newline + 1;
  }
  const std::size_t end = std::min(body.find('\n', begin), body.size());
  blank(body, 0, begin);
  blank(body, end, body.size());
  return Range{begin, end};
}

std::optional<std::size_t> take_number(std::string_view& text) {
  std::size_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return number;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

struct ArrayPlace {
  std::string path{};
  std::size_t index = 0;
};

// The element of the array of records that `place` is in. Formats say where that array is; of
// packs, every place is a record's own, and its last step the index.
std::optional<ArrayPlace> array_place(std::string_view source, std::string_view place) {
  const bool built_in = std::ranges::find(kBuiltInKinds, source) != std::end(kBuiltInKinds);
  ArrayPlace found;
  if (built_in) {
    found.path = source == "alertmanager" ? "/alerts" : "";
    const bool has_records = source == "cloudevents" || source == "alertmanager" ||
                             source == "alertmanager-v2" || source == "agent";
    if (!has_records || !take_prefix(place, found.path) || !take_prefix(place, "/")) return {};
  } else {
    const auto slash = place.rfind('/');
    if (slash == place.npos) return {};
    found.path = place.substr(0, slash);
    place.remove_prefix(slash + 1);
  }
  const auto index = take_number(place);
  if (!index || (!place.empty() && (!built_in || place.front() != '/'))) return {};
  found.index = *index;
  return found;
}

}  // namespace

std::string LetterRecord::place_in_original(const std::string& place,
                                            const DeadLetter& letter) const {
  if (event || (!name.empty() && !place.starts_with(cut_prefix))) return letter.rejected.place;
  return original_prefix + place.substr(cut_prefix.size());
}

std::optional<LetterRecord> record_of(const Frame& frame, const DeadLetter& letter) {
  LetterRecord record{.frame = frame};
  record.frame.arrived_at = letter.arrived_at;
  std::string& body = record.frame.body;
  std::string_view place = letter.rejected.place;
  if (take_prefix(place, "event ")) {
    const auto number = take_number(place);
    if (!number || !place.empty()) return std::nullopt;
    record.event = static_cast<std::uint32_t>(*number);
    record.name = letter.rejected.place;
    return record;
  }
  Range part{0, body.size()};
  std::string_view inner = place;
  if (take_prefix(inner, "line ")) {
    const auto number = take_number(inner);
    const auto line = number ? keep_line(body, *number) : std::nullopt;
    if (!line) return std::nullopt;
    part = *line;
    record.name = fmt::format("line {}", *number);
    // A pack: an element of an array in the line. All else says where in the line it stopped.
    if (!inner.starts_with(" /")) {
      record.cut_prefix = record.original_prefix = record.name;
      return record;
    }
    inner.remove_prefix(1);
  }
  if (const auto element = array_place(frame.source, inner)) {
    if (keep_element(body, part, element->path, element->index)) {
      const std::string line = record.name.empty() ? "" : record.name + ' ';
      record.cut_prefix = fmt::format("{}/0", element->path);
      record.original_prefix = fmt::format("{}{}/{}", line, element->path, element->index);
      record.name = record.original_prefix;
      return record;
    }
    return std::nullopt;
  }
  if (!record.name.empty()) return std::nullopt;
  // The frame is one record, or nothing of it could be read: then there was one letter.
  if (letter.rejected.place.empty() && letter.index > 0) return std::nullopt;
  return record;
}

}  // namespace quell
