// change_incident(): from a request of a person to a Command.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "api/incident_requests.h"
#include "api/json_views.h"
#include "api/live_view.h"
#include "api/problem.h"
#include "api/request_body.h"
#include "base/text.h"
#include "incident/lifecycle.h"
#include "model/command.h"

namespace quell {
namespace {

constexpr std::size_t kActorBytesMax = 200;
constexpr std::size_t kReasonBytesMax = 4000;
constexpr std::size_t kNoteBytesMax = 16'000;
constexpr std::size_t kTitleBytesMax = 400;
constexpr std::size_t kSplitAlertsMax = 1000;

// What each verb of the path does, and which members its body may have.
struct Verb {
  std::string_view word;
  CommandKind kind;
  std::array<std::string_view, 3> members;
};
constexpr std::array kVerbs{
    Verb{"ack", CommandKind::Acknowledge, {"actor", "reason", ""}},
    Verb{"investigate", CommandKind::Investigate, {"actor", "reason", ""}},
    Verb{"mitigate", CommandKind::Mitigate, {"actor", "reason", ""}},
    Verb{"resolve", CommandKind::Resolve, {"actor", "reason", ""}},
    Verb{"close", CommandKind::Close, {"actor", "reason", ""}},
    Verb{"reopen", CommandKind::Reopen, {"actor", "reason", ""}},
    Verb{"note", CommandKind::Note, {"actor", "text", ""}},
    Verb{"assign", CommandKind::Assign, {"actor", "assignee", ""}},
    Verb{"severity", CommandKind::SetSeverity, {"actor", "severity", "reason"}},
    Verb{"title", CommandKind::SetTitle, {"actor", "title", ""}},
    Verb{"merge", CommandKind::Merge, {"actor", "into", "reason"}},
    Verb{"split", CommandKind::Split, {"actor", "alerts", "reason"}},
};

std::optional<IncidentStatus> target_status(CommandKind kind) {
  switch (kind) {
    case CommandKind::Acknowledge: return IncidentStatus::Acknowledged;
    case CommandKind::Investigate: return IncidentStatus::Investigating;
    case CommandKind::Mitigate: return IncidentStatus::Mitigated;
    case CommandKind::Resolve: return IncidentStatus::Resolved;
    case CommandKind::Close: return IncidentStatus::Closed;
    case CommandKind::Reopen: return IncidentStatus::Open;
    default: return std::nullopt;
  }
}

std::unexpected<Error> bad_change(std::string_view name, std::string message) {
  return fail(Errc::InvalidArgument, std::move(message), fmt::format("/{}", name));
}

Result<std::vector<Fingerprint>> read_fingerprints(const RequestBody& body) {
  TRY(const auto texts, body.texts("alerts", kSplitAlertsMax));
  std::vector<Fingerprint> alerts;
  for (const std::string& text : texts) {
    const auto fingerprint = parse_fingerprint(text);
    if (!fingerprint) {
      return bad_change(fmt::format("alerts/{}", alerts.size()), fingerprint.error().message);
    }
    alerts.push_back(*fingerprint);
  }
  return alerts;
}

Status read_members(const RequestBody& body, Command& command) {
  switch (command.kind) {
    case CommandKind::Note: {
      TRY(command.text, body.required_text("text", kNoteBytesMax));
      return {};
    }
    case CommandKind::Assign: {
      TRY(command.text, body.text("assignee", kActorBytesMax));
      return {};
    }
    case CommandKind::SetTitle: {
      TRY(command.text, body.required_text("title", kTitleBytesMax));
      return {};
    }
    case CommandKind::SetSeverity: {
      TRY(const auto severity, body.integer("severity"));
      if (!severity || *severity < 1 || *severity > 5) {
        return bad_change("severity", "must be a number from 1 (the worst) to 5");
      }
      command.number = static_cast<int>(*severity);
      break;
    }
    case CommandKind::Merge: {
      TRY(const auto into, body.required_text("into", 64));
      const auto id = parse_incident_id(into);
      if (!id) return bad_change("into", id.error().message);
      command.other = *id;
      break;
    }
    case CommandKind::Split: {
      TRY(command.alerts, read_fingerprints(body));
      break;
    }
    default: break;
  }
  TRY(command.text, body.text("reason", kReasonBytesMax));
  return {};
}

// `If-Match: "15"`, or `*` for any version.
Result<std::optional<std::uint64_t>> expected_version(const http::Request& request) {
  std::string_view text = trim(request.header("if-match"));
  if (text.empty() || text == "*") return std::optional<std::uint64_t>{};
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not a version such as \"15\"", utf8_prefix(text, 64)),
                "If-Match");
  }
  return std::optional<std::uint64_t>{version};
}

Status check_merge(const Command& command, const Incident& incident, const LiveView& live) {
  if (command.other == command.incident) {
    return bad_change("into", fmt::format("{} cannot be merged into itself",
                                          format_incident_id(command.incident)));
  }
  const Incident* other = live.incidents.find(command.other);
  if (other == nullptr || other->tenant != incident.tenant) {
    return bad_change(
        "into", fmt::format("there is no live incident {}", format_incident_id(command.other)));
  }
  if (other->merged_into != 0) {
    return fail(Errc::Conflict,
                fmt::format("{} was itself merged into {}", format_incident_id(command.other),
                            format_incident_id(other->merged_into)));
  }
  return {};
}

