#include "wire/alertmanager.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text.h"
#include "base/time.h"
#include "model/label_meaning.h"
#include "wire/fields.h"

namespace quell {
namespace {

using wire::Json;
using wire::JsonObject;
using wire::Rejects;

// One alert as both formats write it; what is not there is empty.
struct AlertFields {
  Json labels{};
  Json annotations{};
  bool has_labels = false;
  bool has_annotations = false;
  std::string_view status{};
  std::string_view starts_at{};
  std::string_view ends_at{};
  std::string_view generator_url{};
  std::string_view fingerprint{};
  // Grafana's additions.
  std::string_view dashboard_url{};
  std::string_view panel_url{};
  std::string_view silence_url{};
  std::string_view image_url{};
  std::string_view value_string{};
};

constexpr std::array<std::pair<std::string_view, std::string_view AlertFields::*>, 10> kTexts{{
    {"startsAt", &AlertFields::starts_at},
    {"endsAt", &AlertFields::ends_at},
    {"generatorURL", &AlertFields::generator_url},
    {"status", &AlertFields::status},
    {"fingerprint", &AlertFields::fingerprint},
    {"dashboardURL", &AlertFields::dashboard_url},
    {"panelURL", &AlertFields::panel_url},
    {"silenceURL", &AlertFields::silence_url},
    {"imageURL", &AlertFields::image_url},
    {"valueString", &AlertFields::value_string},
}};

// Unknown fields are ignored: both formats grow. Errors: a known field of the wrong type.
Result<AlertFields> read_alert(const Json& alert) {
  JsonObject object;
  if (alert.get(object) != simdjson::SUCCESS) return wire::wrong_kind("an object", alert, "");
  AlertFields fields;
  for (const auto [name, value] : object) {
    if (name.empty()) continue;
    if (name[0] == 'l' && name == "labels") {
      fields.labels = value;
      fields.has_labels = !value.is_null();
      continue;
    }
    if (name[0] == 'a' && name == "annotations") {
      fields.annotations = value;
      fields.has_annotations = !value.is_null();
      continue;
    }
    for (const auto& [known, member] : kTexts) {
      if (known.size() != name.size() || known[0] != name[0] || known != name) continue;
      if (value.get(fields.*member) == simdjson::SUCCESS) break;
      TRY(fields.*member, wire::text_or_null(value, name));
      break;
    }
  }
  return fields;
}

struct AlertTimes {
  std::optional<Timestamp> starts_at{};
  std::optional<Timestamp> ends_at{};
};

Result<std::optional<Timestamp>> read_time(std::string_view text, std::string_view place) {
  auto time = parse_optional_time(text);
  if (!time) return fail(Errc::InvalidArgument, time.error().message, std::string(place));
  return time;
}

Result<AlertTimes> read_times(const AlertFields& fields) {
  TRY(const auto starts_at, read_time(fields.starts_at, "/startsAt"));
  TRY(const auto ends_at, read_time(fields.ends_at, "/endsAt"));
  return AlertTimes{starts_at, ends_at};
}

// What the alerts of one frame share.
struct Batch {
  const Frame& frame;
  const WireLimits& limits;
  wire::LabelReader& reader;
  std::string source{};  // Empty: from the label `cluster` of each alert.
  std::string_view type = "io.prometheus.alert";
  std::string_view group_key{};
  std::string_view receiver{};
};

// Puts `why` in front of the message, and `step` in front of the place.
Error within(std::string_view step, std::string_view why, Error error) {
  error.place.insert(0, step);
  return std::move(error).context(why);
}

Status read_label_sets(const AlertFields& fields, const Batch& batch, Event& event) {
  LabelSet::Builder& builder = batch.reader.builder();
  if (fields.has_labels) {
    auto labels = batch.reader.labels(fields.labels);
    if (!labels) {
      return std::unexpected(within("/labels", "invalid label set", std::move(labels).error()));
    }
    event.labels = *std::move(labels);
  }
  if (event.labels.empty()) {
    return fail(Errc::InvalidArgument, "at least one label pair required", "/labels");
  }
  builder.clear();
  if (fields.has_annotations) {
    auto added = batch.reader.add_annotations(fields.annotations);
    if (!added) {
      return std::unexpected(
          within("/annotations", "invalid annotations", std::move(added).error()));
    }
  }
  if (!batch.group_key.empty()) builder.add("quell.group_key", batch.group_key);
  if (!batch.receiver.empty()) builder.add("quell.receiver", batch.receiver);
  if (!fields.value_string.empty()) builder.add("quell.value", fields.value_string);
  auto annotations = builder.build();
  if (!annotations) {
    return std::unexpected(
        within("/annotations", "invalid annotations", std::move(annotations).error()));
  }
  event.annotations = *std::move(annotations);
  return {};
}

void add_alert_links(const AlertFields& fields, const WireLimits& limits, Event& event) {
  event.links.reserve(2);
  const auto add = [&](std::string_view text, std::string_view href) {
    if (!href.empty()) wire::add_link(event, text, href, limits);
  };
  for (const Label note : event.annotations) {
    if (note.name == "runbook_url" || note.name == "runbook") add("Runbook", note.value);
    if (note.name == "dashboard_url" || note.name == "dashboard") add("Dashboard", note.value);
  }
  add("Query", fields.generator_url);
  add("Dashboard", fields.dashboard_url);
  add("Panel", fields.panel_url);
  add("Silence", fields.silence_url);
  add("Image", fields.image_url);
}

// Everything that follows from the two label sets.
void describe(const AlertFields& fields, const Batch& batch, Event& event) {
  event.kind = EventKind::Alert;
  event.tenant = batch.frame.tenant;
  event.type = batch.type;
  event.source = batch.source;
  if (event.source.empty()) {
    event.source = "/prometheus";
    const std::string_view cluster = event.labels.get("cluster");
    if (!cluster.empty()) event.source.append("/").append(cluster);
  }
  event.subject = event.labels.get("alertname");
  const SeverityWord severity = severity_from_labels(event.labels, Severity::Warning);
  event.severity = severity.severity;
  event.severity_text = severity.text;
  event.entity = entity_from_labels(event.labels);
  event.correlation_id = correlation_id_from_labels(event.labels);
  if (event.correlation_id.empty()) {
    event.correlation_id = correlation_id_from_labels(event.annotations);
  }
  event.title = title_from_labels(event.labels, event.annotations, batch.limits.title_bytes_max);
  add_alert_links(fields, batch.limits, event);
}

}  // namespace

// ---------------------------------------------------------------------------------------------
// The webhook.

namespace {

// Reads what the notification says for all its alerts. Errors: not a notification at all.
Result<simdjson::dom::array> read_notification(const Json& body, Batch& batch) {
  JsonObject object;
  if (body.get(object) != simdjson::SUCCESS) {
    return wire::wrong_kind("an object, as Alertmanager's webhook sends it", body, "");
  }
  simdjson::dom::array alerts;
  const auto found = object["alerts"];
  if (found.error() != simdjson::SUCCESS) {
    return fail(Errc::InvalidArgument, "the notification has no 'alerts'", "/alerts");
  }
  if (found.get(alerts) != simdjson::SUCCESS) {
    return wire::wrong_kind("an array", found.value_unsafe(), "/alerts");
  }
  batch.group_key = json_text(body, "groupKey");
  batch.receiver = json_text(body, "receiver");
  const bool grafana =
      json_text(body, "version") == "1" || object["orgId"].error() == simdjson::SUCCESS;
  if (grafana) batch.type = "com.grafana.alert";
  const std::string_view url = json_text(body, "externalURL");
  batch.source = grafana ? "/grafana" : "/alertmanager";
  if (wire::is_web_link(url) && url.size() <= batch.limits.attribute_bytes_max) batch.source = url;
  if (batch.group_key.size() > batch.limits.label_value_bytes_max) {
    batch.group_key = utf8_prefix(batch.group_key, batch.limits.label_value_bytes_max);
  }
  return alerts;
}

Result<EventStatus> read_status(const AlertFields& fields, const AlertTimes& times,
                                Timestamp arrived_at) {
  if (fields.status == "firing") return EventStatus::Firing;
  if (fields.status == "resolved") return EventStatus::Resolved;
  if (!fields.status.empty()) {
    return fail(
        Errc::InvalidArgument,
        fmt::format("status '{}' is neither firing nor resolved", utf8_prefix(fields.status, 64)),
        "/status");
  }
  const bool ended = times.ends_at && *times.ends_at <= arrived_at;
  return ended ? EventStatus::Resolved : EventStatus::Firing;
}

Status decode_notified(const Json& alert, const Batch& batch, Event& event) {
  TRY(const AlertFields fields, read_alert(alert));
  TRY(const AlertTimes times, read_times(fields));
  const Timestamp now = batch.frame.arrived_at;
  TRY(event.status, read_status(fields, times, now));
  TRY_STATUS(read_label_sets(fields, batch, event));
  describe(fields, batch, event);
  event.starts_at = times.starts_at ? *times.starts_at : times.ends_at.value_or(now);
  event.time = *event.starts_at;
  if (event.status == EventStatus::Resolved) {
    event.ends_at = times.ends_at.value_or(now);
    event.time = *event.ends_at;
  }
  // Grafana leaves private labels out of what it sends, so its fingerprint may be another one;
  // what counts is the same for all senders.
  if (!fields.fingerprint.empty() && fields.fingerprint.size() <= 64 &&
      fields.fingerprint != format_fingerprint(event.labels.fingerprint())) {
    event.annotations = event.annotations.with("quell.sender_fingerprint", fields.fingerprint);
  }
  wire::believe_time(event, now, batch.limits);
  return {};
}

// Alertmanager leaves alerts out when a receiver sets max_alerts: that must be seen.
void note_truncated(const Json& body, const Batch& batch, Decoded& decoded) {
  const auto count = json_integer(body, "truncatedAlerts").value_or(0);
  if (count <= 0) return;
  Event& note = decoded.events.emplace_back();
  note.source = batch.source;
  note.type = "io.prometheus.alertmanager.truncated";
  note.time = batch.frame.arrived_at;
  note.tenant = batch.frame.tenant;
  note.severity = Severity::Warning;
  note.title = fmt::format(
      "{} alerts were left out of a notification by Alertmanager (max_alerts of its receiver)",
      count);
}

std::string too_many(std::size_t count, const WireLimits& limits) {
  return fmt::format("{} alerts in one request, the limit is {}: the rest was refused", count,
                     limits.events_max);
}

}  // namespace

Decoded decode_alertmanager_webhook(const Frame& frame, const WireLimits& limits,
                                    WireScratch& scratch) {
  Decoded decoded;
  Rejects rejects(decoded.rejected, limits);
  const auto body = parse_json(scratch.parser, frame.body);
  if (!body) {
    rejects.add(body.error(), "", frame.body);
    return decoded;
  }
  wire::LabelReader reader(frame.body, limits, scratch.labels);
  Batch batch{.frame = frame, .limits = limits, .reader = reader};
  const auto alerts = read_notification(*body, batch);
  if (!alerts) {
    rejects.add(alerts.error(), "", *body);
    return decoded;
  }
  const std::size_t count = alerts->size();
  decoded.events.reserve(std::min<std::size_t>(count, limits.events_max));
  std::size_t index = 0;
  for (const Json alert : *alerts) {
    const std::size_t at = index++;
    if (at == limits.events_max) {
      rejects.add({Errc::TooLarge, too_many(count, limits), ""}, fmt::format("/alerts/{}", at), "");
      break;
    }
    auto notified = decode_notified(alert, batch, decoded.events.emplace_back());
    if (notified) continue;
    decoded.events.pop_back();
    rejects.add(std::move(notified).error(), fmt::format("/alerts/{}", at), alert);
  }
  note_truncated(*body, batch, decoded);
  rejects.finish();
  return decoded;
}

// ---------------------------------------------------------------------------------------------
// POST /api/v2/alerts.

namespace {

// Why Alertmanager refuses an alert. A worse kind decides the answer for the whole request.
enum class Refusal : std::uint8_t {
  None,
  Invalid,  // This alert only: 400 and a JSON string of all reasons.
  Missing,  // 422, code 602: the schema demands a field.
  Type,     // 422, code 601: the schema demands another format.
  Parse,    // 400, code 400: not what Go's JSON decoder takes.
};

// Method: Go's url.ParseRequestURI, which Alertmanager's schema check uses.
bool is_request_uri(std::string_view text) {
  if (wire::has_control_character(text)) return false;
  std::string_view rest = text;
  if (!text.starts_with('/')) {
    const auto colon = text.find(':');
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (colon == text.npos || colon == 0 || !is_letter(text[0])) return false;
    for (const char c : text.substr(0, colon)) {
      if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.')
        return false;
    }
    rest = text.substr(colon + 1);
    if (!rest.starts_with('/')) return true;  // An opaque one, such as mailto:a@example.com.
  }
  rest = rest.substr(0, rest.find('?'));
  if (rest.starts_with("//")) {
    const std::string_view host = rest.substr(2, rest.find('/', 2) - 2);
    if (host.find_first_of(" <>\"\\^`{|}") != host.npos) return false;
  }
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (auto at = rest.find('%'); at != rest.npos; at = rest.find('%', at + 3)) {
    if (at + 2 >= rest.size() || !is_hex(rest[at + 1]) || !is_hex(rest[at + 2])) return false;
  }
  return true;
}

// Whether Go would decode `object` into a map of strings.
bool is_text_object(const Json& object) {
  JsonObject pairs;
  if (object.get(pairs) != simdjson::SUCCESS) return object.is_null();
  for (const auto [name, value] : pairs) {
    if (!value.is_string() && !value.is_null()) return false;
  }
  return true;
}

// Decodes and validates one posted alert; `refusal` says of which kind an error is.
Status decode_posted(const Json& alert, const Batch& batch, Event& event, Refusal& refusal) {
  refusal = Refusal::Parse;
  TRY(const AlertFields fields, read_alert(alert));
  TRY(const AlertTimes times, read_times(fields));
  if (!fields.has_labels) {
    refusal = Refusal::Missing;
    return fail(Errc::InvalidArgument, "labels in body is required", "/labels");
  }
  if (!fields.generator_url.empty() && !is_request_uri(fields.generator_url)) {
    refusal = Refusal::Type;
    return fail(Errc::InvalidArgument,
                fmt::format("generatorURL in body must be of type uri: \"{}\"",
                            utf8_prefix(fields.generator_url, 1024)),
                "/generatorURL");
  }
  const Timestamp now = batch.frame.arrived_at;
  event.starts_at = times.starts_at ? *times.starts_at : times.ends_at.value_or(now);
  event.lease_assumed = !times.ends_at;
  event.ends_at = times.ends_at.value_or(now + batch.limits.resolve_timeout);
  refusal = Refusal::Invalid;
  if (*event.ends_at < *event.starts_at) {
    return fail(Errc::InvalidArgument, "start time must be before end time", "/endsAt");
  }
  if (auto read = read_label_sets(fields, batch, event); !read) {
    const bool parses = is_text_object(fields.labels) &&
                        (!fields.has_annotations || is_text_object(fields.annotations));
    if (!parses) refusal = Refusal::Parse;
    return read;
  }
  event.status = *event.ends_at <= now ? EventStatus::Resolved : EventStatus::Firing;
  event.time = event.status == EventStatus::Resolved ? *event.ends_at : *event.starts_at;
  describe(fields, batch, event);
  wire::believe_time(event, now, batch.limits);
  return {};
}

WireReply coded_reply(int status, int code, std::string_view message) {
  WireReply reply{status, "application/json", {}};
  JsonWriter(reply.body).begin_object().field("code", code).field("message", message).end_object();
  return reply;
}

// The worst refusal decides the answer, and of these the first, as in Alertmanager.
class Refusals {
 public:
  void add(Refusal refusal, const Error& error, std::size_t index) {
    if (refusal == Refusal::Invalid) {
      if (!invalid_.empty()) invalid_ += "; ";
      invalid_ += error.message;
    } else if (refusal > worst_) {
      message_ = refusal == Refusal::Parse ? fmt::format("/{}{}", index, error.to_string())
                                           : fmt::format("{}.{}", index, error.message);
    }
    worst_ = std::max(worst_, refusal);
  }

