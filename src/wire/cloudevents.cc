#include "wire/cloudevents.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/crypto.h"
#include "base/text.h"
#include "base/time.h"
#include "model/label_meaning.h"
#include "wire/cloudevents_kind.h"
#include "wire/fields.h"

namespace quell {
namespace {

using wire::Json;
using wire::JsonObject;
using wire::Rejects;

// One CloudEvent before anything is made of it: the same for all modes.
struct Envelope {
  std::vector<std::pair<std::string, std::string>> attributes{};  // Values as text, in order.
  std::string data{};                                             // JSON text.
  Json json{};                                                    // `data`, parsed.
  bool has_json = false;
  bool is_binary = false;

  std::string_view get(std::string_view name) const {
    for (const auto& [key, value] : attributes) {
      if (key == name) return value;
    }
    return {};
  }
  std::string place(std::string_view name) const {
    if (!is_binary) return wire::pointer_step(name);
    return name == "datacontenttype" ? "header content-type" : "header ce-" + std::string(name);
  }
  std::unexpected<Error> refuse(std::string_view name, std::string why) const {
    return fail(Errc::InvalidArgument, std::move(why), place(name));
  }
};

constexpr std::array<std::string_view, 8> kContextAttributes{
    "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"};

// Extensions that say something about this event rather than about what it speaks of. They must
// not become labels, or each event would be an alert of its own.
constexpr std::array<std::string_view, 16> kFleetingExtensions{
    "status",      "severity",   "severitytext", "severitynumber", "correlationid", "causationid",
    "traceparent", "tracestate", "partitionkey", "sequence",       "sequencetype",  "recordedtime",
    "expirytime",  "dataref",    "dedupkey",     "sampledrate"};

// Of these, the ones that are kept as annotations because nothing else keeps them.
constexpr std::array<std::string_view, 7> kKeptExtensions{
    "causationid",  "tracestate", "partitionkey", "sequence",
    "recordedtime", "dataref",    "traceparent"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_json_type(std::string_view media) {
  return media.empty() || media == "application/json" || media == "text/json" ||
         media.ends_with("+json");
}

// ---------------------------------------------------------------------------------------------
// Attributes.

Status check_name(std::string_view name, const Envelope& envelope) {
  const bool ok = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
  if (ok) return {};
  return envelope.refuse(
      name, fmt::format("attribute name '{}' may only have a-z and 0-9", utf8_prefix(name, 64)));
}

// U+0000-001F and U+007F-009F have no place in attributes (spec.md, "Type System", String).
bool has_forbidden_character(std::string_view text) {
  if (wire::has_control_character(text)) return true;
  for (auto at = text.find('\xc2'); at != text.npos; at = text.find('\xc2', at + 2)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0) return true;
  }
  return false;
}

bool is_uri_reference(std::string_view text) {
  return !text.empty() && text.find_first_of(" <>\"\\^`{|}") == text.npos;
}

Status check_required(const Envelope& envelope) {
  for (const std::string_view name : {"specversion", "id", "source", "type"}) {
    const auto found =
        std::ranges::find(envelope.attributes, name, &std::pair<std::string, std::string>::first);
    if (found == envelope.attributes.end()) {
      return envelope.refuse(name, fmt::format("required attribute '{}' is missing", name));
    }
    if (found->second.empty()) {
      return envelope.refuse(name, fmt::format("required attribute '{}' is empty", name));
    }
  }
  const std::string_view version = envelope.get("specversion");
  if (version == "1.0") return {};
  return envelope.refuse("specversion", fmt::format("specversion '{}' is not supported, send 1.0",
                                                    utf8_prefix(version, 64)));
}

Status check_attributes(const Envelope& envelope, const WireLimits& limits) {
  TRY_STATUS(check_required(envelope));
  for (const auto& [name, value] : envelope.attributes) {
    TRY_STATUS(check_name(name, envelope));
    const bool context = is_one_of(kContextAttributes, name);
    const std::size_t max = context ? limits.attribute_bytes_max : limits.label_value_bytes_max;
    if (value.size() > max) {
      return envelope.refuse(
          name, fmt::format("'{}' has {} bytes, the limit is {}", name, value.size(), max));
    }
    if (has_forbidden_character(value)) {
      return envelope.refuse(name, fmt::format("'{}' contains a control character", name));
    }
  }
  if (!is_uri_reference(envelope.get("source"))) {
    return envelope.refuse("source", fmt::format("source '{}' is not a URI reference",
                                                 utf8_prefix(envelope.get("source"), 64)));
  }
  const std::string_view schema = envelope.get("dataschema");
  if (!schema.empty() && (schema.find(':') == schema.npos || !is_uri_reference(schema))) {
    return envelope.refuse("dataschema", fmt::format("dataschema '{}' is not an absolute URI",
                                                     utf8_prefix(schema, 64)));
  }
  const std::string_view type = envelope.get("datacontenttype");
  if (!type.empty() && type.find('/') == type.npos) {
    return envelope.refuse("datacontenttype",
                           fmt::format("'{}' is not a media type", utf8_prefix(type, 64)));
  }
  if (envelope.attributes.size() > limits.labels_max + kContextAttributes.size()) {
    return fail(Errc::TooLarge,
                fmt::format("{} attributes, the limit is {}", envelope.attributes.size(),
                            limits.labels_max + kContextAttributes.size()));
  }
  return {};
}

// ---------------------------------------------------------------------------------------------
// From an envelope to an event.

// A field of the event's own payload, when that is an object.
std::string_view data_text(const Envelope& envelope, std::string_view name) {
  if (!envelope.has_json || !envelope.json.is_object()) return {};
  return json_text(envelope.json, name);
}

std::string_view first_data_text(const Envelope& envelope,
                                 std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const std::string_view text = data_text(envelope, name);
    if (!text.empty()) return text;
  }
  return {};
}

Result<std::optional<Timestamp>> read_time_attribute(const Envelope& envelope,
                                                     std::string_view name) {
  auto time = parse_optional_time(envelope.get(name));
  if (!time) return envelope.refuse(name, time.error().message);
  return time;
}

void set_severity(const Envelope& envelope, Event& event) {
  const Severity fallback = event.kind == EventKind::Alert ? Severity::Warning : Severity::Info;
  event.severity = fallback;
  const auto take_word = [&](std::string_view word) {
    if (word.empty() || !event.severity_text.empty()) return;
    event.severity_text = word;
    event.severity = parse_severity(word).value_or(fallback);
  };
  take_word(envelope.get("severitytext"));
  take_word(envelope.get("severity"));
  const std::string_view number = envelope.get("severitynumber");
  int value = 0;
  for (const char c : number.substr(0, 3)) value = c >= '0' && c <= '9' ? value * 10 + c - '0' : 99;
  if (!number.empty() && value >= 1 && value <= 24) {
    event.severity = severity_from_otel(value);
    if (event.severity_text.empty()) event.severity_text = number;
  }
  take_word(first_data_text(envelope, {"severity", "priority", "level"}));
}

// The trace id of a valid W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>.
std::string_view trace_id_of(std::string_view traceparent) {
  if (traceparent.size() < 55 || traceparent[2] != '-' || traceparent[35] != '-') return {};
  if (traceparent.starts_with("ff")) return {};
  const std::string_view id = traceparent.substr(3, 32);
  if (id.find_first_not_of("0123456789abcdef") != id.npos) return {};
  return id.find_first_not_of('0') == id.npos ? std::string_view{} : id;
}

void set_correlation_id(const Envelope& envelope, Event& event) {
  event.correlation_id = envelope.get("correlationid");
  if (event.correlation_id.empty()) event.correlation_id = trace_id_of(envelope.get("traceparent"));
  if (!event.correlation_id.empty()) return;
  event.correlation_id =
      first_data_text(envelope, {"correlation_id", "correlationId", "trace_id", "traceId"});
  if (has_forbidden_character(event.correlation_id)) event.correlation_id.clear();
}

// Collects label pairs; the first one of a name counts. The views must outlive build().
// Of labels with one name the first counts. What is not believed to be a label is left out; too
// much of what is one refuses the event: two alerts that differ in the rest would become one.
class LabelCollector {
 public:
  explicit LabelCollector(const WireLimits& limits) : limits_(limits) {}

