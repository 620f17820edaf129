#include "normalize/pack_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/time.h"
#include "model/label_meaning.h"
#include "normalize/form.h"
#include "normalize/pair_collector.h"

namespace quell {
namespace {

using simdjson::dom::element;

constexpr std::size_t kExcerptBytes = 256;
constexpr std::string_view kTimeAdjusted = "quell.time_adjusted";
constexpr std::string_view kTruncated = "quell.truncated";

std::string excerpt_of(std::string_view text) {
  return std::string(utf8_prefix(text, kExcerptBytes));
}

bool is_web_link(std::string_view text) {
  const bool web = text.starts_with("https://") || text.starts_with("http://");
  const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  return web && std::ranges::none_of(text, is_blank);
}

// Makes one Event out of one item.
class EventBuilder {
 public:
  EventBuilder(const Pack& pack, const EventMapping& mapping, const Scope& scope,
               PackScratch& scratch, const WireLimits& limits)
      : pack_(pack), mapping_(mapping), scope_(scope), scratch_(scratch), limits_(limits) {}

  // Errors: InvalidArgument with the reason why the item is refused.
  Result<Event> build() {
    event_.tenant = scope_.frame->tenant;
    TRY_STATUS(read_attributes());
    event_.kind = read_word(mapping_.kind, parse_event_kind).value_or(EventKind::Note);
    if (event_.kind == EventKind::Alert) {
      TRY_STATUS(read_status());
    } else {
      event_.dedup_key.clear();
    }
    read_times();
    TRY_STATUS(read_labels());
    read_severity();
    TRY_STATUS(read_annotations());
    read_entity();
    read_title();
    read_links();
    if (mapping_.data) {
      if (const auto data = find_element(*mapping_.data, scope_)) {
        event_.data = simdjson::to_string(*data);
      }
    }
    if (event_.kind == EventKind::Alert && event_.labels.empty() && event_.dedup_key.empty()) {
      return fail(Errc::InvalidArgument,
                  "neither labels nor a dedup_key: nothing says which alert this is");
    }
    return std::move(event_);
  }

 private:
  bool read_text(const Expression& expression, std::string& out) {
    out.clear();
    return expression.append(scope_, out);
  }

  // Identity must not be cut: two long ids could become one.
  Status read_attribute(const Expression& expression, std::string& out) {
    read_text(expression, out);
    if (out.size() <= limits_.attribute_bytes_max) return {};
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' has {} bytes, the limit is {}", expression.what, out.size(),
                            limits_.attribute_bytes_max));
  }

  Status read_attributes() {
    TRY_STATUS(read_attribute(mapping_.id, event_.id));
    TRY_STATUS(read_attribute(mapping_.source, event_.source));
    TRY_STATUS(read_attribute(mapping_.type, event_.type));
    TRY_STATUS(read_attribute(mapping_.subject, event_.subject));
    TRY_STATUS(read_attribute(mapping_.dedup_key, event_.dedup_key));
    TRY_STATUS(read_attribute(mapping_.correlation_id, event_.correlation_id));
    if (event_.source.empty()) event_.source = '/' + pack_.name;
    if (event_.type.empty()) event_.type = pack_.name + '.' + mapping_.name;
    return {};
  }

  // The map's word, else the sender's own if it is known, else the default's.
  template <class T>
  std::optional<T> read_word(const Expression& expression,
                             std::optional<T> (*parse)(std::string_view)) {
    std::string& raw = scratch_.text;
    raw.clear();
    if (expression.append_raw(scope_, raw)) {
      const std::string* word = expression.mapped(raw);
      if (const auto value = parse(word != nullptr ? std::string_view(*word) : raw)) return value;
    }
    std::string fallback;
    if (!expression.append_fallback(scope_, fallback)) return std::nullopt;
    return parse(fallback);
  }

  Status read_status() {
    const auto status = read_word(mapping_.status, parse_event_status);
    if (!status && !mapping_.status.empty() && !scratch_.text.empty()) {
      return fail(Errc::InvalidArgument, fmt::format("status '{}' is none that pack '{}' knows",
                                                     utf8_prefix(scratch_.text, 64), pack_.name));
    }
    event_.status = status.value_or(EventStatus::Firing);
    if (mapping_.resolved_when.holds(scope_, scratch_.text)) event_.status = EventStatus::Resolved;
    return {};
  }

