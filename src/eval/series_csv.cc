#include "eval/series_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
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

struct ColumnPlaces {
  std::size_t time = kColumnsMax;
  std::size_t value = kColumnsMax;
  std::size_t label = kColumnsMax;
};

std::string_view column(std::string_view line, std::size_t place) {
  for (; place > 0; --place) {
    const auto comma = line.find(',');
    if (comma == line.npos) return {};
    line.remove_prefix(comma + 1);
  }
  return trim(line.substr(0, line.find(',')));
}

Result<ColumnPlaces> read_header(std::string_view line, const std::string& place) {
  ColumnPlaces places;
  const auto names = split(line, ',');
  for (std::size_t i = 0; i < std::min(names.size(), kColumnsMax); ++i) {
    const std::string name = to_lower(trim(names[i]));
    if (name == "timestamp") places.time = i;
    if (name == "value") places.value = i;
    if (name == "label") places.label = i;
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
  const auto label = parse_number<double>(label_text);
  if (!label || (*label != 0 && *label != 1)) {
    return fail(Errc::InvalidArgument,
                fmt::format("expected 0 or 1 as label, got '{}'", utf8_prefix(label_text, 60)),
                place);
  }
  out.labels.push_back(*label != 0 ? 1 : 0);
  return {};
}

}  // namespace

Result<std::int64_t> parse_recorded_time(std::string_view text) {
  if (const auto seconds = parse_number<std::int64_t>(text)) return *seconds;
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
  RecordedSeries out;
  std::optional<ColumnPlaces> places;
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
    TRY_STATUS(read_row(line, *places, place, out));
  }
  if (out.size() == 0) return fail(Errc::InvalidArgument, "no samples", std::string(name));
  return out;
}

}  // namespace quell
