#include "wire/exposition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/hash.h"
#include "base/text.h"
#include "model/series.h"

namespace quell {
namespace {

constexpr std::array<std::pair<std::string_view, MetricType>, 9> kTypes{{
    {"counter", MetricType::Counter},
    {"gauge", MetricType::Gauge},
    {"histogram", MetricType::Histogram},
    {"gaugehistogram", MetricType::GaugeHistogram},
    {"summary", MetricType::Summary},
    {"info", MetricType::Info},
    {"stateset", MetricType::StateSet},
    {"untyped", MetricType::Unknown},
    {"unknown", MetricType::Unknown},
}};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_name_char(char c, bool is_first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
         (!is_first && c >= '0' && c <= '9');
}

// Go's and OpenMetrics' numbers.
bool parse_number(std::string_view text, double& out) {
  if (text.empty()) return false;
  std::string_view digits = text;
  if (digits.front() == '+') digits.remove_prefix(1);
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, out);
  if (stop != end || digits.empty()) return false;
  if (error == std::errc::result_out_of_range) {
    const bool is_small = digits.find("e-") != digits.npos || digits.find("E-") != digits.npos;
    out = is_small ? 0 : HUGE_VAL;
    if (digits.front() == '-') out = -out;
    return true;
  }
  return error == std::errc{};
}

class ExpositionReader {
 public:
  ExpositionReader(std::string_view text, ExpositionFormat format, const ExpositionLimits& limits)
      : text_(text), is_open_metrics_(format == ExpositionFormat::OpenMetrics), limits_(limits) {}

  Result<Exposition> read() {
    while (!text_.empty() && !ended_) {
      ++line_number_;
      const auto end = text_.find('\n');
      line_ = text_.substr(0, end);
      text_.remove_prefix(end == text_.npos ? text_.size() : end + 1);
      if (line_.ends_with('\r')) line_.remove_suffix(1);
      TRY_STATUS(line());
    }
    if (is_open_metrics_ && !ended_) {
      return wrong("the text ends without '# EOF': it is cut off");
    }
    if (ended_ && !trim(text_).empty()) return wrong("there is text behind '# EOF'");
    return std::move(out_);
  }

 private:
  std::unexpected<Error> wrong(std::string_view what) const {
    return fail(Errc::InvalidArgument, std::string(what), fmt::format("line {}", line_number_));
  }

  char peek() const { return line_.empty() ? '\0' : line_.front(); }
  void skip_blanks() {
    while (!line_.empty() && is_blank(line_.front())) line_.remove_prefix(1);
  }
  bool take(char c) {
    if (peek() != c) return false;
    line_.remove_prefix(1);
    return true;
  }
  std::string_view word() {
    skip_blanks();
    std::size_t size = 0;
    while (size < line_.size() && !is_blank(line_[size])) ++size;
    const std::string_view found = line_.substr(0, size);
    line_.remove_prefix(size);
    return found;
  }
  std::string_view name() {
    std::size_t size = 0;
    while (size < line_.size() && is_name_char(line_[size], size == 0)) ++size;
    const std::string_view found = line_.substr(0, size);
    line_.remove_prefix(size);
    return found;
  }

  Status line() {
    skip_blanks();
    if (line_.empty()) {
      if (is_open_metrics_) return wrong("an empty line");
      return {};
    }
    return peek() == '#' ? comment() : sample();
  }

  // ---------------------------------------------------------------------------------------------
  // Metadata.

  FamilyMetadata& family(std::string_view name) {
    const auto [at, is_new] = families_.try_emplace(std::string(name), out_.families.size());
    if (is_new) out_.families.push_back({.name = std::string(name)});
    return out_.families[at->second];
  }

  Status comment() {
    line_.remove_prefix(1);
    const std::string_view keyword = word();
    if (is_open_metrics_ && keyword == "EOF") {
      ended_ = true;
      return {};
    }
    if (keyword != "HELP" && keyword != "TYPE" && keyword != "UNIT") return {};
    skip_blanks();
    std::string metric;
    if (peek() == '"') {
      TRY(metric, quoted());
    } else {
      metric = name();
    }
    if (metric.empty()) return wrong(fmt::format("# {} without a metric's name", keyword));
    if (invalid_utf8_at(metric)) return wrong("the metric's name is not UTF-8");
    if (out_.families.size() > limits_.samples_max) return wrong("more families than samples");
    if (keyword == "TYPE") return type_of(metric);
    skip_blanks();
    if (invalid_utf8_at(line_)) return wrong(fmt::format("# {} is not UTF-8", keyword));
    if (keyword == "UNIT") {
      family(metric).unit = line_;
    } else {
      family(metric).help = help_text(line_);
    }
    return {};
  }

  Status type_of(std::string_view metric) {
    const std::string_view type = trim(line_);
    const auto known =
        std::ranges::find(kTypes, type, [](const auto& entry) { return entry.first; });
    if (known == kTypes.end()) {
      return wrong(fmt::format("'{}' is no type of a metric", utf8_prefix(type, 64)));
    }
    family(metric).type = known->second;
    return {};
  }

  static std::string help_text(std::string_view escaped) {
    std::string text;
    for (std::size_t i = 0; i < escaped.size(); ++i) {
      const bool escapes = escaped[i] == '\\' && i + 1 < escaped.size();
      if (escapes && (escaped[i + 1] == 'n' || escaped[i + 1] == '\\')) {
        text += escaped[++i] == 'n' ? '\n' : '\\';
      } else {
        text += escaped[i];
      }
    }
    return text;
  }

