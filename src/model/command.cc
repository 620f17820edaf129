#include "model/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/crypto.h"
#include "base/json.h"
#include "model/finding.h"

namespace quell {
namespace {

constexpr std::array<std::string_view, 16> kCommandNames{"acknowledge",
                                                         "investigate",
                                                         "mitigate",
                                                         "resolve",
                                                         "close",
                                                         "reopen",
                                                         "note",
                                                         "assign",
                                                         "set_severity",
                                                         "set_title",
                                                         "merge",
                                                         "split",
                                                         "retry_dead_letters",
                                                         "finding_feedback",
                                                         "reset_models",
                                                         "import_models"};

template <class T>
bool take_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

Result<IncidentId> take_incident(const simdjson::dom::element& object, std::string_view key) {
  const std::string_view text = json_text(object, key);
  if (text.empty()) return IncidentId{0};
  auto id = parse_incident_id(text);
  if (!id) return fail(id.error().code, id.error().message, fmt::format("/{}", key));
  return *id;
}

Result<std::vector<Fingerprint>> take_alerts(const simdjson::dom::element& object) {
  std::vector<Fingerprint> alerts;
  simdjson::dom::array list;
  if (object["alerts"].get(list) != simdjson::SUCCESS) return alerts;
  for (const simdjson::dom::element item : list) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) {
      return fail(Errc::InvalidArgument, "a fingerprint must be a text",
                  fmt::format("/alerts/{}", alerts.size()));
    }
    auto fingerprint = parse_fingerprint(text);
    if (!fingerprint) {
      return fail(Errc::InvalidArgument, fingerprint.error().message,
                  fmt::format("/alerts/{}", alerts.size()));
    }
    alerts.push_back(*fingerprint);
  }
  return alerts;
}

Result<std::optional<DeadLetterId>> take_dead_letter(const simdjson::dom::element& object,
                                                     std::string_view key) {
  const std::string_view text = json_text(object, key);
  if (text.empty()) return std::optional<DeadLetterId>{};
  const auto id = parse_dead_letter_id(text);
  if (!id) return fail(id.error().code, id.error().message, fmt::format("/{}", key));
  return std::optional(*id);
}

}  // namespace

std::string_view command_kind_name(CommandKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kCommandNames.size() ? kCommandNames[index] : "unknown";
}

std::optional<CommandKind> parse_command_kind(std::string_view word) {
  const auto found = std::ranges::find(kCommandNames, word);
  if (found == kCommandNames.end()) return std::nullopt;
  return static_cast<CommandKind>(found - kCommandNames.begin());
}

std::string format_dead_letter_id(const DeadLetterId& id) {
  return fmt::format("{}-{}", id.offset, id.index);
}

Result<DeadLetterId> parse_dead_letter_id(std::string_view text) {
  DeadLetterId id;
  const auto dash = text.find('-');
  if (dash == text.npos || !take_number(text.substr(0, dash), id.offset) ||
      !take_number(text.substr(dash + 1), id.index)) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not a dead letter id such as 4711-0", text.substr(0, 64)));
  }
  return id;
}

std::string encode_command(const Command& c) {
  std::string out;
  JsonWriter w(out);
  w.begin_object().field("kind", command_kind_name(c.kind));
  if (c.incident != 0) w.field("incident", format_incident_id(c.incident));
  if (!c.actor.empty()) w.field("actor", c.actor);
  if (!c.text.empty()) w.field("text", c.text);
  if (c.other != 0) w.field("other", format_incident_id(c.other));
  if (c.number != 0) w.field("number", c.number);
  if (!c.alerts.empty()) {
    w.key("alerts").begin_array();
    for (const Fingerprint f : c.alerts) w.value(format_fingerprint(f));
    w.end_array();
  }
  if (c.expected_version) w.field("expected_version", *c.expected_version);
  if (c.dead_letter) w.field("dead_letter", format_dead_letter_id(*c.dead_letter));
  if (c.before) w.field("before", format_dead_letter_id(*c.before));
  if (c.finding != 0) w.field("finding", format_finding_id(c.finding));
  if (!c.data.empty()) w.field("data", base64_encode(c.data));
  if (!c.tenant.empty()) w.field("tenant", c.tenant);
  if (c.slot != 0) w.field("slot", c.slot);
  w.end_object();
  return out;
}

Result<Command> decode_command(std::string_view json) {
  simdjson::dom::parser parser;
  TRY(const auto object, parse_json(parser, json));
  Command c;
  const std::string_view kind = json_text(object, "kind");
  const auto known = parse_command_kind(kind);
  if (!known) {
    return fail(Errc::InvalidArgument, fmt::format("'{}' is not a command", kind.substr(0, 64)),
                "/kind");
  }
  c.kind = *known;
  TRY(c.incident, take_incident(object, "incident"));
  c.actor = json_text(object, "actor");
  c.text = json_text(object, "text");
  TRY(c.other, take_incident(object, "other"));
  c.number = static_cast<int>(json_integer(object, "number").value_or(0));
  TRY(c.alerts, take_alerts(object));
  if (const auto version = json_integer(object, "expected_version")) {
    c.expected_version = static_cast<std::uint64_t>(*version);
  }
  TRY(c.dead_letter, take_dead_letter(object, "dead_letter"));
  TRY(c.before, take_dead_letter(object, "before"));
  if (const auto id = json_text(object, "finding"); !id.empty()) {
    auto parsed = parse_finding_id(id);
    if (!parsed) return fail(parsed.error().code, parsed.error().message, "/finding");
    c.finding = *parsed;
  }
  if (const auto data = json_text(object, "data"); !data.empty()) {
    auto bytes = base64_decode(data);
    if (!bytes) return fail(Errc::InvalidArgument, "this is not base64", "/data");
    c.data = *std::move(bytes);
  }
  c.tenant = json_text(object, "tenant");
  c.slot = static_cast<std::uint64_t>(
      std::max<std::int64_t>(json_integer(object, "slot").value_or(0), 0));
  return c;
}

}  // namespace quell