  std::optional<Timestamp> read_time(const TimeField& field) {
    if (field.value.empty() || !read_text(field.value, scratch_.text)) return std::nullopt;
    const auto time = parse_time_text(scratch_.text, field.style);
    if (!time) {
      time_problem_ = fmt::format("{}: {}", field.value.what, time.error().message);
      return std::nullopt;
    }
    return *time;
  }

  // A time from the far future would close every window before it.
  Timestamp believed(Timestamp time, std::string_view what) {
    const Timestamp arrived = scope_.frame->arrived_at;
    if (time <= arrived || time - arrived <= limits_.future_max) return time;
    time_problem_ = fmt::format("{}: '{}' is in the future", what, scratch_.text);
    return arrived;
  }

  // When it happened: a firing alert's start, a resolved one's end, unless the pack knows better.
  void read_times() {
    const Timestamp arrived = scope_.frame->arrived_at;
    std::optional<Timestamp> time = read_time(mapping_.time);
    if (time) time = believed(*time, "time");
    if (event_.kind != EventKind::Alert) {
      event_.time = time.value_or(arrived);
      return;
    }
    std::optional<Timestamp> starts = read_time(mapping_.starts_at);
    if (starts) starts = believed(*starts, "starts_at");
    if (event_.status == EventStatus::Resolved) {
      const auto ends = read_time(mapping_.ends_at);
      event_.time = time.value_or(ends ? believed(*ends, "ends_at") : arrived);
      event_.starts_at = starts;
      event_.ends_at = ends.value_or(event_.time);
      return;
    }
    event_.time = time.value_or(starts.value_or(arrived));
    event_.starts_at = starts.value_or(event_.time);
    event_.ends_at = read_time(mapping_.lease_until);
    if (!event_.ends_at && mapping_.lease && event_.time < kMaxTime - *mapping_.lease) {
      event_.ends_at = event_.time + *mapping_.lease;
    }
  }

  Result<PairCollector> collect(const std::vector<PairField>& fields) {
    PairCollector pairs(scratch_.pairs);
    for (const PairField& field : fields) {
      if (!field.name.empty()) {
        if (read_text(field.value, scratch_.text)) pairs.add(field.name, trim(scratch_.text));
        continue;
      }
      for (const Pointer& pointer : field.copies) {
        const auto value = find_element(pointer, scope_);
        if (value) pairs.add_all(*value);
        if (!value && scope_.misses != nullptr) scope_.misses->push_back({"*", pointer.text});
      }
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      if (pairs.name(i).size() > limits_.label_name_bytes_max) {
        return fail(
            Errc::InvalidArgument,
            fmt::format("name '{}…' has {} bytes, the limit is {}", utf8_prefix(pairs.name(i), 64),
                        pairs.name(i).size(), limits_.label_name_bytes_max));
      }
    }
    return pairs;
  }

  Status read_labels() {
    TRY(const PairCollector pairs, collect(mapping_.labels));
    if (pairs.size() > limits_.labels_max) {
      return fail(Errc::InvalidArgument,
                  fmt::format("{} labels, the limit is {}", pairs.size(), limits_.labels_max));
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      if (pairs.name(i).contains('\0') || pairs.value(i).contains('\0')) {
        return fail(Errc::InvalidArgument, "a label contains NUL");
      }
      if (pairs.value(i).size() <= limits_.label_value_bytes_max) continue;
      return fail(Errc::InvalidArgument,
                  fmt::format("label '{}' has {} bytes, the limit is {}", pairs.name(i),
                              pairs.value(i).size(), limits_.label_value_bytes_max));
    }
    TRY(event_.labels, pairs.build(scratch_.builder));
    if (event_.correlation_id.empty()) {
      event_.correlation_id = correlation_id_from_labels(event_.labels);
    }
    return {};
  }