  WireReply reply() const {
    switch (worst_) {
      case Refusal::None: return {};
      case Refusal::Missing: return coded_reply(422, 602, message_);
      case Refusal::Type: return coded_reply(422, 601, message_);
      case Refusal::Parse: return parse_reply(message_);
      case Refusal::Invalid: break;
    }
    WireReply reply{400, "application/json", {}};
    append_json_string(reply.body, invalid_);
    reply.body += '\n';
    return reply;
  }

  static WireReply parse_reply(std::string_view why) {
    return coded_reply(400, 400,
                       fmt::format("parsing alerts body from \"\" failed, because {}", why));
  }

 private:
  Refusal worst_ = Refusal::None;
  std::string message_{};
  std::string invalid_{};
};

// Refuses the whole frame with the answer that goes with it.
Answered refuse_all(const Frame& frame, Error error, WireReply reply) {
  Answered answered;
  answered.reply = std::move(reply);
  answered.decoded.rejected.push_back({std::move(error.message), std::move(error.place),
                                       std::string(utf8_prefix(frame.body, 256))});
  return answered;
}

void decode_all_posted(const simdjson::dom::array& alerts, const Batch& batch, Answered& answered) {
  Rejects rejects(answered.decoded.rejected, batch.limits);
  Refusals refusals;
  std::vector<Event>& events = answered.decoded.events;
  const std::size_t count = alerts.size();
  events.reserve(std::min<std::size_t>(count, batch.limits.events_max));
  std::size_t index = 0;
  for (const Json alert : alerts) {
    const std::size_t at = index++;
    if (at == batch.limits.events_max) {
      Error error{Errc::TooLarge, too_many(count, batch.limits), ""};
      refusals.add(Refusal::Invalid, error, at);
      rejects.add(std::move(error), fmt::format("/{}", at), "");
      break;
    }
    Refusal refusal = Refusal::None;
    auto decoded = decode_posted(alert, batch, events.emplace_back(), refusal);
    if (decoded) continue;
    events.pop_back();
    refusals.add(refusal, decoded.error(), at);
    rejects.add(std::move(decoded).error(), fmt::format("/{}", at), alert);
  }
  rejects.finish();
  answered.reply = refusals.reply();
}

}  // namespace

Answered decode_alertmanager_alerts(const Frame& frame, const WireLimits& limits,
                                    WireScratch& scratch) {
  const std::string media = wire::media_type(frame.content_type);
  if (media != "application/json") {
    const std::string why =
        fmt::format("unsupported media type \"{}\", only [application/json] are allowed",
                    media.empty() ? "application/octet-stream" : media);
    return refuse_all(frame, {Errc::Unsupported, why, ""}, coded_reply(415, 415, why));
  }
  if (trim(frame.body).empty()) {
    constexpr std::string_view kWhy = "alerts in body is required";
    return refuse_all(frame, {Errc::InvalidArgument, std::string(kWhy), ""},
                      coded_reply(422, 602, kWhy));
  }
  const auto body = parse_json(scratch.parser, frame.body);
  if (!body)
    return refuse_all(frame, body.error(), Refusals::parse_reply(body.error().to_string()));
  Answered answered;
  if (body->is_null()) return answered;
  simdjson::dom::array alerts;
  if (body->get(alerts) != simdjson::SUCCESS) {
    const Error error = wire::wrong_kind("an array of alerts", *body, "").error();
    return refuse_all(frame, error, Refusals::parse_reply("the body " + error.message));
  }
  wire::LabelReader reader(frame.body, limits, scratch.labels);
  const Batch batch{.frame = frame, .limits = limits, .reader = reader};
  decode_all_posted(alerts, batch, answered);
  return answered;
}

}  // namespace quell
