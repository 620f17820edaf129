#include "api/event_requests.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "api/json_views.h"
#include "api/list_query.h"
#include "api/request_body.h"
#include "base/text.h"
#include "base/time.h"
#include "model/command.h"
#include "wire/fields.h"

namespace quell {
namespace {

constexpr std::array<std::string_view, 11> kEventMembers{
    "title",  "text",           "entity", "severity", "kind", "status",
    "labels", "correlation_id", "href",   "time",     "actor"};

std::unexpected<Error> bad_event(std::string_view name, std::string message) {
  return fail(Errc::InvalidArgument, std::move(message), fmt::format("/{}", name));
}

Result<std::uint64_t> path_number(const Call& call, std::string_view name) {
  const std::string_view text = call.parameter(name);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not a whole number", utf8_prefix(text, 64)),
                std::string(name));
  }
  return value;
}

Result<DeadLetterId> path_dead_letter(const Call& call) {
  auto id = parse_dead_letter_id(call.parameter("id"));
  if (!id) return fail(Errc::InvalidArgument, id.error().message, "id");
  return *id;
}

Result<std::optional<DeadLetterId>> before_parameter(const Call& call) {
  const std::string text = call.request.parameter("before");
  if (text.empty()) return std::optional<DeadLetterId>{};
  const auto id = parse_dead_letter_id(text);
  if (!id) return fail(Errc::InvalidArgument, id.error().message, "before");
  return std::optional(*id);
}

// The frame, or nothing when retention has removed it.
Result<std::optional<Frame>> frame_of(const History& history, std::uint64_t offset) {
  auto frame = history.read_frame(offset);
  if (frame) return std::optional<Frame>(std::move(*frame));
  if (frame.error().code == Errc::NotFound) return std::optional<Frame>{};
  return std::unexpected(std::move(frame).error());
}

Result<EventQuery> event_query(const Call& call) {
  EventQuery query;
  const http::Request& request = call.request;
  TRY_STATUS(check_parameters(request, {"q", "source", "kind", "severity_min", "since", "until",
                                        "alert", "incident", "tenant", "limit", "cursor"}));
  query.tenant = request.parameter("tenant");
  query.text = request.parameter("q");
  query.source = request.parameter("source");
  if (const std::string kind = request.parameter("kind"); !kind.empty()) {
    query.kind = parse_event_kind(kind);
    if (!query.kind) {
      return fail(Errc::InvalidArgument,
                  fmt::format("'{}' is not one of alert, change, note", utf8_prefix(kind, 64)),
                  "kind");
    }
  }
  TRY(query.severity_min, severity_parameter(request, "severity_min"));
  TRY(query.since, time_parameter(request, "since", call.now));
  TRY(query.until, time_parameter(request, "until", call.now));
  if (const std::string text = request.parameter("alert"); !text.empty()) {
    const auto fingerprint = parse_fingerprint(text);
    if (!fingerprint) return fail(Errc::InvalidArgument, fingerprint.error().message, "alert");
    query.alert = *fingerprint;
  }
  TRY(query.incident, incident_parameter(request));
  TRY(query.limit, limit_parameter(request));
  TRY(const Cursor cursor, cursor_parameter(request, "e"));
  if (cursor.kind == 'e') {
    query.before_offset = cursor.position;
    query.before_index = static_cast<std::uint32_t>(cursor.index);
  }
  return query;
}

// {"items":[…],"next":…} of rows that have an offset and an index. Requires: one row more than
// `limit` where there are more.
template <class Row, class Write>
http::Response row_page(std::vector<Row> rows, std::uint32_t limit, Write write) {
  const bool has_more = rows.size() > limit;
  if (has_more) rows.resize(limit);
  std::string body;
  JsonWriter w(body);
  w.begin_object().key("items").begin_array();
  for (const Row& row : rows) write(w, row);
  std::string next;
  if (has_more) {
    next = format_cursor({.kind = 'e', .position = rows.back().offset, .index = rows.back().index});
  }
  w.end_array().field_or_null("next", next).end_object();
  return json_response(std::move(body));
}