  void add(std::string_view name, std::string_view value) {
    if (name.empty() || value.empty() || pairs_.size() > limits_.labels_max) return;
    if (std::ranges::find(pairs_, name, &Label::name) == pairs_.end()) {
      pairs_.push_back({name, value});
    }
  }
  Result<LabelSet> build() const {
    if (pairs_.size() > limits_.labels_max) {
      return fail(Errc::InvalidArgument,
                  fmt::format("more than {} labels, the limit", limits_.labels_max));
    }
    return LabelSet::from(pairs_);
  }

 private:
  const WireLimits& limits_;
  std::vector<Label> pairs_;
};

// data.labels, as far as it holds texts.
Status add_data_labels(const Envelope& envelope, const WireLimits& limits,
                       LabelCollector& collector) {
  JsonObject labels;
  if (!envelope.has_json || !envelope.json.is_object()) return {};
  if (envelope.json["labels"].get(labels) != simdjson::SUCCESS) return {};
  for (const auto [name, value] : labels) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) continue;
    if (name.empty()) continue;
    auto fits = wire::check_label_name(name, limits);
    if (fits) fits = wire::check_label_value(name, text, limits);
    if (!fits) {
      return fail(Errc::InvalidArgument, fits.error().message,
                  envelope.place("data") + "/labels" + fits.error().place);
    }
    if (has_forbidden_character(name) || text.find('\0') != text.npos) continue;
    collector.add(name, text);
  }
  return {};
}

