#include "wire/otlp_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "wire/fields.h"
#include "wire/octaves.h"
#include "wire/otlp_value.h"

namespace quell::wire {
namespace {

constexpr int kDepthMax = 8;
constexpr std::uint64_t kNoRecordedValue = 1;

using Array = simdjson::dom::array;

// Where a value stands; written out when there is something to say.
struct Place {
  const Place* parent = nullptr;
  std::string_view name{};
  std::size_t index = SIZE_MAX;

  std::string to_string() const {
    const std::string before = parent == nullptr ? std::string() : parent->to_string();
    if (index != SIZE_MAX) return before + '/' + std::to_string(index);
    return name.empty() ? before : before + pointer_step(name);
  }
};

std::unexpected<Error> wrong(std::string_view want, const Json& got, const Place& place) {
  return wrong_kind(want, got, place.to_string());
}

// Calls f(element, place) for the elements of a list that may be missing.
template <class F>
Status each(const Json& object, std::string_view name, const Place& parent, F&& f) {
  Json value;
  if (object[name].get(value) != simdjson::SUCCESS || value.is_null()) return {};
  const Place place{&parent, name};
  Array items;
  if (value.get(items) != simdjson::SUCCESS) return wrong("an array", value, place);
  std::size_t index = 0;
  for (const Json item : items) {
    const Place at{&place, {}, index++};
    if (!item.is_object()) return wrong("an object", item, at);
    TRY_STATUS(f(item, at));
  }
  return {};
}

// Empty when it is missing.
Result<std::string_view> text(const Json& object, std::string_view name, const Place& parent) {
  Json value;
  if (object[name].get(value) != simdjson::SUCCESS || value.is_null()) return std::string_view{};
  std::string_view content;
  if (value.get(content) == simdjson::SUCCESS) return content;
  return wrong("a string", value, {&parent, name});
}

// protobuf's JSON has 64-bit integers as texts; some senders write numbers.
bool to_unsigned(const Json& value, std::uint64_t& out) {
  if (value.get(out) == simdjson::SUCCESS) return true;
  std::string_view content;
  if (value.get(content) != simdjson::SUCCESS) return false;
  const auto [end, error] = std::from_chars(content.data(), content.data() + content.size(), out);
  return error == std::errc{} && end == content.data() + content.size();
}

bool to_double(const Json& value, double& out) {
  if (value.get(out) == simdjson::SUCCESS) return true;
  std::string_view content;
  if (value.get(content) != simdjson::SUCCESS) return false;
  if (content == "NaN") {
    out = std::numeric_limits<double>::quiet_NaN();
  } else if (content == "Infinity" || content == "-Infinity") {
    out = content[0] == '-' ? -HUGE_VAL : HUGE_VAL;
  } else {
    const auto [end, error] = std::from_chars(content.data(), content.data() + content.size(), out);
    return error == std::errc{} && end == content.data() + content.size();
  }
  return true;
}

// 0 when it is missing.
Result<std::uint64_t> whole(const Json& object, std::string_view name, const Place& parent) {
  Json value;
  std::uint64_t number = 0;
  if (object[name].get(value) != simdjson::SUCCESS || value.is_null()) return number;
  if (to_unsigned(value, number)) return number;
  return wrong("a whole number of 64 bits", value, {&parent, name});
}

Result<std::optional<double>> number(const Json& object, std::string_view name,
                                     const Place& parent) {
  Json value;
  double n = 0;
  if (object[name].get(value) != simdjson::SUCCESS || value.is_null()) {
    return std::optional<double>{};
  }
  if (to_double(value, n)) return std::optional(n);
  return wrong("a number", value, {&parent, name});
}

// AnyValue. Errors: InvalidArgument.
Status append_value(const Json& value, const Place& place, int depth, bool as_json,
                    std::string& out);

Status append_list(const Json& value, const Place& place, int depth, bool is_map,
                   std::string& out) {
  out += is_map ? '{' : '[';
  bool first = true;
  TRY_STATUS(each(value, "values", place, [&](const Json& item, const Place& at) -> Status {
    if (!first) out += ',';
    first = false;
    if (!is_map) return append_value(item, at, depth + 1, true, out);
    TRY(const auto key, text(item, "key", at));
    append_json_string(out, key);
    out += ':';
    Json inner;
    if (item["value"].get(inner) != simdjson::SUCCESS) {
      out += "null";
      return {};
    }
    return append_value(inner, at, depth + 1, true, out);
  }));
  out += is_map ? '}' : ']';
  return {};
}

Status append_value(const Json& value, const Place& place, int depth, bool as_json,
                    std::string& out) {
  JsonObject object;
  if (value.get(object) != simdjson::SUCCESS) return wrong("an object", value, place);
  if (depth > kDepthMax) {
    return fail(Errc::InvalidArgument, "an attribute is nested too deeply", place.to_string());
  }
  for (const auto [name, inner] : object) {
    const Place at{&place, name};
    std::string_view content;
    bool flag = false;
    double n = 0;
    if (name == "stringValue" || name == "bytesValue") {
      if (inner.get(content) != simdjson::SUCCESS) return wrong("a string", inner, at);
      if (as_json) {
        append_json_string(out, content);
      } else {
        out += content;
      }
    } else if (name == "boolValue") {
      if (inner.get(flag) != simdjson::SUCCESS) return wrong("a boolean", inner, at);
      out += flag ? "true" : "false";
    } else if (name == "intValue") {
      std::int64_t whole_number = 0;
      if (inner.get(content) == simdjson::SUCCESS) {
        out += content;
      } else if (inner.get(whole_number) == simdjson::SUCCESS) {
        out += std::to_string(whole_number);
      } else {
        return wrong("a whole number", inner, at);
      }
    } else if (name == "doubleValue") {
      if (!to_double(inner, n)) return wrong("a number", inner, at);
      append_number(out, n);
    } else if (name == "arrayValue" || name == "kvlistValue") {
      TRY_STATUS(append_list(inner, at, depth, name == "kvlistValue", out));
    } else {
      continue;
    }
    return {};
  }
  if (as_json) out += "null";
  return {};
}

Status read_attributes(const Json& object, const Place& place, OtlpAttributes& out) {
  out.clear();
  return each(object, "attributes", place, [&](const Json& item, const Place& at) -> Status {
    OtlpAttribute attribute;
    TRY(attribute.name, text(item, "key", at));
    Json value;
    if (item["value"].get(value) == simdjson::SUCCESS) {
      const Place inner{&at, "value"};
      TRY_STATUS(append_value(value, inner, 0, false, attribute.value));
    }
    const bool has_room = out.size() <= kOtlpAttributesMax;
    if (has_room && !is_no_label(attribute)) out.push_back(std::move(attribute));
    return {};
  });
}

class OtlpJsonReader {
 public:
  OtlpJsonReader(OtlpPoints& points, std::uint64_t& exemplars)
      : points_(points), exemplars_(exemplars) {}

