#include "eval/series_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>

#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

constexpr std::size_t kColumnsMax = 64;

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Of a number, what spreadsheets add is taken off: quotes, a plus.
std::string_view bare(std::string_view text) {
  text = trim(text);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = trim(text.substr(1, text.size() - 2));
  }
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

struct ColumnPlaces {
  std::size_t time = kColumnsMax;
  std::size_t value = kColumnsMax;
  std::size_t label = kColumnsMax;
  std::size_t identity = kColumnsMax;  // Of the series, where a file could hold several.
};

std::string_view column(std::string_view line, std::size_t place) {
  for (; place > 0; --place) {
    const auto comma = line.find(',');
    if (comma == line.npos) return {};
    line.remove_prefix(comma + 1);
  }
  return bare(line.substr(0, line.find(',')));
}

std::optional<std::uint8_t> parse_label(std::string_view text) {
  const std::string word = to_lower(text);
  if (word == "true") return 1;
  if (word == "false") return 0;
  const auto number = parse_number<double>(text);
  if (!number || (*number != 0 && *number != 1)) return std::nullopt;
  return *number != 0 ? 1 : 0;
}

Result<ColumnPlaces> read_header(std::string_view line, const std::string& place) {
  ColumnPlaces places;
  const auto names = split(line, ',');
  for (std::size_t i = 0; i < std::min(names.size(), kColumnsMax); ++i) {
    const std::string name = to_lower(bare(names[i]));
    if (name == "timestamp") places.time = i;
    if (name == "value") places.value = i;
    if (name == "label") places.label = i;
    if (name == "kpi id") places.identity = i;
  }
  if (places.time == kColumnsMax || places.value == kColumnsMax) {
    return fail(Errc::InvalidArgument,
                fmt::format("expected a header with the columns 'timestamp' and 'value', got '{}'",
                            utf8_prefix(line, 60)),
                place);
  }
  return places;
}

Status read_row(std::string_view line, const ColumnPlaces& places, const std::string& place,
                RecordedSeries& out) {
  const auto time = parse_recorded_time(column(line, places.time));
  if (!time) return fail(Errc::InvalidArgument, time.error().message, place);
  const std::string_view value_text = column(line, places.value);
  const auto value = parse_number<double>(value_text);
  if (!value) {
    return fail(Errc::InvalidArgument,
                fmt::format("expected a number as value, got '{}'", utf8_prefix(value_text, 60)),
                place);
  }
  out.seconds.push_back(*time);
  out.values.push_back(*value);
  if (places.label == kColumnsMax) return {};
  const std::string_view label_text = column(line, places.label);
  const auto label = parse_label(label_text);
  if (!label) {
    return fail(Errc::InvalidArgument,
                fmt::format("expected 0 or 1 as label, got '{}'", utf8_prefix(label_text, 60)),
                place);
  }
  out.labels.push_back(*label);
  return {};
}

}  // namespace

Result<std::int64_t> parse_recorded_time(std::string_view text) {
  constexpr double kSecondsMost = 9.2e9;  // Nanoseconds since 1970 must fit into 64 bits.
  if (const auto seconds = parse_number<double>(text)) {
    if (std::abs(*seconds) <= kSecondsMost) {
      return static_cast<std::int64_t>(std::floor(*seconds));
    }
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is too far away for seconds since 1970: are these milliseconds?",
                            utf8_prefix(text, 60)));
  }
  // `2014-04-01 00:00:00[.000000]` without a zone is UTC.
  const std::string with_zone =
      text.find_first_of("Zz+", 0) == text.npos ? fmt::format("{}Z", text) : std::string(text);
  const auto time = parse_rfc3339(with_zone);
  if (!time) {
    return fail(Errc::InvalidArgument,
                fmt::format("expected seconds or 'YYYY-MM-DD HH:MM:SS' as timestamp, got '{}'",
                            utf8_prefix(text, 60)));
  }
  return std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count();
}

Result<RecordedSeries> parse_series_csv(std::string_view text, std::string_view name) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  RecordedSeries out;
  std::optional<ColumnPlaces> places;
  std::string identity;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const std::string place = fmt::format("{}:{}", name, number);
    if (!places) {
      TRY(places, read_header(line, place));
      continue;
    }
    if (places->identity != kColumnsMax) {
      const std::string_view whose = column(line, places->identity);
      if (out.size() == 0) identity = whose;
      if (whose != identity) {
        return fail(Errc::InvalidArgument,
                    fmt::format("the file holds several series ('{}' and '{}'): give each its own",
                                utf8_prefix(identity, 60), utf8_prefix(whose, 60)),
                    place);
      }
    }
    TRY_STATUS(read_row(line, *places, place, out));
  }
  if (out.size() == 0) return fail(Errc::NotFound, "no samples", std::string(name));
  return out;
}

void sort_by_time(RecordedSeries& series) {
  if (std::ranges::is_sorted(series.seconds)) return;
  std::vector<std::size_t> order(series.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return series.seconds[i]; });
  const auto arrange = [&](auto& column) {
    if (column.empty()) return;
    auto sorted = column;
    for (std::size_t i = 0; i < order.size(); ++i) sorted[i] = column[order[i]];
    column = std::move(sorted);
  };
  arrange(series.values);
  arrange(series.labels);
  arrange(series.seconds);
}

}  // namespace quell