Status set_labels(const Envelope& envelope, const WireLimits& limits, Event& event) {
  LabelCollector collector(limits);
  for (const auto& [name, value] : envelope.attributes) {
    if (is_one_of(kContextAttributes, name) || is_one_of(kFleetingExtensions, name)) continue;
    collector.add(name, value);
  }
  TRY_STATUS(add_data_labels(envelope, limits, collector));
  const std::string_view named = data_text(envelope, "alertname");
  if (named.size() <= limits.label_value_bytes_max && !has_forbidden_character(named)) {
    collector.add("alertname", named);
  }
  collector.add("alertname", wire::alert_name_of_type(event.type));
  collector.add("source", event.source);
  collector.add("subject", event.subject);
  auto labels = collector.build();
  if (!labels) return envelope.refuse("data", labels.error().message);
  event.labels = *std::move(labels);
  return {};
}

void set_entity(const Envelope& envelope, const WireLimits& limits, Event& event) {
  if (const auto entity = envelope.get("entity"); !entity.empty()) {
    event.entity = parse_entity(entity);
    return;
  }
  event.entity = entity_from_labels(event.labels);
  if (!event.entity.empty() && envelope.get("service").empty()) {
    // A cluster or namespace says less than the subject does.
    const std::string_view kind = event.entity.kind;
    if (kind != "cluster" && kind != "namespace") return;
  }
  if (!envelope.get("service").empty()) return;
  const std::string_view said = first_data_text(envelope, {"entity", "service", "app"});
  const std::string_view host = first_data_text(envelope, {"host", "hostname"});
  const auto fits = [&](std::string_view name) {
    return !name.empty() && name.size() <= limits.label_value_bytes_max &&
           !has_forbidden_character(name);
  };
  if (fits(said)) {
    event.entity = parse_entity(said);
  } else if (fits(host)) {
    event.entity = {"host", std::string(host)};
  } else if (const Entity of = wire::entity_of_subject(event.subject); !of.empty()) {
    event.entity = of;
  }
}

void set_annotations(const Envelope& envelope, const WireLimits& limits, WireScratch& scratch,
                     Event& event) {
  wire::LabelReader reader(envelope.data, limits, scratch.labels);
  reader.builder().clear();
  Json annotations;
  if (envelope.has_json && envelope.json.is_object() &&
      envelope.json["annotations"].get(annotations) == simdjson::SUCCESS) {
    // Free-form data: what cannot be an annotation stays in `data`, where it is not lost.
    if (!reader.add_annotations(annotations)) reader.builder().clear();
  }
  if (auto built = reader.builder().build()) event.annotations = *std::move(built);
  const auto add = [&](std::string_view name, std::string_view text) {
    if (text.empty() || event.annotations.has(name) || text.find('\0') != text.npos) return;
    event.annotations =
        event.annotations.with(name, utf8_prefix(text, limits.annotations_bytes_max));
  };
  add("description", data_text(envelope, "description"));
  for (const std::string_view name : kKeptExtensions) add(name, envelope.get(name));
}

void set_title(const Envelope& envelope, const WireLimits& limits, Event& event) {
  event.title = title_line(first_data_text(envelope, {"title", "summary", "message"}),
                           limits.title_bytes_max);
  std::string_view text;
  if (event.title.empty() && envelope.has_json && envelope.json.get(text) == simdjson::SUCCESS) {
    event.title = title_line(text, limits.title_bytes_max);
  }
  if (!event.title.empty()) return;
  event.title = title_from_labels({}, event.annotations, limits.title_bytes_max);
  if (!event.title.empty()) return;
  event.title = event.type;
  if (!event.subject.empty()) event.title.append(" ").append(event.subject);
  event.title = utf8_prefix(event.title, limits.title_bytes_max);
}

