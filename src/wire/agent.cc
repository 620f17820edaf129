#include "wire/agent.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <deque>
#include <optional>
#include <unordered_map>

#include "base/bytes.h"
#include "base/flat_index.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/time.h"
#include "wire/fields.h"

namespace quell {
namespace {

using wire::Json;
using wire::JsonObject;
using wire::Rejects;

constexpr std::string_view kValueKey = "\"value\":";
constexpr std::string_view kTimeKey = "\"ts_event\":";

// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size: each
// unit covers the years 1973 to 5138, and larger numbers are the next finer one.
Timestamp time_of_epoch(std::int64_t number) {
  const std::int64_t size = number < 0 ? -number : number;
  std::int64_t unit = 1;
  if (size < 100'000'000'000) {
    unit = 1'000'000'000;
  } else if (size < 100'000'000'000'000) {
    unit = 1'000'000;
  } else if (size < 100'000'000'000'000'000) {
    unit = 1'000;
  }
  if (size > INT64_MAX / unit) return number < 0 ? kMinTime : kMaxTime;
  return from_ns(number * unit);
}

// A number with a fraction is seconds (as time.time() of Python gives it).
std::optional<Timestamp> time_of_fraction(double seconds) {
  if (!(std::fabs(seconds) < 1e11)) return std::nullopt;
  const double whole = std::floor(seconds);
  const auto nanos = static_cast<std::int64_t>(std::llround((seconds - whole) * 1e9));
  const Timestamp base = time_of_epoch(static_cast<std::int64_t>(whole));
  if (base == kMaxTime || base == kMinTime) return base;
  return base + Duration{nanos};
}

// One sample before its series is looked up. The views are into the parsed document.
struct Parsed {
  std::string_view tenant{};
  std::string_view host{};
  std::string_view metric{};
  std::string_view unit{};
  LabelSet tags{};
  double value = 0;
  std::optional<Timestamp> time{};
  bool plain = true;  // Only the seven known keys: lines of this kind may be recognised.
};

}  // namespace

// ---------------------------------------------------------------------------------------------

namespace agent {  // Named, because the fields of a class have these types.

// A series, and where it stands in the batch that is being made.
struct Known {
  SeriesLabels labels{};
  std::string tenant{};
  std::string unit{};
  std::uint64_t batch = 0;
  WireSamples::Run run{};  // Of that batch: what all runs of the series share.
};

// The bytes of a line around its value and its time: `before` + one + `between` + other + `after`.
struct Segments {
  std::string_view before{};
  std::string_view between{};
  std::string_view after{};

  std::uint64_t hash(std::uint64_t seed) const {
    return hash64(after, hash64(between, hash64(before, seed)));
  }
};

// The segments of a line that was parsed once, and the series that it named.
struct Shape {
  std::string bytes{};
  std::uint32_t before_size = 0;
  std::uint32_t between_size = 0;
  std::string frame_tenant{};  // Names the series too, when the line itself has no tenant.
  Known* known = nullptr;