Status check_split(const Command& command, const Incident& incident) {
  for (std::size_t i = 0; i < command.alerts.size(); ++i) {
    const auto is_it = [&](const Member& m) { return m.fingerprint == command.alerts[i]; };
    if (std::ranges::any_of(incident.members, is_it)) continue;
    return bad_change(fmt::format("alerts/{}", i),
                      fmt::format("{} is no member of {}", format_fingerprint(command.alerts[i]),
                                  format_incident_id(incident.id)));
  }
  if (command.alerts.size() >= incident.alert_count()) {
    return fail(Errc::Conflict, "a split must leave at least one alert behind");
  }
  return {};
}

// What the core would refuse too; asked first, so that the journal stays free of it.
Status check_command(const Command& command, const Incident& incident, const LiveView& live) {
  if (command.expected_version && *command.expected_version != incident.version()) {
    return fail(Errc::Outdated, fmt::format("{} is at version {}, not {}: load it again",
                                            format_incident_id(incident.id), incident.version(),
                                            *command.expected_version));
  }
  if (incident.merged_into != 0) {
    return fail(Errc::Conflict, fmt::format("{} was merged into {}, act on that one",
                                            format_incident_id(incident.id),
                                            format_incident_id(incident.merged_into)));
  }
  if (const auto to = target_status(command.kind)) return check_status_change(incident, *to);
  if (command.kind == CommandKind::Merge) return check_merge(command, incident, live);
  if (command.kind == CommandKind::Split) return check_split(command, incident);
  return {};
}

// A change that is already so: asking twice is not an error.
bool is_already_so(const Command& command, const Incident& incident) {
  if (incident.merged_into != 0) {
    return command.kind == CommandKind::Merge && command.other == incident.merged_into;
  }
  if (const auto to = target_status(command.kind)) return incident.status == *to;
  switch (command.kind) {
    case CommandKind::Assign: return incident.assignee == command.text;
    case CommandKind::SetSeverity: return incident.severity == command.number;
    case CommandKind::SetTitle: return incident.title == command.text;
    default: return false;
  }
}

http::Response incident_response(const Incident& incident) {
  http::Response response = json_response(to_json(write_incident, incident));
  response.headers.emplace_back("etag", incident_etag(incident));
  return response;
}

http::Response answer_with_incident(LiveView& live, const Applied& applied) {
  const Incident* incident = live.incidents.find(applied.incident);
  if (incident != nullptr) return incident_response(*incident);
  return problem(Error{Errc::NotFound, fmt::format("{} has left the live incidents",
                                                   format_incident_id(applied.incident))});
}

// The incident is not live: say whether it ever was.
Reply refuse_history(IncidentId id) {
  return Deferred([id](const History& history) -> Result<http::Response> {
    TRY(const auto stored, history.store.incident(id));
    if (!stored) {
      return fail(Errc::NotFound, fmt::format("there is no incident {}", format_incident_id(id)));
    }
    return fail(Errc::Conflict, fmt::format("{} is history and cannot be changed any more",
                                            format_incident_id(id)));
  });
}

Result<Command> read_command(const Call& call, const Verb& verb, IncidentId incident) {
  Command command{.kind = verb.kind, .incident = incident};
  const std::size_t count = verb.members[2].empty() ? 2 : 3;
  RequestBody body;
  TRY_STATUS(body.parse(call.request.body, std::span(verb.members).first(count)));
  TRY(command.actor, body.text("actor", kActorBytesMax));
  if (command.actor.empty()) {
    command.actor = call.identity.name.empty() ? "api" : call.identity.name;
  }
  TRY_STATUS(read_members(body, command));
  TRY(command.expected_version, expected_version(call.request));
  return command;
}

}  // namespace

Result<Reply> change_incident(const Call& call, LiveView& live) {
  const std::string_view path = call.request.path;
  const auto verb = std::ranges::find(kVerbs, path.substr(path.rfind('/') + 1), &Verb::word);
  QUELL_ASSERT(verb != kVerbs.end(), "the route table names known verbs only");
  const auto id = parse_incident_id(call.parameter("id"));
  if (!id) return fail(Errc::InvalidArgument, id.error().message, "id");
  TRY(Command command, read_command(call, *verb, *id));
  const Incident* incident = live.incidents.find(*id);
  if (incident == nullptr) return refuse_history(*id);
  const bool version_fits =
      !command.expected_version || *command.expected_version == incident->version();
  if (version_fits && is_already_so(command, *incident)) {
    const Incident* shown =
        command.kind == CommandKind::Merge ? live.incidents.find(incident->merged_into) : incident;
    if (shown != nullptr) return incident_response(*shown);
  }
  TRY_STATUS(check_command(command, *incident, live));
  return Submission{.kind = FrameKind::Command,
                    .source = "api",
                    .tenant = incident->tenant,
                    .body = encode_command(command),
                    .answer = answer_with_incident};
}

}  // namespace quell