  Status read_annotations() {
    TRY(PairCollector pairs, collect(mapping_.annotations));
    std::size_t left = limits_.annotations_bytes_max;
    bool cut = false;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const std::size_t size = pairs.name(i).size() + pairs.value(i).size();
      if (size > left) {
        pairs.cut(i, left - std::min(left, pairs.name(i).size()));
        cut = true;
      }
      left -= std::min(left, size);
    }
    if (cut) pairs.add_own(kTruncated, "annotations were longer than the limit");
    if (!time_problem_.empty()) pairs.add_own(kTimeAdjusted, time_problem_);
    pairs.cut_at_nul();  // Text for people; an alert is not refused because of it.
    TRY(event_.annotations, pairs.build(scratch_.builder));
    return {};
  }

  void read_severity() {
    const bool alert = event_.kind == EventKind::Alert;
    const Severity otherwise = alert ? Severity::Warning : Severity::Info;
    const auto severity = read_word(mapping_.severity, parse_severity);
    const bool said = !mapping_.severity.empty() && !mapping_.severity.constant();
    if (said) event_.severity_text = utf8_prefix(scratch_.text, limits_.attribute_bytes_max);
    if (severity || !alert) {
      event_.severity = severity.value_or(otherwise);
      return;
    }
    const SeverityWord word = severity_from_labels(event_.labels, otherwise);
    event_.severity = word.severity;
    if (event_.severity_text.empty()) event_.severity_text = word.text;
  }

  void read_entity() {
    for (const EntityField& field : mapping_.entity) {
      if (!read_text(field.name, event_.entity.name)) continue;
      const std::string_view name = title_line(event_.entity.name, limits_.attribute_bytes_max);
      event_.entity.name = std::string(name);
      read_text(field.kind, event_.entity.kind);
      if (event_.entity.kind.empty()) event_.entity.kind = "service";
      if (!event_.entity.name.empty()) return;
    }
    event_.entity = entity_from_labels(event_.labels);
  }

  void read_title() {
    read_text(mapping_.title, scratch_.text);
    std::string_view title = title_line(scratch_.text, limits_.title_bytes_max);
    if (title.empty()) {
      title = title_from_labels(event_.labels, event_.annotations, limits_.title_bytes_max);
    }
    if (title.empty()) title = event_.subject.empty() ? event_.type : event_.subject;
    event_.title = title_line(title, limits_.title_bytes_max);
  }

  void read_links() {
    Link link;
    for (const LinkField& field : mapping_.links) {
      if (event_.links.size() >= limits_.links_max) return;
      if (!read_text(field.href, link.href) || !is_web_link(link.href)) continue;
      if (link.href.size() > limits_.attribute_bytes_max) continue;
      if (!read_text(field.text, link.text)) link.text = link.href;
      link.text = std::string(title_line(link.text, limits_.title_bytes_max));
      const bool there = std::ranges::any_of(
          event_.links, [&](const Link& other) { return other.href == link.href; });
      if (!there) event_.links.push_back(link);
    }
  }

  const Pack& pack_;
  const EventMapping& mapping_;
  const Scope& scope_;
  PackScratch& scratch_;
  const WireLimits& limits_;
  Event event_{};
  std::string time_problem_{};
};

// Decodes the JSON texts of one frame.
class FrameDecoder {
 public:
  FrameDecoder(const Pack& pack, const Frame& frame, PackScratch& scratch, const WireLimits& limits,
               std::vector<Scope::Miss>* misses)
      : pack_(pack), scratch_(scratch), limits_(limits) {
    scope_.frame = &frame;
    scope_.absent = pack.absent.get();
    scope_.misses = misses;
  }

  Decoded decode() {
    const Frame& frame = *scope_.frame;
    if (const auto form = parse_form_body(frame.content_type, frame.body)) {
      decode_form(*form);
    } else if (pack_.lines && has_lines(frame.body)) {
      decode_lines(frame.body);
    } else {
      decode_text(frame.body, "");
    }
    if (unlisted_ > 0) {
      decoded_.rejected.push_back({.reason = fmt::format("{} more were refused", unlisted_)});
    }
    return std::move(decoded_);
  }

 private:
  void reject(std::string reason, std::string place, std::string_view excerpt) {
    if (decoded_.rejected.size() < limits_.rejected_max) {
      decoded_.rejected.push_back({std::move(reason), std::move(place), excerpt_of(excerpt)});
    } else {
      ++unlisted_;
    }
  }

  // Either one field holds the JSON, or all fields together are the object.
  void decode_form(const FormFields& form) {
    if (!pack_.form_field.empty()) {
      if (const auto field = find_field(form, pack_.form_field)) return decode_text(*field, "");
    }
    std::string object;
    JsonWriter writer(object);
    writer.begin_object();
    for (const auto& [name, value] : form) writer.field(name, value);
    writer.end_object();
    decode_text(object, "");
  }