template <class T>
Result<T> known_word(const RequestBody& body, std::string_view name, T fallback,
                     std::optional<T> (*parse)(std::string_view), std::string_view choices) {
  TRY(const auto text, body.text(name, 64));
  if (text.empty()) return fallback;
  const auto value = parse(text);
  if (!value) return bad_event(name, fmt::format("'{}' is not one of {}", text, choices));
  return *value;
}

Status read_alert_fields(const RequestBody& body, Event& event) {
  TRY(event.status, known_word<EventStatus>(body, "status", EventStatus::Firing, parse_event_status,
                                            "firing, resolved"));
  if (event.labels.empty()) {
    auto labels = LabelSet::from({{"alertname", event.title}, {"entity", event.entity.name}});
    if (labels) event.labels = std::move(*labels);
  }
  event.starts_at = event.time;
  if (event.status == EventStatus::Resolved) event.ends_at = event.time;
  return {};
}

Result<Event> read_event(std::string_view json, std::string_view tenant, Timestamp arrived_at) {
  const WireLimits limits;
  RequestBody body;
  TRY_STATUS(body.parse(json, kEventMembers));
  Event event{.type = "io.quell.note", .tenant = std::string(tenant)};
  TRY(event.title, body.required_text("title", 400));
  TRY(const auto text, body.text("text", 16'000));
  TRY(const auto entity, body.text("entity", 256));
  event.entity = parse_entity(entity);
  TRY(event.severity, known_word<Severity>(body, "severity", Severity::Info, parse_severity,
                                           "info, warning, error, critical"));
  TRY(event.severity_text, body.text("severity", 64));
  TRY(event.kind, known_word<EventKind>(body, "kind", EventKind::Note, parse_event_kind,
                                        "note, change, alert"));
  TRY(event.labels, body.labels("labels"));
  TRY(event.correlation_id, body.text("correlation_id", 256));
  TRY(const auto href, body.text("href", 2000));
  if (!href.empty()) event.links.push_back({.text = "Link", .href = href});
  TRY(const auto time_text, body.text("time", 64));
  const auto time = parse_optional_time(time_text);  // As everywhere, the year 1 means none.
  if (!time) return bad_event("time", time.error().message);
  if (*time && wire::is_far_future(**time, arrived_at, limits)) {
    return bad_event("time",
                     fmt::format("is later than {}, the server's time, by more than {}",
                                 format_rfc3339(arrived_at), format_duration(limits.future_max)));
  }
  event.time = time->value_or(arrived_at);
  TRY(const auto actor, body.text("actor", 200));
  event.source = actor.empty() ? "/quell/api" : "/quell/people/" + actor;
  auto annotations = LabelSet::from({{"description", text}});
  if (annotations) event.annotations = std::move(*annotations);
  if (event.kind == EventKind::Alert) TRY_STATUS(read_alert_fields(body, event));
  if (event.kind != EventKind::Note) {
    event.type = event.kind == EventKind::Alert ? "io.quell.alert" : "io.quell.change";
  }
  return event;
}

http::Response answer_with_event(Event event, LiveView& live, const Applied& applied) {
  EventRow row{.offset = applied.offset, .arrived_at = applied.arrived_at};
  if (event.kind == EventKind::Alert) {
    row.alert = alert_fingerprint(event);
    const Alert* alert = live.alerts.find({event.tenant, *row.alert});
    if (alert != nullptr) row.incident = alert->incident;
  }
  row.event = std::move(event);
  auto response = json_response(to_json(write_event, row), 201);
  response.headers.emplace_back("location",
                                fmt::format("/api/v1/events/{}/{}", row.offset, row.index));
  return response;
}

}  // namespace

Result<http::Response> list_events(const Call& call, const History& history) {
  TRY(auto query, event_query(call));
  const std::uint32_t limit = query.limit++;
  TRY(auto rows, history.store.events(query));
  return row_page(std::move(rows), limit, write_event);
}

Result<http::Response> get_event(const Call& call, const History& history) {
  TRY(const auto offset, path_number(call, "offset"));
  TRY(const auto index, path_number(call, "index"));
  const auto none = [&] {
    return fail(Errc::NotFound, fmt::format("there is no event {}/{}", offset, index));
  };
  if (index > kEventIndexMax) return none();
  TRY(const auto row, history.store.event(offset, static_cast<std::uint32_t>(index)));
  if (!row) return none();
  TRY(const auto frame, frame_of(history, offset));
  std::string body;
  JsonWriter w(body);
  write_event_detail(w, *row, frame ? &*frame : nullptr);
  return json_response(std::move(body));
}

Result<http::Response> list_dead_letters(const Call& call, const History& history) {
  DeadLetterQuery query;
  TRY_STATUS(check_parameters(call.request, {"include_resolved", "limit", "cursor"}));
  TRY(query.include_resolved, bool_parameter(call.request, "include_resolved", false));
  TRY(query.limit, limit_parameter(call.request));
  TRY(const Cursor cursor, cursor_parameter(call.request, "e"));
  if (cursor.kind == 'e') {
    query.before_offset = cursor.position;
    query.before_index = static_cast<std::uint32_t>(cursor.index);
  }
  const std::uint32_t limit = query.limit++;
  TRY(auto rows, history.store.dead_letters(query));
  return row_page(std::move(rows), limit, write_dead_letter);
}

Result<http::Response> get_dead_letter(const Call& call, const History& history) {
  TRY(const auto id, path_dead_letter(call));
  TRY(const auto letter, history.store.dead_letter(id.offset, id.index));
  if (!letter) {
    return fail(Errc::NotFound,
                fmt::format("there is no dead letter {}", format_dead_letter_id(id)));
  }
  TRY(const auto frame, frame_of(history, id.offset));
  std::string body;
  JsonWriter w(body);
  write_dead_letter_detail(w, *letter, frame ? &*frame : nullptr);
  return json_response(std::move(body));
}

Result<Reply> post_event(const Call& call, LiveView&) {
  const std::string tenant = call.request.parameter("tenant");
  Submission submission{.kind = FrameKind::Ingest,
                        .source = std::string(kPostedEventSource),
                        .tenant = tenant.empty() ? std::string(kDefaultTenant) : tenant,
                        .body = call.request.body};
  TRY(auto event, read_event(submission.body, submission.tenant, call.now));
  submission.answer = [event = std::move(event)](LiveView& live, const Applied& applied) mutable {
    return answer_with_event(std::move(event), live, applied);
  };
  return submission;
}

Decoded decode_posted_event(const Frame& frame) {
  Decoded decoded;
  auto event = read_event(frame.body, frame.tenant, frame.arrived_at);
  if (event) {
    decoded.events.push_back(std::move(*event));
  } else {
    decoded.rejected.push_back({.reason = event.error().message,
                                .place = event.error().place,
                                .excerpt = std::string(utf8_prefix(frame.body, 256))});
  }
  return decoded;
}

Result<Reply> retry_dead_letters(const Call& call, LiveView&) {
  Command command{.kind = CommandKind::RetryDeadLetters};
  if (!call.parameter("id").empty()) {
    TRY(command.dead_letter, path_dead_letter(call));
    TRY_STATUS(check_parameters(call.request, {}));
  } else {
    TRY_STATUS(check_parameters(call.request, {"before"}));
    TRY(command.before, before_parameter(call));
  }
  command.actor = call.identity.name.empty() ? "api" : call.identity.name;
  Submission submission{
      .kind = FrameKind::Command, .source = "api", .body = encode_command(command)};
  submission.answer = [](LiveView&, const Applied& applied) {
    std::string body;
    JsonWriter(body)
        .begin_object()
        .field("retried", applied.retried)
        .field("resolved", applied.resolved)
        .field("failed", applied.retried - applied.resolved)
        .field("without_frame", applied.without_frame)
        .field_or_null("next",
                       applied.next_before ? format_dead_letter_id(*applied.next_before) : "")
        .end_object();
    return json_response(std::move(body));
  };
  return submission;
}

}  // namespace quell
