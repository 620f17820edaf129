// The pictures of a backtest: characters for a terminal, SVG for a browser.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "base/time.h"
#include "eval/backtest.h"

namespace quell {
namespace {

constexpr std::size_t kRows = 9;
constexpr std::size_t kFindingsShown = 50;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void widen(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// Of values and band; never empty.
Range range_of(const BacktestSeries& series) {
  Range range;
  for (const auto& column : series.columns) {
    if (column.count > 0) range.widen(column.low);
    if (column.count > 0) range.widen(column.high);
    range.widen(column.band_low);
    range.widen(column.band_high);
  }
  if (!(range.low <= range.high)) return {0, 1};
  if (range.low == range.high) range.high += std::max(1.0, std::abs(range.high));
  return range;
}

std::string short_time(Timestamp time) {
  std::string text = format_rfc3339(std::chrono::floor<std::chrono::seconds>(time));
  text[10] = ' ';
  return text.substr(0, 19);
}

// One row of characters: '#' values, '.' what was usual.
std::string text_row(const BacktestSeries& series, double low, double high) {
  std::string row;
  for (const auto& column : series.columns) {
    const bool value = column.count > 0 && column.low <= high && column.high >= low;
    const bool band = column.band_low <= high && column.band_high >= low;
    row += value ? '#' : band ? '.' : ' ';
  }
  return row;
}

std::string text_picture(const BacktestSeries& series) {
  const Range range = range_of(series);
  const double step = (range.high - range.low) / static_cast<double>(kRows);
  std::string text;
  for (std::size_t i = 0; i < kRows; ++i) {
    const double high = range.high - static_cast<double>(i) * step;
    const std::string scale = i == 0           ? fmt::format("{:.4g}", range.high)
                              : i == kRows - 1 ? fmt::format("{:.4g}", range.low)
                                               : std::string();
    text += fmt::format("  {:>11} |{}\n", scale, text_row(series, high - step, high));
  }
  std::string marks;
  for (const auto& column : series.columns) {
    marks += column.in_finding ? '^' : column.in_episode ? '-' : ' ';
  }
  text += fmt::format("  {:>11} |{}\n", "findings", marks);
  text += fmt::format("  {:>11}  {:<{}}{}\n", "", short_time(series.begin),
                      BacktestSeries::kColumns - 19, short_time(series.end));
  return text;
}

std::string_view direction_word(std::int8_t side) {
  return side > 0 ? "above" : side < 0 ? "below" : "away";
}

std::string text_finding(const BacktestFinding& f) {
  std::string text = fmt::format(
      "  {}  noticed after {:<7}  {:<13}  ", short_time(f.onset),
      format_length(f.detected_at - f.onset),
      f.ended_at ? "for " + format_length(*f.ended_at - f.onset) : std::string("goes on"));
  if (!f.furthest.empty()) {
    return text + fmt::format("together as rare as p = {:.2g}, furthest {}: {:.4g}, usual {:.4g}\n",
                              f.p, printable(f.furthest), f.value, f.expected);
  }
  text += fmt::format("{:.4g}, {} what was expected ({:.4g})", f.value, direction_word(f.side),
                      f.expected);
  if (std::isfinite(f.lower) && std::isfinite(f.upper)) {
    text += fmt::format(", usual {:.4g} to {:.4g}", f.lower, f.upper);
  }
  if (f.crosses_at) text += fmt::format("; crosses the limit at {}", short_time(*f.crosses_at));
  return text + '\n';
}

constexpr double kSvgWidth = 960;
constexpr double kSvgHeight = 180;
constexpr double kSvgTop = 34;  // Above each chart, for its name.

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

// The area between two values of each column, in as many pieces as there are gaps.
template <class Low, class High>
std::string svg_area(const BacktestSeries& series, const Range& range, double top, Low low,
                     High high) {
  const double width = kSvgWidth / static_cast<double>(BacktestSeries::kColumns);
  const auto y = [&](double value) {
    return top + kSvgHeight * (range.high - value) / (range.high - range.low);
  };
  std::string path;
  for (std::size_t i = 0; i < series.columns.size(); ++i) {
    const double from = low(series.columns[i]);
    const double to = high(series.columns[i]);
    if (!std::isfinite(from) || !std::isfinite(to)) continue;
    fmt::format_to(std::back_inserter(path), "M{:.1f} {:.1f}h{:.1f}V{:.1f}h-{:.1f}z",
                   static_cast<double>(i) * width, y(to), width, std::max(y(from), y(to) + 1.2),
                   width);
  }
  return path;
}

std::string counted(std::size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

// What a series alone has: of `auto` the server makes findings of it.
std::string_view word_for(const DetectionRule& rule) {
  return rule.detector.kind == NamedDetectorKind::Auto ? "episode" : "finding";
}

void svg_chart(const DetectionRule& rule, const BacktestSeries& series, double top,
               std::string& out) {
  using Column = BacktestSeries::Column;
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const Range range = range_of(series);
  fmt::format_to(std::back_inserter(out),
                 "<text x=\"4\" y=\"{:.0f}\">{}: {}; {:.4g} to {:.4g}</text>\n", top - 12,
                 escape(series.series), counted(series.findings.size(), word_for(rule)), range.low,
                 range.high);
  out += "<path class=\"episode\" d=\"" +
         svg_area(
             series, range, top, [&](const Column& c) { return c.in_episode ? range.low : kNone; },
             [&](const Column& c) { return c.in_episode ? range.high : kNone; }) +
         "\"/>\n<path class=\"finding\" d=\"" +
         svg_area(
             series, range, top, [&](const Column& c) { return c.in_finding ? range.low : kNone; },
             [&](const Column& c) { return c.in_finding ? range.high : kNone; }) +
         "\"/>\n<path class=\"band\" d=\"" +
         svg_area(
             series, range, top, [](const Column& c) { return c.band_low; },
             [](const Column& c) { return c.band_high; }) +
         "\"/>\n<path class=\"value\" d=\"" +
         svg_area(
             series, range, top, [&](const Column& c) { return c.count > 0 ? c.low : kNone; },
             [&](const Column& c) { return c.count > 0 ? c.high : kNone; }) +
         "\"/>\n";
  fmt::format_to(std::back_inserter(out),
                 "<text class=\"time\" x=\"4\" y=\"{0:.0f}\">{1}</text>"
                 "<text class=\"time end\" x=\"{2:.0f}\" y=\"{0:.0f}\">{3}</text>\n",
                 top + kSvgHeight + 14, short_time(series.begin), kSvgWidth - 4,
                 short_time(series.end));
}

}  // namespace

std::string render_backtest(const DetectionRule& rule, const BacktestSeries& series) {
  std::string text = fmt::format("{}: {}, {} of them for learning; {}\n", printable(series.series),
                                 counted(series.samples, "sample"), series.learning,
                                 counted(series.findings.size(), word_for(rule)));
  text += text_picture(series);
  for (std::size_t i = 0; i < std::min(series.findings.size(), kFindingsShown); ++i) {
    text += text_finding(series.findings[i]);
  }
  if (series.findings.size() > kFindingsShown) {
    text += fmt::format("  and {} more\n", series.findings.size() - kFindingsShown);
  }
  for (const auto& [reason, n] : series.held_back) {
    text += fmt::format("  held back: {} unusual sample{}, {}\n", n, n == 1 ? "" : "s", reason);
  }
  return text;
}

std::string render_raised(std::span<const Finding> raised) {
  if (raised.empty()) return {};
  std::string text = "what a server would have raised of all of them:\n";
  for (std::size_t i = 0; i < std::min(raised.size(), kFindingsShown); ++i) {
    const Finding& f = raised[i];
    fmt::format_to(
        std::back_inserter(text), "  {}  noticed after {:<7}  {:<13}  {:<8}  {} ({})\n",
        short_time(f.onset), format_length(f.detected_at - f.onset),
        f.ended_at ? "for " + format_length(*f.ended_at - f.onset) : "goes on",
        severity_name(f.severity), printable(f.title),
        f.series_count == 1 ? std::string("one series") : fmt::format("{} series", f.series_count));
  }
  if (raised.size() > kFindingsShown) {
    text += fmt::format("  and {} more\n", raised.size() - kFindingsShown);
  }
  return text;
}

std::string backtest_svg(const DetectionRule& rule, std::span<const BacktestSeries> all) {
  const double each = kSvgTop + kSvgHeight + 24;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "width=\"{0:.0f}\" height=\"{1:.0f}\">\n<title>{2}</title>\n"
      "<style>text{{font:12px sans-serif;fill:#333}}.time{{font-size:10px;fill:#777}}"
      ".end{{text-anchor:end}}.value{{fill:#1d4f91}}.band{{fill:#9ec5e8;opacity:.6}}"
      ".finding{{fill:#e5554b;opacity:.35}}.episode{{fill:#e5a54b;opacity:.25}}</style>\n<rect "
      "width=\"100%\" height=\"100%\" "
      "fill=\"#fff\"/>\n",
      kSvgWidth, each * static_cast<double>(all.size()), escape(rule.name));
  for (std::size_t i = 0; i < all.size(); ++i) {
    svg_chart(rule, all[i], static_cast<double>(i) * each + kSvgTop, out);
  }
  return out + "</svg>\n";
}

}  // namespace quell