  // One JSON text per line, and not one text over many lines: the first line stands for itself.
  bool has_lines(std::string_view body) {
    body = trim(body);
    const auto end = body.find('\n');
    if (end == body.npos) return false;
    return parse_json(scratch_.body, body.substr(0, end)).has_value();
  }

  void decode_lines(std::string_view body) {
    std::size_t number = 0;
    for (std::string_view line : split(body, '\n')) {
      ++number;
      line = trim(line);
      if (!line.empty()) decode_text(line, fmt::format("line {}", number));
    }
  }

  void decode_text(std::string_view text, const std::string& place) {
    const auto body = parse_json(scratch_.body, text);
    if (!body) {
      const std::string& where = body.error().place;
      // Within one line, its number and the byte say it all.
      reject(body.error().message,
             place.empty() ? where : place + ", " + where.substr(0, where.find(" (")), text);
      return;
    }
    // A number or null says nothing, whatever a mapping would make of it.
    if (!body->is_object() && !body->is_array()) {
      return reject("must be an object or an array", place, simdjson::to_string(*body));
    }
    scope_.body = scope_.item = *body;
    parse_inner_texts();
    if (pack_.ignore_when.holds(scope_, scratch_.text)) {
      ++decoded_.ignored;
      return;
    }
    for (const EventMapping& mapping : pack_.events) {
      if (!mapping.when.empty() && !mapping.when.holds(scope_, scratch_.text)) continue;
      return decode_items(mapping, place);
    }
    ++decoded_.ignored;
  }

  void parse_inner_texts() {
    for (std::size_t i = 0; i < pack_.parse_json.size(); ++i) {
      scope_.inner[i].reset();
      const auto value = walk(scope_.body, pack_.parse_json[i].steps);
      std::string_view text;
      if (!value || value->get(text) != simdjson::SUCCESS) continue;
      text = trim(text);
      if (!text.starts_with('{') && !text.starts_with('[')) continue;
      if (const auto inner = parse_json(scratch_.inner[i], text)) scope_.inner[i] = *inner;
    }
  }

  void decode_items(const EventMapping& mapping, const std::string& place) {
    if (mapping.each.empty()) return decode_item(mapping, place);
    for (const Pointer& pointer : mapping.each) {
      const auto found = find_element(pointer, scope_);
      if (!found) continue;
      simdjson::dom::array items;
      const std::string path = pointer.text == "." ? "" : pointer.text;
      const std::string before = place.empty() ? path : place + ' ' + path;
      if (found->get(items) != simdjson::SUCCESS) {
        scope_.item = *found;
        return decode_item(mapping, before);
      }
      std::size_t index = 0;
      for (const element item : items) {
        scope_.item = item;
        decode_item(mapping, fmt::format("{}/{}", before, index++));
      }
      return;
    }
    std::vector<std::string_view> names;
    for (const Pointer& pointer : mapping.each) names.push_back(pointer.text);
    reject(fmt::format("the body has no {}, which pack '{}' expects for '{}'",
                       fmt::join(names, " or "), pack_.name, mapping.name),
           place, scope_.frame->body);
  }

  void decode_item(const EventMapping& mapping, std::string place) {
    if (decoded_.events.size() >= limits_.events_max) {
      reject(fmt::format("more than {} events in one request", limits_.events_max),
             std::move(place), "");
      return;
    }
    if (mapping.ignore_when.holds(scope_, scratch_.text)) {
      ++decoded_.ignored;
      return;
    }
    auto event = EventBuilder(pack_, mapping, scope_, scratch_, limits_).build();
    if (event) {
      decoded_.events.push_back(*std::move(event));
      return;
    }
    reject(event.error().message, std::move(place), simdjson::to_string(scope_.item));
  }

  const Pack& pack_;
  PackScratch& scratch_;
  const WireLimits& limits_;
  Scope scope_{};
  Decoded decoded_{};
  std::size_t unlisted_ = 0;
};

}  // namespace

Decoded decode_with_pack(const Pack& pack, const Frame& frame, PackScratch& scratch,
                         const WireLimits& limits, std::vector<Scope::Miss>* misses) {
  return FrameDecoder(pack, frame, scratch, limits, misses).decode();
}

}  // namespace quell
