// What people ask for, applied to incidents: the Command frames.
#include <fmt/format.h>

#include "app/pipeline.h"
#include "incident/lifecycle.h"
#include "promql/expr.h"

namespace quell {
namespace {

IncidentStatus target_of(CommandKind kind) {
  switch (kind) {
    case CommandKind::Acknowledge: return IncidentStatus::Acknowledged;
    case CommandKind::Investigate: return IncidentStatus::Investigating;
    case CommandKind::Mitigate: return IncidentStatus::Mitigated;
    case CommandKind::Resolve: return IncidentStatus::Resolved;
    case CommandKind::Close: return IncidentStatus::Closed;
    default: return IncidentStatus::Open;
  }
}

}  // namespace

FrameOutcome Pipeline::on_command(const Frame& frame) {
  FrameOutcome outcome;
  if (const auto command = decode_command(frame.body)) {
    if (command->kind == CommandKind::ResetModels) return reset_models(*command);
    if (command->kind == CommandKind::ImportModels) return import_models(*command);
    outcome.command = apply(*command, step_);
  } else {
    outcome.command = std::unexpected(command.error());
  }
  outcome.accepted = outcome.command ? 1 : 0;
  return outcome;
}

FrameOutcome Pipeline::reset_models(const Command& command) {
  FrameOutcome outcome;
  if (command.finding != 0) {
    const auto count =
        detect_.reset(command.finding, command.tenant, metrics_.table(), step_.offset);
    if (!count) outcome.command = std::unexpected(count.error());
    outcome.accepted = static_cast<std::uint32_t>(count.value_or(0));
    return outcome;
  }
  const auto selector = promql::parse_selector(command.text);
  if (!selector) {
    outcome.command = std::unexpected(selector.error());
    return outcome;
  }
  const auto done =
      detect_.reset({.tenant = command.tenant,
                     .selector = *selector,
                     .first = command.slot,
                     .slots_max = static_cast<std::size_t>(std::max(command.number, 0))},
                    metrics_.table(), step_.offset);
  outcome.accepted = static_cast<std::uint32_t>(done.models);
  outcome.rest_at = done.rest_at;
  return outcome;
}

FrameOutcome Pipeline::import_models(const Command& command) {
  FrameOutcome outcome;
  auto file = decode_model_file(command.data);
  if (!file) {
    outcome.command = std::unexpected(file.error());
    return outcome;
  }
  const auto done = detect_.import_models(*std::move(file), metrics_.table(), step_.offset);
  if (!done) outcome.command = std::unexpected(done.error());
  if (done) outcome.accepted = static_cast<std::uint32_t>(done->models);
  if (done) outcome.duplicates = static_cast<std::uint32_t>(done->waiting);
  return outcome;
}

Result<IncidentId> Pipeline::apply(const Command& command, const Step& step) {
  // Retrying is the shell's work: it journals the old frames again (dead_letter_retry.h).
  if (command.kind == CommandKind::RetryDeadLetters) return IncidentId{0};
  if (command.kind == CommandKind::FindingFeedback) {
    const Feedback feedback = parse_feedback(command.text).value_or(Feedback::None);
    if (feedback == Feedback::None) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'{}' is neither useful nor noise", command.text.substr(0, 64)));
    }
    TRY(const std::string effect,
        detect_.give_feedback(command.finding, feedback, command.actor, step.now));
    return IncidentId{0};
  }
  const Incident* incident = incidents_.find(command.incident);
  if (incident == nullptr) {
    return fail(Errc::NotFound,
                fmt::format("{} is not a live incident", format_incident_id(command.incident)));
  }
  if (command.expected_version && *command.expected_version != incident->version()) {
    return fail(Errc::Outdated,
                fmt::format("{} has changed: it is at version {}, the request was for {}",
                            format_incident_id(command.incident), incident->version(),
                            *command.expected_version));
  }
  return apply_to_incident(command, step);
}

Result<IncidentId> Pipeline::apply_to_incident(const Command& command, const Step& step) {
  const IncidentId id = command.incident;
  const auto record = [&](IncidentEvent event) {
    event.at = step.now;
    event.event_time = step.now;
    event.offset = step.offset;
    event.actor = command.actor;
    sink_->append(id, std::move(event));
    correlator_.on_edited(id);
    return id;
  };
  switch (command.kind) {
    case CommandKind::Acknowledge:
    case CommandKind::Investigate:
    case CommandKind::Mitigate:
    case CommandKind::Resolve:
    case CommandKind::Close:
    case CommandKind::Reopen: {
      const IncidentStatus to = target_of(command.kind);
      TRY_STATUS(check_status_change(*incidents_.find(id), to));
      TRY_STATUS(correlator_.set_status(id, to, command.actor, command.text, step));
      return id;
    }
    case CommandKind::Note: return record({.kind = IncidentEventKind::Note, .text = command.text});
    case CommandKind::Assign:
      return record({.kind = IncidentEventKind::Assigned, .text = command.text});
    case CommandKind::SetSeverity:
      return record({.kind = IncidentEventKind::SeverityChanged, .number = command.number});
    case CommandKind::SetTitle:
      return record({.kind = IncidentEventKind::TitleChanged, .text = command.text});
    case CommandKind::Merge:
      TRY_STATUS(correlator_.merge(id, command.other, command.actor, command.text, step));
      return command.other;
    case CommandKind::Split:
      return correlator_.split(id, command.alerts, command.actor, command.text, step);
    case CommandKind::RetryDeadLetters:
    case CommandKind::FindingFeedback:
    case CommandKind::ResetModels:
    case CommandKind::ImportModels: break;
  }
  return id;
}

}  // namespace quell
