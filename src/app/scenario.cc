#include "app/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "model/command.h"
#include "model/labels.h"

namespace quell {
namespace {

constexpr std::string_view kBlockEnd = "----";
constexpr Duration kOffsetMax = std::chrono::days(1000);
constexpr Duration kLease = std::chrono::minutes(4);

class Parser {
 public:
  Parser(std::string_view text, std::string_view file, const ScenarioClock& clock)
      : rest_(text), file_(file), clock_(clock) {}

  Result<Scenario> parse() {
    scenario_.start = clock_.start;
    std::string_view name = file_.substr(file_.rfind('/') + 1);
    scenario_.name = name.substr(0, name.rfind('.'));
    while (auto line = next_line()) {
      const std::string_view text = trim(*line);
      if (text.starts_with('#')) {
        if (scenario_.steps.empty() && scenario_.config.empty()) describe(text.substr(1));
        continue;
      }
      if (text.empty()) continue;
      TRY_STATUS(run(text));
    }
    return std::move(scenario_);
  }

 private:
  std::unexpected<Error> error(std::string message) const {
    return fail(Errc::InvalidArgument, std::move(message), fmt::format("{}:{}", file_, line_));
  }

  void describe(std::string_view comment) {
    if (!scenario_.description.empty()) scenario_.description += '\n';
    scenario_.description += trim(comment);
  }

  std::optional<std::string_view> next_line() {
    if (rest_.empty()) return std::nullopt;
    const auto end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++line_;
    return line;
  }

  Result<std::string> block() {
    const int begin = line_;
    std::string text;
    while (auto line = next_line()) {
      if (*line == kBlockEnd) return text;
      text.append(*line).append("\n");
    }
    line_ = begin;
    return error("this block is not closed by a line '----'");
  }

  static std::string_view take_word(std::string_view& text) {
    text = trim(text);
    const auto end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text = trim(text.substr(end));
    return word;
  }

  Result<Duration> offset(std::string_view text) const {
    const bool before = text.starts_with('-');
    auto length = parse_duration(before ? text.substr(1) : text);
    if (!length) return error(length.error().message);
    if (*length > kOffsetMax) {
      return error(fmt::format("{} is more than {}", text, format_duration(kOffsetMax)));
    }
    const auto scaled =
        Duration{static_cast<std::int64_t>(static_cast<double>(length->count()) / clock_.speed)};
    return before ? -scaled : scaled;
  }

  Status run(std::string_view text) {
    const std::string_view verb = take_word(text);
    if (verb == "config") {
      TRY(scenario_.config, block());
      return {};
    }
    if (verb == "expect") {
      ScenarioStep step{.kind = ScenarioStep::Kind::Expect, .at = last_, .line = line_};
      TRY(step.expect, block());
      scenario_.steps.push_back(std::move(step));
      return {};
    }
    if (verb != "at" && verb != "advance") {
      return error(fmt::format("unknown verb '{}': config, at, advance or expect", verb));
    }
    const std::string_view time = take_word(text);
    TRY(const Duration after, offset(time));
    const Timestamp at = clock_.start + after;
    if (at < last_) return error(fmt::format("{} lies before the step above", time));
    last_ = at;
    if (verb == "advance") {
      scenario_.steps.push_back({.kind = ScenarioStep::Kind::Advance, .at = at, .line = line_});
      return {};
    }
    return run_at(at, text);
  }

  Status run_at(Timestamp at, std::string_view text) {
    const std::string_view verb = take_word(text);
    if (verb == "post") return post(at, text);
    if (verb == "alert" || verb == "resolve") return alert(at, at, verb == "alert", text);
    if (verb == "storm") return storm(at, text);
    if (verb == "command") return command(at, text);
    return error(fmt::format("unknown verb '{}': post, alert, resolve, storm or command", verb));
  }

  void add_frame(Timestamp at, FrameKind kind, std::string source, std::string body,
                 std::vector<std::pair<std::string, std::string>> headers = {}) {
    ScenarioStep step{.at = at, .line = line_};
    step.frame = {.arrived_at = at,
                  .kind = kind,
                  .source = std::move(source),
                  .content_type = "application/json",
                  .headers = std::move(headers),
                  .body = std::move(body)};
    scenario_.steps.push_back(std::move(step));
  }

  Status post(Timestamp at, std::string_view text) {
    const std::string source(take_word(text));
    std::vector<std::pair<std::string, std::string>> headers;
    std::string content_type = "application/json";
    while (!text.empty()) {
      const std::string_view pair = take_word(text);
      const auto equals = pair.find('=');
      if (equals == pair.npos) return error(fmt::format("'{}' is not name=value", pair));
      if (pair.substr(0, equals) == "content-type") {
        content_type = pair.substr(equals + 1);
      } else {
        headers.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
      }
    }
    headers.emplace_back("content-type", content_type);
    TRY(const std::string raw, block());
    TRY(std::string body, fill_times(raw));
    add_frame(at, FrameKind::Ingest, source, std::move(body), std::move(headers));
    scenario_.steps.back().frame.content_type = content_type;
    return {};
  }