void set_links(const Envelope& envelope, const WireLimits& limits, Event& event) {
  const auto add = [&](std::string_view text, std::string_view href) {
    if (!href.empty()) wire::add_link(event, text, href, limits);
  };
  add("Runbook", first_data_text(envelope, {"runbook_url", "runbook"}));
  add("Dashboard", first_data_text(envelope, {"dashboard_url", "dashboard"}));
  for (const std::string_view name : {"url", "html_url", "link"}) {
    add("Open", data_text(envelope, name));
  }
  add("Data", envelope.get("dataref"));
}

Status set_times(const Envelope& envelope, Timestamp arrived_at, Event& event) {
  TRY(const auto time, read_time_attribute(envelope, "time"));
  TRY(const auto expiry, read_time_attribute(envelope, "expirytime"));
  event.time = time.value_or(arrived_at);
  if (event.kind != EventKind::Alert) return {};
  if (event.status == EventStatus::Resolved) {
    event.ends_at = event.time;
  } else {
    event.starts_at = event.time;
    if (event.status == EventStatus::Firing) event.ends_at = expiry;
  }
  return {};
}

Status make_event(Envelope& envelope, const Frame& frame, const WireLimits& limits,
                  WireScratch& scratch, Event& event) {
  TRY_STATUS(check_attributes(envelope, limits));
  event.id = envelope.get("id");
  event.source = envelope.get("source");
  event.type = envelope.get("type");
  event.subject = envelope.get("subject");
  event.tenant = frame.tenant;
  event.dedup_key = envelope.get("dedupkey");
  const auto meaning =
      wire::kind_of(event.type, envelope.get("status"), data_text(envelope, "status"));
  event.kind = meaning.kind;
  event.status = meaning.status;
  TRY_STATUS(set_times(envelope, frame.arrived_at, event));
  set_severity(envelope, event);
  set_correlation_id(envelope, event);
  TRY_STATUS(set_labels(envelope, limits, event));
  set_entity(envelope, limits, event);
  set_annotations(envelope, limits, scratch, event);
  set_title(envelope, limits, event);
  set_links(envelope, limits, event);
  event.data = std::move(envelope.data);
  wire::believe_time(event, frame.arrived_at, limits);
  return {};
}

// ---------------------------------------------------------------------------------------------
// Data that is not JSON already.