  bool matches(const Segments& s, std::string_view tenant) const {
    return s.before.size() == before_size && s.between.size() == between_size &&
           before_size + between_size + s.after.size() == bytes.size() &&
           std::memcmp(bytes.data(), s.before.data(), before_size) == 0 &&
           std::memcmp(bytes.data() + before_size, s.between.data(), between_size) == 0 &&
           std::memcmp(bytes.data() + before_size + between_size, s.after.data(), s.after.size()) ==
               0 &&
           frame_tenant == tenant;
  }
};

// Where the keys stood in the last line.
struct KeyPlaces {
  std::size_t value = 0;
  std::size_t time = 0;
};

}  // namespace agent

namespace {

using agent::KeyPlaces;
using agent::Known;
using agent::Segments;
using agent::Shape;

// A line cut at its value and its time, both read.
struct Cut {
  Segments segments{};
  double value = 0;
  Timestamp time{};
};

// Reads a JSON number of at most 15 digits without an exponent, exactly as a correctly rounding
// parser does: both the digits and the power of ten are exact doubles. Anything else: false.
bool take_number(const char*& p, const char* end, double& value) {
  constexpr std::array<double, 16> kPowers{1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                           1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const bool negative = p < end && *p == '-';
  if (negative) ++p;
  std::uint64_t digits = 0;
  const char* start = p;
  while (p < end && *p >= '0' && *p <= '9')
    digits = digits * 10 + static_cast<unsigned>(*p++ - '0');
  std::ptrdiff_t count = p - start;
  if (count == 0 || count > 15 || (*start == '0' && count > 1)) return false;
  std::ptrdiff_t decimals = 0;
  if (p < end && *p == '.') {
    const char* point = p++;
    while (p < end && *p >= '0' && *p <= '9' && p - point <= 15) {
      digits = digits * 10 + static_cast<unsigned>(*p++ - '0');
    }
    decimals = p - point - 1;
    if (decimals == 0) return false;
    count += decimals;
  }
  if (count > 15 || (p < end && (*p == 'e' || *p == 'E' || *p == '.'))) return false;
  if (negative && digits == 0) return false;  // -0 is an integer, -0.0 is not.
  value = static_cast<double>(digits) / kPowers[static_cast<std::size_t>(decimals)];
  if (negative) value = -value;
  return true;
}

// Reads the time that begins at `p`: digits, or a text up to its quote. `p` ends behind it, on the
// quote of a text. `from` is where the bytes of the time itself begin.
bool take_time(const char*& p, const char* end, const char*& from, Timestamp& time) {
  if (p < end && *p == '"') {
    from = ++p;
    const auto* quote =
        static_cast<const char*>(std::memchr(p, '"', static_cast<std::size_t>(end - p)));
    if (quote == nullptr || quote == p || quote - p > 64) return false;
    const auto parsed = parse_rfc3339({p, static_cast<std::size_t>(quote - p)});
    if (!parsed || *parsed == kMinTime) return false;
    time = *parsed;
    p = quote;
    return true;
  }
  from = p;
  std::int64_t number = 0;
  while (p < end && *p >= '0' && *p <= '9' && p - from < 18) number = number * 10 + (*p++ - '0');
  if (p == from || (*from == '0' && p - from > 1)) return false;
  if (p < end && ((*p >= '0' && *p <= '9') || *p == '.' || *p == 'e' || *p == 'E')) return false;
  time = time_of_epoch(number);
  return true;
}

// Where `key` stands: where it stood in the last line, or else the first place.
const char* find_key(std::string_view line, std::string_view key, std::size_t& last) {
  if (last < line.size() && line.substr(last).starts_with(key)) return line.data() + last;
  const void* at = memmem(line.data(), line.size(), key.data(), key.size());
  if (at == nullptr) return nullptr;
  last = static_cast<std::size_t>(static_cast<const char*>(at) - line.data());
  return static_cast<const char*>(at);
}

// Cuts a line without parsing it. What it returns means something only if the segments are those of
// a line that was parsed (see may_be_shape).
bool cut_line(std::string_view line, KeyPlaces& places, Cut& cut) {
  const char* value_key = find_key(line, kValueKey, places.value);
  const char* time_key = find_key(line, kTimeKey, places.time);
  if (value_key == nullptr || time_key == nullptr) return false;
  const char* const end = line.data() + line.size();
  const char* value_end = value_key + kValueKey.size();
  if (value_end < end && *value_end == ' ') ++value_end;
  const char* const value_start = value_end;
  if (!take_number(value_end, end, cut.value)) return false;
  const char* time_end = time_key + kTimeKey.size();
  if (time_end < end && *time_end == ' ') ++time_end;
  const char* time_start = nullptr;
  if (!take_time(time_end, end, time_start, cut.time)) return false;
  const auto between = [](const char* from, const char* to) {
    return std::string_view(from, static_cast<std::size_t>(to - from));
  };
  if (value_end <= time_start) {
    cut.segments = {between(line.data(), value_start), between(value_end, time_start),
                    between(time_end, end)};
    return true;
  }
  if (time_end > value_start) return false;
  cut.segments = {between(line.data(), time_start), between(time_end, value_start),
                  between(value_end, end)};
  return true;
}

// Whether every line with these segments is JSON with the same meaning, whatever number and time
// stand between them, given that one such line was parsed, has each of the known keys at most once,
// and no other keys. That holds when the cuts are at the values of top-level keys: then `"value":`
// and `"ts_event":` right before them are these keys themselves, because without a backslash a
// quote cannot be part of a text.
bool may_be_shape(const Segments& segments) {
  bool in_text = false;
  int depth = 0;
  const auto walk = [&](std::string_view part) {
    for (const char c : part) {
      if (c == '\\') return false;
      if (c == '"') in_text = !in_text;
      if (in_text) continue;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
    }
    return depth == 1;
  };
  const auto cut_fits = [&](std::string_view part) {
    // A text begins with its quote, which belongs to the segment before it.
    return in_text == part.ends_with('"');
  };
  return walk(segments.before) && cut_fits(segments.before) && walk(segments.between) &&
         cut_fits(segments.between);
}

}  // namespace

struct AgentDecoder::State {
  WireLimits limits{};
  simdjson::dom::parser parser{};
  LabelSet::Builder builder{};
  std::string text{};
  std::unordered_map<Hash128, Known, Hash128Hasher> series{};  // By id and unit.
  std::deque<Shape> shapes{};
  FlatIndex<Shape> shape_index{};
  std::uint64_t batch = 0;
  KeyPlaces places{};

