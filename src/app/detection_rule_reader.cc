#include "app/detection_rule_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "app/yaml_readers.h"

namespace quell {
namespace {

constexpr std::size_t kRulesMax = 1000;
constexpr Duration kSuppressMax = std::chrono::hours(24);
constexpr std::array<std::string_view, 7> kDays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

// `09:00-18:00`; an end before the beginning is on the next day.
Status read_hours(const YamlNode& node, WorkingHours& hours) {
  TRY(const auto text, node.text("hours"));
  unsigned parts[4] = {};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  bool good = true;
  for (int i = 0; i < 4 && good; ++i) {
    const auto [next, error] = std::from_chars(at, end, parts[i]);
    good = error == std::errc{};
    at = next;
    const char wanted = i == 1 ? '-' : ':';
    if (i < 3 && good) good = at != end && *at++ == wanted;
  }
  if (!good || at != end || parts[0] > 23 || parts[2] > 24 || parts[1] > 59 || parts[3] > 59) {
    return node.error(fmt::format("'hours' is written 09:00-18:00, got '{}'", text));
  }
  hours.first_minute = parts[0] * 60 + parts[1];
  hours.last_minute = parts[2] * 60 + parts[3];
  return {};
}

Result<std::size_t> read_day(const YamlNode& node, std::string_view word) {
  const auto found = std::ranges::find(kDays, word);
  if (found == kDays.end()) {
    return node.error(fmt::format("'{}' is no day: {}", word, fmt::join(kDays, ", ")));
  }
  return static_cast<std::size_t>(found - kDays.begin());
}

// `mon-fri`, `sat`, or a list of such.
Status read_weekdays(const YamlNode& node, WorkingHours& hours) {
  hours.weekdays = 0;
  const auto add = [&](const YamlNode& item) -> Status {
    TRY(const auto text, item.text("weekdays"));
    const auto dash = text.find('-');
    TRY(std::size_t day, read_day(item, text.substr(0, dash)));
    TRY(const std::size_t last, read_day(item, dash == text.npos ? text : text.substr(dash + 1)));
    for (;; day = (day + 1) % kDays.size()) {
      hours.weekdays |= static_cast<std::uint8_t>(1u << day);
      if (day == last) return {};
    }
  };
  if (!node.is_list()) return add(node);
  for (const YamlNode& item : node.items()) TRY_STATUS(add(item));
  return {};
}

// `rules/queue.yaml` -> `queue`.
std::string stem_of(std::string_view file) {
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0.
  return std::string(file.substr(0, file.find('.')));
}

// Which series, and what people call the rule.
Status read_what(const YamlNode& node, DetectionRule& rule) {
  const auto text = [&](std::string_view key, std::string& into) -> Status {
    const YamlNode* n = node.find(key);
    if (n == nullptr) return {};
    TRY(const auto value, n->text(key));
    into = value;
    return {};
  };
  TRY_STATUS(text("metric", rule.metric));
  TRY_STATUS(text("query", rule.query));
  if (const YamlNode* match = node.find("match")) {
    TRY(rule.matchers, read_matchers(*match));
  }
  if (!rule.metric.empty()) rule.name = rule.metric;
  TRY_STATUS(text("name", rule.name));
  return {};
}

Status read_detector(const YamlNode& node, NamedDetectorOptions& options) {
  if (const YamlNode* n = node.find("detector")) {
    TRY(const auto word, n->text("detector"));
    auto kind = parse_named_detector_kind(word);
    if (!kind) return n->error(kind.error().message);
    options.kind = *kind;
  }
  for (const auto& [key, into] :
       {std::pair{"above", &options.above}, std::pair{"below", &options.below}}) {
    if (const YamlNode* n = node.find(key)) {
      TRY(*into, n->number(key));
    }
  }
  for (const auto& [key, into] :
       {std::pair{"coverage", &options.coverage}, std::pair{"p", &options.p}}) {
    if (const YamlNode* n = node.find(key)) {
      TRY(*into, n->number(key));
    }
  }
  for (const auto& [key, into] :
       {std::pair{"horizon", &options.horizon}, std::pair{"silence", &options.silence}}) {
    if (const YamlNode* n = node.find(key)) {
      TRY(*into, n->duration(key));
    }
  }
  if (const YamlNode* n = node.find("warmup")) {
    TRY(const auto samples, n->integer("warmup"));
    if (samples < 1 || samples > 1'000'000) return n->error("'warmup' is 1 to 1000000 samples");
    options.warmup_samples = static_cast<std::uint32_t>(samples);
  }
  return {};
}

Status read_gate(const YamlNode& node, RuleGateOptions& gate) {
  if (const YamlNode* n = node.find("direction")) {
    TRY_STATUS(read_word(*n, "direction", gate.direction, parse_direction, "both, up or down"));
  }
  for (const auto& [key, into] :
       {std::pair{"min_change", &gate.min_change}, std::pair{"min_effect", &gate.min_effect}}) {
    if (const YamlNode* n = node.find(key)) {
      TRY(*into, n->number(key));
      if (!(*into >= 0 && *into <= 1e300)) {
        return n->error(
            fmt::format("'{}' must be a number of at least 0, got '{}'", key, n->raw_text()));
      }
    }
  }
  for (const auto& [key, into] :
       {std::pair{"min_duration", &gate.min_duration}, std::pair{"calm", &gate.calm},
        std::pair{"suppress_during_deploys", &gate.suppress_during_deploys}}) {
    if (const YamlNode* n = node.find(key)) {
      TRY(*into, n->duration(key));
    }
  }
  if (gate.suppress_during_deploys > kSuppressMax) {
    return node.find("suppress_during_deploys")
        ->error("'suppress_during_deploys' is at most 24h: a change is remembered for so long");
  }
  if (const YamlNode* n = node.find("page_while_learning")) {
    TRY(gate.page_while_learning, n->boolean("page_while_learning"));
  }
  const YamlNode* hours = node.find("hours");
  const YamlNode* weekdays = node.find("weekdays");
  if (hours != nullptr || weekdays != nullptr) gate.hours.emplace();
  if (hours != nullptr) TRY_STATUS(read_hours(*hours, *gate.hours));
  if (weekdays != nullptr) TRY_STATUS(read_weekdays(*weekdays, *gate.hours));
  return {};
}

using Kind = NamedDetectorKind;

Status read_timezone(const YamlNode& node, DetectionRule& rule) {
  const YamlNode* n = node.find("timezone");
  if (n == nullptr) return {};
  TRY(rule.timezone, n->text("timezone"));
  auto calendar = Calendar::parse(rule.timezone);
  if (!calendar) return n->error(calendar.error().to_string());
  if (!has_days(rule.detector.kind) && !rule.gate.hours) {
    return n->error(fmt::format(
        "'timezone' is for 'hours' and 'weekdays', which this rule has not, and for the detectors "
        "seasonal and change_point{}",
        rule.detector.kind == Kind::Auto
            ? "; the days of 'auto' are those of detection.timezone (in a backtest: --timezone)"
            : ""));
  }
  if (has_days(rule.detector.kind)) rule.detector.calendar = *calendar;
  rule.gate.calendar = *std::move(calendar);
  return {};
}

// What a key is for; one that the chosen detector would ignore is a mistake.
struct KeyUse {
  std::string_view key{};
  std::vector<Kind> kinds{};
};

Status check_use(const YamlNode& node, Kind kind) {
  const std::vector<Kind> with_expected{Kind::Auto, Kind::Threshold, Kind::Seasonal,
                                        Kind::ChangePoint};
  std::vector<Kind> sided = with_expected;
  sided.push_back(Kind::Forecast);
  const std::vector<Kind> lasting{Kind::Auto,     Kind::Threshold, Kind::Absence,
                                  Kind::Seasonal, Kind::Forecast,  Kind::Isolation};
  const std::vector<Kind> named{Kind::Threshold,   Kind::Absence,  Kind::Seasonal,
                                Kind::ChangePoint, Kind::Forecast, Kind::Isolation};
  const std::vector<Kind> learning{Kind::Auto, Kind::Seasonal, Kind::ChangePoint, Kind::Forecast,
                                   Kind::Isolation};
  std::vector<Kind> any = named;
  any.insert(any.begin(), Kind::Auto);
  const std::array<KeyUse, 17> uses{{{"above", {Kind::Threshold, Kind::Forecast}},
                                     {"below", {Kind::Threshold, Kind::Forecast}},
                                     {"horizon", {Kind::Forecast}},
                                     {"silence", {Kind::Absence}},
                                     {"coverage", {Kind::Seasonal}},
                                     {"p", {Kind::Isolation}},
                                     {"warmup", learning},
                                     {"page_while_learning", learning},
                                     {"direction", sided},
                                     {"min_change", with_expected},
                                     {"min_effect", with_expected},
                                     {"min_duration", lasting},
                                     {"calm", named},
                                     {"hours", any},
                                     {"weekdays", any},
                                     {"suppress_during_deploys", any},
                                     {"severity", any}}};
  for (const KeyUse& use : uses) {
    const YamlNode* n = node.find(use.key);
    if (n == nullptr || std::ranges::find(use.kinds, kind) != use.kinds.end()) continue;
    std::vector<std::string_view> names;
    for (const Kind k : use.kinds) names.push_back(named_detector_name(k));
    return n->error(fmt::format("'{}' cannot be used with the detector '{}'; it is for {}", use.key,
                                named_detector_name(kind), fmt::join(names, ", ")));
  }
  return {};
}

// Each detector's own view of its options.
Status check_detector(const YamlNode& node, const DetectionRule& rule) {
  const Kind kind = rule.detector.kind;
  if (kind == Kind::Auto &&
      (rule.detector.warmup_samples < 30 || rule.detector.warmup_samples > 4'000)) {
    return node.find("warmup")->error("'warmup' of the detector 'auto' is 30 to 4000 samples");
  }
  if (!rule.is_named()) return {};
  if (auto made = make_named_detector(rule.detector); !made) {
    return node.error(made.error().to_string());
  }
  return {};
}

Result<DetectionRule> read_rule(const YamlNode& node) {
  TRY_STATUS(node.must_be_map("a detection rule"));
  TRY_STATUS(node.check_keys({"name",
                              "metric",
                              "match",
                              "query",
                              "detector",
                              "above",
                              "below",
                              "horizon",
                              "silence",
                              "coverage",
                              "p",
                              "warmup",
                              "page_while_learning",
                              "direction",
                              "min_change",
                              "min_effect",
                              "min_duration",
                              "calm",
                              "hours",
                              "weekdays",
                              "timezone",
                              "suppress_during_deploys",
                              "severity"},
                             "a detection rule"));
  DetectionRule rule;
  TRY_STATUS(read_what(node, rule));
  TRY_STATUS(read_detector(node, rule.detector));
  TRY_STATUS(read_gate(node, rule.gate));
  rule.detector.speaks_while_learning = rule.gate.page_while_learning;
  TRY_STATUS(read_timezone(node, rule));
  if (const YamlNode* n = node.find("severity")) {
    Severity severity{};
    TRY_STATUS(
        read_word(*n, "severity", severity, parse_severity, "info, warning, error or critical"));
    rule.severity = severity;
  }
  TRY_STATUS(check_use(node, rule.detector.kind));
  TRY_STATUS(check_detector(node, rule));
  return rule;
}

}  // namespace

Result<std::vector<DetectionRule>> read_detection_rules(const YamlNode& node) {
  std::vector<DetectionRule> rules;
  TRY(const auto items, node.list("detection.rules"));
  if (items.size() > kRulesMax) {
    return node.error(fmt::format("{} rules, the limit is {}", items.size(), kRulesMax));
  }
  for (const YamlNode& item : items) {
    TRY(DetectionRule rule, read_rule(item));
    if (const YamlNode* n = item.find("query")) {
      return n->error("'query' is for backtests; say metric or match");
    }
    if (rule.metric.empty() && rule.matchers.empty()) {
      return item.error(
          "a detection rule needs metric or match; what holds for all series are the "
          "options of detection");
    }
    const bool is_auto = rule.detector.kind == Kind::Auto;
    if (is_auto && item.find("warmup") == nullptr)
      rule.detector.warmup_samples = 0;  // The general one.
    if (rule.name.empty()) rule.name = fmt::format("rule {}", rules.size() + 1);
    rules.push_back(std::move(rule));
  }
  return rules;
}

void take_timezone(DetectionRule& rule, std::string_view timezone, const Calendar& calendar) {
  if (!rule.timezone.empty() || calendar.posix() == Calendar().posix()) return;
  if (!has_days(rule.detector.kind) && !rule.gate.hours) return;
  rule.timezone = timezone;
  rule.gate.calendar = calendar;
  if (has_days(rule.detector.kind)) rule.detector.calendar = calendar;
}

Result<DetectionRule> read_backtest_rule(std::string_view yaml, std::string_view file,
                                         std::string_view timezone) {
  TRY(const Calendar calendar, Calendar::parse(timezone));
  TRY(const YamlNode node, parse_yaml(yaml, file));
  TRY(DetectionRule rule, read_rule(node));
  take_timezone(rule, timezone, calendar);
  if (rule.detector.kind == Kind::Auto) rule.detector.calendar = calendar;
  if (rule.detector.kind == Kind::Off) {
    return node.error("a series that is 'off' is not watched: there is nothing to test");
  }
  if (rule.name.empty()) rule.name = stem_of(file);
  return rule;
}

}  // namespace quell