std::string json_string(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

// Takes `bytes` as data of the media type: JSON is parsed, text becomes a JSON string, anything
// else (and text that is not UTF-8) becomes a JSON string of base64.
Status set_data(Envelope& envelope, std::string_view bytes, simdjson::dom::parser& parser) {
  const std::string media = wire::media_type(envelope.get("datacontenttype"));
  if (is_json_type(media)) {
    const auto json = parse_json(parser, bytes);
    if (json) {
      envelope.json = *json;
      envelope.has_json = true;
      envelope.data = bytes;
      return {};
    }
    // Without a media type nobody said that it is JSON.
    if (!media.empty()) {
      return fail(Errc::InvalidArgument, "data: " + json.error().message, json.error().place);
    }
  }
  const bool is_text = !invalid_utf8_at(bytes) && bytes.find('\0') == bytes.npos;
  envelope.data = is_text ? json_string(bytes) : json_string(base64_encode(bytes));
  return {};
}

// ---------------------------------------------------------------------------------------------
// Structured and batched mode.

Result<std::string> attribute_text(const Envelope& envelope, std::string_view name,
                                   const Json& value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  bool flag = false;
  if (value.get(flag) == simdjson::SUCCESS) return std::string(flag ? "true" : "false");
  std::int64_t number = 0;
  const bool is_context = is_one_of(kContextAttributes, name);
  if (!is_context && value.get(number) == simdjson::SUCCESS) {
    if (number >= INT32_MIN && number <= INT32_MAX) return std::to_string(number);
    return envelope.refuse(name, fmt::format("'{}' is not a 32-bit integer", name));
  }
  return envelope.refuse(
      name, fmt::format("'{}' must be a string{}, got {}", utf8_prefix(name, 64),
                        is_context ? "" : ", boolean or integer", wire::json_kind(value)));
}

Status read_structured(const Json& json, WireScratch& scratch, Envelope& envelope) {
  JsonObject object;
  if (json.get(object) != simdjson::SUCCESS) return wire::wrong_kind("an object", json, "");
  Json data;
  std::string_view base64;
  bool has_base64 = false;
  for (const auto [name, value] : object) {
    if (value.is_null()) continue;  // An attribute that is null is not there.
    if (name == "data") {
      data = value;
      envelope.has_json = true;
    } else if (name == "data_base64") {
      if (value.get(base64) != simdjson::SUCCESS) {
        return wire::wrong_kind("a string", value, "/data_base64");
      }
      has_base64 = true;
    } else {
      TRY(std::string text, attribute_text(envelope, name, value));
      const bool again = std::ranges::find(envelope.attributes, name,
                                           &std::pair<std::string, std::string>::first) !=
                         envelope.attributes.end();
      if (again) return envelope.refuse(name, fmt::format("'{}' appears twice", name));
      envelope.attributes.emplace_back(std::string(name), std::move(text));
    }
  }
  if (envelope.has_json && has_base64) {
    return envelope.refuse("data_base64", "has both data and data_base64, send one of them");
  }
  if (has_base64) {
    const auto bytes = base64_decode(base64);
    if (!bytes) return envelope.refuse("data_base64", "data_base64 is not base64");
    auto set = set_data(envelope, *bytes, scratch.inner);
    if (!set) return envelope.refuse("data_base64", set.error().to_string());
  } else if (envelope.has_json) {
    envelope.json = data;
    envelope.data = simdjson::minify(data);
  }
  return {};
}

void decode_one(const Json& json, std::string_view prefix, const Frame& frame,
                const WireLimits& limits, WireScratch& scratch, Decoded& decoded,
                Rejects& rejects) {
  Envelope envelope;
  Event& event = decoded.events.emplace_back();
  auto status = read_structured(json, scratch, envelope);
  if (status) status = make_event(envelope, frame, limits, scratch, event);
  if (status) return;
  decoded.events.pop_back();
  rejects.add(std::move(status).error(), prefix, json);
}

void decode_structured(const Frame& frame, bool may_be_batch, bool may_be_single,
                       const WireLimits& limits, WireScratch& scratch, Decoded& decoded,
                       Rejects& rejects) {
  const auto body = parse_json(scratch.parser, frame.body);
  if (!body) {
    rejects.add(body.error(), "", frame.body);
    return;
  }
  simdjson::dom::array batch;
  const bool is_array = body->get(batch) == simdjson::SUCCESS;
  if (!is_array && may_be_single) {
    decode_one(*body, "", frame, limits, scratch, decoded, rejects);
    return;
  }
  if (!is_array || !may_be_batch) {
    const std::string why =
        is_array ? "the body is an array: send it as application/cloudevents-batch+json"
                 : fmt::format("a batch must be an array, got {}", wire::json_kind(*body));
    rejects.add({Errc::InvalidArgument, why, ""}, "", *body);
    return;
  }
  std::size_t index = 0;
  for (const Json item : batch) {
    const std::string place = fmt::format("/{}", index);
    if (index++ == limits.events_max) {
      rejects.add({Errc::TooLarge,
                   fmt::format("{} events in one request, the limit is {}: the rest was refused",
                               batch.size(), limits.events_max),
                   ""},
                  place, "");
      break;
    }
    decode_one(item, place, frame, limits, scratch, decoded, rejects);
  }
}

// ---------------------------------------------------------------------------------------------
// Binary mode.

Status read_binary(const Frame& frame, WireScratch& scratch, Envelope& envelope) {
  envelope.is_binary = true;
  for (const auto& [header, value] : frame.headers) {
    if (!header.starts_with("ce-")) continue;
    const std::string name = header.substr(3);
    if (name == "datacontenttype") {
      return envelope.refuse(name, "the media type of the data is the header Content-Type");
    }
    if (!envelope.get(name).empty()) {
      return envelope.refuse(name, fmt::format("header ce-{} appears twice", name));
    }
    auto text = decode_cloudevents_header(value);
    if (!text) return envelope.refuse(name, text.error().message);
    envelope.attributes.emplace_back(name, *std::move(text));
  }
  if (!frame.content_type.empty()) {
    envelope.attributes.emplace_back("datacontenttype", frame.content_type);
  }
  if (frame.body.empty()) return {};
  return set_data(envelope, frame.body, scratch.parser);
}

void decode_binary(const Frame& frame, const WireLimits& limits, WireScratch& scratch,
                   Decoded& decoded, Rejects& rejects) {
  Envelope envelope;
  Event& event = decoded.events.emplace_back();
  auto status = read_binary(frame, scratch, envelope);
  if (status) status = make_event(envelope, frame, limits, scratch, event);
  if (status) return;
  decoded.events.pop_back();
  rejects.add(std::move(status).error(), "", frame.body);
}

bool has_ce_header(const Frame& frame) {
  return std::ranges::any_of(frame.headers,
                             [](const auto& header) { return header.first.starts_with("ce-"); });
}

}  // namespace

