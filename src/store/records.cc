#include "store/records.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "model/codec.h"

namespace quell {
namespace {

constexpr std::uint8_t kEventVersion = 1;
constexpr std::uint8_t kDeadLetterVersion = 1;
constexpr std::uint8_t kSeriesVersion = 2;

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Errc::Corrupt, fmt::format("{} record does not decode", what));
}

// The part of an event that filters look at; views into the record.
struct EventHead {
  EventKind kind = EventKind::Note;
  Severity severity = Severity::Info;
  std::string_view tenant;
  std::string_view source;
  std::string_view title;
  std::string_view entity_kind;
  std::string_view entity_name;
  std::string_view labels;
};

EventHead take_head(ByteReader& r) {
  EventHead h;
  h.kind = static_cast<EventKind>(r.u8());
  h.severity = static_cast<Severity>(r.u8());
  h.tenant = r.text();
  h.source = r.text();
  h.title = r.text();
  h.entity_kind = r.text();
  h.entity_name = r.text();
  h.labels = r.text();
  return h;
}

bool in_entity(const EventHead& h, std::string_view word) {
  if (contains_ignore_case(h.entity_name, word) || contains_ignore_case(h.entity_kind, word)) {
    return true;
  }
  // `service:checkout`, as entities are written everywhere.
  const auto colon = word.find(':');
  if (colon == word.npos || h.entity_kind.size() < colon) return false;
  const std::string_view kind = word.substr(0, colon);
  const std::string_view name = word.substr(colon + 1);
  return equals_ignore_case(h.entity_kind.substr(h.entity_kind.size() - colon), kind) &&
         equals_ignore_case(h.entity_name.substr(0, name.size()), name);
}

// Compares each name and value by itself, not the sizes between them.
bool in_labels(std::string_view bytes, std::string_view word) {
  while (bytes.size() >= 8) {
    std::uint32_t sizes[2] = {};
    std::memcpy(sizes, bytes.data(), sizeof sizes);
    bytes.remove_prefix(sizeof sizes);
    if (std::uint64_t{sizes[0]} + sizes[1] > bytes.size()) return false;
    if (contains_ignore_case(bytes.substr(0, sizes[0]), word)) return true;
    if (contains_ignore_case(bytes.substr(sizes[0], sizes[1]), word)) return true;
    bytes.remove_prefix(sizes[0] + sizes[1]);
  }
  return false;
}

}  // namespace

void encode_event(const EventRow& row, std::string& out) {
  const Event& e = row.event;
  ByteWriter w(out);
  w.u8(kEventVersion);
  w.u8(static_cast<std::uint8_t>(e.kind));
  w.u8(static_cast<std::uint8_t>(e.severity));
  w.text(e.tenant);
  w.text(e.source);
  w.text(e.title);
  put(w, e.entity);
  w.text(e.labels.bytes());
  w.u8(static_cast<std::uint8_t>(e.status));
  w.text(e.id);
  w.text(e.type);
  w.text(e.subject);
  w.time(e.time);
  w.text(e.severity_text);
  w.text(e.correlation_id);
  w.text(e.dedup_key);
  w.text(e.annotations.bytes());
  w.u64(e.links.size());
  for (const Link& link : e.links) {
    w.text(link.text);
    w.text(link.href);
  }
  w.text(utf8_prefix(e.data, kEventDataBytesMax));
  put(w, e.starts_at);
  put(w, e.ends_at);
}

Status decode_event(std::string_view record, EventRow& row) {
  ByteReader r(record);
  if (r.u8() != kEventVersion) return fail(Errc::Corrupt, "event record of an unknown version");
  const EventHead head = take_head(r);
  Event& e = row.event;
  e.kind = head.kind;
  e.severity = head.severity;
  e.tenant = head.tenant;
  e.source = head.source;
  e.title = head.title;
  e.entity = {std::string(head.entity_kind), std::string(head.entity_name)};
  TRY(e.labels, LabelSet::from_bytes(head.labels));
  e.status = static_cast<EventStatus>(r.u8());
  e.id = r.string();
  e.type = r.string();
  e.subject = r.string();
  e.time = r.time();
  e.severity_text = r.string();
  e.correlation_id = r.string();
  e.dedup_key = r.string();
  TRY(e.annotations, LabelSet::from_bytes(r.text()));
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    std::string text = r.string();
    e.links.push_back({std::move(text), r.string()});
  }
  e.data = r.string();
  e.starts_at = take_optional_time(r);
  e.ends_at = take_optional_time(r);
  if (!r.ok() || !r.at_end()) return damaged("event");
  return {};
}