  // Replaces {{…}} by times.
  Result<std::string> fill_times(std::string_view raw) const {
    std::string text;
    for (;;) {
      const auto open = raw.find("{{");
      text.append(raw.substr(0, open));
      if (open == raw.npos) return text;
      raw.remove_prefix(open + 2);
      const auto close = raw.find("}}");
      if (close == raw.npos) return error("'{{' without '}}'");
      std::string_view inner = raw.substr(0, close);
      raw.remove_prefix(close + 2);
      const auto colon = inner.find(':');
      const std::string_view unit = colon == inner.npos ? "" : inner.substr(0, colon);
      TRY(const Duration after, offset(colon == inner.npos ? inner : inner.substr(colon + 1)));
      const Timestamp t = clock_.start + after;
      if (unit.empty()) {
        text += format_rfc3339(t);
      } else if (unit == "s") {
        text += std::to_string(to_ns(t) / 1'000'000'000);
      } else if (unit == "ms") {
        text += std::to_string(to_ns(t) / 1'000'000);
      } else if (unit == "ns") {
        text += std::to_string(to_ns(t));
      } else {
        return error(fmt::format("unknown time unit '{}': s, ms or ns", unit));
      }
    }
  }

  // Splits `a=b c="d e"` into pairs.
  Result<std::vector<std::pair<std::string, std::string>>> pairs(std::string_view text) const {
    std::vector<std::pair<std::string, std::string>> result;
    while (!(text = trim(text)).empty()) {
      const auto equals = text.find('=');
      if (equals == text.npos) return error(fmt::format("'{}' is not name=value", text));
      auto& [name, value] = result.emplace_back(text.substr(0, equals), "");
      text.remove_prefix(equals + 1);
      if (text.starts_with('"')) {
        const auto close = text.find('"', 1);
        if (close == text.npos) return error(fmt::format("'{}' has no closing quote", name));
        value = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
      } else {
        const auto end = std::min(text.find(' '), text.size());
        value = text.substr(0, end);
        text.remove_prefix(end);
      }
    }
    return result;
  }

  // One element of an Alertmanager post. `summary`, `description`, … are annotations.
  static void write_alert(JsonWriter& w,
                          const std::vector<std::pair<std::string, std::string>>& all,
                          Timestamp starts_at, Timestamp ends_at) {
    const auto is_annotation = [](std::string_view name) {
      return name == "summary" || name == "description" || name == "runbook_url";
    };
    const auto write = [&](std::string_view key, bool annotations) {
      w.key(key).begin_object();
      for (const auto& [name, value] : all) {
        if (is_annotation(name) == annotations) w.field(name, value);
      }
      w.end_object();
    };
    w.begin_object();
    write("labels", false);
    write("annotations", true);
    w.field("startsAt", starts_at).field("endsAt", ends_at);
    w.field("generatorURL", "http://prometheus.example:9090/graph?g0.expr=up&g0.tab=1");
    w.end_object();
  }

  Status alert(Timestamp at, Timestamp starts_at, bool firing, std::string_view text) {
    TRY(const auto all, pairs(text));
    std::string body;
    JsonWriter w(body);
    w.begin_array();
    write_alert(w, all, firing ? starts_at : at - std::chrono::hours(1), firing ? at + kLease : at);
    w.end_array();
    add_frame(at, FrameKind::Ingest, "alertmanager-v2", std::move(body));
    return {};
  }

  Status storm(Timestamp at, std::string_view text) {
    std::uint32_t count = 0;
    const std::string_view number = take_word(text);
    std::from_chars(number.data(), number.data() + number.size(), count);
    if (count == 0 || count > 1'000'000) return error(fmt::format("'{}' is not a count", number));
    if (take_word(text) != "over") return error("expected: storm COUNT over DURATION name=value …");
    TRY(const Duration span, offset(take_word(text)));
    constexpr std::uint32_t kPerPost = 100;
    for (std::uint32_t first = 0; first < count; first += kPerPost) {
      // span × first ÷ count, which may be too large before it is divided.
      const Timestamp post_at = at + span / count * first + span % count * first / count;
      std::string body;
      JsonWriter w(body);
      w.begin_array();
      for (std::uint32_t i = first; i < std::min(count, first + kPerPost); ++i) {
        std::string line(text);
        for (auto place = line.find("{i}"); place != line.npos; place = line.find("{i}")) {
          line.replace(place, 3, std::to_string(i));
        }
        TRY(const auto all, pairs(line));
        write_alert(w, all, post_at, post_at + kLease);
      }
      w.end_array();
      add_frame(post_at, FrameKind::Ingest, "alertmanager-v2", std::move(body));
      last_ = std::max(last_, post_at);
    }
    return {};
  }

  Result<IncidentId> incident(std::string_view word) const {
    const auto id = parse_incident_id(word);
    if (!id) return error(id.error().message);
    return *id;
  }

  // command KIND INCIDENT [OTHER] [by ACTOR] [text…]
  Status command(Timestamp at, std::string_view text) {
    Command command;
    const std::string_view word = take_word(text);
    const auto kind = parse_command_kind(word);
    if (!kind) return error(fmt::format("unknown command '{}'", word));
    command.kind = *kind;
    TRY(command.incident, incident(take_word(text)));
    if (command.kind == CommandKind::Merge) {
      TRY(command.other, incident(take_word(text)));
    }
    command.actor = "on-call";
    if (text.starts_with("by ")) {
      take_word(text);
      command.actor = take_word(text);
    }
    command.text = text;
    add_frame(at, FrameKind::Command, "api", encode_command(command));
    return {};
  }

  std::string_view rest_;
  std::string_view file_;
  ScenarioClock clock_;
  Scenario scenario_;
  Timestamp last_ = Timestamp::min();
  int line_ = 0;
};

}  // namespace

Result<Scenario> parse_scenario(std::string_view text, std::string_view file,
                                const ScenarioClock& clock) {
  return Parser(text, file, clock).parse();
}

}  // namespace quell