bool has_known_event_format(std::string_view content_type) {
  constexpr std::string_view kPrefix = "application/cloudevents";
  const std::string media = wire::media_type(content_type);
  if (!media.starts_with(kPrefix)) return true;
  std::string_view format = std::string_view(media).substr(kPrefix.size());
  if (format.starts_with("-batch")) format.remove_prefix(6);
  return format.empty() || format == "+json";
}

Decoded decode_cloudevents(const Frame& frame, const WireLimits& limits, WireScratch& scratch) {
  constexpr std::string_view kBatch = "application/cloudevents-batch";
  constexpr std::string_view kStructured = "application/cloudevents";
  Decoded decoded;
  Rejects rejects(decoded.rejected, limits);
  const std::string media = wire::media_type(frame.content_type);
  const bool batch = media.starts_with(kBatch);  // Before `structured`, whose prefix it shares.
  const bool structured = !batch && media.starts_with(kStructured);
  if (batch || structured) {
    const std::string_view format =
        std::string_view(media).substr(batch ? kBatch.size() : kStructured.size());
    if (format.empty() || format == "+json") {
      decode_structured(frame, batch, structured, limits, scratch, decoded, rejects);
    } else {
      rejects.add({Errc::Unsupported,
                   fmt::format("'{}' is not supported, send the JSON format (+json)", media), ""},
                  "header content-type", frame.body);
    }
  } else if (has_ce_header(frame)) {
    decode_binary(frame, limits, scratch, decoded, rejects);
  } else if (is_json_type(media)) {
    decode_structured(frame, true, true, limits, scratch, decoded, rejects);
  } else {
    rejects.add({Errc::InvalidArgument,
                 "not a CloudEvent: Content-Type is not application/cloudevents+json and there are "
                 "no ce- headers",
                 ""},
                "", frame.body);
  }
  rejects.finish();
  return decoded;
}

// ---------------------------------------------------------------------------------------------

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes the double quotes off a quoted-string (RFC 7230, 3.2.6); anything else stays as it is.
std::string unquote(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
  std::string text;
  for (std::size_t i = 1; i + 1 < value.size(); ++i) {
    if (value[i] == '"') return std::string(value);  // Quotes in the middle: not a quoted-string.
    if (value[i] == '\\') {
      if (i + 2 >= value.size()) return std::string(value);
      ++i;
    }
    text += value[i];
  }
  return text;
}

}  // namespace

Result<std::string> decode_cloudevents_header(std::string_view value) {
  const std::string quoted = unquote(value);
  std::string text;
  text.reserve(quoted.size());
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    const int high = i + 2 < quoted.size() ? hex_digit(quoted[i + 1]) : -1;
    const int low = i + 2 < quoted.size() ? hex_digit(quoted[i + 2]) : -1;
    if (quoted[i] != '%' || high < 0 || low < 0) {
      text += quoted[i];
      continue;
    }
    text += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (const auto bad = invalid_utf8_at(text)) {
    return fail(Errc::InvalidArgument,
                fmt::format("byte {} of the decoded header is not UTF-8", *bad));
  }
  return text;
}

std::optional<HeaderList> cloudevents_handshake(std::string_view request_origin,
                                                std::string_view request_rate) {
  constexpr std::size_t kOriginBytesMax = 255;  // A DNS name.
  const std::string_view origin = trim(request_origin);
  const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (origin.empty() || origin.size() > kOriginBytesMax || !std::ranges::all_of(origin, visible)) {
    return std::nullopt;
  }
  HeaderList headers{{"Allow", "POST, OPTIONS"}, {"WebHook-Allowed-Origin", std::string(origin)}};
  if (!trim(request_rate).empty()) headers.emplace_back("WebHook-Allowed-Rate", "*");
  return headers;
}

}  // namespace quell