EventFilter::EventFilter(const EventQuery& query) : query_(query) {
  for (const std::string_view word : split(query.text, ' ')) {
    if (!trim(word).empty()) words_.push_back(trim(word));
  }
}

bool EventFilter::matches(std::string_view record) const {
  ByteReader r(record);
  r.u8();
  const EventHead h = take_head(r);
  if (!r.ok()) return true;
  if (query_.kind && h.kind != *query_.kind) return false;
  if (query_.severity_min && h.severity < *query_.severity_min) return false;
  if (!query_.tenant.empty() && h.tenant != query_.tenant) return false;
  if (!query_.source.empty() && h.source != query_.source) return false;
  return std::ranges::all_of(words_, [&](std::string_view word) {
    return contains_ignore_case(h.title, word) || in_entity(h, word) || in_labels(h.labels, word);
  });
}

void encode_dead_letter(const DeadLetter& d, std::string& out) {
  ByteWriter w(out);
  w.u8(kDeadLetterVersion);
  w.time(d.arrived_at);
  w.text(d.tenant);
  w.text(d.source);
  w.text(d.rejected.reason);
  w.text(d.rejected.place);
  w.text(d.rejected.excerpt);
  w.u64(d.attempts);
  w.boolean(d.resolved);
}

Status decode_dead_letter(std::string_view record, DeadLetter& d) {
  ByteReader r(record);
  if (r.u8() != kDeadLetterVersion) {
    return fail(Errc::Corrupt, "dead letter record of an unknown version");
  }
  d.arrived_at = r.time();
  d.tenant = r.string();
  d.source = r.string();
  d.rejected.reason = r.string();
  d.rejected.place = r.string();
  d.rejected.excerpt = r.string();
  d.attempts = static_cast<std::uint32_t>(r.u64());
  d.resolved = r.boolean();
  if (!r.ok() || !r.at_end()) return damaged("dead letter");
  return {};
}

void encode_series(const Series& s, std::string& out) {
  ByteWriter w(out);
  w.u8(kSeriesVersion);
  w.text(s.tenant);
  w.text(s.unit);
  w.text(s.labels.bytes());
}

Result<std::shared_ptr<const Series>> decode_series(std::string_view record) {
  ByteReader r(record);
  if (r.u8() != kSeriesVersion) return fail(Errc::Corrupt, "series record of an unknown version");
  std::string tenant = r.string();
  std::string unit = r.string();
  const std::string_view bytes = r.text();
  if (!r.ok() || !r.at_end()) return damaged("series");
  TRY(SeriesLabels labels, SeriesLabels::from_bytes(bytes));
  return make_series(std::move(tenant), std::move(labels), std::move(unit));
}

void encode_seen_ids(const std::vector<SeenId>& ids, std::string& out) {
  ByteWriter w(out);
  for (const SeenId& id : ids) {
    w.fixed64(id.key.low);
    w.fixed64(id.key.high);
    w.fixed64(id.content.low);
    w.fixed64(id.content.high);
    w.time(id.at);
  }
}

Status decode_seen_ids(std::string_view record, std::vector<SeenId>& ids) {
  ByteReader r(record);
  while (r.ok() && !r.at_end()) {
    SeenId id;
    id.key.low = r.fixed64();
    id.key.high = r.fixed64();
    id.content.low = r.fixed64();
    id.content.high = r.fixed64();
    id.at = r.time();
    ids.push_back(id);
  }
  if (!r.ok()) return damaged("seen ids");
  return {};
}

}  // namespace quell