  Status read(const Json& root) {
    const Place top;
    if (!root.is_object()) return wrong("an object", root, top);
    return each(root, "resourceMetrics", top, [&](const Json& item, const Place& at) -> Status {
      attributes_.clear();
      Json resource;
      const Place inner{&at, "resource"};
      if (item["resource"].get(resource) == simdjson::SUCCESS && resource.is_object()) {
        TRY_STATUS(read_attributes(resource, inner, attributes_));
      }
      points_.begin_resource(attributes_);
      return each(item, "scopeMetrics", at,
                  [&](const Json& scope, const Place& p) { return scope_metrics(scope, p); });
    });
  }

 private:
  Status scope_metrics(const Json& item, const Place& place) {
    Json scope;
    std::string_view name;
    const Place inner{&place, "scope"};
    if (item["scope"].get(scope) == simdjson::SUCCESS && scope.is_object()) {
      TRY(name, text(scope, "name", inner));
      if (auto version = text(scope, "version", inner); !version) {
        return std::unexpected(std::move(version).error());
      }
    }
    points_.begin_scope(name);
    return each(item, "metrics", place,
                [&](const Json& m, const Place& p) { return metric(m, p); });
  }

  Status metric(const Json& item, const Place& place) {
    TRY(const auto name, text(item, "name", place));
    TRY(const auto unit, text(item, "unit", place));
    TRY(const auto description, text(item, "description", place));
    for (const std::string_view kind :
         {"gauge", "sum", "histogram", "exponentialHistogram", "summary"}) {
      Json data;
      if (item[kind].get(data) != simdjson::SUCCESS || data.is_null()) continue;
      const Place inner{&place, kind};
      if (!data.is_object()) return wrong("an object", data, inner);
      TRY(const auto temporality, whole(data, "aggregationTemporality", inner));
      bool is_monotonic = false;
      if (data["isMonotonic"].get(is_monotonic) != simdjson::SUCCESS) is_monotonic = false;
      const auto temporal = temporality <= 2 ? static_cast<OtlpTemporality>(temporality)
                                             : OtlpTemporality::Unspecified;
      is_delta_ = temporal == OtlpTemporality::Delta;
      points_.begin_metric(name, unit, description,
                           otlp_kind(kind == "gauge", kind == "sum", temporal, is_monotonic),
                           otlp_wrong_kind(kind == "sum", temporal, is_monotonic));
      return each(data, "dataPoints", inner, [&](const Json& point, const Place& p) -> Status {
        if (kind == "summary") return summary(point, p);
        if (kind == "gauge" || kind == "sum") return number_point(point, p);
        if (kind == "exponentialHistogram") return exponential(point, p);
        return histogram(point, p);
      });
    }
    return {};
  }

