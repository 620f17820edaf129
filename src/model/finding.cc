#include "model/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/text.h"

namespace quell {
namespace {

void write_optional(ByteWriter& w, const std::optional<Timestamp>& t) {
  w.boolean(t.has_value());
  if (t) w.time(*t);
}

std::optional<Timestamp> read_optional(ByteReader& r) {
  if (!r.boolean()) return std::nullopt;
  return r.time();
}

void write_signal(ByteWriter& w, const FindingSignal& s) {
  w.text(s.series->tenant);
  w.text(s.series->unit);
  w.text(s.series->labels.bytes());
  w.boolean(s.is_rate);
  w.time(s.onset);
  w.time(s.last_time);
  write_optional(w, s.ended_at);
  w.u64(s.samples);
  w.f64(s.score);
  write_point(w, s.peak);
  w.f64(s.band);
  w.u64(s.fired);
  w.u64(s.stride);
  w.u64(s.points.size());
  for (const FindingPoint& p : s.points) write_point(w, p);
  write_rule(w, s.rule);
  w.boolean(s.is_golden);
}

Result<FindingSignal> read_signal(ByteReader& r, std::uint8_t version) {
  FindingSignal s;
  std::string tenant = r.string();
  std::string unit = r.string();
  TRY(SeriesLabels labels, SeriesLabels::from_bytes(r.text()));
  s.series = make_series(std::move(tenant), std::move(labels), std::move(unit));
  s.is_rate = r.boolean();
  s.onset = r.time();
  s.last_time = r.time();
  s.ended_at = read_optional(r);
  s.samples = static_cast<std::uint32_t>(r.u64());
  s.score = r.f64();
  s.peak = read_point(r);
  s.band = r.f64();
  s.fired = static_cast<std::uint16_t>(r.u64());
  s.stride = static_cast<std::uint32_t>(r.u64());
  s.points.resize(r.count());
  for (FindingPoint& p : s.points) p = read_point(r);
  if (version >= 2) s.rule = read_rule(r);
  if (version >= 3) s.is_golden = r.boolean();
  return s;
}

}  // namespace

void write_point(ByteWriter& w, const FindingPoint& p) {
  w.time(p.time);
  w.f64(p.value);
  w.f64(p.expected);
  w.f64(static_cast<double>(p.scale));
}

FindingPoint read_point(ByteReader& r) {
  FindingPoint p;
  p.time = r.time();
  p.value = r.f64();
  p.expected = r.f64();
  p.scale = static_cast<float>(r.f64());
  return p;
}

void write_rule(ByteWriter& w, const std::shared_ptr<const SignalRule>& rule) {
  w.boolean(rule != nullptr);
  if (rule == nullptr) return;
  for (const std::string* text : {&rule->name, &rule->detector, &rule->text, &rule->held}) {
    w.text(*text);
  }
  w.f64(rule->low);
  w.f64(rule->high);
  w.u8(static_cast<std::uint8_t>(rule->side + 1));
  for (const auto* time : {&rule->crosses_at, &rule->earliest, &rule->latest}) {
    write_optional(w, *time);
  }
}

std::shared_ptr<const SignalRule> read_rule(ByteReader& r) {
  if (!r.boolean()) return nullptr;
  auto rule = std::make_shared<SignalRule>();
  for (std::string* text : {&rule->name, &rule->detector, &rule->text, &rule->held}) {
    *text = r.string();
  }
  rule->low = r.f64();
  rule->high = r.f64();
  rule->side = static_cast<std::int8_t>(r.u8() - 1);
  for (auto* time : {&rule->crosses_at, &rule->earliest, &rule->latest}) *time = read_optional(r);
  return rule;
}

std::string format_finding_id(FindingId id) {
  return fmt::format("FND-{:06}", id);
}

Result<FindingId> parse_finding_id(std::string_view text) {
  std::string_view digits = text;
  if (digits.size() > 4 && equals_ignore_case(digits.substr(0, 4), "FND-")) digits.remove_prefix(4);
  FindingId id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc{} || end != digits.data() + digits.size() || id == 0) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not a finding id such as FND-000001", utf8_prefix(text, 64)));
  }
  return id;
}

std::string_view finding_status_name(FindingStatus status) {
  return status == FindingStatus::Open ? "open" : "ended";
}

std::optional<FindingStatus> parse_finding_status(std::string_view word) {
  if (word == "open") return FindingStatus::Open;
  if (word == "ended") return FindingStatus::Ended;
  return std::nullopt;
}