  // ---------------------------------------------------------------------------------------------
  // Samples.

  // The text in quotes that stands here.
  Result<std::string> quoted() {
    std::string text;
    if (!take('"')) return wrong("expected a text in quotes");
    while (peek() != '"') {
      if (line_.empty()) return wrong("a text in quotes does not end");
      const char c = line_.front();
      line_.remove_prefix(1);
      if (c != '\\') {
        text += c;
        continue;
      }
      if (line_.empty()) return wrong("a text in quotes does not end");
      const char escaped = line_.front();
      line_.remove_prefix(1);
      if (escaped == 'n') {
        text += '\n';
      } else if (escaped == '"' || escaped == '\\') {
        text += escaped;
      } else {
        text += '\\';
        text += escaped;
      }
    }
    line_.remove_prefix(1);
    return text;
  }

  // `{a="b", "c.d"="e"}`; a text alone is the metric's name.
  Status labels(ExposedSample& sample) {
    while (true) {
      skip_blanks();
      if (take('}')) return {};
      std::string label;
      const bool is_quoted = peek() == '"';
      if (is_quoted) {
        TRY(label, quoted());
      } else {
        label = name();
      }
      if (label.empty()) return wrong("a label without a name");
      skip_blanks();
      if (is_quoted && peek() != '=') {
        if (!sample.labels.empty() && sample.labels.front().first == kMetricLabel) {
          return wrong("two names of a metric");
        }
        sample.labels.insert(sample.labels.begin(), {std::string(kMetricLabel), std::move(label)});
      } else {
        if (!take('=')) return wrong("expected '=' behind the name of a label");
        skip_blanks();
        TRY(std::string value, quoted());
        if (sample.labels.size() >= limits_.labels_max) {
          return wrong(fmt::format("a sample has more than {} labels", limits_.labels_max));
        }
        sample.labels.emplace_back(std::move(label), std::move(value));
      }
      skip_blanks();
      if (!take(',') && peek() != '}') return wrong("expected ',' or '}' behind a label");
    }
  }

  Status sample() {
    if (out_.samples.size() >= limits_.samples_max) {
      return fail(Errc::TooLarge,
                  fmt::format("there are more than {} samples", limits_.samples_max),
                  fmt::format("line {}", line_number_));
    }
    ExposedSample sample{.line = line_number_};
    if (const std::string_view metric = name(); !metric.empty()) {
      sample.labels.emplace_back(kMetricLabel, metric);
    }
    skip_blanks();
    if (take('{')) TRY_STATUS(labels(sample));
    const bool has_name = !sample.labels.empty() && sample.labels.front().first == kMetricLabel;
    if (!has_name) return wrong("a sample without a metric's name");
    for (const auto& [name, value] : sample.labels) {
      if (invalid_utf8_at(name) || invalid_utf8_at(value)) return wrong("a label is not UTF-8");
    }
    const std::string_view value = word();
    if (!parse_number(value, sample.value)) {
      return wrong(fmt::format("'{}' is no value", utf8_prefix(value, 64)));
    }
    skip_blanks();
    if (!line_.empty() && peek() != '#') TRY_STATUS(time(sample));
    skip_blanks();
    if (is_open_metrics_ && peek() == '#') {
      ++out_.exemplars;
    } else if (!line_.empty()) {
      return wrong("there is text behind the time of a sample");
    }
    out_.samples.push_back(std::move(sample));
    return {};
  }

  // Milliseconds, or seconds in OpenMetrics.
  Status time(ExposedSample& sample) {
    const std::string_view text = word();
    const auto bad = [&] { return wrong(fmt::format("'{}' is no time", utf8_prefix(text, 64))); };
    if (!is_open_metrics_) {
      std::int64_t ms = 0;
      const char* const end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data(), end, ms);
      if (error != std::errc{} || stop != end) return bad();
      sample.time_ms = ms;
      return {};
    }
    constexpr double kMost = 9e12;
    double seconds = 0;
    if (!parse_number(text, seconds) || !(std::abs(seconds) < kMost)) return bad();
    sample.time_ms = std::llround(seconds * 1000);
    return {};
  }

  std::string_view text_;
  std::string_view line_;
  const bool is_open_metrics_;
  const ExpositionLimits& limits_;
  std::size_t line_number_ = 0;
  bool ended_ = false;
  std::unordered_map<std::string, std::size_t> families_;
  Exposition out_;
};

}  // namespace

Result<ExpositionFormat> exposition_format(std::string_view content_type) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  if (type.empty() || equals_ignore_case(type, "text/plain")) return ExpositionFormat::Text;
  if (equals_ignore_case(type, "application/openmetrics-text")) {
    return ExpositionFormat::OpenMetrics;
  }
  return fail(Errc::Unsupported, fmt::format("the answer is '{}': a target answers text/plain or "
                                             "application/openmetrics-text",
                                             utf8_prefix(content_type, 128)));
}

Result<Exposition> parse_exposition(std::string_view text, ExpositionFormat format,
                                    const ExpositionLimits& limits) {
  return ExpositionReader(text, format, limits).read();
}

}  // namespace quell