  Result<OtlpPoint> read_point(const Json& item, const Place& place) {
    OtlpPoint point;
    TRY(point.time_ns, whole(item, "timeUnixNano", place));
    TRY(const auto flags, whole(item, "flags", place));
    point.has_no_value = (flags & kNoRecordedValue) != 0;
    TRY_STATUS(read_attributes(item, place, attributes_));
    point.attributes = &attributes_;
    TRY_STATUS(each(item, "exemplars", place, [&](const Json&, const Place&) -> Status {
      ++exemplars_;
      return {};
    }));
    return point;
  }

  Status number_point(const Json& item, const Place& place) {
    TRY(const OtlpPoint point, read_point(item, place));
    TRY(const auto as_double, number(item, "asDouble", place));
    TRY(const auto as_int, number(item, "asInt", place));
    points_.number(point, as_double.value_or(as_int.value_or(0)));
    return {};
  }

  template <class F>
  Status each_number(const Json& item, std::string_view name, const Place& place, F&& f) {
    Json value;
    if (item[name].get(value) != simdjson::SUCCESS || value.is_null()) return {};
    const Place inner{&place, name};
    Array items;
    if (value.get(items) != simdjson::SUCCESS) return wrong("an array", value, inner);
    std::size_t index = 0;
    for (const Json one : items) {
      if (!f(one)) return wrong("a number", one, {&inner, {}, index});
      ++index;
    }
    return {};
  }

  Status histogram(const Json& item, const Place& place) {
    TRY(const OtlpPoint point, read_point(item, place));
    OtlpHistogram h;
    TRY(const auto count, whole(item, "count", place));
    h.count = static_cast<double>(count);
    TRY(h.sum, number(item, "sum", place));
    TRY_STATUS(each_number(item, "bucketCounts", place, [&](const Json& one) {
      return to_unsigned(one, h.buckets.emplace_back());
    }));
    TRY_STATUS(each_number(item, "explicitBounds", place, [&](const Json& one) {
      return to_double(one, h.bounds.emplace_back());
    }));
    points_.histogram(point, h, is_delta_);
    return {};
  }

  // Between -`most` and `most`.
  static std::int64_t whole_near(std::optional<double> n, double most) {
    return n && std::isfinite(*n) ? static_cast<std::int64_t>(std::clamp(*n, -most, most)) : 0;
  }

  Status exponential_side(const Json& item, std::string_view name, const Place& place,
                          OtlpExponential::Side& side) {
    Json value;
    if (item[name].get(value) != simdjson::SUCCESS || value.is_null()) return {};
    const Place inner{&place, name};
    if (!value.is_object()) return wrong("an object", value, inner);
    TRY(const auto offset, number(value, "offset", inner));
    side.offset = whole_near(offset, 1e9);
    return each_number(value, "bucketCounts", inner, [&](const Json& one) {
      // One more than is allowed is enough to refuse them.
      if (side.buckets.size() > kHistogramPartsMax) return true;
      return to_unsigned(one, side.buckets.emplace_back());
    });
  }

  Status exponential(const Json& item, const Place& place) {
    TRY(const OtlpPoint point, read_point(item, place));
    OtlpExponential h;
    TRY(const auto count, whole(item, "count", place));
    h.count = static_cast<double>(count);
    TRY(h.sum, number(item, "sum", place));
    TRY(const auto scale, number(item, "scale", place));
    h.scale = whole_near(scale, 100);
    TRY(const auto zeros, whole(item, "zeroCount", place));
    h.zeros = static_cast<double>(zeros);
    TRY_STATUS(exponential_side(item, "positive", place, h.positive));
    TRY_STATUS(exponential_side(item, "negative", place, h.negative));
    points_.exponential(point, h, is_delta_);
    return {};
  }

  Status summary(const Json& item, const Place& place) {
    TRY(const OtlpPoint point, read_point(item, place));
    TRY(const auto count, whole(item, "count", place));
    TRY(const auto sum, number(item, "sum", place));
    std::vector<OtlpQuantile> quantiles;
    TRY_STATUS(each(item, "quantileValues", place, [&](const Json& one, const Place& at) -> Status {
      TRY(const auto quantile, number(one, "quantile", at));
      TRY(const auto value, number(one, "value", at));
      quantiles.push_back({quantile.value_or(0), value.value_or(0)});
      return {};
    }));
    points_.summary(point, static_cast<double>(count), sum.value_or(0), quantiles);
    return {};
  }

  OtlpPoints& points_;
  std::uint64_t& exemplars_;
  OtlpAttributes attributes_;
  bool is_delta_ = false;
};

}  // namespace

Status read_otlp_json(simdjson::dom::parser& parser, const std::string& body, OtlpPoints& points,
                      std::uint64_t& exemplars) {
  TRY(const Json root, parse_json(parser, body));
  return OtlpJsonReader(points, exemplars).read(root);
}

}  // namespace quell::wire