std::string_view feedback_name(Feedback feedback) {
  if (feedback == Feedback::Useful) return "useful";
  return feedback == Feedback::Noise ? "noise" : "";
}

std::optional<Feedback> parse_feedback(std::string_view word) {
  if (word == "useful") return Feedback::Useful;
  if (word == "noise") return Feedback::Noise;
  return std::nullopt;
}

void FindingSignal::add_point(const FindingPoint& point, std::uint32_t number) {
  if ((number - 1) % stride != 0) return;
  if (points.size() == kPoints) {
    for (std::size_t i = 0; i < kPoints / 2; ++i) points[i] = points[2 * i];
    points.resize(kPoints / 2);
    stride *= 2;
    if ((number - 1) % stride != 0) return;
  }
  points.push_back(point);
}

double Finding::score() const {
  double highest = 0;
  for (const FindingSignal& s : signals) highest = std::max(highest, s.score);
  return highest;
}

// The first ones and the last ones are kept.
void Finding::add_note(Timestamp at, std::string text) {
  if (trace.size() == kNotes) trace.erase(trace.begin() + kNotes / 2);
  trace.push_back({at, std::move(text)});
}

void encode_signal(const FindingSignal& signal, std::string& out) {
  ByteWriter w(out);
  write_signal(w, signal);
}

Result<FindingSignal> decode_signal(std::string_view bytes, std::uint8_t version) {
  ByteReader r(bytes);
  TRY(FindingSignal signal, read_signal(r, version));
  if (!r.ok() || !r.at_end()) return fail(Errc::Corrupt, "a signal of a finding does not decode");
  return signal;
}

void encode_finding(const Finding& f, std::string& out) {
  ByteWriter w(out);
  w.u8(kFindingVersion);
  w.u64(f.id);
  w.text(f.tenant);
  w.text(f.entity.kind);
  w.text(f.entity.name);
  w.boolean(f.is_storm);
  w.u64(f.entities);
  w.u8(static_cast<std::uint8_t>(f.status));
  w.u8(static_cast<std::uint8_t>(f.severity));
  w.text(f.title);
  w.time(f.onset);
  w.time(f.detected_at);
  w.time(f.updated_at);
  w.time(f.last_time);
  write_optional(w, f.ended_at);
  w.f64(f.p);
  w.u64(f.series_count);
  w.u64(f.metric_count);
  w.u64(f.entity_series);
  w.u64(f.signals.size());
  for (const FindingSignal& s : f.signals) write_signal(w, s);
  w.fixed64(f.alert);
  w.u8(static_cast<std::uint8_t>(f.feedback));
  w.text(f.why);
  w.u64(f.trace.size());
  for (const FindingNote& note : f.trace) {
    w.time(note.at);
    w.text(note.text);
  }
}

Result<Finding> decode_finding(std::string_view bytes) {
  const auto corrupt = [] { return fail(Errc::Corrupt, "a finding does not decode"); };
  ByteReader r(bytes);
  const std::uint8_t version = r.u8();
  if (version < 1 || version > kFindingVersion) return corrupt();
  Finding f;
  f.id = r.u64();
  f.tenant = r.string();
  f.entity.kind = r.string();
  f.entity.name = r.string();
  f.is_storm = r.boolean();
  f.entities = static_cast<std::uint32_t>(r.u64());
  const std::uint8_t status = r.u8();
  const std::uint8_t severity = r.u8();
  if (status > 1 || severity > 3) return corrupt();
  f.status = static_cast<FindingStatus>(status);
  f.severity = static_cast<Severity>(severity);
  f.title = r.string();
  f.onset = r.time();
  f.detected_at = r.time();
  f.updated_at = r.time();
  f.last_time = r.time();
  f.ended_at = read_optional(r);
  f.p = r.f64();
  f.series_count = static_cast<std::uint32_t>(r.u64());
  f.metric_count = static_cast<std::uint32_t>(r.u64());
  f.entity_series = static_cast<std::uint32_t>(r.u64());
  for (std::size_t n = r.count(); n > 0 && r.ok(); --n) {
    TRY(FindingSignal signal, read_signal(r, version));
    f.signals.push_back(std::move(signal));
  }
  f.alert = r.fixed64();
  const std::uint8_t feedback = r.u8();
  if (feedback > 2) return corrupt();
  f.feedback = static_cast<Feedback>(feedback);
  f.why = r.string();
  f.trace.resize(r.count());
  for (FindingNote& note : f.trace) {
    note.at = r.time();
    note.text = r.string();
  }
  if (!r.ok() || !r.at_end() || f.id == 0) return corrupt();
  return f;
}

}  // namespace quell