  void decode(const Frame& frame, DecodedSamples& out, bool recognise);
  void decode_lines(const Frame& frame, DecodedSamples& out, Rejects& rejects, bool recognise);
  bool decode_known_line(std::string_view line, std::size_t number, const Frame& frame,
                         WireSamples& samples);
  void learn(std::string_view line, const Frame& frame, const Parsed& parsed, Known& known);
  Result<Parsed> parse(const Json& json, const Frame& frame);
  Result<LabelSet> parse_tags(const Json& json);
  Result<Known*> find_series(const Parsed& parsed);
  // `place` is the number of the line or of the object.
  Result<Known*> add_parsed(const Parsed& parsed, std::size_t place, const Frame& frame,
                            WireSamples& samples);
  Status add(Known& known, double value, Timestamp time, std::size_t place, const Frame& frame,
             WireSamples& samples);
  Status add_object(const Json& json, std::size_t place, const Frame& frame, WireSamples& samples);
  Status introduce(Known& known, WireSamples& samples);
};

// ---------------------------------------------------------------------------------------------
// Parsing.

namespace {

Result<std::string_view> read_name(const Json& json, std::string_view key,
                                   const WireLimits& limits) {
  TRY(const std::string_view text, wire::text_or_null(json, key));
  if (text.size() > limits.label_value_bytes_max) {
    return fail(Errc::InvalidArgument,
                fmt::format("{} bytes, the limit is {}", text.size(), limits.label_value_bytes_max),
                wire::pointer_step(key));
  }
  if (text.find('\0') != text.npos) {
    return fail(Errc::InvalidArgument, "NUL is not allowed", wire::pointer_step(key));
  }
  return text;
}

// Nobody measured then: the sender's time was never set.
Result<std::optional<Timestamp>> checked_time(Timestamp time, const Json& json) {
  if (time != kMinTime) return std::optional(time);
  return fail(Errc::InvalidArgument,
              fmt::format("{} is before the year 1678: leave ts_event out for the time of arrival",
                          simdjson::minify(json)),
              "/ts_event");
}

Result<std::optional<Timestamp>> read_sample_time(const Json& json) {
  std::string_view text;
  std::int64_t number = 0;
  double fraction = 0;
  if (json.is_null()) return std::optional<Timestamp>{};
  if (json.get(text) == simdjson::SUCCESS) {
    if (text.empty()) return std::optional<Timestamp>{};
    const auto time = parse_rfc3339(text);
    if (!time) return fail(Errc::InvalidArgument, time.error().message, "/ts_event");
    return checked_time(*time, json);
  }
  if (json.get(number) == simdjson::SUCCESS) return checked_time(time_of_epoch(number), json);
  if (json.get(fraction) == simdjson::SUCCESS) {
    const auto time = time_of_fraction(fraction);
    if (time) return checked_time(*time, json);
    return fail(Errc::InvalidArgument,
                fmt::format("{} is not a time: send whole milliseconds or nanoseconds, or seconds",
                            fraction),
                "/ts_event");
  }
  return wire::wrong_kind("an RFC 3339 text or a number since 1970", json, "/ts_event");
}

Status check_complete(const Parsed& parsed, const Frame& frame, bool has_value) {
  if (parsed.host.empty()) return fail(Errc::InvalidArgument, "host is missing", "/host");
  if (parsed.metric.empty()) return fail(Errc::InvalidArgument, "metric is missing", "/metric");
  if (!has_value) return fail(Errc::InvalidArgument, "value is missing", "/value");
  // A source that belongs to a tenant must not write to another one.
  if (frame.tenant != kDefaultTenant && parsed.tenant != frame.tenant) {
    return fail(Errc::PermissionDenied,
                fmt::format("tenant_id '{}' is not the tenant of this source, '{}'",
                            utf8_prefix(parsed.tenant, 64), frame.tenant),
                "/tenant_id");
  }
  return {};
}

}  // namespace

Result<LabelSet> AgentDecoder::State::parse_tags(const Json& json) {
  JsonObject tags;
  if (json.is_null()) return LabelSet();
  if (json.get(tags) != simdjson::SUCCESS) return wire::wrong_kind("an object", json, "/tags");
  if (tags.size() > limits.labels_max) {
    return fail(Errc::TooLarge,
                fmt::format("{} tags, the limit is {}", tags.size(), limits.labels_max), "/tags");
  }
  std::vector<std::string> numbers;  // Keeps the texts of numbers and booleans alive.
  numbers.reserve(tags.size());
  builder.clear();
  for (const auto [name, value] : tags) {
    const std::string place = "/tags" + wire::pointer_step(name);
    if (auto ok = wire::check_label_name(name, limits); !ok) {
      return fail(Errc::InvalidArgument, ok.error().message, place);
    }
    if (value.is_object() || value.is_array()) {
      return wire::wrong_kind("a string, number or boolean", value, place);
    }
    std::string_view content;
    if (value.get(content) != simdjson::SUCCESS && !value.is_null()) {
      content = numbers.emplace_back(simdjson::minify(value));
    }
    if (content.size() > limits.label_value_bytes_max) {
      return fail(
          Errc::InvalidArgument,
          fmt::format("{} bytes, the limit is {}", content.size(), limits.label_value_bytes_max),
          place);
    }
    if (name.find('\0') != name.npos || content.find('\0') != content.npos) {
      return fail(Errc::InvalidArgument, "NUL is not allowed", place);
    }
    builder.add(name, content);
  }
  auto built = builder.build();
  if (!built) return fail(Errc::InvalidArgument, built.error().message, "/tags");
  return built;
}

Result<Parsed> AgentDecoder::State::parse(const Json& json, const Frame& frame) {
  constexpr std::array<std::string_view, 7> kKeys{"tenant_id", "host", "metric", "value",
                                                  "ts_event",  "unit", "tags"};
  JsonObject object;
  if (json.get(object) != simdjson::SUCCESS) return wire::wrong_kind("an object", json, "");
  Parsed parsed;
  unsigned seen = 0;
  for (const auto [key, value] : object) {
    const auto which = static_cast<unsigned>(std::ranges::find(kKeys, key) - kKeys.begin());
    if (which == kKeys.size()) {
      parsed.plain = false;
      continue;
    }
    if ((seen & 1u << which) != 0) {
      return fail(Errc::InvalidArgument, fmt::format("'{}' appears twice", key),
                  wire::pointer_step(key));
    }
    if (which != 3 || !value.is_null()) seen |= 1u << which;
    switch (which) {
      case 0: {
        TRY(parsed.tenant, read_name(value, key, limits));
        break;
      }
      case 1: {
        TRY(parsed.host, read_name(value, key, limits));
        break;
      }
      case 2: {
        TRY(parsed.metric, read_name(value, key, limits));
        break;
      }
      case 3:
        if (value.is_null()) break;
        if (value.get(parsed.value) != simdjson::SUCCESS) {
          return wire::wrong_kind("a number", value, "/value");
        }
        break;
      case 4: {
        TRY(parsed.time, read_sample_time(value));
        break;
      }
      case 5: {
        TRY(parsed.unit, read_name(value, key, limits));
        break;
      }
      default: {
        TRY(parsed.tags, parse_tags(value));
      }
    }
  }
  if (parsed.tenant.empty()) parsed.tenant = frame.tenant;
  TRY_STATUS(check_complete(parsed, frame, (seen & 1u << 3) != 0));
  return parsed;
}

// ---------------------------------------------------------------------------------------------
// Series.

namespace {

// What would hide the host or the metric is kept under another name, as Prometheus does.
Result<SeriesLabels> labels_of(const Parsed& parsed) {
  std::vector<Label> pairs{{kMetricLabel, parsed.metric}, {"host", parsed.host}};
  for (const Label tag : parsed.tags) {
    if (tag.name == "host") {
      pairs.push_back({"exported_host", tag.value});
    } else if (tag.name == kMetricLabel) {
      pairs.push_back({"exported___name__", tag.value});
    } else {
      pairs.push_back(tag);
    }
  }
  return SeriesLabels::from(std::move(pairs));
}

// The number of `name` in a list that mostly has one element.
Result<std::uint16_t> number_of(std::vector<std::string>& names, const std::string& name,
                                std::string_view what) {
  constexpr std::size_t kNamesMax = 256;
  const auto known = std::ranges::find(names, name);
  if (known != names.end()) return static_cast<std::uint16_t>(known - names.begin());
  if (names.size() >= kNamesMax) {
    return fail(Errc::TooLarge, fmt::format("more than {} {} in one request: send them in several",
                                            kNamesMax, what));
  }
  names.push_back(name);
  return static_cast<std::uint16_t>(names.size() - 1);
}

}  // namespace

Result<Known*> AgentDecoder::State::find_series(const Parsed& parsed) {
  text.clear();
  ByteWriter w(text);
  for (const std::string_view part :
       {parsed.tenant, parsed.host, parsed.metric, parsed.unit, parsed.tags.bytes()}) {
    w.text(part);
  }
  const Hash128 key = hash128(text);
  if (const auto known = series.find(key); known != series.end()) return &known->second;
  TRY(SeriesLabels labels, labels_of(parsed));
  Known& known = series[key];
  known.labels = std::move(labels);
  known.tenant = parsed.tenant;
  known.unit = parsed.unit;
  return &known;
}

Status AgentDecoder::State::introduce(Known& known, WireSamples& samples) {
  TRY(const std::uint16_t tenant, number_of(samples.tenants, known.tenant, "tenants"));
  TRY(const std::uint16_t unit, number_of(samples.units, known.unit, "units"));
  known.batch = batch;
  known.run = {.key_at = static_cast<std::uint32_t>(samples.made.size()),
               .key_size = static_cast<std::uint32_t>(known.labels.bytes().size()),
               .tenant = tenant,
               .unit = unit,
               .kind = SeriesKind::Gauge,
               .is_made = true};
  samples.made += known.labels.bytes();
  return {};
}

Status AgentDecoder::State::add(Known& known, double value, Timestamp time, std::size_t place,
                                const Frame& frame, WireSamples& samples) {
  if (known.batch != batch) TRY_STATUS(introduce(known, samples));
  if (wire::is_far_future(time, frame.arrived_at, limits)) {
    time = frame.arrived_at;
    ++samples.times_adjusted;
  }
  if (!samples.series.empty() && samples.series.back().key_at == known.run.key_at) {
    ++samples.series.back().count;
  } else {
    WireSamples::Run& run = samples.series.emplace_back(known.run);
    run.first = static_cast<std::uint32_t>(samples.size());
    run.count = 1;
    run.place = static_cast<std::uint32_t>(place);
  }
  samples.times.push_back(time);
  samples.values.push_back(value);
  return {};
}

Result<Known*> AgentDecoder::State::add_parsed(const Parsed& parsed, std::size_t place,
                                               const Frame& frame, WireSamples& samples) {
  TRY(Known * known, find_series(parsed));
  TRY_STATUS(
      add(*known, parsed.value, parsed.time.value_or(frame.arrived_at), place, frame, samples));
  return known;
}

bool AgentDecoder::State::decode_known_line(std::string_view line, std::size_t number,
                                            const Frame& frame, WireSamples& samples) {
  Cut cut;
  if (!cut_line(line, places, cut)) return false;
  const Shape* shape =
      shape_index.find(cut.segments.hash(hash64(frame.tenant)),
                       [&](const Shape& s) { return s.matches(cut.segments, frame.tenant); });
  if (shape == nullptr) return false;
  return add(*shape->known, cut.value, cut.time, number, frame, samples).has_value();
}

void AgentDecoder::State::learn(std::string_view line, const Frame& frame, const Parsed& parsed,
                                Known& known) {
  if (shapes.size() >= limits.series_cached_max) return;
  Cut cut;
  if (!parsed.plain || !cut_line(line, places, cut) || !may_be_shape(cut.segments)) return;
  QUELL_ASSERT(cut.value == parsed.value && cut.time == parsed.time,
               "a line that is cut reads like the line that was parsed");
  const Segments& s = cut.segments;
  const std::uint64_t hash = s.hash(hash64(frame.tenant));
  if (shape_index.find(hash, [](const Shape&) { return true; }) != nullptr) return;
  Shape& shape = shapes.emplace_back();
  shape.before_size = static_cast<std::uint32_t>(s.before.size());
  shape.between_size = static_cast<std::uint32_t>(s.between.size());
  shape.frame_tenant = frame.tenant;
  shape.known = &known;
  shape.bytes.reserve(s.before.size() + s.between.size() + s.after.size());
  shape.bytes.append(s.before).append(s.between).append(s.after);
  shape_index.insert(hash, &shape);
}

// ---------------------------------------------------------------------------------------------
// Frames.

namespace {

std::string too_many_samples(const WireLimits& limits) {
  return fmt::format("more than {} samples in one request: the rest was refused",
                     limits.samples_max);
}

// `line 7`, or `line 7, column 3` for what is not JSON; a field moves into the reason.
void reject_line(Rejects& rejects, Error error, std::size_t number, std::string_view line) {
  std::string place = fmt::format("line {}", number);
  const auto column = error.place.find("column ");
  if (column != error.place.npos) {
    place += ", " + error.place.substr(column, error.place.find(')', column) - column);
    error.place.clear();
  }
  rejects.add({error.code, error.to_string(), ""}, place, line);
}

// An object that is spread over several lines, as people write it by hand.
bool is_one_document(std::string_view body) {
  const auto newline = body.find('\n');
  return newline != body.npos && !trim(body.substr(0, newline)).ends_with('}');
}

}  // namespace

void AgentDecoder::State::decode_lines(const Frame& frame, DecodedSamples& out, Rejects& rejects,
                                       bool recognise) {
  constexpr std::size_t kLineBytesUsual = 128;
  const std::size_t expected = frame.body.size() / kLineBytesUsual;
  out.samples.series.reserve(expected);
  out.samples.times.reserve(expected);
  out.samples.values.reserve(expected);
  std::string_view rest = frame.body;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (out.samples.size() >= limits.samples_max) {
      reject_line(rejects, {Errc::TooLarge, too_many_samples(limits), ""}, number, "");
      return;
    }
    if (recognise && decode_known_line(line, number, frame, out.samples)) continue;
    if (trim(line).empty()) continue;
    const auto json = parse_json(parser, line);
    if (!json) {
      reject_line(rejects, json.error(), number, line);
      continue;
    }
    const auto parsed = parse(*json, frame);
    if (!parsed) {
      reject_line(rejects, parsed.error(), number, line);
      continue;
    }
    const auto known = add_parsed(*parsed, number, frame, out.samples);
    if (!known) {
      reject_line(rejects, known.error(), number, line);
      continue;
    }
    if (recognise) learn(line, frame, *parsed, **known);
  }
}

void AgentDecoder::State::decode(const Frame& frame, DecodedSamples& out, bool recognise) {
  // Only between frames: an index into the batch must stay with its series.
  if (series.size() > limits.series_cached_max) {
    shape_index = {};
    shapes.clear();
    series.clear();
  }
  ++batch;
  out.samples.place_word = "line";
  Rejects rejects(out.rejected, limits);
  const std::string_view body = trim(frame.body);
  if (!body.empty() && body[0] != '[' && !is_one_document(body)) {
    decode_lines(frame, out, rejects, recognise);
    rejects.finish();
    return;
  }
  out.samples.place_word = "object";
  const auto json = parse_json(parser, frame.body);
  simdjson::dom::array items;
  if (!json) {
    rejects.add(json.error(), "", frame.body);
  } else if (json->get(items) != simdjson::SUCCESS) {
    if (auto added = add_object(*json, 0, frame, out.samples); !added) {
      rejects.add(added.error(), "", *json);
    }
  } else {
    std::size_t index = 0;
    for (const Json item : items) {
      const std::string place = fmt::format("/{}", index++);
      if (out.samples.size() >= limits.samples_max) {
        rejects.add({Errc::TooLarge, too_many_samples(limits), ""}, place, "");
        break;
      }
      if (auto added = add_object(item, index - 1, frame, out.samples); !added) {
        rejects.add(added.error(), place, item);
      }
    }
  }
  rejects.finish();
}

Status AgentDecoder::State::add_object(const Json& json, std::size_t place, const Frame& frame,
                                       WireSamples& samples) {
  TRY(const Parsed parsed, parse(json, frame));
  TRY_STATUS(add_parsed(parsed, place, frame, samples));
  return {};
}

AgentDecoder::AgentDecoder(WireLimits limits) : state_(std::make_unique<State>()) {
  state_->limits = limits;
}

AgentDecoder::~AgentDecoder() = default;

DecodedSamples AgentDecoder::decode(const Frame& frame) {
  DecodedSamples out;
  state_->decode(frame, out, true);
  return out;
}

DecodedSamples AgentDecoder::decode_slowly(const Frame& frame) {
  DecodedSamples out;
  state_->decode(frame, out, false);
  return out;
}

std::size_t AgentDecoder::series_cached() const {
  return state_->series.size();
}

}  // namespace quell
