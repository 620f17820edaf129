#include "normalize/time_text.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "base/text.h"
#include "base/time.h"

namespace quell {
namespace {

std::unexpected<Error> no_time(std::string_view text) {
  return fail(Errc::InvalidArgument,
              fmt::format("'{}' is not a time that Quell knows", utf8_prefix(text, 64)));
}

Duration unit_of(TimeFormat format, std::int64_t number) {
  switch (format) {
    case TimeFormat::EpochS: return std::chrono::seconds{1};
    case TimeFormat::EpochMs: return std::chrono::milliseconds{1};
    case TimeFormat::EpochUs: return std::chrono::microseconds{1};
    case TimeFormat::EpochNs: return Duration{1};
    case TimeFormat::Auto:
    case TimeFormat::Text: break;
  }
  // Seconds pass 10^11 in the year 5138; milliseconds had passed it in 1973.
  if (number < 100'000'000'000) return std::chrono::seconds{1};
  if (number < 100'000'000'000'000) return std::chrono::milliseconds{1};
  if (number < 100'000'000'000'000'000) return std::chrono::microseconds{1};
  return Duration{1};
}

// `1795248819` or `1795248819.692`.
Result<std::optional<Timestamp>> parse_epoch(std::string_view text, TimeFormat format) {
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc{} || whole < 0) return no_time(text);
  std::string_view fraction = text.substr(static_cast<std::size_t>(end - text.data()));
  if (!fraction.empty() &&
      (fraction[0] != '.' || fraction.find_first_not_of("0123456789", 1) != fraction.npos)) {
    return no_time(text);
  }
  if (whole == 0) return std::optional<Timestamp>{};
  constexpr std::int64_t kSmallest = 100'000'000;  // Seconds: March 1973.
  if (format == TimeFormat::Auto && whole < kSmallest) return no_time(text);
  const Duration unit = unit_of(format, whole);
  if (whole >= Duration::max() / unit) return no_time(text);
  Duration since = whole * unit;
  Duration digit = unit;
  for (std::size_t i = 1; i < fraction.size() && digit.count() > 0; ++i) {
    digit /= 10;
    since += digit * (fraction[i] - '0');
  }
  return std::optional<Timestamp>{Timestamp{since}};
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == text.npos &&
         text.find('.') == text.rfind('.');
}

}  // namespace

std::optional<TimeFormat> parse_time_format(std::string_view word) {
  if (word == "auto") return TimeFormat::Auto;
  if (word == "text") return TimeFormat::Text;
  if (word == "epoch_s") return TimeFormat::EpochS;
  if (word == "epoch_ms") return TimeFormat::EpochMs;
  if (word == "epoch_us") return TimeFormat::EpochUs;
  if (word == "epoch_ns") return TimeFormat::EpochNs;
  return std::nullopt;
}

Result<std::optional<Timestamp>> parse_time_text(std::string_view raw, TimeStyle style) {
  const std::string_view text = trim(raw);
  if (text.empty()) return std::optional<Timestamp>{};
  if (style.format != TimeFormat::Text && is_number(text)) return parse_epoch(text, style.format);
  if (style.format != TimeFormat::Text && style.format != TimeFormat::Auto) return no_time(text);

  std::string plain(text);
  // Zabbix and others: 2026.11.21, 2026/11/21.
  if (plain.size() > 10 && (plain[4] == '.' || plain[4] == '/') && plain[7] == plain[4]) {
    plain[4] = plain[7] = '-';
  }
  Result<Timestamp> time = parse_rfc3339(plain);
  if (!time) {
    // Perhaps only the zone is missing.
    time = parse_rfc3339(plain + "Z");
    if (!time) return no_time(text);
    if (*time != kMinTime && *time != kMaxTime) *time -= style.zone;
  }
  if (*time == kMinTime || *time == kMaxTime) return std::optional<Timestamp>{};
  return std::optional<Timestamp>{*time};
}

Result<Duration> parse_zone(std::string_view text) {
  const auto noon = parse_rfc3339("2000-01-01T12:00:00" + std::string(text));
  if (!noon || text.empty()) {
    return fail(Errc::InvalidArgument, fmt::format("'{}' is not an offset such as +01:00", text));
  }
  return *parse_rfc3339("2000-01-01T12:00:00Z") - *noon;
}

}  // namespace quell
