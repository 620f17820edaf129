#include "wire/pagerduty_events.h"

#include <fmt/format.h>

#include <array>

#include "base/hash.h"
#include "base/text.h"
#include "base/time.h"
#include "model/label_meaning.h"
#include "wire/fields.h"

namespace quell {
namespace {

using wire::Json;
using wire::JsonObject;
using wire::Rejects;

constexpr std::size_t kRoutingKeyBytes = 32;
constexpr std::size_t kDedupKeyBytesMax = 255;

// One request while it is read: what is wrong with it collects in `errors`, as PagerDuty lists
// everything at once.
struct Reading {
  const Frame& frame;
  const WireLimits& limits;
  WireScratch& scratch;
  Json body{};
  Json payload{};
  bool has_payload = false;
  std::vector<Rejected> errors{};
  Event event{};

  void refuse(std::string place, std::string reason) {
    errors.push_back({std::move(reason), std::move(place), wire::excerpt_of(body)});
  }
};

// `routing_key` -> `/routing_key`, `payload.summary` -> `/payload/summary`.
std::string pointer_of(std::string_view path) {
  std::string pointer = "/";
  for (const char c : path) pointer += c == '.' ? '/' : c;
  return pointer;
}

// A text field; a value of another type is an error, a missing one is empty.
std::string_view read_text(Reading& reading, const Json& object, std::string_view path) {
  const std::string_view key = path.substr(path.rfind('.') + 1);
  const auto found = object[key];
  std::string_view text;
  if (found.error() != simdjson::SUCCESS || found.value_unsafe().is_null()) return {};
  if (found.get(text) != simdjson::SUCCESS) {
    reading.refuse(pointer_of(path), fmt::format("'{}' is invalid (must be a string)", path));
    return {};
  }
  if (text.find('\0') != text.npos) {
    reading.refuse(pointer_of(path), fmt::format("'{}' is invalid (contains NUL)", path));
    return {};
  }
  return text;
}

std::string_view read_required(Reading& reading, const Json& object, std::string_view path) {
  const std::size_t errors = reading.errors.size();
  const std::string_view text = read_text(reading, object, path);
  if (reading.errors.size() == errors && trim(text).empty()) {
    reading.refuse(pointer_of(path), fmt::format("'{}' is missing or blank", path));
  }
  return text;
}

void read_routing_key(Reading& reading) {
  const std::size_t errors = reading.errors.size();
  const std::string_view key = read_required(reading, reading.body, "routing_key");
  if (reading.errors.size() != errors) return;
  if (key.size() != kRoutingKeyBytes) {
    reading.refuse("/routing_key",
                   "Length of 'routing_key' is incorrect (should be 32 characters)");
  }
  reading.event.source = fmt::format("/pagerduty-events/{:08x}", hash64(key) >> 32);
}

void read_payload(Reading& reading) {
  const auto found = reading.body["payload"];
  if (found.error() != simdjson::SUCCESS || found.value_unsafe().is_null()) return;
  if (!found.value_unsafe().is_object()) {
    reading.refuse("/payload", "'payload' is invalid (must be an object)");
    return;
  }
  reading.payload = found.value_unsafe();
  reading.has_payload = true;
}

// custom_details as annotations, whatever is in them: texts as they are, anything else as JSON.
// Labels that name an entity are found there too.
void read_custom_details(Reading& reading) {
  const auto found = reading.payload["custom_details"];
  if (found.error() != simdjson::SUCCESS) return;
  JsonObject details;
  std::vector<std::pair<std::string, std::string>> pairs;
  std::size_t left = reading.limits.annotations_bytes_max;
  const auto add = [&](std::string_view name, std::string_view text) {
    if (name.empty() || name.starts_with("quell.") || name.find('\0') != name.npos) return;
    const auto known = [&](const auto& pair) { return pair.first == name; };
    if (std::ranges::any_of(pairs, known) || pairs.size() >= reading.limits.labels_max) return;
    const std::size_t room = left > name.size() ? left - name.size() : 0;
    const std::string_view kept = utf8_prefix(text.substr(0, text.find('\0')), room);
    if (kept.empty()) return;
    left = room - kept.size();
    pairs.emplace_back(name, kept);
  };
  if (found.get(details) == simdjson::SUCCESS) {
    for (const auto [name, value] : details) {
      std::string_view text;
      if (value.is_null()) continue;
      if (value.get(text) == simdjson::SUCCESS) {
        add(name, text);
      } else {
        add(name, simdjson::minify(value));
      }
    }
  } else if (!found.value_unsafe().is_null()) {
    std::string_view text;
    const bool is_text = found.get(text) == simdjson::SUCCESS;
    add("custom_details", is_text ? std::string(text) : simdjson::minify(found.value_unsafe()));
  }
  LabelSet::Builder& builder = reading.scratch.labels;
  builder.clear();
  for (const auto& [name, text] : pairs) builder.add(name, text);
  if (auto built = builder.build()) reading.event.annotations = *std::move(built);
}

void read_time(Reading& reading) {
  reading.event.time = reading.frame.arrived_at;
  const std::string_view text = read_text(reading, reading.payload, "payload.timestamp");
  const auto time = parse_optional_time(text);
  if (!time) {
    reading.refuse("/payload/timestamp", "'payload.timestamp' is invalid (must be ISO 8601)");
  } else if (*time) {
    reading.event.time = **time;
  }
}

void read_severity(Reading& reading) {
  using enum Severity;
  constexpr std::array<std::pair<std::string_view, Severity>, 4> kSeverities{
      {{"critical", Critical}, {"error", Error}, {"warning", Warning}, {"info", Info}}};
  const std::size_t errors = reading.errors.size();
  const std::string_view word = read_required(reading, reading.payload, "payload.severity");
  if (reading.errors.size() != errors) return;
  for (const auto& [name, severity] : kSeverities) {
    if (name != word) continue;
    reading.event.severity = severity;
    reading.event.severity_text = word;
    return;
  }
  reading.refuse("/payload/severity",
                 "'payload.severity' is invalid (must be one of the following: 'critical', "
                 "'warning', 'error' or 'info')");
}

// source, component, group and class: what PagerDuty's rules can match.
void read_labels_of_payload(Reading& reading) {
  LabelSet::Builder& builder = reading.scratch.labels;
  builder.clear();
  for (const std::string_view path :
       {"payload.class", "payload.component", "payload.group", "payload.source"}) {
    const std::string_view text = read_text(reading, reading.payload, path);
    if (text.size() > reading.limits.label_value_bytes_max) {
      reading.refuse(pointer_of(path),
                     fmt::format("'{}' has {} bytes, the limit is {}", path, text.size(),
                                 reading.limits.label_value_bytes_max));
      continue;
    }
    builder.add(path.substr(path.find('.') + 1), text);
  }
  if (auto built = builder.build()) reading.event.labels = *std::move(built);
}

// From custom_details, if they name one; else `source`, which PagerDuty defines as a host.
void set_payload_entity(Reading& reading) {
  Event& event = reading.event;
  event.entity = entity_from_labels(event.annotations);
  const std::string_view source = event.labels.get("source");
  if (!event.entity.empty() || source.empty()) return;
  event.entity = wire::is_web_link(source) ? Entity{"instance", std::string(source)}
                                           : Entity{"host", std::string(source)};
}

// What triggers and changes have in common.
void read_described(Reading& reading) {
  Event& event = reading.event;
  const std::string_view summary = read_required(reading, reading.payload, "payload.summary");
  event.title = title_line(summary, reading.limits.title_bytes_max);
  read_labels_of_payload(reading);
  read_custom_details(reading);
  read_time(reading);
  set_payload_entity(reading);
  event.correlation_id = correlation_id_from_labels(event.annotations);
}

// links: [{href, text}], images: [{src, href, alt}].
void read_links(Reading& reading) {
  const auto add_all = [&](std::string_view key, std::string_view href, std::string_view text,
                           std::string_view otherwise) {
    simdjson::dom::array items;
    if (reading.body[key].get(items) != simdjson::SUCCESS) return;
    for (const Json item : items) {
      if (!item.is_object()) continue;
      const std::string_view label = title_line(json_text(item, text), 256);
      wire::add_link(reading.event, label.empty() ? otherwise : label, json_text(item, href),
                     reading.limits);
    }
  };
  add_all("links", "href", "text", "Link");
  add_all("images", "src", "alt", "Image");
  const std::string_view url = json_text(reading.body, "client_url");
  const std::string_view client = title_line(json_text(reading.body, "client"), 256);
  wire::add_link(reading.event, client.empty() ? "Client" : client, url, reading.limits);
}

std::string generated_dedup_key(const Frame& frame) {
  const Hash128 hash = hash128(frame.body);
  return fmt::format("{:016x}{:016x}", hash64(frame.source, hash.low ^ frame.offset), hash.high);
}

void read_dedup_key(Reading& reading, bool required) {
  const std::string_view key = required ? read_required(reading, reading.body, "dedup_key")
                                        : read_text(reading, reading.body, "dedup_key");
  if (key.size() > kDedupKeyBytesMax) {
    reading.refuse("/dedup_key", "'dedup_key' is too long (maximum is 255 characters)");
  }
  reading.event.dedup_key = key.empty() ? generated_dedup_key(reading.frame) : std::string(key);
}

void read_incident_event(Reading& reading) {
  Event& event = reading.event;
  event.kind = EventKind::Alert;
  event.type = "com.pagerduty.event";
  event.time = reading.frame.arrived_at;
  event.tenant = reading.frame.tenant;
  read_routing_key(reading);
  const std::size_t errors = reading.errors.size();
  const std::string_view action = read_required(reading, reading.body, "event_action");
  const bool trigger = action == "trigger";
  if (trigger) {
    event.status = EventStatus::Firing;
  } else if (action == "acknowledge") {
    event.status = EventStatus::Acknowledged;
  } else if (action == "resolve") {
    event.status = EventStatus::Resolved;
  } else if (reading.errors.size() == errors) {
    reading.refuse("/event_action",
                   "'event_action' is invalid (must be one of the following: 'trigger', "
                   "'acknowledge' or 'resolve')");
  }
  read_dedup_key(reading, !trigger);
  read_payload(reading);
  if (trigger && !reading.has_payload && reading.errors.empty()) {
    reading.refuse("/payload", "'payload' is missing or blank");
  }
  if (trigger && reading.has_payload) {
    read_described(reading);
    read_required(reading, reading.payload, "payload.source");
    read_severity(reading);
    read_links(reading);
    event.starts_at = event.time;
  } else {
    event.title = fmt::format("{} {}", action, event.dedup_key);
  }
  if (event.status == EventStatus::Resolved) event.ends_at = event.time;
  event.subject = event.dedup_key;
}

void read_change_event(Reading& reading) {
  Event& event = reading.event;
  event.kind = EventKind::Change;
  event.type = "com.pagerduty.change";
  event.time = reading.frame.arrived_at;
  event.tenant = reading.frame.tenant;
  read_routing_key(reading);
  read_payload(reading);
  if (!reading.has_payload) {
    if (reading.errors.empty()) reading.refuse("/payload", "'payload' is missing or blank");
    return;
  }
  read_described(reading);
  read_links(reading);
}

WireReply refusal_of(const std::vector<Rejected>& errors) {
  WireReply reply{400, "application/json", {}};
  JsonWriter w(reply.body);
  w.begin_object().field("status", "invalid event").field("message", "Event object is invalid");
  w.key("errors").begin_array();
  for (const Rejected& error : errors) w.value(error.reason);
  w.end_array().end_object();
  return reply;
}

// Reads the body with `read`; on success `message` and the dedup_key go back.
template <class F>
Answered decode_by(const Frame& frame, const WireLimits& limits, WireScratch& scratch,
                   std::string_view message, F&& read) {
  Answered answered;
  Rejects rejects(answered.decoded.rejected, limits);
  const auto body = parse_json(scratch.parser, frame.body);
  if (!body || !body->is_object()) {
    Error error = body ? wire::wrong_kind("an object", *body, "").error() : body.error();
    const std::vector<Rejected> errors{{error.to_string(), "", ""}};
    rejects.add(std::move(error), "", frame.body);
    answered.reply = refusal_of(errors);
    return answered;
  }
  Reading reading{.frame = frame, .limits = limits, .scratch = scratch, .body = *body};
  read(reading);
  if (!reading.errors.empty()) {
    answered.reply = refusal_of(reading.errors);
    answered.decoded.rejected = std::move(reading.errors);
    return answered;
  }
  wire::believe_time(reading.event, frame.arrived_at, limits);
  answered.reply = {202, "application/json", {}};
  JsonWriter w(answered.reply.body);
  w.begin_object().field("status", "success").field("message", message);
  if (!reading.event.dedup_key.empty()) w.field("dedup_key", reading.event.dedup_key);
  w.end_object();
  answered.decoded.events.push_back(std::move(reading.event));
  return answered;
}

}  // namespace

Answered decode_pagerduty_event(const Frame& frame, const WireLimits& limits,
                                WireScratch& scratch) {
  return decode_by(frame, limits, scratch, "Event processed", read_incident_event);
}

Answered decode_pagerduty_change(const Frame& frame, const WireLimits& limits,
                                 WireScratch& scratch) {
  return decode_by(frame, limits, scratch, "Change event processed", read_change_event);
}

}  // namespace quell
